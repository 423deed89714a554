-- Spends: drains the batches of each request's wallet in drain order (rules 4, 8, 9, 14, 20, 21).
--
-- One call carries any number of requests of any number of users; a single spend is a batch of one. Everything
-- is read in a few set statements, decided in memory in the order of the requests, and written in set
-- statements: a loop that runs SQL per request was 8 times slower.
--
-- Request: {user_id, id, amount, amount_given, service, key?, retried?, description?, metadata?}.
--   id: the transaction's id, made by the caller, so that an unkeyed spend whose outcome got lost can be
--     sent again with `retried` and acts once. amount_given false: the amount came from the configuration
--     and is not part of what the caller meant. amount 0: look for the key, and write nothing.
-- Result, one per request in order: {id, amount, available, available_before, batch_ids, batch_amounts,
--   batch_remainders, replayed}, or {code, …}: a refusal changes nothing and does not abort the caller's transaction.
-- Locks: the wallets in order of user id. Batches and transactions of a wallet change only under its lock.
-- Codes: IDEMPOTENCY_CONFLICT (field), USER_BALANCE_NOT_FOUND, WALLET_FROZEN, INSUFFICIENT_CREDITS (required, available).
create or replace function credits.consume(p_requests jsonb, p_now timestamptz)
returns json
language plpgsql
-- Plans are cached while the tables are still small: never let one settle on reading a whole table. And cached they
-- must be: planning again at each call was a quarter of a lone spend.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set cpu_tuple_cost = 1
set jit = off
as $$
declare
  v_now timestamptz;
  -- Lines like this one are for a cluster: sql/engines/README.md.
  /* shard: v_user_ids text[] := array(select asked.user_id from jsonb_to_recordset(p_requests) as asked (user_id text)); */
  -- wallets
  w_user_id text[];
  w_status text[];
  w_at timestamptz[];
  w_sequence bigint[];
  -- what each had held or owed when it was locked
  w_held bigint[];
  w_debt bigint[];
  -- what is valid and free, less what is owed: below 0 where more is owed than there is
  w_available bigint[];
  -- what was available right after the wallet's newest transaction
  w_after bigint[];
  w_spent bigint[];
  w_first integer[];
  w_last integer[];
  v_wallet integer;
  v_wallet_of jsonb;
  -- open batches of those wallets, in drain order within each wallet
  b_wallet integer[];
  b_user_id text[];
  b_id uuid[];
  b_remaining bigint[];
  b_taken bigint[];
  v_batch integer;
  v_needed bigint;
  v_take bigint;
  -- requests
  v_request record;
  v_seen credits.transaction;
  v_row credits.transaction;
  v_rows credits.transaction[] := '{}';
  v_row_of_key integer[] := '{}';
  v_results json[] := '{}';
