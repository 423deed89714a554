-- Credits whose money went back (rule 24): how much of a purchase's grant has to be gone, by what was refunded and disputed, and
-- what it takes to get there. Everything is derived from totals, so that order and repetition do not matter.

-- Brings one payment's grant to where its refunds and disputes put it.
-- p_rules: {refund: 'absorb' | 'debt', dispute: 'absorb' | 'debt'}: what becomes of what was spent.
-- Returns the ids of the transactions it wrote. Locks: the wallet.
create or replace function credits.take_back(p_provider text, p_payment_id text, p_rules jsonb, p_now timestamptz)
returns uuid[]
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
  v_payment credits.payment;
  v_wallet credits.wallet;
  v_at timestamptz;
  v_refunded bigint;
  v_disputed bigint;
  v_claim record;
  v_refund_target bigint;
  v_dispute_target bigint;
  v_dispute_own bigint;
  v_need bigint;
  v_written uuid[] := '{}';
begin
  select payment.*
  into v_payment
  from credits.payment
  where payment.provider = p_provider
    and payment.payment_id = p_payment_id;
  if v_payment.batch_id is null or v_payment.amount_paid = 0 then
    return v_written;
  end if;
  select wallet.* into v_wallet from credits.wallet where wallet.user_id = v_payment.user_id for update;
  v_at := greatest(v_wallet.last_at, credits.clock(p_now));
  if v_wallet.held > 0 then
    perform credits.end_timed_out_holds(array[v_payment.user_id], v_at, null);
  end if;

  select greatest(v_payment.refunded, coalesce(sum(refund.amount), 0))
  into v_refunded
  from credits.refund
  where refund.provider = p_provider
    and refund.payment_id = p_payment_id;
  select coalesce(sum(dispute.amount), 0)
  into v_disputed
  from credits.dispute
  where dispute.provider = p_provider
    and dispute.payment_id = p_payment_id
    and dispute.status <> 'won';
  -- numeric: the product of two amounts may pass what a bigint holds.
  v_refund_target := floor(
    v_payment.granted::numeric * least(v_refunded, v_payment.amount_paid) / v_payment.amount_paid
  );
  v_dispute_target := floor(
    v_payment.granted::numeric * least(v_refunded + v_disputed, v_payment.amount_paid) / v_payment.amount_paid
  ) - v_refund_target;

  -- A refund comes first to what is in the batch, whichever arrived first: so the order of messages does not decide what becomes
  -- owed. What a dispute holds beyond its share goes back, and the refund takes it.
  v_claim := credits.claimed(v_payment.user_id, v_payment.payment_id, v_payment.batch_id, v_at);
  v_dispute_own := greatest(0, least(
    v_dispute_target,
    v_claim.free + v_claim.dispute_own + v_claim.refund_own - greatest(v_refund_target, v_claim.refund_own)
  ));
  v_written := v_written
    || credits.unclaim(v_payment, 'chargeback', true, v_claim.dispute_own - v_dispute_own, v_at);
  perform credits.forget_due(
    v_payment, 'chargeback', v_claim.dispute_due + v_claim.dispute_lent - (v_dispute_target - v_dispute_own)
  );
  v_claim := credits.claimed(v_payment.user_id, v_payment.payment_id, v_payment.batch_id, v_at);
  v_written := v_written || credits.unclaim(
    v_payment, 'chargeback', false, v_claim.dispute_due + v_claim.dispute_lent - (v_dispute_target - v_dispute_own), v_at
  );
  -- More than its share, since another invoice of the period came later: what was given up or lent first, then credits.
  v_need := v_claim.refund_own + v_claim.refund_lent + v_claim.refund_due - v_refund_target;
  if v_need > 0 then
    perform credits.forget_due(v_payment, 'refund', v_need);
    v_need := v_need - least(v_need, v_claim.refund_due);
    v_written := v_written
      || credits.unclaim(v_payment, 'refund', false, least(v_need, v_claim.refund_lent), v_at)
      || credits.unclaim(v_payment, 'refund', true, v_need - least(v_need, v_claim.refund_lent), v_at);
  end if;
  v_need := v_refund_target - v_claim.refund_own - v_claim.refund_lent - v_claim.refund_due;
  if v_need > 0 then
    v_written := v_written || credits.claim(v_payment, 'refund', v_need, p_rules ->> 'refund', v_at);
  end if;
  v_claim := credits.claimed(v_payment.user_id, v_payment.payment_id, v_payment.batch_id, v_at);
  v_need := v_dispute_target - v_claim.dispute_own - v_claim.dispute_lent - v_claim.dispute_due;
  if v_need > 0 then
    v_written := v_written || credits.claim(v_payment, 'chargeback', v_need, p_rules ->> 'dispute', v_at);
  end if;
  perform credits.collect(array[v_payment.user_id], v_at);
  return v_written;
