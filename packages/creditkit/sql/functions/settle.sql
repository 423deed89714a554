-- Ends a hold (rule 22): charges what the work cost and frees the rest. An amount of 0 releases.
--
-- Settlement: {id, hold_id, amount, grace_seconds, description?, metadata?}. id: made by the caller, for the transaction; sent
--   again after its answer got lost, it finds what it did. hold_id null: a name that no hold can have.
-- Up to what is held, charges in the order of the hold's allocations, also from a batch that has expired meanwhile. Above it, by
--   the hold's policy: `reject`, `take_available` in drain order, or `debt`: the rest is lent, as a batch that this very
--   transaction drains. A hold whose time is over by no more than grace_seconds is charged from what is free instead.
-- Returns {id, service, amount, asked, released, available, available_before, batch_ids, batch_amounts, batch_remainders, from: 'hold' |
--   'balance', replayed}, id null where nothing was charged; or {code, …}.
-- Locks: the wallet.
-- Codes: USER_BALANCE_NOT_FOUND, HOLD_NOT_FOUND, HOLD_SETTLED, HOLD_RELEASED, HOLD_EXPIRED, INSUFFICIENT_CREDITS (required,
--   available), BALANCE_OVERFLOW (what is owed), WALLET_FROZEN (late only: a settlement in time is not a new spend).
create or replace function credits.settle(p_user_id text, p_settlement jsonb, p_now timestamptz)
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
  v_hold credits.hold;
  v_at timestamptz;
  v_is_late boolean;
  v_free bigint;
  v_available bigint;
  v_from_hold bigint;
  v_extra bigint;
  v_loan bigint;
  v_left bigint;
  v_take bigint;
  v_part record;
  v_place integer;
  v_loan_row credits.transaction;
  v_row credits.transaction;
  -- what each batch gives, and what each gets back of what was held in it
  v_ids uuid[] := '{}';
  v_amounts bigint[] := '{}';
  v_freed bigint[] := '{}';
  v_extra_ids uuid[];
  v_extra_amounts bigint[];
