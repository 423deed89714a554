-- Gives a spend back, whole or in part (rule 23), as credits.give_back does it.
--
-- Reversal: {id, transaction_id, amount?, key?, retried?, description?}. amount null: all that is not given back yet.
--   key: `reversal:<transaction id>:…`, made by the caller. transaction_id null: a name that no transaction can have.
-- Returns {id, amount, available, available_before, replayed}, or {code, …}.
-- Locks: the wallet.
-- Codes: IDEMPOTENCY_CONFLICT (field), USER_BALANCE_NOT_FOUND, TRANSACTION_NOT_FOUND, NOT_REVERSIBLE (available: what can
--   still be given back), BALANCE_OVERFLOW.
create or replace function credits.reverse(p_user_id text, p_reversal jsonb, p_now timestamptz)
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
  -- As credits.grant.
  c_balance_max constant bigint := 9007199254740991;
  v_asked record;
  v_wallet credits.wallet;
  v_seen credits.transaction;
  v_spend credits.transaction;
  v_row credits.transaction;
  v_at timestamptz;
  v_done bigint;
  v_amount bigint;
begin
  select asked.*
  into v_asked
  from jsonb_to_record(p_reversal) as asked (
    id uuid, transaction_id uuid, amount bigint, key text, retried boolean, description text
  );
  select wallet.* into v_wallet from credits.wallet where wallet.user_id = p_user_id for update;
  v_at := greatest(v_wallet.last_at, credits.clock(p_now));

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
    if v_seen.amount <> v_asked.amount then
      return jsonb_build_object('code', 'IDEMPOTENCY_CONFLICT', 'field', 'amount');
    end if;
    return credits.reversal_result(
      v_seen,
      case when v_seen.id = v_asked.id then credits.available_before(v_seen.user_id, v_seen.sequence) end,
      v_seen.id <> v_asked.id
    );
  end if;

  if v_wallet.user_id is null then
    return jsonb_build_object('code', 'USER_BALANCE_NOT_FOUND');
  end if;
  select transaction.*
  into v_spend
  from credits.transaction
  where transaction.user_id = p_user_id
    and transaction.id between v_asked.transaction_id and v_asked.transaction_id
  order by transaction.id
  limit 1;
  if v_spend.id is null then
    return jsonb_build_object('code', 'TRANSACTION_NOT_FOUND');
  end if;
  select coalesce(sum(transaction.amount), 0)
  into v_done
  from credits.transaction
  where transaction.user_id = p_user_id
    and transaction.reverses = v_spend.id;
  v_amount := coalesce(v_asked.amount, v_spend.amount - v_done);
  if v_spend.type <> 'consumption' or v_amount <= 0 or v_amount > v_spend.amount - v_done then
    return jsonb_build_object(
      'code', 'NOT_REVERSIBLE',
      'available', case when v_spend.type = 'consumption' then v_spend.amount - v_done else 0 end
    );
  end if;
  if v_wallet.balance + v_amount > c_balance_max then
    return jsonb_build_object('code', 'BALANCE_OVERFLOW');
  end if;
  if v_wallet.held > 0 then
    perform credits.end_timed_out_holds(array[p_user_id], v_at, null);
    select wallet.* into v_wallet from credits.wallet where wallet.user_id = p_user_id;
  end if;

  v_row.id := v_asked.id;
  v_row.type := 'reversal';
  v_row.key := v_asked.key;
  v_row.description := v_asked.description;
  v_row := credits.give_back(v_spend, v_amount, v_done, v_row, v_at);

  if v_wallet.debt + v_wallet.due > 0 then
    perform credits.collect(array[p_user_id], v_at);
  end if;
  return credits.reversal_result(v_row, v_wallet.available_after, false);
end;
$$;

-- What a reversal answers, the first time and on every replay.
create or replace function credits.reversal_result(
  p_row credits.transaction, p_available_before bigint, p_replayed boolean
)
returns jsonb
language sql
-- Not immutable, since jsonb_build_object is not: it would not be inlined.
stable
as $$
  select jsonb_build_object(
    'id', (p_row).id,
    'amount', (p_row).amount,
    'available', (p_row).available_after,
    'available_before', p_available_before,
    'replayed', p_replayed
  )
$$;
