-- Keys of the HTTP API. The key itself is never here, only its hash.

-- Writes a key down. Returns it as credits.get_api_keys does.
create or replace function credits.create_api_key(p_key jsonb, p_hash text, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  v_key credits.api_key;
begin
  v_key := jsonb_populate_record(null::credits.api_key, p_key);
  v_key.hash := decode(p_hash, 'hex');
  v_key.created_at := credits.clock(p_now);
  insert into credits.api_key
  select written.*
  from unnest(array[v_key]) as written
  -- Sent again after its answer got lost.
  on conflict (id) do nothing;
  return credits.api_key_row(v_key);
end;
$$;

create or replace function credits.api_key_row(p_key credits.api_key)
returns jsonb
language sql
stable
as $$
  select jsonb_build_object(
    'id', (p_key).id,
    'name', (p_key).name,
    'prefix', (p_key).prefix,
    'scopes', (p_key).scopes,
    'created_at', floor(extract(epoch from (p_key).created_at) * 1000),
    'expires_at', floor(extract(epoch from (p_key).expires_at) * 1000),
    'last_used_at', floor(extract(epoch from (p_key).last_used_at) * 1000),
    'revoked_at', floor(extract(epoch from (p_key).revoked_at) * 1000)
  )
$$;

-- All keys, newest first; revoked ones too.
create or replace function credits.get_api_keys()
returns jsonb
language plpgsql
stable
as $$
begin
  return (
    select coalesce(jsonb_agg(credits.api_key_row(api_key) order by api_key.created_at desc, api_key.id desc), '[]')
    from credits.api_key
  );
end;
$$;

-- Whose key this is, if it is valid now: {id, name, scopes}, or null. Notes that it was used, at most once a minute.
create or replace function credits.use_api_key(p_hash text, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  v_key credits.api_key;
  v_at constant timestamptz := credits.clock(p_now);
begin
  select api_key.* into v_key from credits.api_key where api_key.hash = decode(p_hash, 'hex');
  if v_key.id is null or v_key.revoked_at is not null or v_key.expires_at <= v_at then
    return null;
  end if;
  if v_key.last_used_at is null or v_key.last_used_at < v_at - interval '1 minute' then
    update credits.api_key
    set last_used_at = v_at
    where api_key.id = v_key.id
      and (api_key.last_used_at is null or api_key.last_used_at < v_at);
  end if;
  return jsonb_build_object('id', v_key.id, 'name', v_key.name, 'scopes', v_key.scopes);
end;
$$;

-- From now on the key opens nothing. Returns it, or {code}.
-- Codes: NOT_FOUND.
create or replace function credits.revoke_api_key(p_id uuid, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  v_key credits.api_key;
begin
  update credits.api_key
  set revoked_at = coalesce(api_key.revoked_at, credits.clock(p_now))
  where api_key.id = p_id
  returning api_key.* into v_key;
  if v_key.id is null then
    return jsonb_build_object('code', 'NOT_FOUND', 'field', 'keyId');
  end if;
  return credits.api_key_row(v_key);
end;
$$;
