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
    when type = 'expiration' then key is not null
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
      or purchase.type is distinct from transaction.type
      or purchase.transaction_id is distinct from transaction.id
      or (transaction.type = 'purchase' and transaction.debit_account <> 'PAYMENT:' || transaction.purchase_id)
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

  -- Rule 25: each batch, against itself and against history.
  return query
  with allocation as materialized (
    select
      transaction.user_id, transaction.sequence, transaction.type, transaction.id as transaction_id,
      transaction.created_at, part.batch_id, part.amount, part.remainder,
      sum(case when transaction.credit_account = 'WALLET:' || transaction.user_id then part.amount else -part.amount end)
        over (partition by transaction.user_id, part.batch_id order by transaction.sequence) as running
    from credits.transaction
    cross join lateral unnest(batch_ids, batch_amounts, batch_remainders) as part (batch_id, amount, remainder)
  ),
  history as (
    select
      allocation.user_id, batch_id,
      coalesce(sum(amount) filter (where type not in ('consumption', 'expiration')), 0) as granted,
      coalesce(sum(amount) filter (where type = 'consumption'), 0) as consumed,
      coalesce(sum(amount) filter (where type = 'expiration'), 0) as expired,
      min(sequence) as sequence,
      min(created_at) as granted_at
    from allocation
    group by allocation.user_id, batch_id
  )
  select '25', 'batch', batch.user_id,
    format('batch %s: amount %s, remaining %s, consumed %s, expired %s', batch.id, amount, remaining, consumed, expired)
  from credits.batch
  where amount <> remaining + consumed + expired
    or least(remaining, consumed, expired) < 0
  union all
  select '25', 'batch_history', coalesce(batch.user_id, history.user_id),
    format('batch %s: amount %s, consumed %s, expired %s; history granted %s, consumed %s, expired %s',
      coalesce(batch.id, history.batch_id), batch.amount, batch.consumed, batch.expired,
      history.granted, history.consumed, history.expired)
  from credits.batch
  full join history on history.user_id = batch.user_id and history.batch_id = batch.id
  where (batch.amount, batch.consumed, batch.expired, batch.sequence, batch.granted_at)
    is distinct from (history.granted, history.consumed, history.expired, history.sequence, history.granted_at)
  union all
  select '25', 'remainder', allocation.user_id,
    format('transaction %s left %s in batch %s and says %s', transaction_id, running, batch_id, remainder)
  from allocation
  where running <> remainder
  union all
  -- Rule 3: nothing is spent before a batch begins or once it has expired, nothing expires early.
  select '3', 'validity', allocation.user_id, format('transaction %s touches batch %s outside its validity', transaction_id, batch_id)
  from allocation
  join credits.batch on batch.user_id = allocation.user_id and batch.id = allocation.batch_id
  where (
      allocation.type = 'consumption'
      and (allocation.created_at < batch.granted_at or allocation.created_at >= batch.expires_at)
    )
    or (allocation.type = 'expiration' and allocation.created_at < coalesce(batch.expires_at, 'infinity'))
  union all
  -- Rule 4: when a spend drains a batch, no earlier one in drain order has anything left.
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
  left join (
    select allocation.user_id, allocation.batch_id, max(allocation.sequence) as sequence
    from allocation
    group by allocation.user_id, allocation.batch_id
  ) as newest on newest.user_id = skipped.user_id and newest.batch_id = skipped.id
  where spend.type = 'consumption'
    and (skipped.remaining > 0 or newest.sequence > spend.sequence);

  -- Rules 6 and 25: each wallet, against its batches and against history.
  return query
  select '25', 'balance', wallet.user_id,
    format('wallet says %s, its batches hold %s, history adds up to %s', wallet.balance, held.amount, history.amount)
  from credits.wallet
  cross join lateral (
    select coalesce(sum(batch.remaining), 0) as amount from credits.batch where batch.user_id = wallet.user_id
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

  -- Rule 6: what each operation answered as the balance, recomputed: all that moved so far, less what had
  -- expired by then and was booked only later or not yet.
  return query
  with line as materialized (
    select
      transaction.user_id, transaction.id, transaction.sequence, transaction.created_at, transaction.available_after,
      sum(
        case when transaction.credit_account = 'WALLET:' || transaction.user_id then transaction.amount
        else -transaction.amount end
      ) over (partition by transaction.user_id order by transaction.sequence) as booked
    from credits.transaction
  ),
  gone as materialized (
    select batch.user_id, batch.expires_at, batch.remaining as amount, 9223372036854775807 as booked_at
    from credits.batch
    where batch.is_open and batch.expires_at is not null
    union all
    select transaction.user_id, batch.expires_at, transaction.amount, transaction.sequence
    from credits.transaction
    join credits.batch on batch.user_id = transaction.user_id and batch.id = transaction.batch_ids[1]
    where transaction.type = 'expiration'
  ),
  unbooked as (
    select line.user_id, line.sequence, sum(gone.amount) as amount
    from line
    join gone
      on gone.user_id = line.user_id
      and gone.expires_at <= line.created_at
      and gone.booked_at > line.sequence
    group by line.user_id, line.sequence
  )
  select '6', 'available', line.user_id,
    format('transaction %s answered %s, the books say %s', line.id, line.available_after,
      line.booked - coalesce(unbooked.amount, 0))
  from line
  left join unbooked on unbooked.user_id = line.user_id and unbooked.sequence = line.sequence
  where line.available_after <> line.booked - coalesce(unbooked.amount, 0);

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
      ('credits.batch'::regclass, 'batch_keep')
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