end;
$$;

-- What refunds and disputes have of a purchase so far: out of its own batch, out of what was lent for it, and what was given up; and
-- what its batch has free. From history, so that it cannot disagree with it.
create or replace function credits.claimed(
  p_user_id text, p_purchase_id text, p_batch_id uuid, p_at timestamptz,
  out refund_own bigint, out refund_lent bigint, out refund_due bigint,
  out dispute_own bigint, out dispute_lent bigint, out dispute_due bigint, out free bigint, out spent bigint
)
language plpgsql
stable
as $$
begin
  select
    coalesce(sum(part.amount) filter (where part.is_own and part.is_refund), 0),
    coalesce(sum(part.amount) filter (where not part.is_own and part.is_refund), 0),
    coalesce(sum(part.amount) filter (where part.is_own and not part.is_refund), 0),
    coalesce(sum(part.amount) filter (where not part.is_own and not part.is_refund), 0)
  into refund_own, refund_lent, dispute_own, dispute_lent
  from (
    select
      transaction.type in ('refund', 'refund_reversal') as is_refund,
      case when transaction.reverses is null then transaction.amount else -transaction.amount end as amount,
      -- One batch each: claim writes two transactions where it takes from two.
      transaction.batch_ids[1] = p_batch_id as is_own
    from credits.transaction
    where transaction.user_id = p_user_id
      and transaction.purchase_id = p_purchase_id
      and transaction.type in ('refund', 'refund_reversal', 'chargeback', 'chargeback_reversal')
  ) as part;
  select
    batch.refund_due, batch.dispute_due,
    case when batch.expires_at <= p_at then 0 else batch.remaining end,
    -- What was given up or lent for it was spent too.
    batch.consumed + batch.held - batch.refund_due - batch.dispute_due - refund_lent - dispute_lent
  into refund_due, dispute_due, free, spent
  from credits.batch
  where batch.user_id = p_user_id
    and batch.id = p_batch_id;
end;
$$;

-- Takes an amount back: first what is free of the purchase's own batch; of the rest, what was spent or is held is given up or
-- owed. What had expired is nobody's any more, and is not taken.
create or replace function credits.claim(
  p_payment credits.payment, p_type text, p_amount bigint, p_spent text, p_at timestamptz
)
returns uuid[]
language plpgsql
as $$
declare
  v_user_id constant text := p_payment.user_id;
  v_has record;
  v_take bigint;
  v_spent bigint;
  v_loan_row credits.transaction;
  v_written uuid[] := '{}';
begin
  v_has := credits.claimed(v_user_id, p_payment.payment_id, p_payment.batch_id, p_at);
  v_take := least(p_amount, v_has.free);
  v_spent := least(p_amount - v_take, v_has.spent);
  if v_take > 0 then
    v_written := array[credits.take(v_user_id, p_type, p_payment.payment_id, p_payment.batch_id, v_take, p_at)];
  end if;
  if v_spent > 0 and p_spent = 'debt' then
    v_loan_row := credits.lend_at(v_user_id, v_spent, p_at);
    v_written := v_written
      || credits.take(v_user_id, p_type, p_payment.payment_id, v_loan_row.batch_ids[1], v_spent, p_at);
  elsif v_spent > 0 then
    update credits.batch
    set
      refund_due = batch.refund_due + case when p_type = 'refund' then v_spent else 0 end,
      dispute_due = batch.dispute_due + case when p_type = 'chargeback' then v_spent else 0 end
    where batch.user_id = v_user_id
      and batch.id = p_payment.batch_id;
    update credits.wallet
    set due = wallet.due + v_spent, last_at = p_at
    where wallet.user_id = v_user_id;
  end if;
  return v_written;