begin
  select asked.*
  into v_asked
  from jsonb_to_record(p_settlement) as asked (
    id uuid, hold_id uuid, amount bigint, grace_seconds integer, description text, metadata jsonb
  );
  select wallet.* into v_wallet from credits.wallet where wallet.user_id = p_user_id for update;
  if v_wallet.user_id is null then
    return jsonb_build_object('code', 'USER_BALANCE_NOT_FOUND');
  end if;
  v_at := greatest(v_wallet.last_at, credits.clock(p_now));
  if v_wallet.held > 0 then
    perform credits.end_timed_out_holds(array[p_user_id], v_at, null);
    select wallet.* into v_wallet from credits.wallet where wallet.user_id = p_user_id;
  end if;

  select hold.* into v_hold from credits.hold where hold.user_id = p_user_id and hold.id = v_asked.hold_id;
  v_is_late := v_hold.status = 'expired';
  if v_hold.id is null then
    return jsonb_build_object('code', 'HOLD_NOT_FOUND');
  elsif v_hold.status = 'settled' then
    return case
      when v_hold.settled_amount = v_asked.amount then credits.settled_before(v_hold, v_asked.id)
      else jsonb_build_object('code', 'HOLD_SETTLED')
    end;
  elsif v_hold.status = 'released' then
    return case
      when v_asked.amount = 0 then credits.settled_before(v_hold, v_asked.id)
      else jsonb_build_object('code', 'HOLD_RELEASED')
    end;
  elsif v_is_late
    and (v_asked.amount = 0 or v_at >= v_hold.expires_at + make_interval(secs => v_asked.grace_seconds)) then
    return jsonb_build_object('code', 'HOLD_EXPIRED');
  elsif v_is_late and v_wallet.status <> 'active' then
    return jsonb_build_object('code', 'WALLET_FROZEN');
  end if;

  v_free := credits.free_credits(p_user_id, v_at);
  v_available := greatest(0, v_free - v_wallet.debt);
  v_from_hold := case when v_is_late then 0 else least(v_asked.amount, v_hold.amount) end;
  -- Taking more than was held is a new spend, which a frozen wallet does not make; what is owed in any case repays itself
  -- from what is free.
  v_extra := case
    when v_wallet.status <> 'active' and v_hold.overage <> 'debt' then 0
    else least(v_asked.amount - v_from_hold, v_available)
  end;
  v_loan := case when v_hold.overage = 'debt' then v_asked.amount - v_from_hold - v_extra else 0 end;
  if v_hold.overage = 'reject' and v_asked.amount > v_hold.amount then
    return jsonb_build_object(
      'code', 'INSUFFICIENT_CREDITS', 'required', v_asked.amount, 'available', v_hold.amount
    );
  elsif v_hold.overage = 'reject' and v_asked.amount > v_from_hold + v_extra then
    return jsonb_build_object('code', 'INSUFFICIENT_CREDITS', 'required', v_asked.amount, 'available', v_available);
  elsif v_wallet.debt + v_loan > c_balance_max then
    return jsonb_build_object('code', 'BALANCE_OVERFLOW');
  end if;

  -- What was held, in the order of its allocations: charged as far as the amount goes, the rest freed.
  v_left := v_from_hold;
  if not v_is_late then
    for v_part in
      select part.id, part.amount
      from unnest(v_hold.batch_ids, v_hold.batch_amounts) with ordinality as part (id, amount, position)
      order by part.position
    loop
      v_take := least(v_left, v_part.amount);
      v_left := v_left - v_take;
      v_ids := v_ids || v_part.id;
      v_amounts := v_amounts || v_take;
      v_freed := v_freed || (v_part.amount - v_take);
    end loop;
    update credits.batch
    set
      remaining = batch.remaining + part.freed,
      held = batch.held - part.freed - part.amount,
      consumed = batch.consumed + part.amount
    from unnest(v_ids, v_amounts, v_freed) as part (id, amount, freed)
    where batch.user_id = p_user_id
      and batch.id = part.id;
  end if;

  -- What the work cost beyond that.
  if v_extra > 0 then
    select taken.batch_ids, taken.batch_amounts
    into v_extra_ids, v_extra_amounts
    from credits.allocate(p_user_id, v_extra, v_at) as taken;
    update credits.batch
    set
      remaining = batch.remaining - part.amount,
      consumed = batch.consumed + part.amount
    from unnest(v_extra_ids, v_extra_amounts) as part (id, amount)
    where batch.user_id = p_user_id
      and batch.id = part.id;
    -- A batch stands in the allocations once, also where it was held and then drained further.
    for v_part in
      select part.id, part.amount
      from unnest(v_extra_ids, v_extra_amounts) with ordinality as part (id, amount, position)
      order by part.position
    loop
      v_place := coalesce(array_position(v_ids, v_part.id), cardinality(v_ids) + 1);
      v_ids[v_place] := v_part.id;
      v_amounts[v_place] := coalesce(v_amounts[v_place], 0) + v_part.amount;
    end loop;
  end if;

  if v_loan > 0 then
    v_loan_row := credits.lend(p_user_id, v_loan, v_wallet.sequence + 1, v_available, v_at);
    v_ids := v_ids || v_loan_row.batch_ids[1];
    v_amounts := v_amounts || v_loan;
  end if;

  v_row.amount := v_from_hold + v_extra + v_loan;
  v_row.sequence := v_wallet.sequence + case when v_loan > 0 then 2 else 1 end;
  v_row.available_after := greatest(
    0, credits.free_credits(p_user_id, v_at) - v_wallet.debt - v_loan
  );
  if v_row.amount > 0 then
    v_row.user_id := p_user_id;
    v_row.id := v_asked.id;
    v_row.type := 'consumption';
    v_row.amount_asked := nullif(v_asked.amount, v_row.amount);
    v_row.debit_account := 'WALLET:' || p_user_id;
    v_row.credit_account := 'SERVICE:' || v_hold.service;
    select
      array_agg(part.id order by part.position), array_agg(part.amount order by part.position),
      array_agg(batch.remaining order by part.position)
    into v_row.batch_ids, v_row.batch_amounts, v_row.batch_remainders
    from unnest(v_ids, v_amounts) with ordinality as part (id, amount, position)
    join credits.batch on batch.id = part.id
    where batch.user_id = p_user_id
      and part.amount > 0;
    v_row.key := 'hold:' || v_hold.id;
    v_row.description := v_asked.description;
    v_row.metadata := coalesce(v_asked.metadata, v_hold.metadata);
    v_row.created_at := v_at;
    insert into credits.transaction
    select written.*
    from unnest(array[v_row]) as written;
  end if;

  update credits.hold
  set
    status = case when v_asked.amount = 0 then 'released' else 'settled' end,
    settled_amount = nullif(v_asked.amount, 0),
    end_id = v_asked.id,
    available_at_end = v_row.available_after,
    -- Late, its end is in the books already.
    ended_at = coalesce(hold.ended_at, v_at),
    open_until = coalesce(hold.open_until, case when v_row.amount > 0 then v_row.sequence - 1 else v_wallet.sequence end)
  where hold.user_id = p_user_id
    and hold.id = v_hold.id;

  update credits.wallet
  set
    held = wallet.held - case when v_is_late then 0 else v_hold.amount end,
    balance = wallet.balance - v_row.amount + v_loan,
    debt = wallet.debt + v_loan,
    sequence = case when v_row.amount > 0 then v_row.sequence else wallet.sequence end,
    available_after = case when v_row.amount > 0 then v_row.available_after else wallet.available_after end,
    last_at = v_at
  where wallet.user_id = p_user_id;

  if v_wallet.debt + v_wallet.due > 0 then
    perform credits.collect(array[p_user_id], v_at);
  end if;
  return credits.settlement_result(
    v_row, v_asked.amount, v_hold.amount, case when v_is_late then 'balance' else 'hold' end, v_wallet.available_after, false
  );
