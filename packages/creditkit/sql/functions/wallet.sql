-- The clock of an operation, read once all its wallets are locked (rule 2): the test clock when there is one.
-- A wallet's T is the later of this and the wallet's previous T.
create or replace function credits.clock(p_now timestamptz)
returns timestamptz
language sql
volatile
as $$
  select date_trunc('milliseconds', coalesce(p_now, clock_timestamp()))
$$;

-- Creates the wallets that do not exist yet, in the one lock order, and returns whose they were.
create or replace function credits.open_wallets(p_user_ids text[], p_now timestamptz)
returns text[]
-- PL/pgSQL keeps its plan: every grant comes here.
language plpgsql
as $$
declare
  v_known text[];
  v_missing text[];
  v_now timestamptz;
  v_user_id text;
  v_opened text[] := '{}';
begin
  select array_agg(wallet.user_id) into v_known from credits.wallet where wallet.user_id = any (p_user_ids);
  select array_agg(missing.user_id order by missing.user_id)
  into v_missing
  from (
    select asked.user_id collate "C" as user_id from unnest(p_user_ids) as asked (user_id)
    except
    select known.user_id collate "C" from unnest(v_known) as known (user_id)
  ) as missing;

  if v_missing is not null then
    v_now := credits.clock(p_now);
    for v_user_id in
      insert into credits.wallet (user_id, last_at, created_at)
      select missing.user_id, v_now, v_now
      from unnest(v_missing) as missing (user_id)
      on conflict (user_id) do nothing
      returning wallet.user_id
    loop
      v_opened := v_opened || v_user_id;
    end loop;
  end if;
  return v_opened;
end;
$$;

-- Takes back those of the opened wallets into which nothing was granted: a refused grant creates no wallet (rule 9).
create or replace function credits.close_unused_wallets(p_user_ids text[])
returns void
language plpgsql
as $$
begin
  if cardinality(p_user_ids) > 0 then
    delete from credits.wallet
    where user_id = any (p_user_ids)
      and sequence = 0;
  end if;
end;
$$;

-- What was available right after the transaction before a given number: null for the first one.
create or replace function credits.available_before(p_user_id text, p_sequence bigint)
returns bigint
-- Not SQL, since it cannot be inlined: it would be planned again for every row.
language plpgsql
stable
as $$
begin
  return (
    select previous.available_after
    from credits.transaction as previous
    where previous.user_id = p_user_id
      and previous.sequence between p_sequence - 1 and p_sequence - 1
    -- Limit and order as in credits.consume.
    order by previous.sequence
    limit 1
  );
end;
$$;

-- Freezes or unfreezes a wallet; a closed one stays closed. Locks: the wallet. Codes: USER_BALANCE_NOT_FOUND.
create or replace function credits.set_wallet_status(p_user_id text, p_status text)
returns jsonb
language plpgsql
as $$
begin
  update credits.wallet
  set status = p_status
  where user_id = p_user_id
    and status <> 'closed';
  if not found then
    return jsonb_build_object('code', 'USER_BALANCE_NOT_FOUND');
  end if;
  return '{}';
end;
$$;
