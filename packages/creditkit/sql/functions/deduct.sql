-- Credits taken by hand, the counterpart of an adjustment: in drain order, all or nothing, from a frozen wallet too.
--
-- Deduction: {id, amount, key?, retried?, description?, metadata?}. id: made by the caller, for the transaction.
-- Returns {id, amount, available, available_before, batch_ids, batch_amounts, batch_remainders, replayed}, or {code, …}.
-- Locks: the wallet.
-- Codes: IDEMPOTENCY_CONFLICT (field), USER_BALANCE_NOT_FOUND, INSUFFICIENT_CREDITS (required, available).
create or replace function credits.deduct(p_user_id text, p_deduction jsonb, p_now timestamptz)
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
  v_asked record;
  v_wallet credits.wallet;
  v_seen credits.transaction;
  v_row credits.transaction;
  v_at timestamptz;
  v_available bigint;
begin
  select asked.*
  into v_asked
  from jsonb_to_record(p_deduction) as asked (
    id uuid, amount bigint, key text, retried boolean, description text, metadata jsonb
  );
  select wallet.* into v_wallet from credits.wallet where wallet.user_id = p_user_id for update;
  v_at := greatest(v_wallet.last_at, credits.clock(p_now));
  if v_wallet.held > 0 then
    perform credits.end_timed_out_holds(array[p_user_id], v_at, null);
    select wallet.* into v_wallet from credits.wallet where wallet.user_id = p_user_id;
  end if;

  -- Look-ups as in credits.consume.
  select transaction.*
  into v_seen
  from credits.transaction
  where transaction.user_id = p_user_id
    and transaction.key between v_asked.key and v_asked.key
  order by transaction.key
  limit 1;
  if v_seen.id is null and v_asked.retried then
    select transaction.*
    into v_seen
    from credits.transaction
    where transaction.user_id = p_user_id
      and transaction.id between v_asked.id and v_asked.id
    order by transaction.id
    limit 1;
  end if;
  if v_seen.id is not null then
    if v_seen.type <> 'deduction' then
      return jsonb_build_object('code', 'IDEMPOTENCY_CONFLICT', 'field', 'type');
    elsif v_seen.amount <> v_asked.amount then
      return jsonb_build_object('code', 'IDEMPOTENCY_CONFLICT', 'field', 'amount');
    end if;
    return credits.deduction_result(v_seen, v_seen.id <> v_asked.id);
  end if;

  if v_wallet.user_id is null then
    return jsonb_build_object('code', 'USER_BALANCE_NOT_FOUND');
  end if;
  v_available := greatest(0, credits.free_credits(p_user_id, v_at) - v_wallet.debt);
  if v_available < v_asked.amount then
    return jsonb_build_object(
      'code', 'INSUFFICIENT_CREDITS', 'required', v_asked.amount, 'available', v_available
    );
  end if;

  select taken.*
  into v_row.batch_ids, v_row.batch_amounts, v_row.batch_remainders
  from credits.allocate(p_user_id, v_asked.amount, v_at) as taken;
  update credits.batch
  set
    remaining = part.remainder,
    taken = batch.taken + part.amount
  from unnest(v_row.batch_ids, v_row.batch_amounts, v_row.batch_remainders) as part (id, amount, remainder)
  where batch.user_id = p_user_id
    and batch.id = part.id;

  v_row.user_id := p_user_id;
  v_row.sequence := v_wallet.sequence + 1;
  v_row.id := v_asked.id;
  v_row.type := 'deduction';
  v_row.amount := v_asked.amount;
  v_row.debit_account := 'WALLET:' || p_user_id;
  v_row.credit_account := 'SYSTEM:adjustment';
  v_row.available_after := v_available - v_asked.amount;
  v_row.key := v_asked.key;
  v_row.description := v_asked.description;
  v_row.metadata := v_asked.metadata;
  v_row.created_at := v_at;
  insert into credits.transaction
  select written.*
  from unnest(array[v_row]) as written;

  update credits.wallet
  set
    sequence = v_row.sequence,
    balance = wallet.balance - v_row.amount,
    available_after = v_row.available_after,
    last_at = v_at
  where wallet.user_id = p_user_id;
  return credits.deduction_result(v_row, false);
end;
$$;

-- What a deduction answers, the first time and on every replay.
create or replace function credits.deduction_result(p_row credits.transaction, p_replayed boolean)
returns jsonb
language plpgsql
stable
as $$
begin
  return jsonb_build_object(
    'id', p_row.id,
    'amount', p_row.amount,
    'available', p_row.available_after,
    'available_before', credits.available_before(p_row.user_id, p_row.sequence),
    'batch_ids', p_row.batch_ids,
    'batch_amounts', p_row.batch_amounts,
    'batch_remainders', p_row.batch_remainders,
    'replayed', p_replayed
  );
end;
$$;