end;
$$;

-- What a hold that has ended answered when it was ended.
create or replace function credits.settled_before(p_hold credits.hold, p_end_id uuid)
returns jsonb
language plpgsql
stable
as $$
declare
  v_row credits.transaction;
  v_is_own constant boolean := p_hold.end_id = p_end_id;
begin
  select transaction.*
  into v_row
  from credits.transaction
  where transaction.user_id = p_hold.user_id
    and transaction.id = p_hold.end_id;
  v_row.amount := coalesce(v_row.amount, 0);
  v_row.available_after := p_hold.available_at_end;
  return credits.settlement_result(
    v_row, coalesce(p_hold.settled_amount, 0), p_hold.amount,
    -- Of the hold, not of the transaction: a late one may have found nothing to charge.
    case when p_hold.ended_at >= p_hold.expires_at then 'balance' else 'hold' end,
    -- Sent again after its answer got lost, not asked for again.
    case when v_is_own then credits.available_before(v_row.user_id, v_row.sequence) end,
    not v_is_own
  );
end;
$$;

create or replace function credits.settlement_result(
  p_row credits.transaction, p_asked bigint, p_held bigint, p_from text, p_available_before bigint, p_replayed boolean
)
returns jsonb
language sql
-- Not immutable, since jsonb_build_object is not: it would not be inlined.
stable
as $$
  select jsonb_build_object(
    'id', (p_row).id,
    'service', substr((p_row).credit_account, char_length('SERVICE:') + 1),
    'amount', (p_row).amount,
    'asked', p_asked,
    'released', greatest(0, p_held - p_asked),
    'available', (p_row).available_after,
    'available_before', p_available_before,
    'batch_ids', coalesce((p_row).batch_ids, '{}'),
    'batch_amounts', coalesce((p_row).batch_amounts, '{}'),
    'batch_remainders', coalesce((p_row).batch_remainders, '{}'),
    'from', p_from,
    'replayed', p_replayed
  )
$$;
