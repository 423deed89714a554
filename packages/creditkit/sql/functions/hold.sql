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
  v_needed bigint;
  v_take bigint;
  v_batch record;
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
  if v_wallet.status = 'frozen' then
    return jsonb_build_object('code', 'WALLET_FROZEN');
  end if;
  if v_wallet.held > 0 then
    perform credits.end_timed_out_holds(array[p_user_id], v_at, null);
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
  v_hold.batch_ids := '{}';
  v_hold.batch_amounts := '{}';
  v_hold.available_after := v_available - v_asked.amount;
  v_hold.key := v_asked.key;
  v_hold.metadata := v_asked.metadata;
  v_hold.created_at := v_at;
  v_hold.expires_at := v_at + make_interval(secs => v_asked.ttl_seconds);
  v_hold.open_after := v_wallet.sequence;

  v_needed := v_asked.amount;
  for v_batch in
    select batch.id, batch.remaining
    from credits.batch
    where batch.user_id = p_user_id
      and batch.is_open
      and batch.remaining > 0
      and batch.granted_at <= v_at
      and (batch.expires_at is null or batch.expires_at > v_at)
    order by batch.priority asc, batch.expires_at asc nulls last, batch.granted_at asc, batch.sequence asc
  loop
    exit when v_needed = 0;
    v_take := least(v_needed, v_batch.remaining);
    v_needed := v_needed - v_take;
    v_hold.batch_ids := v_hold.batch_ids || v_batch.id;
    v_hold.batch_amounts := v_hold.batch_amounts || v_take;
  end loop;

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

-- What a wallet has that is valid and free at an instant: not held, not expired, debt not deducted.
create or replace function credits.free_credits(p_user_id text, p_at timestamptz)
returns bigint
language plpgsql
stable
as $$
begin
  return (
    select coalesce(sum(batch.remaining), 0)
    from credits.batch
    where batch.user_id = p_user_id
      and batch.is_open
      and batch.granted_at <= p_at
      and (batch.expires_at is null or batch.expires_at > p_at)
  );
end;
$$;

-- Books the end of every hold of some users whose time is over: what it held is free again. The timeout is judged by T, so
-- each operation that writes to a wallet which holds something calls this first, and it also stands where the
-- operation is then refused: it only writes down what is true already.
-- Returns [{user_id, hold_id, amount}].
-- Locks: none of its own; the caller has the wallets.
create or replace function credits.end_timed_out_holds(p_user_ids text[], p_now timestamptz, p_page uuid)
returns jsonb
language plpgsql
-- As credits.consume.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_ended jsonb;
begin
  with ended as (
    update credits.hold
    set
      status = 'expired',
      ended_at = greatest(wallet.last_at, p_now),
      open_until = wallet.sequence,
      job_page = p_page
    from credits.wallet
    where wallet.user_id = any (p_user_ids)
      and wallet.held > 0
      and hold.user_id = wallet.user_id
      /* shard: and hold.user_id = any (p_user_ids) */
      and hold.status = 'open'
      and hold.expires_at <= greatest(wallet.last_at, p_now)
    returning hold.user_id, hold.id, hold.amount, hold.batch_ids, hold.batch_amounts
  )
  select jsonb_agg(to_jsonb(ended)) into v_ended from ended;
  if v_ended is null then
    return '[]';
  end if;

  update credits.batch
  set
    remaining = batch.remaining + freed.amount,
    held = batch.held - freed.amount
  from (
    select ended.user_id, part.batch_id, sum(part.amount)::bigint as amount
    from jsonb_to_recordset(v_ended) as ended (user_id text, batch_ids uuid[], batch_amounts bigint[])
    cross join lateral unnest(ended.batch_ids, ended.batch_amounts) as part (batch_id, amount)
    group by ended.user_id, part.batch_id
  ) as freed
  where batch.user_id = freed.user_id
    /* shard: and batch.user_id = any (p_user_ids) */
    and batch.id = freed.batch_id;

  update credits.wallet
  set
    held = wallet.held - freed.amount,
    -- T is never earlier from here on: what has timed out does not come back (rule 2).
    last_at = greatest(wallet.last_at, p_now)
  from (
    select ended.user_id, sum(ended.amount)::bigint as amount
    from jsonb_to_recordset(v_ended) as ended (user_id text, amount bigint)
    group by ended.user_id
  ) as freed
  where wallet.user_id = freed.user_id
    /* shard: and wallet.user_id = any (p_user_ids) */;

  return (
    select jsonb_agg(jsonb_build_object('user_id', ended.user_id, 'hold_id', ended.id, 'amount', ended.amount))
    from jsonb_to_recordset(v_ended) as ended (user_id text, id uuid, amount bigint)
  );
end;
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

-- A page of the holds whose time was over at an instant and whose end is not booked yet, after a given one.
-- Returns [{user_id, id, expires_at}].
create or replace function credits.timed_out_holds(
  p_after_expiry timestamptz, p_after_user_id text, p_after_id uuid, p_limit integer, p_until timestamptz
)
returns jsonb
language plpgsql
stable
as $$
declare
  v_page jsonb;
begin
  select jsonb_agg(
    jsonb_build_object('user_id', page.user_id, 'id', page.id, 'expires_at', page.expires_at)
    order by page.expires_at, page.user_id, page.id
  )
  into v_page
  from (
    select hold.user_id, hold.id, hold.expires_at
    from credits.hold
    where hold.status = 'open'
      and hold.expires_at <= p_until
      and (hold.expires_at, hold.user_id, hold.id) > (p_after_expiry, p_after_user_id collate "C", p_after_id)
    order by hold.expires_at, hold.user_id, hold.id
    limit p_limit
  ) as page;
  return coalesce(v_page, '[]');
end;
$$;
