-- Grants: one transaction and one batch each (rules 9, 13–15, 18, 19). Any number of requests of any number of
-- users in one call; a single grant is a batch of one.
--
-- Request: {user_id, type, amount, priority, validity_days?, valid_from?, expires_at?, id?, retried?, idempotency_key?,
--   source_plan?, period?, current_period?, package_id?, price_id?, purchase_id?, balance_max?, description?, metadata?, job_page?}.
--   id: the transaction's id, made by the caller; required with a purchase_id.
--   current_period: take the label of the plan's period that contains T.
--   valid_from: count validity_days from there instead of from T (a period that is caught up).
--   expires_at: instead of validity_days; after T, so that nothing expired comes alive.
--   balance_max: grant only what keeps the balance, available and held, at or below it (rule 19).
-- Result, one per request in order: {id, batch_id, amount, available, available_before, period, expires_at (ms), replayed}
--   or {code, …}.
-- Locks: the wallets in order of user id (created when missing), then the purchase ids in their order.
-- Codes: IDEMPOTENCY_CONFLICT (field), INVALID_ARGUMENT (expiresAt), BALANCE_LIMIT, BALANCE_OVERFLOW.
create or replace function credits.grant(p_requests jsonb, p_now timestamptz)
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
  -- Amounts leave the database as JavaScript numbers: no wallet may pass what they hold exactly (rule 10).
  c_balance_max constant bigint := 9007199254740991;
  v_now timestamptz;
  -- Lines like this one are for a cluster: sql/engines/README.md.
  /* shard: v_user_ids text[] := array(select asked.user_id from jsonb_to_recordset(p_requests) as asked (user_id text)); */
  v_opened text[];
  v_labels text[] := '{}';
  -- the purchase ids of this call, those it claimed, and those that turned out to pay for something
  v_purchase_ids text[] := array(
    select asked.purchase_id
    from jsonb_to_recordset(p_requests) as asked (purchase_id text)
    where asked.purchase_id is not null
  );
  v_claims credits.purchase[];
  v_claim_of jsonb;
  v_claimed text[];
  v_paid credits.purchase[] := '{}';
  v_paid_ids text[] := '{}';
  -- wallets
  w_user_id text[];
  w_at timestamptz[];
  w_sequence bigint[];
  -- what each had held or owed when it was locked
  w_held bigint[];
  w_debt bigint[];
  -- what is valid and free, less what is owed: below 0 where more is owed than there is
  w_available bigint[];
  -- what is set aside in valid batches: free again unless it is spent
  w_aside bigint[];
  -- what was available right after the wallet's newest transaction
  w_after bigint[];
  w_granted bigint[];
  v_wallet integer;
  v_wallet_of jsonb;
  -- requests
  v_request record;
  v_claim credits.purchase;
  v_seen credits.transaction;
  v_batch credits.batch;
  v_row credits.transaction;
  v_earlier integer;
  v_amount bigint;
  v_field text;
  v_rows credits.transaction[] := '{}';
  v_row_ids uuid[] := '{}';
  v_batches credits.batch[] := '{}';
  v_row_of_key integer[] := '{}';
  -- by user and period: what this call granted, and its newest row
  p_granted bigint[] := '{}';
  p_row integer[] := '{}';
  v_results jsonb[] := '{}';
