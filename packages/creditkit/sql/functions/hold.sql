-- Holds: credits set aside for work whose price is known only afterwards (rule 22). A hold fixes batches in drain order; what it
-- holds can be neither spent nor expired. It is not history: only its settlement is.
--
-- Hold: {id, amount, service, overage, ttl_seconds, key?, retried?, metadata?}; id is made by the caller, so that a hold whose
--   answer got lost can be asked for again with `retried` and is made once.
-- Returns {id, amount, available, expires_at (ms), replayed}, or {code, …}: a refusal.
-- Locks: the wallet. Holds and batches of a wallet change only under its lock.
-- Codes: IDEMPOTENCY_CONFLICT (field), USER_BALANCE_NOT_FOUND, WALLET_FROZEN, INSUFFICIENT_CREDITS (required, available).
create or replace function credits.hold(p_user_id text, p_hold jsonb, p_now timestamptz)
returns jsonb
language plpgsql
-- As credits.consume.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set cpu_tuple_cost = 1
set jit = off
as $$
declare
  v_wallet credits.wallet;
  v_at timestamptz;
  v_asked record;
  v_seen credits.hold;
  v_hold credits.hold;
  v_field text;
  v_free bigint;
  v_available bigint;
begin
  select asked.*
  into v_asked
  from jsonb_to_record(p_hold) as asked (
    id uuid, amount bigint, service text, overage text, ttl_seconds integer, key text, retried boolean, metadata jsonb
  );
  select wallet.* into v_wallet from credits.wallet where wallet.user_id = p_user_id for update;
  v_at := greatest(v_wallet.last_at, credits.clock(p_now));

  -- Look-ups as in credits.consume.
  select hold.*
  into v_seen
  from credits.hold
  where hold.user_id = p_user_id
    and hold.key between v_asked.key and v_asked.key
  order by hold.key
  limit 1;
  if v_seen.id is null and v_asked.retried then
    select hold.* into v_seen from credits.hold where hold.user_id = p_user_id and hold.id = v_asked.id;
  end if;
  if v_seen.id is not null then
    v_field := case
      when v_seen.service <> v_asked.service then 'service'
      when v_seen.amount <> v_asked.amount then 'amount'
      when v_seen.overage <> v_asked.overage then 'overage'
      when v_seen.expires_at - v_seen.created_at <> make_interval(secs => v_asked.ttl_seconds) then 'ttlSeconds'
    end;
    if v_field is not null then
      return jsonb_build_object('code', 'IDEMPOTENCY_CONFLICT', 'field', v_field);
    end if;
    return credits.hold_result(v_seen, v_seen.id <> v_asked.id);
  end if;

  if v_wallet.user_id is null then
    return jsonb_build_object('code', 'USER_BALANCE_NOT_FOUND');
  end if;
  if v_wallet.status <> 'active' then
    return jsonb_build_object('code', 'WALLET_FROZEN');
  end if;
  if v_wallet.held > 0 then
    perform credits.end_timed_out_holds(array[p_user_id], v_at, null);
    select wallet.* into v_wallet from credits.wallet where wallet.user_id = p_user_id;
  end if;

  v_free := credits.free_credits(p_user_id, v_at);
  v_available := greatest(0, v_free - v_wallet.debt);
  if v_available < v_asked.amount then
    return jsonb_build_object(
      'code', 'INSUFFICIENT_CREDITS', 'required', v_asked.amount, 'available', v_available
    );
  end if;

  v_hold.user_id := p_user_id;
  v_hold.id := v_asked.id;
  v_hold.amount := v_asked.amount;
  v_hold.service := v_asked.service;
  v_hold.overage := v_asked.overage;
  v_hold.status := 'open';
  v_hold.available_after := v_available - v_asked.amount;
  v_hold.key := v_asked.key;
  v_hold.metadata := v_asked.metadata;
  v_hold.created_at := v_at;
  v_hold.expires_at := v_at + make_interval(secs => v_asked.ttl_seconds);
  v_hold.open_after := v_wallet.sequence;

  select taken.batch_ids, taken.batch_amounts
  into v_hold.batch_ids, v_hold.batch_amounts
  from credits.allocate(p_user_id, v_asked.amount, v_at) as taken;

  update credits.batch
  set
    remaining = batch.remaining - part.amount,
    held = batch.held + part.amount
  from unnest(v_hold.batch_ids, v_hold.batch_amounts) as part (id, amount)
  where batch.user_id = p_user_id
    and batch.id = part.id;

  insert into credits.hold
  select written.*
  from unnest(array[v_hold]) as written;

  update credits.wallet
  set
    held = wallet.held + v_hold.amount,
    last_at = v_at
  where wallet.user_id = p_user_id;

  return credits.hold_result(v_hold, false);
end;
$$;

-- What a hold answers, the first time and on every replay.
create or replace function credits.hold_result(p_hold credits.hold, p_replayed boolean)
returns jsonb
language sql
-- Not immutable, since jsonb_build_object is not: it would not be inlined.
stable
as $$
  select jsonb_build_object(
    'id', (p_hold).id,
    'amount', (p_hold).amount,
    'available', (p_hold).available_after,
    'expires_at', floor(extract(epoch from (p_hold).expires_at) * 1000),
    'replayed', p_replayed
  )
$$;

-- The open holds of one user at T, oldest first: [{id, amount, service, overage, metadata, created_at, expires_at}],
-- instants in milliseconds. A read: no lock.
create or replace function credits.get_holds(p_user_id text, p_now timestamptz)
returns jsonb
language plpgsql
stable
as $$
declare
  v_at timestamptz;
  v_holds jsonb;
begin
  select wallet.last_at into v_at from credits.wallet where wallet.user_id = p_user_id;
  v_at := greatest(v_at, credits.clock(p_now));
  select jsonb_agg(
    jsonb_build_object(
      'id', hold.id,
      'amount', hold.amount,
      'service', hold.service,
      'overage', hold.overage,
      'metadata', hold.metadata,
      'created_at', floor(extract(epoch from hold.created_at) * 1000),
      'expires_at', floor(extract(epoch from hold.expires_at) * 1000)
    )
    order by hold.created_at, hold.id
  )
  into v_holds
  from credits.hold
  where hold.user_id = p_user_id
    and hold.status = 'open'
    and hold.expires_at > v_at;
  return coalesce(v_holds, '[]');
end;
$$;