begin
  select
    array_agg(locked.user_id), array_agg(locked.status), array_agg(locked.last_at), array_agg(locked.sequence),
    array_agg(locked.available_after), array_agg(locked.held), array_agg(locked.debt),
    jsonb_object_agg(locked.user_id, locked.wallet)
  into w_user_id, w_status, w_at, w_sequence, w_after, w_held, w_debt, v_wallet_of
  from (
    select mine.*, row_number() over () as wallet
    from (
      select
        wallet.user_id, wallet.status, wallet.last_at, wallet.sequence, wallet.available_after, wallet.held, wallet.debt
      from credits.wallet
      where wallet.user_id = any (
        array(select asked.user_id from jsonb_to_recordset(p_requests) as asked (user_id text))
      )
      /* shard: and wallet.user_id = any (v_user_ids) */
      order by wallet.user_id
      for update
    ) as mine
  ) as locked;

  v_now := credits.clock(p_now);
  if 0 < any (w_held) then
    perform credits.end_timed_out_holds(w_user_id, v_now, null);
    -- What they freed may have repaid some of it, or been taken back.
    select
      array_agg(wallet.sequence order by owner.place), array_agg(wallet.available_after order by owner.place),
      array_agg(wallet.debt order by owner.place)
    into w_sequence, w_after, w_debt
    from unnest(w_user_id) with ordinality as owner (user_id, place)
    join credits.wallet on wallet.user_id = owner.user_id
    /* shard: where wallet.user_id = any (v_user_ids) */;
  end if;
  for v_wallet in 1 .. coalesce(cardinality(w_user_id), 0) loop
    w_at[v_wallet] := greatest(w_at[v_wallet], v_now);
    w_available[v_wallet] := -w_debt[v_wallet];
    w_spent[v_wallet] := 0;
    w_first[v_wallet] := 1;
    w_last[v_wallet] := 0;
  end loop;

  select
    array_agg(open.wallet), array_agg(open.user_id), array_agg(open.id), array_agg(open.remaining),
    array_agg(0::bigint)
  into b_wallet, b_user_id, b_id, b_remaining, b_taken
  from (
    select owner.wallet, batch.user_id, batch.id, batch.remaining
    from unnest(w_user_id, w_at) with ordinality as owner (user_id, at, wallet)
    join credits.batch on batch.user_id = owner.user_id
    where batch.is_open
      and batch.remaining > 0
      /* shard: and batch.user_id = any (v_user_ids) */
      and batch.granted_at <= owner.at
      and (batch.expires_at is null or batch.expires_at > owner.at)
    order by owner.wallet, batch.priority asc, batch.expires_at asc nulls last, batch.granted_at asc, batch.sequence asc
  ) as open;

  for v_batch in 1 .. coalesce(cardinality(b_id), 0) loop
    v_wallet := b_wallet[v_batch];
    if w_last[v_wallet] = 0 then
      w_first[v_wallet] := v_batch;
    end if;
    w_last[v_wallet] := v_batch;
    w_available[v_wallet] := w_available[v_wallet] + b_remaining[v_batch];
  end loop;

  for v_request in
    with request as (
      select asked.*, (v_wallet_of ->> asked.user_id)::integer as wallet
      from rows from (
        jsonb_to_recordset(p_requests) as (
          user_id text, id uuid, amount bigint, amount_given boolean, service text, key text, retried boolean,
          description text, metadata jsonb
        )
      ) with ordinality as asked (
        user_id, id, amount, amount_given, service, key, retried, description, metadata, position
      )
    )
    select
      request.*,
      -- Requests of one call that carry one key share a number.
      case
        when request.key is null then request.position
        else min(request.position) over (partition by request.wallet, request.key)
      end as key_number,
      coalesce(by_key.row, by_id.row) as seen
    from request
    -- Each look-up has a limit and an order, so that it goes through the index of its own conditions whatever the
    -- statistics say: a plan made while the tables were empty read whole tables, and was kept while they grew.
    left join lateral (
      select transaction as row
      from credits.transaction
      where transaction.user_id = request.user_id
        /* shard: and transaction.user_id = any (v_user_ids) */
        and transaction.key between 'key:' || request.key and 'key:' || request.key
      order by transaction.key
      limit 1
    ) as by_key on true
    left join lateral (
      select transaction as row
      from credits.transaction
      where request.retried
        and transaction.user_id = request.user_id
        /* shard: and transaction.user_id = any (v_user_ids) */
        and transaction.id between request.id and request.id
      order by transaction.id
      limit 1
    ) as by_id on true
    order by request.position
  loop
    v_wallet := v_request.wallet;
    v_seen := v_request.seen;
    if v_seen.id is null and v_row_of_key[v_request.key_number] is not null then
      v_seen := v_rows[v_row_of_key[v_request.key_number]];
    end if;

    v_results[v_request.position] := case
      when v_seen.id is not null and v_seen.type <> 'consumption' then
        json_build_object('code', 'IDEMPOTENCY_CONFLICT', 'field', 'type')
      when v_seen.id is not null and v_seen.credit_account <> 'SERVICE:' || v_request.service then
        json_build_object('code', 'IDEMPOTENCY_CONFLICT', 'field', 'service')
      when v_seen.id is not null and v_request.amount_given and v_seen.amount <> v_request.amount then
        json_build_object('code', 'IDEMPOTENCY_CONFLICT', 'field', 'amount')
      -- Found by the id of this very request: sent again after its answer got lost, not asked for again.
      when v_seen.id = v_request.id then
        credits.consumption_result(v_seen, credits.available_before(v_seen.user_id, v_seen.sequence), false)
      when v_seen.id is not null then
        credits.consumption_result(v_seen, null, true)
      -- A service that is free by now: the key had not paid for anything, and still does not (rule 11).
      when v_request.amount = 0 then
        json_build_object(
          'id', '', 'amount', 0, 'available', greatest(0, w_available[v_wallet]), 'batch_ids', '[]'::json,
          'batch_amounts', '[]'::json, 'batch_remainders', '[]'::json, 'replayed', false
        )
      when v_wallet is null then
        json_build_object('code', 'USER_BALANCE_NOT_FOUND')
      when w_status[v_wallet] <> 'active' then
        json_build_object('code', 'WALLET_FROZEN')
      when w_available[v_wallet] < v_request.amount then
        json_build_object(
          'code', 'INSUFFICIENT_CREDITS', 'required', v_request.amount,
          'available', greatest(0, w_available[v_wallet])
        )
    end;
    continue when v_results[v_request.position] is not null;

    v_row := null;
    v_row.batch_ids := '{}';
    v_row.batch_amounts := '{}';
    v_row.batch_remainders := '{}';
    v_needed := v_request.amount;
    v_batch := w_first[v_wallet];
    while v_needed > 0 loop
      v_take := least(v_needed, b_remaining[v_batch]);
      if v_take > 0 then
        b_remaining[v_batch] := b_remaining[v_batch] - v_take;
        b_taken[v_batch] := b_taken[v_batch] + v_take;
        v_needed := v_needed - v_take;
        v_row.batch_ids := v_row.batch_ids || b_id[v_batch];
        v_row.batch_amounts := v_row.batch_amounts || v_take;
        v_row.batch_remainders := v_row.batch_remainders || b_remaining[v_batch];
      end if;
      -- The next request of this wallet starts at the first batch that has something left.
      w_first[v_wallet] := v_batch;
      v_batch := v_batch + 1;
    end loop;

    w_sequence[v_wallet] := w_sequence[v_wallet] + 1;
    w_spent[v_wallet] := w_spent[v_wallet] + v_request.amount;
    w_available[v_wallet] := w_available[v_wallet] - v_request.amount;

    v_row.user_id := v_request.user_id;
    v_row.sequence := w_sequence[v_wallet];
    v_row.id := v_request.id;
    v_row.type := 'consumption';
    v_row.amount := v_request.amount;
    v_row.debit_account := 'WALLET:' || v_request.user_id;
    v_row.credit_account := 'SERVICE:' || v_request.service;
    v_row.available_after := w_available[v_wallet];
    v_row.key := 'key:' || v_request.key;
    v_row.description := v_request.description;
    v_row.metadata := v_request.metadata;
    v_row.created_at := w_at[v_wallet];

    v_rows := v_rows || v_row;
    v_row_of_key[v_request.key_number] := cardinality(v_rows);
    v_results[v_request.position] := credits.consumption_result(v_row, w_after[v_wallet], false);
    w_after[v_wallet] := v_row.available_after;
  end loop;

  if cardinality(v_rows) > 0 then
    update credits.batch
    set
      remaining = drained.remaining,
      consumed = batch.consumed + drained.taken
    from unnest(b_user_id, b_id, b_remaining, b_taken) as drained (user_id, id, remaining, taken)
    where drained.taken > 0
      and batch.user_id = drained.user_id
      /* shard: and batch.user_id = any (v_user_ids) */
      and batch.id = drained.id;

    insert into credits.transaction
    select written.*
    from unnest(v_rows) as written;

    update credits.wallet
    set
      sequence = spender.sequence,
      balance = wallet.balance - spender.spent,
      available_after = spender.after,
      last_at = spender.at
    from unnest(w_user_id, w_sequence, w_spent, w_after, w_at) as spender (user_id, sequence, spent, after, at)
    where spender.spent > 0
      and wallet.user_id = spender.user_id
      /* shard: and wallet.user_id = any (v_user_ids) */;
  end if;

  return array_to_json(v_results);
end;
$$;

-- What a consumption answers, the first time and on every replay.
create or replace function credits.consumption_result(
  p_row credits.transaction, p_available_before bigint, p_replayed boolean
)
returns json
language sql
-- Not immutable, since json_build_object is not: it would not be inlined.
stable
as $$
  select json_build_object(
    'id', (p_row).id,
    'amount', (p_row).amount,
    'available', (p_row).available_after,
    'available_before', p_available_before,
    'batch_ids', (p_row).batch_ids,
    'batch_amounts', (p_row).batch_amounts,
    'batch_remainders', (p_row).batch_remainders,
    'replayed', p_replayed
  )
$$;
