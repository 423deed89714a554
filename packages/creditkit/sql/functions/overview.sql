-- All wallets together: for whoever answers for them.

-- What came in and went out of all wallets, what is still owed to users, and when that expires: {wallets, frozen, closed, debt, held,
-- flows: [{type, amount, transactions}] (signed), services: [{service, amount}] (reversals deducted, the largest first),
-- outstanding: [{paid, month, amount}], unbooked}. month: `YYYY-MM` of the expiry in UTC, null: never. What is held counts; what has
-- expired and is not booked yet is `unbooked`. paid: bought, or of a plan that costs money.
-- Reads all of history in one snapshot: the time grows with it.
create or replace function credits.get_overview(p_now timestamptz)
returns jsonb
language plpgsql
stable
set jit = off
as $$
declare
  v_now constant timestamptz := credits.clock(p_now);
  v_wallets jsonb;
  v_flows jsonb;
  v_services jsonb;
  v_outstanding jsonb;
  v_unbooked bigint;
begin
  select jsonb_build_object(
    'wallets', count(*),
    'frozen', count(*) filter (where wallet.status = 'frozen'),
    'closed', count(*) filter (where wallet.status = 'closed'),
    'debt', coalesce(sum(wallet.debt), 0),
    'held', coalesce(sum(wallet.held), 0)
  )
  into v_wallets
  from credits.wallet;

  select coalesce(
    jsonb_agg(jsonb_build_object('type', flow.type, 'amount', flow.amount, 'transactions', flow.transactions) order by flow.type),
    '[]'
  )
  into v_flows
  from (
    select
      transaction.type,
      sum(case when starts_with(transaction.credit_account, 'WALLET:') then transaction.amount else -transaction.amount end)
        as amount,
      count(*) as transactions
    from credits.transaction
    group by transaction.type
  ) as flow;

  select coalesce(
    jsonb_agg(jsonb_build_object('service', used.service, 'amount', used.amount) order by used.amount desc, used.service), '[]'
  )
  into v_services
  from (
    select
      substr(case transaction.type when 'consumption' then transaction.credit_account else transaction.debit_account end, 9)
        as service,
      sum(case transaction.type when 'consumption' then transaction.amount else -transaction.amount end) as amount
    from credits.transaction
    where transaction.type in ('consumption', 'reversal')
    group by 1
  ) as used
  where used.amount > 0;

  select coalesce(sum(batch.remaining), 0)
  into v_unbooked
  from credits.batch
  where batch.is_open
    and batch.expires_at <= v_now;

  select coalesce(
    jsonb_agg(
      jsonb_build_object('paid', part.paid, 'month', part.month, 'amount', part.amount) order by part.month nulls last, part.paid
    ),
    '[]'
  )
  into v_outstanding
  from (
    select
      granted.type in ('purchase', 'refund_reversal', 'chargeback_reversal')
        or (granted.type = 'monthly_grant' and granted.source_plan <> 'free') as paid,
      to_char(batch.expires_at at time zone 'UTC', 'YYYY-MM') as month,
      sum(case when batch.expires_at <= v_now then batch.held else batch.remaining + batch.held end) as amount
    from credits.batch
    join credits.transaction as granted on granted.user_id = batch.user_id and granted.sequence = batch.sequence
    where batch.is_open
    group by 1, 2
  ) as part
  where part.amount > 0;

  return v_wallets || jsonb_build_object(
    'flows', v_flows, 'services', v_services, 'outstanding', v_outstanding, 'unbooked', v_unbooked
  );
end;
$$;