end;
$$;

-- Lends what a wallet owes for a purchase, for the transaction that takes it at once.
create or replace function credits.lend_at(p_user_id text, p_amount bigint, p_at timestamptz)
returns credits.transaction
language plpgsql
as $$
declare
  v_wallet credits.wallet;
  v_row credits.transaction;
begin
  select wallet.* into v_wallet from credits.wallet where wallet.user_id = p_user_id;
  v_row := credits.lend(
    p_user_id, p_amount, v_wallet.sequence + 1,
    greatest(0, credits.free_credits(p_user_id, p_at) - v_wallet.debt), p_at
  );
  -- It is there to be taken back, not to be spent.
  update credits.batch
  set remaining = p_amount, consumed = 0
  where batch.user_id = p_user_id
    and batch.id = v_row.batch_ids[1];
  update credits.wallet
  set
    sequence = v_row.sequence,
    balance = wallet.balance + p_amount,
    debt = wallet.debt + p_amount,
    available_after = v_row.available_after,
    last_at = p_at
  where wallet.user_id = p_user_id;
  return v_row;
end;
$$;

-- Writes one transfer from a wallet back to a payment, out of one batch.
create or replace function credits.take(
  p_user_id text, p_type text, p_purchase_id text, p_batch_id uuid, p_amount bigint, p_at timestamptz
)
returns uuid
language plpgsql
as $$
declare
  v_wallet credits.wallet;
  v_remaining bigint;
  v_row credits.transaction;
begin
  select wallet.* into v_wallet from credits.wallet where wallet.user_id = p_user_id;
  update credits.batch
  set
    remaining = batch.remaining - p_amount,
    taken = batch.taken + p_amount
  where batch.user_id = p_user_id
    and batch.id = p_batch_id
  returning batch.remaining into v_remaining;

  v_row.user_id := p_user_id;
  v_row.sequence := v_wallet.sequence + 1;
  v_row.id := credits.uuid_v7(p_at);
  v_row.type := p_type;
  v_row.amount := p_amount;
  v_row.debit_account := 'WALLET:' || p_user_id;
  v_row.credit_account := 'PAYMENT:' || p_purchase_id;
  v_row.batch_ids := array[p_batch_id];
  v_row.batch_amounts := array[p_amount];
  v_row.batch_remainders := array[v_remaining];
  v_row.available_after := greatest(0, credits.free_credits(p_user_id, p_at) - v_wallet.debt);
  -- Which one of the purchase's it is: its place in history makes it unique.
  v_row.key := p_type || ':' || p_purchase_id || ':' || v_row.sequence;
  v_row.purchase_id := p_purchase_id;
  v_row.created_at := p_at;
  insert into credits.transaction
  select written.*
  from unnest(array[v_row]) as written;

  update credits.wallet
  set
    sequence = v_row.sequence,
    balance = wallet.balance - p_amount,
    available_after = v_row.available_after,
    last_at = p_at
  where wallet.user_id = p_user_id;
  return v_row.id;
end;
$$;

-- Gives back an amount of what refunds or disputes took of a purchase, out of its own batch or out of loans, the newest first.
create or replace function credits.unclaim(
  p_payment credits.payment, p_type text, p_own boolean, p_amount bigint, p_at timestamptz
)
returns uuid[]
language plpgsql
as $$
declare
  v_left bigint := p_amount;
  v_take bigint;
  v_place integer;
  v_claims credits.transaction[];
  v_claim credits.transaction;
  v_done bigint;
  v_row credits.transaction;
  v_written uuid[] := '{}';
begin
  select array_agg(transaction order by transaction.sequence desc)
  into v_claims
  from credits.transaction
  where p_amount > 0
    and transaction.user_id = p_payment.user_id
    and transaction.purchase_id = p_payment.payment_id
    and transaction.type = p_type
    and (transaction.batch_ids[1] = p_payment.batch_id) = p_own;
  for v_place in 1 .. coalesce(cardinality(v_claims), 0) loop
    exit when v_left <= 0;
    v_claim := v_claims[v_place];
    select coalesce(sum(transaction.amount), 0)
    into v_done
    from credits.transaction
    where transaction.user_id = p_payment.user_id
      and transaction.reverses = v_claim.id;
    v_take := least(v_left, v_claim.amount - v_done);
    continue when v_take = 0;
    v_left := v_left - v_take;
    v_row := null;
    v_row.id := credits.uuid_v7(p_at);
    v_row.type := p_type || '_reversal';
    v_row.key := v_row.type || ':' || v_claim.id || ':' || v_done;
    v_row.purchase_id := p_payment.payment_id;
    v_row := credits.give_back(v_claim, v_take, v_done, v_row, p_at);
    v_written := v_written || v_row.id;
  end loop;
  return v_written;
