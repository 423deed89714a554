-- Debt: credits lent to a wallet where more was used than there was (rules 22, 24). A loan is a transfer from SYSTEM:debt into a
-- batch of its own, drained at once by the transaction that needed it; repaying moves credits back there. So books stay a sum
-- of batches, and nothing is ever negative.

-- Writes the loan: its transaction, and its batch with everything in it already consumed. The caller, who has the wallet's
-- lock, writes the transaction that drains it, and the wallet's row.
create or replace function credits.lend(
  p_user_id text, p_amount bigint, p_sequence bigint, p_available bigint, p_at timestamptz
)
returns credits.transaction
language plpgsql
as $$
declare
  v_batch credits.batch;
  v_row credits.transaction;
begin
  v_row.user_id := p_user_id;
  v_row.sequence := p_sequence;
  v_row.id := credits.uuid_v7(p_at);
  v_row.type := 'debt';
  v_row.amount := p_amount;
  v_row.debit_account := 'SYSTEM:debt';
  v_row.credit_account := 'WALLET:' || p_user_id;
  v_row.batch_ids := array[credits.uuid_v7(p_at)];
  v_row.batch_amounts := array[p_amount];
  v_row.batch_remainders := array[p_amount];
  -- What is lent is owed: it makes nothing available.
  v_row.available_after := p_available;
  v_row.created_at := p_at;

  insert into credits.batch (user_id, id, sequence, priority, amount, remaining, consumed, granted_at)
  -- First in drain order: what comes back to it repays the debt, not what the user paid for.
  values (p_user_id, v_row.batch_ids[1], p_sequence, -32768, p_amount, 0, p_amount, p_at);
  insert into credits.transaction
  select written.*
  from unnest(array[v_row]) as written;
  return v_row;
end;
$$;

-- Repays what some wallets owe from what is free in them, in drain order: one transaction each. Called by whatever brings
-- credits in, in its own transaction and after its own rows. What is available does not change: it was owed.
-- Locks: none of its own; the caller has the wallets.
create or replace function credits.repay_debt(p_user_ids text[], p_now timestamptz)
returns void
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
  v_row credits.transaction;
  v_at timestamptz;
  v_free bigint;
begin
  for v_wallet in
    select wallet.*
    from credits.wallet
    where wallet.user_id = any (p_user_ids)
      and wallet.debt > 0
    order by wallet.user_id
  loop
    v_at := greatest(v_wallet.last_at, p_now);
    v_free := credits.free_credits(v_wallet.user_id, v_at);
    continue when v_free = 0;

    v_row := null;
    v_row.amount := least(v_wallet.debt, v_free);
    select taken.batch_ids, taken.batch_amounts, taken.batch_remainders
    into v_row.batch_ids, v_row.batch_amounts, v_row.batch_remainders
    from credits.allocate(v_wallet.user_id, v_row.amount, v_at) as taken;

    update credits.batch
    set
      remaining = batch.remaining - part.amount,
      consumed = batch.consumed + part.amount
    from unnest(v_row.batch_ids, v_row.batch_amounts) as part (id, amount)
    where batch.user_id = v_wallet.user_id
      and batch.id = part.id;

    v_row.user_id := v_wallet.user_id;
    v_row.sequence := v_wallet.sequence + 1;
    v_row.id := credits.uuid_v7(v_at);
    v_row.type := 'debt_repayment';
    v_row.debit_account := 'WALLET:' || v_wallet.user_id;
    v_row.credit_account := 'SYSTEM:debt';
    v_row.available_after := greatest(0, v_free - v_wallet.debt);
    v_row.created_at := v_at;
    insert into credits.transaction
    select written.*
    from unnest(array[v_row]) as written;

    update credits.wallet
    set
      sequence = v_row.sequence,
      balance = wallet.balance - v_row.amount,
      debt = wallet.debt - v_row.amount,
      available_after = v_row.available_after,
      last_at = v_at
    where wallet.user_id = v_wallet.user_id;
  end loop;
end;
$$;