begin
  v_opened := credits.open_wallets(
    array(select asked.user_id from jsonb_to_recordset(p_requests) as asked (user_id text)), p_now
  );

  select
    array_agg(locked.user_id), array_agg(locked.last_at), array_agg(locked.sequence),
    array_agg(locked.available_after), array_agg(locked.held), array_agg(locked.debt),
    jsonb_object_agg(locked.user_id, locked.wallet)
  into w_user_id, w_at, w_sequence, w_after, w_held, w_debt, v_wallet_of
  from (
    select mine.*, row_number() over () as wallet
    from (
      select wallet.user_id, wallet.last_at, wallet.sequence, wallet.available_after, wallet.held, wallet.debt
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
  for v_wallet in 1 .. coalesce(cardinality(w_user_id), 0) loop
    w_at[v_wallet] := greatest(w_at[v_wallet], v_now);
    w_granted[v_wallet] := 0;
  end loop;
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

  select
    array_agg(coalesce(open.available, 0) - owner.debt order by owner.wallet),
    array_agg(coalesce(open.held, 0) order by owner.wallet)
  into w_available, w_aside
  from unnest(w_user_id, w_at, w_debt) with ordinality as owner (user_id, at, debt, wallet)
  cross join lateral (
    select sum(batch.remaining)::bigint as available, sum(batch.held)::bigint as held
    from credits.batch
    where batch.user_id = owner.user_id
      /* shard: and batch.user_id = any (v_user_ids) */
      and batch.is_open
      and (batch.expires_at is null or batch.expires_at > owner.at)
  ) as open;

  -- Purchases by themselves: on a cluster they live on other shards than wallets.
  if v_purchase_ids <> '{}' then
    -- A purchase id is claimed for its user before anything is granted for it, across all users (rule 15).
    with claimed as (
      insert into credits.purchase (
        purchase_id, user_id, type, price_id, source_plan, period, transaction_id, created_at
      )
      select distinct on (1)
        (request ->> 'purchase_id') collate "C", request ->> 'user_id', request ->> 'type', request ->> 'price_id',
        request ->> 'source_plan', request ->> 'period', (request ->> 'id')::uuid, v_now
      from jsonb_array_elements(p_requests) with ordinality as asked (request, position)
      where request ->> 'purchase_id' is not null
      order by 1, asked.position
      on conflict (purchase_id) do nothing
      returning purchase_id
    )
    select array_agg(claimed.purchase_id) into v_claimed from claimed;

    select array_agg(purchase) into v_claims from credits.purchase where purchase.purchase_id = any (v_purchase_ids);
    select jsonb_object_agg(claim.purchase_id, claim.position)
    into v_claim_of
    from unnest(v_claims) with ordinality as claim (
      purchase_id, user_id, type, price_id, source_plan, period, transaction_id, created_at, position
    );
  end if;

  -- By itself: on a cluster, a statement that reads tables cannot call a function that does.
  for v_request in
    select asked.position, asked.request ->> 'user_id' as user_id, asked.request ->> 'source_plan' as source_plan
    from jsonb_array_elements(p_requests) with ordinality as asked (request, position)
    where (asked.request ->> 'current_period')::boolean
  loop
    v_labels[v_request.position] := credits.current_period(
      v_request.user_id, v_request.source_plan, w_at[(v_wallet_of ->> v_request.user_id)::integer]
    );
  end loop;

  for v_request in
    with request as (
      select
        asked.*,
        (v_wallet_of ->> asked.user_id)::integer as wallet,
        coalesce(asked.period, v_labels[asked.position]) as label,
        v_claims[(v_claim_of ->> asked.purchase_id)::integer] as claim
      from rows from (
        jsonb_to_recordset(p_requests) as (
          user_id text, type text, amount bigint, priority smallint, validity_days integer, valid_from timestamptz,
          id uuid, retried boolean, idempotency_key text, source_plan text, period text, current_period boolean,
          package_id text, price_id text, purchase_id text, balance_max bigint, description text, metadata jsonb,
          job_page uuid, expires_at timestamptz
        )
      ) with ordinality as asked (
        user_id, type, amount, priority, validity_days, valid_from, id, retried, idempotency_key, source_plan, period,
        current_period, package_id, price_id, purchase_id, balance_max, description, metadata, job_page, expires_at,
        position
      )
    ),
    keyed as (
      select
        request.*,
        credits.grant_key(
          request.type, request.label, request.source_plan, request.purchase_id, request.idempotency_key
        ) as key
      from request
    )
    select
      keyed.*,
      min(keyed.position) over (
        partition by keyed.user_id, keyed.key, case when keyed.key is null then keyed.position end
      ) as key_number,
      min(keyed.position) over (partition by keyed.user_id, keyed.label) as period_number,
      coalesce(by_purchase.row, by_key.row, by_id.row) as seen,
      received.amount as received,
      received.newest as received_newest
    from keyed
    -- Look-ups as in credits.consume.
    left join lateral (
      select transaction as row
      from credits.transaction
      where transaction.user_id = keyed.user_id
        /* shard: and transaction.user_id = any (v_user_ids) */
        and transaction.key between keyed.key and keyed.key
      order by transaction.key
      limit 1
    ) as by_key on true
    left join lateral (
      select transaction as row
      from credits.transaction
      where keyed.retried
        and transaction.user_id = keyed.user_id
        /* shard: and transaction.user_id = any (v_user_ids) */
        and transaction.id between keyed.id and keyed.id
      order by transaction.id
      limit 1
    ) as by_id on true
    -- An invoice that comes again when the plan's next period has begun is still the same invoice.
    left join lateral (
      select transaction as row
      from credits.transaction
      where transaction.user_id = keyed.user_id
        /* shard: and transaction.user_id = any (v_user_ids) */
        and transaction.id between (keyed.claim).transaction_id and (keyed.claim).transaction_id
      order by transaction.id
      limit 1
    ) as by_purchase on true
    -- What the period already received, under whichever plan (rule 18).
    left join lateral (
      select sum(earlier.amount)::bigint as amount, max(earlier.sequence) as newest
      from (
        select transaction.amount, transaction.sequence, transaction.type
        from credits.transaction
        where keyed.type = 'monthly_grant'
          and transaction.user_id = keyed.user_id
          /* shard: and transaction.user_id = any (v_user_ids) */
          and transaction.key >= 'monthly:' || keyed.label || ':'
          and transaction.key < 'monthly:' || keyed.label || ';'
        order by transaction.key
        -- More plans than anybody has: without a limit the order is no reason to take the index of the key.
        limit 100000
      ) as earlier
      where earlier.type = 'monthly_grant'
    ) as received on true
    order by keyed.position
  loop
    v_wallet := v_request.wallet;
    -- A purchase id claimed by this call is nobody's until something is granted for it.
    v_claim := case
      when v_request.purchase_id = any (v_claimed) then v_paid[array_position(v_paid_ids, v_request.purchase_id)]
      else v_request.claim
    end;
    v_seen := v_request.seen;

    -- One purchase id, one user, one price, one period (rules 14, 15), whatever was granted under another name.
    v_field := case
      when v_claim.purchase_id is null then null
      when v_claim.user_id <> v_request.user_id then 'userId'
      when v_claim.type <> v_request.type then 'type'
      when v_claim.price_id <> v_request.price_id then 'priceId'
      when v_request.type = 'monthly_grant' and v_request.current_period is not true
        and v_claim.period is distinct from v_request.period then 'grantPeriod'
      when v_request.type = 'monthly_grant'
        and v_claim.source_plan is distinct from v_request.source_plan then 'sourcePlan'
    end;
    if v_field is not null then
      v_results[v_request.position] := jsonb_build_object('code', 'IDEMPOTENCY_CONFLICT', 'field', v_field);
      continue;
    end if;

    if v_seen.id is null then
      -- Granted earlier in this very call, for the same purchase or under the same key.
      v_earlier := coalesce(
        array_position(v_row_ids, v_claim.transaction_id), v_row_of_key[v_request.key_number]
      );
      v_seen := v_rows[v_earlier];
      v_batch := v_batches[v_earlier];
    else
      select batch.* into v_batch
      from credits.batch
      where batch.user_id = v_seen.user_id and batch.id = v_seen.batch_ids[1];
    end if;

    -- A replay means the same or conflicts (rule 14).
    v_field := case
      when v_seen.id is null then null
      when v_seen.type <> v_request.type then 'type'
      when v_request.key like 'purchase:%' and v_seen.package_id <> v_request.package_id then 'packageId'
      when v_request.key like 'purchase:%'
        and (v_claim.price_id is null or v_request.price_id is null)
        and coalesce(v_seen.amount_asked, v_seen.amount) <> v_request.amount then 'amount'
      when v_request.key like 'key:%' and coalesce(v_seen.amount_asked, v_seen.amount) <> v_request.amount then 'amount'
      when v_request.key like 'key:%' and v_request.expires_at is distinct from v_batch.expires_at
        and v_request.expires_at is not null then 'expiresAt'
      when v_request.key like 'key:%' and v_request.expires_at is null
        and v_batch.expires_at - v_batch.granted_at is distinct from make_interval(hours => 24 * v_request.validity_days)
        then 'validityDays'
      when v_request.key like 'key:%' and v_seen.source_plan is distinct from v_request.source_plan then 'sourcePlan'
      when v_request.key like 'key:%' and v_seen.package_id is distinct from v_request.package_id then 'packageId'
      when v_request.key like 'key:%' and v_batch.priority <> v_request.priority then 'priority'
    end;
    if v_field is not null then
      v_results[v_request.position] := jsonb_build_object('code', 'IDEMPOTENCY_CONFLICT', 'field', v_field);
      continue;
    end if;

    v_amount := v_request.amount;
    if v_seen.id is null and v_request.type = 'monthly_grant' and v_request.label is not null then
      v_amount := v_amount - coalesce(v_request.received, 0) - coalesce(p_granted[v_request.period_number], 0);
      if v_amount <= 0 then
        -- The period already has as much: its newest grant is the answer.
        v_seen := v_rows[p_row[v_request.period_number]];
        v_batch := v_batches[p_row[v_request.period_number]];
        if v_seen.id is null then
          select transaction.* into v_seen
          from credits.transaction
          where transaction.user_id = v_request.user_id and transaction.sequence = v_request.received_newest;
          select batch.* into v_batch
          from credits.batch
          where batch.user_id = v_seen.user_id and batch.id = v_seen.batch_ids[1];
        end if;
      end if;
    end if;

    if v_seen.id is not null then
      v_results[v_request.position] := case
        -- Found by the id of this very request: sent again after its answer got lost, not asked for again.
        when v_seen.id = v_request.id then
          credits.grant_result(
            v_seen, v_batch, credits.available_before(v_seen.user_id, v_seen.sequence), false
          )
        else credits.grant_result(v_seen, v_batch, null, true)
      end;
      if v_request.purchase_id is not null then
        v_paid_ids := v_paid_ids || v_request.purchase_id;
        v_paid := v_paid || row(
          v_request.purchase_id, v_request.user_id, v_request.type, v_request.price_id, v_request.source_plan,
          v_request.label, v_seen.id, v_now
        )::credits.purchase;
      end if;
      continue;
    end if;

    if v_request.expires_at <= w_at[v_wallet] then
      v_results[v_request.position] := jsonb_build_object('code', 'INVALID_ARGUMENT', 'field', 'expiresAt');
      continue;
    end if;

    v_amount := least(v_amount, v_request.balance_max - w_available[v_wallet] - w_aside[v_wallet]);
    v_results[v_request.position] := case
      when v_amount <= 0 then
        jsonb_build_object(
          'code', 'BALANCE_LIMIT', 'limit', v_request.balance_max, 'available', greatest(0, w_available[v_wallet])
        )
      when w_available[v_wallet] + w_debt[v_wallet] + w_held[v_wallet] + v_amount > c_balance_max then
        jsonb_build_object('code', 'BALANCE_OVERFLOW')
    end;
    continue when v_results[v_request.position] is not null;

    w_sequence[v_wallet] := w_sequence[v_wallet] + 1;
    w_granted[v_wallet] := w_granted[v_wallet] + v_amount;
    w_available[v_wallet] := w_available[v_wallet] + v_amount;

    v_batch := null;
    v_batch.user_id := v_request.user_id;
    v_batch.id := credits.uuid_v7(w_at[v_wallet]);
    v_batch.sequence := w_sequence[v_wallet];
    v_batch.priority := v_request.priority;
    v_batch.amount := v_amount;
    v_batch.remaining := v_amount;
    v_batch.granted_at := w_at[v_wallet];
    v_batch.expires_at := coalesce(
      v_request.expires_at,
      coalesce(v_request.valid_from, w_at[v_wallet]) + make_interval(hours => 24 * v_request.validity_days)
    );

    v_row := null;
    v_row.user_id := v_request.user_id;
    v_row.sequence := w_sequence[v_wallet];
    v_row.id := coalesce(v_request.id, credits.uuid_v7(w_at[v_wallet]));
    v_row.type := v_request.type;
    v_row.amount := v_amount;
    v_row.amount_asked := nullif(v_request.amount, v_amount);
    v_row.debit_account := credits.grant_account(v_request.type, coalesce(v_request.purchase_id, v_row.id::text));
    v_row.credit_account := 'WALLET:' || v_request.user_id;
    v_row.batch_ids := array[v_batch.id];
    v_row.batch_amounts := array[v_amount];
    v_row.batch_remainders := array[v_amount];
    v_row.available_after := greatest(0, w_available[v_wallet]);
    v_row.key := v_request.key;
    v_row.source_plan := v_request.source_plan;
    v_row.period := v_request.label;
    v_row.package_id := v_request.package_id;
    v_row.purchase_id := v_request.purchase_id;
    v_row.description := v_request.description;
    v_row.metadata := v_request.metadata;
    v_row.created_at := w_at[v_wallet];
    v_row.job_page := v_request.job_page;

    if v_request.purchase_id is not null then
      v_paid_ids := v_paid_ids || v_request.purchase_id;
      v_paid := v_paid || row(
        v_request.purchase_id, v_request.user_id, v_request.type, v_request.price_id, v_request.source_plan,
        v_request.label, v_row.id, v_now
      )::credits.purchase;
    end if;
    v_rows := v_rows || v_row;
    v_row_ids := v_row_ids || v_row.id;
    v_batches := v_batches || v_batch;
    v_row_of_key[v_request.key_number] := cardinality(v_rows);
    if v_request.type = 'monthly_grant' and v_request.label is not null then
      p_granted[v_request.period_number] := coalesce(p_granted[v_request.period_number], 0) + v_amount;
      p_row[v_request.period_number] := cardinality(v_rows);
    end if;
    v_results[v_request.position] := credits.grant_result(v_row, v_batch, w_after[v_wallet], false);
    w_after[v_wallet] := v_row.available_after;
  end loop;

  if cardinality(v_rows) > 0 then
    insert into credits.batch (
      user_id, id, sequence, priority, amount, remaining, granted_at, expires_at
    )
    select
      written.user_id, written.id, written.sequence, written.priority, written.amount, written.remaining,
      written.granted_at, written.expires_at
    from unnest(v_batches) as written;

    insert into credits.transaction
    select written.*
    from unnest(v_rows) as written;

    update credits.wallet
    set
      sequence = receiver.sequence,
      balance = wallet.balance + receiver.granted,
      available_after = receiver.after,
      last_at = receiver.at
    from unnest(w_user_id, w_sequence, w_granted, w_after, w_at) as receiver (user_id, sequence, granted, after, at)
    where receiver.granted > 0
      and wallet.user_id = receiver.user_id
      /* shard: and wallet.user_id = any (v_user_ids) */;

    if 0 < any (w_debt) then
      -- Who was granted something: what others of this call owe is not its business.
      perform credits.repay_debt(
        array(
          select receiver.user_id
          from unnest(w_user_id, w_granted) as receiver (user_id, granted)
          where receiver.granted > 0
        ),
        v_now
      );
    end if;
  end if;

  -- A refused call changes nothing: no purchase id stays claimed, no wallet stays opened.
  if v_claimed is not null then
    delete from credits.purchase
    where purchase.purchase_id = any (v_claimed)
      and purchase.purchase_id <> all (array_remove(v_paid_ids, null));

    update credits.purchase
    set
      user_id = paid.user_id,
      type = paid.type,
      price_id = paid.price_id,
      source_plan = paid.source_plan,
      period = paid.period,
      transaction_id = paid.transaction_id
    from (
      -- Of several requests for one purchase, the first one is what it means.
      select distinct on (each_paid.purchase_id) each_paid.*
      from unnest(v_paid) with ordinality as each_paid (
        purchase_id, user_id, type, price_id, source_plan, period, transaction_id, created_at, position
      )
      order by each_paid.purchase_id, each_paid.position
    ) as paid
    where purchase.purchase_id = paid.purchase_id
      and purchase.purchase_id = any (v_claimed)
      and (purchase.transaction_id <> paid.transaction_id or purchase.period is distinct from paid.period);
  end if;
  perform credits.close_unused_wallets(v_opened);

  return to_jsonb(v_results);
end;
$$;

-- The name under which a grant happens once per wallet (rule 13); null: nothing names it.
create or replace function credits.grant_key(
  p_type text, p_period text, p_plan text, p_purchase_id text, p_idempotency_key text
)
returns text
language sql
immutable
parallel safe
as $$
  select case
    when p_type = 'registration_bonus' then 'registration'
    when p_type = 'monthly_grant' and p_period is not null then 'monthly:' || p_period || ':' || coalesce(p_plan, '')
    when p_purchase_id is not null then 'purchase:' || p_purchase_id
    when p_period is not null then 'monthly:' || p_period || ':' || coalesce(p_plan, '')
    else 'key:' || p_idempotency_key
  end
$$;

-- The account from which a type of grant comes.
create or replace function credits.grant_account(p_type text, p_payment text)
returns text
language sql
immutable
parallel safe
as $$
  select case p_type
    when 'purchase' then 'PAYMENT:' || p_payment
    when 'monthly_grant' then 'SYSTEM:subscription-grant'
    when 'registration_bonus' then 'SYSTEM:registration-bonus'
    when 'adjustment' then 'SYSTEM:adjustment'
  end
$$;

-- What a grant answers, the first time and on every replay.
create or replace function credits.grant_result(
  p_row credits.transaction, p_batch credits.batch, p_available_before bigint, p_replayed boolean
)
returns jsonb
language sql
-- Not immutable, since jsonb_build_object is not: it would not be inlined.
stable
as $$
  select jsonb_build_object(
    'id', (p_row).id,
    'batch_id', (p_batch).id,
    'amount', (p_row).amount,
    'available', (p_row).available_after,
    'available_before', p_available_before,
    'period', (p_row).period,
    'expires_at', floor(extract(epoch from (p_batch).expires_at) * 1000),
    'replayed', p_replayed
  )
$$;
