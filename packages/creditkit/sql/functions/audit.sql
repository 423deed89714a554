-- Every invariant of the books as a named query (rule 27). Returns what breaks one: the rule, the query's name, the
-- user and the row. Reads one snapshot, locks nothing; the cost grows with the history.
create or replace function credits.audit()
returns table (rule text, name text, user_id text, detail text)
language plpgsql
stable
set jit = off
as $$
#variable_conflict use_column
begin
  -- Rule 5: history is gap-free and ordered.
  return query
  select '5', 'sequence', wallet.user_id,
    format('wallet says %s transactions, history has %s numbered %s to %s',
      wallet.sequence, coalesce(history.rows, 0), history.first, history.last)
  from credits.wallet
  left join (
    select
      transaction.user_id, count(*) as rows, min(transaction.sequence) as first, max(transaction.sequence) as last
    from credits.transaction
    group by transaction.user_id
  ) as history on history.user_id = wallet.user_id
  where wallet.sequence <> coalesce(history.rows, 0)
    or wallet.sequence <> coalesce(history.last, 0)
    or history.first <> 1;

  return query
  select '5', 'wallet_missing', transaction.user_id, format('transaction %s has no wallet', transaction.id)
  from credits.transaction
  where not exists (select from credits.wallet where wallet.user_id = transaction.user_id);

  return query
  select '2', 'time_order', line.user_id,
    format('transaction %s (number %s) is dated before its predecessor or after its wallet', line.id, line.sequence)
  from (
    select
      transaction.user_id, transaction.id, transaction.sequence, transaction.created_at, wallet.last_at,
      lag(transaction.created_at) over (partition by transaction.user_id order by transaction.sequence) as previous_at
    from credits.transaction
    join credits.wallet on wallet.user_id = transaction.user_id
  ) as line
  where line.created_at < line.previous_at
    or line.created_at > line.last_at;

  -- Rule 25: each transaction.
  return query
  select '25', 'allocations', transaction.user_id,
    format('transaction %s moves %s, its allocations %s', transaction.id, amount, credits.total(batch_amounts))
  from credits.transaction
  where amount <= 0
    or amount is distinct from credits.total(batch_amounts)
    or cardinality(batch_ids) <> cardinality(batch_amounts)
    or cardinality(batch_ids) <> cardinality(batch_remainders)
    or array_position(batch_ids, null) is not null
    or array_position(batch_remainders, null) is not null
    or 0 >= any (batch_amounts)
    or 0 > any (batch_remainders);

  return query
  select '25', 'accounts', transaction.user_id,
    format('transaction %s of type %s moves %s to %s', transaction.id, type, debit_account, credit_account)
  from credits.transaction
  where not credits.accounts_fit(type, transaction.user_id, debit_account, credit_account);

  -- Rule 13: a key says what its row is.
  return query
  select '13', 'key', transaction.user_id,
    format('transaction %s of type %s has the key %s', transaction.id, type, coalesce(quote_literal(key), 'null'))
  from credits.transaction
  where case
    when type in ('expiration', 'debt', 'debt_repayment') then key is not null
    when type in ('reversal', 'refund_reversal', 'chargeback_reversal') then not starts_with(key, type || ':' || reverses || ':')
    when type in ('refund', 'chargeback') then not starts_with(key, type || ':' || purchase_id || ':')
    when type = 'consumption' and starts_with(key, 'hold:') then false
    when type = 'consumption' or credits.grant_key(type, period, source_plan, purchase_id, null) is null then
      not starts_with(key, 'key:')
    else key is distinct from credits.grant_key(type, period, source_plan, purchase_id, null)
  end;

  return query
  select '13', 'key_twice', transaction.user_id, format('%s transactions have the key %L', count(*), key)
  from credits.transaction
  where key is not null
  group by transaction.user_id, key
  having count(*) > 1;

  -- Rule 15: a purchase id belongs to one user, and its grant's account names it. Purchases are read by themselves: on a
  -- cluster they live on other shards than wallets.
  return query
  with purchase as materialized (select * from credits.purchase)
  select '15', 'purchase', transaction.user_id,
    format('transaction %s names purchase %L, which belongs to %s', transaction.id, transaction.purchase_id,
      coalesce(quote_literal(purchase.user_id), 'nobody'))
  from credits.transaction
  left join purchase on purchase.purchase_id = transaction.purchase_id
  where transaction.purchase_id is not null
    and (
      purchase.user_id is distinct from transaction.user_id
      or case
        when transaction.type in ('refund', 'chargeback') then credit_account <> 'PAYMENT:' || transaction.purchase_id
        when transaction.type in ('refund_reversal', 'chargeback_reversal') then debit_account <> 'PAYMENT:' || transaction.purchase_id
        else
          purchase.type is distinct from transaction.type
          or purchase.transaction_id is distinct from transaction.id
          or (transaction.type = 'purchase' and debit_account <> 'PAYMENT:' || transaction.purchase_id)
      end
    );

  return query
  with purchase as materialized (select * from credits.purchase),
  granted as materialized (
    select purchase.purchase_id
    from purchase
    join credits.transaction
      on transaction.user_id = purchase.user_id
      and transaction.id = purchase.transaction_id
      and transaction.type = purchase.type
  )
  select '15', 'purchase_without_grant', purchase.user_id, format('purchase %L granted nothing', purchase.purchase_id)
  from purchase
  where not exists (select from granted where granted.purchase_id = purchase.purchase_id);

  -- Rule 25: each batch, against itself, its holds and history.
  return query
  with allocation as materialized (
    select
      transaction.user_id, transaction.sequence, transaction.type, transaction.id as transaction_id,
      transaction.created_at, part.batch_id, part.amount, part.remainder,
      starts_with(transaction.key, 'hold:') as is_settlement,
      case when transaction.credit_account = 'WALLET:' || transaction.user_id then part.amount else -part.amount end as change
    from credits.transaction
    cross join lateral unnest(batch_ids, batch_amounts, batch_remainders) as part (batch_id, amount, remainder)
  ),
  aside as materialized (
    select
      hold.user_id, hold.id as hold_id, hold.status, hold.expires_at, hold.open_after, hold.open_until, part.batch_id,
      part.amount
    from credits.hold
    cross join lateral unnest(batch_ids, batch_amounts) as part (batch_id, amount)
  ),
  history as (
    select
      allocation.user_id, batch_id,
      coalesce(
        sum(amount) filter (
          where type not in (
            'consumption', 'debt_repayment', 'reversal', 'expiration', 'refund', 'refund_reversal', 'chargeback',
            'chargeback_reversal', 'deduction'
          )
        ),
        0
      ) as granted,
      -- Repaying a debt pays for what was consumed before.
      coalesce(sum(amount) filter (where type in ('consumption', 'debt_repayment')), 0)
        - coalesce(sum(amount) filter (where type = 'reversal'), 0) as consumed,
      coalesce(sum(amount) filter (where type = 'expiration'), 0) as expired,
      coalesce(sum(amount) filter (where type in ('refund', 'chargeback', 'deduction')), 0)
        - coalesce(sum(amount) filter (where type in ('refund_reversal', 'chargeback_reversal')), 0) as taken,
      min(sequence) as sequence,
      min(created_at) as granted_at
    from allocation
    group by allocation.user_id, batch_id
  ),
  -- What is free in each batch along the wallet's history: transactions at even places, holds that begin and end between them
  -- at odd ones.
  movement as (
    select allocation.user_id, batch_id, 2 * sequence as place, change from allocation
    union all
    select aside.user_id, batch_id, 2 * open_after + 1, -amount from aside
    union all
    select aside.user_id, batch_id, 2 * open_until + 1, amount from aside where open_until is not null
  ),
  level as materialized (
    select
      step.user_id, step.batch_id, step.place,
      sum(step.change) over (partition by step.user_id, step.batch_id order by step.place) as free
    from (
      select movement.user_id, movement.batch_id, movement.place, sum(movement.change) as change
      from movement
      group by movement.user_id, movement.batch_id, movement.place
    ) as step
  ),
  -- The stretches of history during which a batch had something free.
  stretch as materialized (
    select turn.user_id, turn.batch_id, turn.place as first, lead(turn.place) over (
        partition by turn.user_id, turn.batch_id order by turn.place
      ) as next, turn.free
    from (
      select level.*, lag(level.free) over (partition by level.user_id, level.batch_id order by level.place) as before
      from level
    ) as turn
    where turn.before is null
      or (turn.before > 0) <> (turn.free > 0)
  )
  select '25', 'batch', batch.user_id,
    format('batch %s: amount %s, remaining %s, held %s, consumed %s, expired %s, taken %s',
      batch.id, amount, remaining, held, consumed, expired, taken)
  from credits.batch
  where amount <> remaining + held + consumed + expired + taken
    or least(remaining, held, consumed, expired, taken) < 0
  union all
  select '25', 'batch_history', coalesce(batch.user_id, history.user_id),
    format('batch %s: amount %s, consumed %s, expired %s, taken %s; history granted %s, consumed %s, expired %s, took %s',
      coalesce(batch.id, history.batch_id), batch.amount, batch.consumed, batch.expired, batch.taken,
      history.granted, history.consumed, history.expired, history.taken)
  from credits.batch
  full join history on history.user_id = batch.user_id and history.batch_id = batch.id
  where (batch.amount, batch.consumed, batch.expired, batch.taken, batch.sequence, batch.granted_at)
    is distinct from (
      history.granted, history.consumed, history.expired, history.taken, history.sequence, history.granted_at
    )
  union all
  select '25', 'batch_held', coalesce(batch.user_id, open.user_id),
    format('batch %s says %s held, its holds %s', coalesce(batch.id, open.batch_id), batch.held, open.amount)
  from credits.batch
  full join (
    select aside.user_id, aside.batch_id, sum(aside.amount) as amount
    from aside
    where aside.status = 'open'
    group by aside.user_id, aside.batch_id
  ) as open on open.user_id = batch.user_id and open.batch_id = batch.id
  where coalesce(batch.held, -1) <> coalesce(open.amount, 0)
  union all
  select '25', 'remainder', allocation.user_id,
    format('transaction %s left %s in batch %s and says %s', transaction_id, level.free, allocation.batch_id, remainder)
  from allocation
  join level
    on level.user_id = allocation.user_id
    and level.batch_id = allocation.batch_id
    and level.place = 2 * allocation.sequence
  where level.free <> remainder
  union all
  select '25', 'free', level.user_id, format('batch %s had %s free', level.batch_id, min(level.free))
  from level
  where level.free < 0
  group by level.user_id, level.batch_id
  union all
  -- Rule 3: nothing is spent before a batch begins or once it has expired, nothing expires early. Rule 22: what was
  -- held before a batch expired may be charged after it.
  select '3', 'validity', allocation.user_id, format('transaction %s touches batch %s outside its validity', transaction_id, batch_id)
  from allocation
  join credits.batch on batch.user_id = allocation.user_id and batch.id = allocation.batch_id
  where (
      allocation.type in ('consumption', 'debt_repayment', 'refund', 'chargeback', 'deduction')
      and (allocation.created_at < batch.granted_at or allocation.created_at >= batch.expires_at)
      and not exists (
        select
        from aside
        where allocation.is_settlement
          and aside.user_id = allocation.user_id
          and aside.batch_id = allocation.batch_id
          and aside.open_until = allocation.sequence - 1
          and aside.amount >= allocation.amount
          and aside.expires_at > allocation.created_at
      )
    )
    or (allocation.type = 'expiration' and allocation.created_at < coalesce(batch.expires_at, 'infinity'))
  union all
  -- Rule 4: when a spend drains a batch, no earlier one in drain order has anything free. A settlement charges what was
  -- fixed when its hold was made.
  select distinct '4', 'drain_order', spend.user_id,
    format('transaction %s drained batch %s before batch %s', spend.transaction_id, drained.id, skipped.id)
  from allocation as spend
  join credits.batch as drained on drained.user_id = spend.user_id and drained.id = spend.batch_id
  join credits.batch as skipped
    on skipped.user_id = spend.user_id
    and skipped.sequence < spend.sequence
    and (skipped.priority, coalesce(skipped.expires_at, 'infinity'), skipped.granted_at, skipped.sequence)
      < (drained.priority, coalesce(drained.expires_at, 'infinity'), drained.granted_at, drained.sequence)
    and coalesce(skipped.expires_at, 'infinity') > spend.created_at
  join stretch
    on stretch.user_id = skipped.user_id
    and stretch.batch_id = skipped.id
    and stretch.free > 0
    and stretch.first <= 2 * spend.sequence
    and coalesce(stretch.next, 9223372036854775807) > 2 * spend.sequence
  where spend.type in ('consumption', 'debt_repayment', 'deduction')
    and spend.is_settlement is not true;

  -- Rule 22: each hold, and what ended it.
  return query
  select '22', 'hold', hold.user_id, format('hold %s sets %s aside, its allocations %s', hold.id, amount, credits.total(batch_amounts))
  from credits.hold
  where amount <> credits.total(batch_amounts)
    or cardinality(batch_ids) <> cardinality(batch_amounts);

  return query
  select '22', 'settlement', coalesce(hold.user_id, transaction.user_id),
    format('hold %s is %s for %s, transaction %s of %s', hold.id, hold.status, hold.settled_amount, transaction.id,
      transaction.amount)
  from credits.hold
  full join (
    select transaction.*
    from credits.transaction
    where starts_with(transaction.key, 'hold:')
  ) as transaction on transaction.user_id = hold.user_id and transaction.key = 'hold:' || hold.id
  where case
    when hold.id is null then true
    when transaction.id is not null then
      hold.status <> 'settled'
      or hold.end_id <> transaction.id
      or hold.settled_amount <> coalesce(transaction.amount_asked, transaction.amount)
      or transaction.credit_account <> 'SERVICE:' || hold.service
      or transaction.created_at < hold.created_at
    -- Late, and nothing was left to charge.
    else hold.status = 'settled' and (hold.available_at_end > 0 or hold.overage <> 'take_available')
  end;

  -- Rule 22: a settlement in time charges what its hold fixed, in the order of the hold's allocations, before anything else.
  return query
  select '22', 'settlement_parts', due.user_id,
    format('transaction %s charged %s of batch %s, its hold fixed %s', due.transaction_id, coalesce(charged.amount, 0),
      due.batch_id, due.amount)
  from (
    select
      hold.user_id, transaction.id as transaction_id, part.batch_id,
      greatest(0, least(
        part.amount,
        transaction.amount - (
          sum(part.amount) over (partition by hold.user_id, hold.id order by part.position) - part.amount
        )
      )) as amount
    from credits.hold
    join credits.transaction on transaction.user_id = hold.user_id and transaction.id = hold.end_id
    cross join lateral unnest(hold.batch_ids, hold.batch_amounts) with ordinality as part (batch_id, amount, position)
    where hold.ended_at < hold.expires_at
  ) as due
  left join (
    select transaction.user_id, transaction.id as transaction_id, allocated.batch_id, allocated.amount
    from credits.transaction
    cross join lateral unnest(batch_ids, batch_amounts) as allocated (batch_id, amount)
    where starts_with(transaction.key, 'hold:')
  ) as charged
    on charged.user_id = due.user_id
    and charged.transaction_id = due.transaction_id
    and charged.batch_id = due.batch_id
  where coalesce(charged.amount, 0) < due.amount;

  -- Rule 23: a spend is given back once at most, to the account and into the batches it came from.
  return query
  select '23', 'reversal', spend.user_id, format('transaction %s of %s was reversed by %s', spend.id, spend.amount, given.amount)
  from (
    select transaction.user_id, transaction.reverses, sum(transaction.amount) as amount,
      min(transaction.type) as first_type, max(transaction.type) as last_type,
      min(transaction.debit_account) as first_account, max(transaction.debit_account) as last_account
    from credits.transaction
    where transaction.reverses is not null
    group by transaction.user_id, transaction.reverses
  ) as given
  left join credits.transaction as spend on spend.user_id = given.user_id and spend.id = given.reverses
  where spend.id is null
    or given.first_type <> given.last_type
    or given.first_type is distinct from case spend.type
      when 'consumption' then 'reversal'
      when 'refund' then 'refund_reversal'
      when 'chargeback' then 'chargeback_reversal'
    end
    or given.amount > spend.amount
    or given.first_account <> spend.credit_account
    or given.last_account <> spend.credit_account;

  return query
  select '23', 'reversal_parts', coalesce(due.user_id, given.user_id),
    format('the reversals of transaction %s gave %s back to batch %s: in reverse order of consumption it is %s',
      coalesce(due.spend_id, given.spend_id), coalesce(given.amount, 0), coalesce(due.batch_id, given.batch_id),
      coalesce(due.amount, 0))
  from (
    select
      spend.user_id, spend.id as spend_id, part.batch_id,
      greatest(0, least(
        part.amount,
        reversed.amount - (
          sum(part.amount) over (partition by spend.user_id, spend.id order by part.position desc) - part.amount
        )
      )) as amount
    from (
      select transaction.user_id, transaction.reverses, sum(transaction.amount) as amount
      from credits.transaction
      where transaction.reverses is not null
      group by transaction.user_id, transaction.reverses
    ) as reversed
    join credits.transaction as spend on spend.user_id = reversed.user_id and spend.id = reversed.reverses
    cross join lateral unnest(spend.batch_ids, spend.batch_amounts) with ordinality as part (batch_id, amount, position)
  ) as due
  full join (
    select
      transaction.user_id, transaction.reverses as spend_id, allocated.batch_id, sum(allocated.amount) as amount
    from credits.transaction
    cross join lateral unnest(batch_ids, batch_amounts) as allocated (batch_id, amount)
    where transaction.reverses is not null
    group by transaction.user_id, transaction.reverses, allocated.batch_id
  ) as given
    on given.user_id = due.user_id
    and given.spend_id = due.spend_id
    and given.batch_id = due.batch_id
  where coalesce(due.amount, 0) <> coalesce(given.amount, 0);

  return query
  select '23', 'reversal_type', transaction.user_id,
    format('transaction %s of type %s reverses %s', transaction.id, type, coalesce(reverses::text, 'nothing'))
  from credits.transaction
  where (type in ('reversal', 'refund_reversal', 'chargeback_reversal')) <> (reverses is not null);

  -- Rules 6 and 25: each wallet, against its batches and against history.
  return query
  select '25', 'balance', wallet.user_id,
    format('wallet says %s, its batches hold %s, history adds up to %s', wallet.balance, held.amount, history.amount)
  from credits.wallet
  cross join lateral (
    select coalesce(sum(batch.remaining + batch.held), 0) as amount from credits.batch where batch.user_id = wallet.user_id
  ) as held
  cross join lateral (
    select
      coalesce(
        sum(
          case when transaction.credit_account = 'WALLET:' || wallet.user_id then transaction.amount
          else -transaction.amount end
        ),
        0
      ) as amount
    from credits.transaction
    where transaction.user_id = wallet.user_id
  ) as history
  where wallet.balance <> held.amount
    or wallet.balance <> history.amount;

  return query
  select '25', 'held', wallet.user_id, format('wallet says %s held, its holds %s', wallet.held, open.amount)
  from credits.wallet
  cross join lateral (
    select coalesce(sum(hold.amount), 0) as amount
    from credits.hold
    where hold.user_id = wallet.user_id and hold.status = 'open'
  ) as open
  where wallet.held <> open.amount;

  return query
  select '24', 'debt', wallet.user_id, format('wallet owes %s, history says %s', wallet.debt, owed.amount)
  from credits.wallet
  cross join lateral (
    select
      coalesce(sum(case transaction.type when 'debt' then transaction.amount else -transaction.amount end), 0) as amount
    from credits.transaction
    where transaction.user_id = wallet.user_id and transaction.type in ('debt', 'debt_repayment')
  ) as owed
  where wallet.debt <> owed.amount;

  -- What is owed is repaid before anything is free.
  return query
  select '24', 'debt_unpaid', wallet.user_id, format('wallet owes %s and has %s free', wallet.debt, free.amount)
  from credits.wallet
  cross join lateral (
    select coalesce(sum(batch.remaining), 0) as amount
    from credits.batch
    where batch.user_id = wallet.user_id
      and (batch.expires_at is null or batch.expires_at > wallet.last_at)
  ) as free
  where wallet.debt > 0
    and free.amount > 0;

  -- Rule 24: what was given up and comes back is taken before anything else.
  return query
  select '24', 'due', wallet.user_id,
    format('wallet says %s are due, its batches %s, of which %s are free', wallet.due, due.amount, due.free)
  from credits.wallet
  cross join lateral (
    select
      coalesce(sum(batch.refund_due + batch.dispute_due), 0) as amount,
      coalesce(
        sum(least(batch.remaining, batch.refund_due + batch.dispute_due))
          filter (where batch.expires_at is null or batch.expires_at > wallet.last_at),
        0
      ) as free
    from credits.batch
    where batch.user_id = wallet.user_id
  ) as due
  where wallet.due <> due.amount
    or due.free > 0;

  -- Rules 15 and 24: a payment granted what it says, and no more was taken back of it than was refunded and disputed.
  return query
  select '24', 'payment', payment.user_id,
    format('payment %s granted %s; refunds took %s of %s, disputes %s of %s', payment.payment_id, payment.granted,
      took.refund, target.refund, took.dispute, target.both - target.refund)
  from credits.payment
  left join credits.batch on batch.user_id = payment.user_id and batch.id = payment.batch_id
  cross join lateral (
    select
      greatest(
        payment.refunded,
        (
          select coalesce(sum(refund.amount), 0)
          from credits.refund
          where refund.provider = payment.provider and refund.payment_id = payment.payment_id
        )
      ) as refunded,
      (
        select coalesce(sum(dispute.amount), 0)
        from credits.dispute
        where dispute.provider = payment.provider and dispute.payment_id = payment.payment_id and dispute.status <> 'won'
      ) as disputed
  ) as money
  cross join lateral (
    select
      coalesce(
        floor(payment.granted::numeric * least(money.refunded, payment.amount_paid) / nullif(payment.amount_paid, 0)), 0
      ) as refund,
      coalesce(
        floor(
          payment.granted::numeric * least(money.refunded + money.disputed, payment.amount_paid)
            / nullif(payment.amount_paid, 0)
        ),
        0
      ) as both
  ) as target
  cross join lateral (
    select
      coalesce(sum(transaction.amount) filter (where transaction.type = 'refund'), 0)
        - coalesce(sum(transaction.amount) filter (where transaction.type = 'refund_reversal'), 0) as refund,
      coalesce(sum(transaction.amount) filter (where transaction.type = 'chargeback'), 0)
        - coalesce(sum(transaction.amount) filter (where transaction.type = 'chargeback_reversal'), 0) as dispute
    from credits.transaction
    where transaction.user_id = payment.user_id and transaction.purchase_id = payment.payment_id
  ) as took
  where took.refund + coalesce(batch.refund_due, 0) > target.refund
    or took.dispute + coalesce(batch.dispute_due, 0) > target.both - target.refund
    or payment.granted > coalesce(batch.amount, 0)
    or (payment.kind = 'package' and payment.granted <> batch.amount);

  -- Rule 6: what each operation answered as the balance, recomputed: all that moved so far, less what had expired by
  -- then and left the wallet only later or not yet, less what was held in valid batches, less what was owed.
  return query
  with entry as (
    -- Transactions at even places, holds that begin and end between them at odd ones.
    select
      transaction.user_id, 2 * transaction.sequence as place, transaction.id, transaction.sequence, transaction.created_at,
      transaction.available_after,
      case when transaction.credit_account = 'WALLET:' || transaction.user_id then transaction.amount
      else -transaction.amount end as change,
      case transaction.type when 'debt' then transaction.amount when 'debt_repayment' then -transaction.amount else 0 end
        as owed,
      0 as held
    from credits.transaction
    union all
    select hold.user_id, 2 * hold.open_after + 1, null, null, null, null, 0, 0, hold.amount from credits.hold
    union all
    select hold.user_id, 2 * hold.open_until + 1, null, null, null, null, 0, 0, -hold.amount
    from credits.hold
    where hold.open_until is not null
  ),
  line as materialized (
    select
      entry.user_id, entry.id, entry.sequence, entry.created_at, entry.available_after,
      sum(entry.change) over so_far as booked,
      sum(entry.owed) over so_far as owed,
      sum(entry.held) over so_far as held
    from entry
    window so_far as (partition by entry.user_id order by entry.place)
  ),
  gone as materialized (
    select
      batch.user_id, batch.expires_at, batch.remaining + batch.held as amount, 9223372036854775807 as booked_at
    from credits.batch
    where batch.is_open and batch.expires_at is not null
    union all
    select
      transaction.user_id, batch.expires_at,
      case when transaction.credit_account = 'WALLET:' || transaction.user_id then -part.amount else part.amount end,
      transaction.sequence
    from credits.transaction
    cross join lateral unnest(batch_ids, batch_amounts) as part (batch_id, amount)
    join credits.batch on batch.user_id = transaction.user_id and batch.id = part.batch_id
    where transaction.created_at >= batch.expires_at
  ),
  unbooked as (
    select line.user_id, line.sequence, sum(gone.amount) as amount
    from line
    join gone
      on gone.user_id = line.user_id
      and gone.expires_at <= line.created_at
      and gone.booked_at > line.sequence
    group by line.user_id, line.sequence
  ),
  -- What was held in batches that had expired by then is among what is gone.
  gone_and_held as (
    select line.user_id, line.sequence, sum(aside.amount) as amount
    from line
    join (
      select hold.user_id, hold.open_after, hold.open_until, batch.expires_at, part.amount
      from credits.hold
      cross join lateral unnest(batch_ids, batch_amounts) as part (batch_id, amount)
      join credits.batch on batch.user_id = hold.user_id and batch.id = part.batch_id
      where batch.expires_at < hold.expires_at
    ) as aside
      on aside.user_id = line.user_id
      and aside.open_after < line.sequence
      and coalesce(aside.open_until, 9223372036854775807) >= line.sequence
      and aside.expires_at <= line.created_at
    group by line.user_id, line.sequence
  ),
  recomputed as (
    select
      line.user_id, line.id, line.available_after,
      greatest(
        0,
        line.booked - coalesce(unbooked.amount, 0) - (line.held - coalesce(gone_and_held.amount, 0)) - line.owed
      ) as available
    from line
    left join unbooked on unbooked.user_id = line.user_id and unbooked.sequence = line.sequence
    left join gone_and_held on gone_and_held.user_id = line.user_id and gone_and_held.sequence = line.sequence
    where line.id is not null
  )
  select '6', 'available', recomputed.user_id,
    format('transaction %s answered %s, the books say %s', recomputed.id, recomputed.available_after, recomputed.available)
  from recomputed
  where recomputed.available_after <> recomputed.available;

  return query
  select '6', 'available_after', wallet.user_id,
    format('wallet says %s, its newest transaction %s', wallet.available_after, newest.available_after)
  from credits.wallet
  left join credits.transaction as newest
    on newest.user_id = wallet.user_id and newest.sequence = wallet.sequence
  where wallet.available_after is distinct from newest.available_after;

  -- Rule 26: history, and what it adds up to, is guarded.
  return query
  select '26', 'append_only', null::text, format('trigger %s is missing or disabled', guard.name)
  from (
    values
      ('credits.transaction'::regclass, 'transaction_append_only'),
      ('credits.transaction'::regclass, 'transaction_keep'),
      ('credits.wallet'::regclass, 'wallet_keep'),
      ('credits.batch'::regclass, 'batch_keep'),
      ('credits.hold'::regclass, 'hold_keep')
  ) as guard (relation, name)
  where not exists (
    select
    from pg_catalog.pg_trigger
    where tgrelid = guard.relation
      and tgname = guard.name
      and tgenabled in ('O', 'A')
  );
end;
$$;
