-- Gives a spend back, whole or in part (rule 23): into the very batches it came from, the last one drained first, with their
-- expiry unchanged. What belongs to a batch that has expired meanwhile goes straight to breakage, in a transaction of its own
-- for each batch.
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
  v_skip bigint;
  v_left bigint;
  v_take bigint;
  v_part record;
  v_back bigint := 0;
  v_gone bigint := 0;
  v_gone_count integer := 0;
  v_free bigint;
  v_is_expired boolean[] := '{}';
  -- what each batch has left right after, also where its part is gone at once
  v_ends bigint[] := '{}';
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
    if v_wallet.debt > 0 then
      select wallet.* into v_wallet from credits.wallet where wallet.user_id = p_user_id;
    end if;
  end if;

  v_row.batch_ids := '{}';
  v_row.batch_amounts := '{}';
  v_row.batch_remainders := '{}';
  v_skip := v_done;
  v_left := v_amount;
  for v_part in
    select
      part.id, part.amount, batch.remaining,
      coalesce(batch.expires_at <= v_at, false) as is_expired
    from unnest(v_spend.batch_ids, v_spend.batch_amounts) with ordinality as part (id, amount, position)
    join credits.batch on batch.id = part.id
    where batch.user_id = p_user_id
    order by part.position desc
  loop
    -- Earlier reversals gave back the last parts already.
    v_take := least(v_left, greatest(0, v_part.amount - v_skip));
    v_skip := greatest(0, v_skip - v_part.amount);
    continue when v_take = 0;
    v_left := v_left - v_take;
    v_row.batch_ids := v_row.batch_ids || v_part.id;
    v_row.batch_amounts := v_row.batch_amounts || v_take;
    v_row.batch_remainders := v_row.batch_remainders || (v_part.remaining + v_take);
    v_is_expired := v_is_expired || v_part.is_expired;
    v_ends := v_ends || (v_part.remaining + case when v_part.is_expired then 0 else v_take end);
    if v_part.is_expired then
      v_gone := v_gone + v_take;
      v_gone_count := v_gone_count + 1;
    else
      v_back := v_back + v_take;
    end if;
  end loop;

  update credits.batch
  set
    remaining = part.remainder,
    consumed = batch.consumed - part.amount,
    expired = batch.expired + case when part.is_expired then part.amount else 0 end
  from unnest(v_row.batch_ids, v_row.batch_amounts, v_ends, v_is_expired) as part (id, amount, remainder, is_expired)
  where batch.user_id = p_user_id
    and batch.id = part.id;

  v_free := credits.free_credits(p_user_id, v_at);
  v_row.user_id := p_user_id;
  v_row.sequence := v_wallet.sequence + 1;
  v_row.id := v_asked.id;
  v_row.type := 'reversal';
  v_row.amount := v_amount;
  v_row.debit_account := v_spend.credit_account;
  v_row.credit_account := 'WALLET:' || p_user_id;
  v_row.available_after := greatest(0, v_free - v_wallet.debt);
  v_row.key := v_asked.key;
  v_row.description := v_asked.description;
  v_row.created_at := v_at;
  v_row.reverses := v_spend.id;
  insert into credits.transaction
  select written.*
  from unnest(array[v_row]) as written;

  insert into credits.transaction (
    user_id, sequence, id, type, amount, debit_account, credit_account,
    batch_ids, batch_amounts, batch_remainders, available_after, created_at
  )
  select
    p_user_id, v_row.sequence + row_number() over (order by part.position), credits.uuid_v7(v_at), 'expiration',
    part.amount, 'WALLET:' || p_user_id, 'SYSTEM:expiration',
    array[part.id], array[part.amount], array[part.remainder], v_row.available_after, v_at
  from unnest(v_row.batch_ids, v_row.batch_amounts, v_ends, v_is_expired)
    with ordinality as part (id, amount, remainder, is_expired, position)
  where part.is_expired;

  update credits.wallet
  set
    sequence = v_row.sequence + v_gone_count,
    balance = wallet.balance + v_back,
    available_after = v_row.available_after,
    last_at = v_at
  where wallet.user_id = p_user_id;

  if v_wallet.debt > 0 then
    perform credits.repay_debt(array[p_user_id], v_at);
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