end;
$$;

-- Claims no more of what was given up for refunds or disputes. Writes no transaction: nothing was moved.
create or replace function credits.forget_due(p_payment credits.payment, p_type text, p_amount bigint)
returns void
language plpgsql
as $$
declare
  v_due bigint;
begin
  select least(p_amount, case p_type when 'refund' then batch.refund_due else batch.dispute_due end)
  into v_due
  from credits.batch
  where batch.user_id = p_payment.user_id
    and batch.id = p_payment.batch_id;
  if v_due > 0 then
    update credits.batch
    set
      refund_due = batch.refund_due - case p_type when 'refund' then v_due else 0 end,
      dispute_due = batch.dispute_due - case p_type when 'refund' then 0 else v_due end
    where batch.user_id = p_payment.user_id
      and batch.id = p_payment.batch_id;
    update credits.wallet
    set due = wallet.due - v_due
    where wallet.user_id = p_payment.user_id;
  end if;
end;
$$;

-- What is done with credits that came in or came free: first what is due of the very batches they are in, then what is owed.
-- Called by whatever frees credits or brings them in, in its own transaction and after its own rows.
-- Locks: none of its own; the caller has the wallets.
create or replace function credits.collect(p_user_ids text[], p_now timestamptz)
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
  v_place integer;
  v_user_ids text[];
  v_ats timestamptz[];
begin
  select array_agg(wallet.user_id order by wallet.user_id), array_agg(greatest(wallet.last_at, p_now) order by wallet.user_id)
  into v_user_ids, v_ats
  from credits.wallet
  where wallet.user_id = any (p_user_ids)
    and wallet.due > 0;
  for v_place in 1 .. coalesce(cardinality(v_user_ids), 0) loop
    perform credits.take_due(v_user_ids[v_place], v_ats[v_place]);
  end loop;
  perform credits.repay_debt(p_user_ids, p_now);
end;
$$;

-- Takes what is due of one wallet's batches from what is free in them.
create or replace function credits.take_due(p_user_id text, p_at timestamptz)
returns void
language plpgsql
as $$
declare
  v_place integer;
  v_batches credits.batch[];
  v_batch credits.batch;
  v_purchase_id text;
  v_dispute bigint;
  v_refund bigint;
begin
  select array_agg(batch order by batch.sequence)
  into v_batches
  from credits.batch
  where batch.user_id = p_user_id
    and batch.is_open
    and batch.remaining > 0
    and batch.refund_due + batch.dispute_due > 0
    and (batch.expires_at is null or batch.expires_at > p_at);
  for v_place in 1 .. coalesce(cardinality(v_batches), 0) loop
    v_batch := v_batches[v_place];
    v_dispute := least(v_batch.remaining, v_batch.dispute_due);
    v_refund := least(v_batch.remaining - v_dispute, v_batch.refund_due);
    update credits.batch
    set
      dispute_due = batch.dispute_due - v_dispute,
      refund_due = batch.refund_due - v_refund
    where batch.user_id = p_user_id
      and batch.id = v_batch.id;
    update credits.wallet
    set due = wallet.due - v_dispute - v_refund
    where wallet.user_id = p_user_id;
    select payment.payment_id
    into v_purchase_id
    from credits.payment
    where payment.user_id = p_user_id
      and payment.batch_id = v_batch.id
    -- Of two invoices of a period, the one whose money went back.
    order by payment.refunded desc, payment.payment_id
    limit 1;
    if v_dispute > 0 then
      perform credits.take(p_user_id, 'chargeback', v_purchase_id, v_batch.id, v_dispute, p_at);
    end if;
    if v_refund > 0 then
      perform credits.take(p_user_id, 'refund', v_purchase_id, v_batch.id, v_refund, p_at);
    end if;
  end loop;
end;
$$;
