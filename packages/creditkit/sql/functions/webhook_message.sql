-- The outbox: what happened, for those who want to be told, written in the transaction that makes it true.

-- What a transaction of a type is called outside. One name for what a receiver does the same with.
create or replace function credits.event_type(p_type text)
returns text
language sql
immutable
as $$
  select case p_type
    when 'consumption' then 'credits.consumed'
    when 'expiration' then 'credits.expired'
    when 'reversal' then 'credits.reversed'
    when 'deduction' then 'credits.deducted'
    when 'refund' then 'credits.taken_back'
    when 'chargeback' then 'credits.taken_back'
    when 'refund_reversal' then 'credits.restored'
    when 'chargeback_reversal' then 'credits.restored'
    when 'debt' then 'credits.lent'
    when 'debt_repayment' then 'credits.repaid'
    else 'credits.granted'
  end
$$;

-- A whole number of the smallest unit as credits: exact, and without the zeros that numeric keeps.
create or replace function credits.in_credits(p_units bigint, p_decimals smallint)
returns numeric
language sql
immutable
as $$
  select trim_scale(p_units / power(10::numeric, p_decimals))
$$;

-- Writes a message for each new transaction that an enabled endpoint wants to be told of, and for each that took a wallet below an
-- endpoint's threshold. Where nobody is to be told, it looks at one empty table.
create or replace function credits.write_webhook_messages()
returns trigger
language plpgsql
as $$
declare
  v_decimals smallint;
begin
  if not exists (select from credits.webhook_endpoint where webhook_endpoint.is_enabled) then
    return null;
  end if;
  select installation.decimals into v_decimals from credits.installation;

  with happened as materialized (
    select
      written.id, written.user_id, written.sequence, written.type, written.created_at, written.available_after,
      before.available_after as available_before,
      jsonb_strip_nulls(jsonb_build_object(
        'userId', written.user_id,
        'transactionId', written.id,
        'sequence', written.sequence,
        'transactionType', written.type,
        'amount', credits.in_credits(written.amount, v_decimals),
        'newBalance', credits.in_credits(written.available_after, v_decimals),
        'service', case
          when starts_with(written.credit_account, 'SERVICE:') then substr(written.credit_account, 9)
          when starts_with(written.debit_account, 'SERVICE:') then substr(written.debit_account, 9)
        end,
        'batchId', case when granted.id is not null or written.type = 'expiration' then written.batch_ids[1] end,
        'expirationDate', to_char(granted.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'planId', written.source_plan,
        'grantPeriod', written.period,
        'packageId', written.package_id,
        'purchaseId', written.purchase_id,
        'reversedTransactionId', written.reverses
      )) as data
    from written
    left join credits.transaction as before
      on before.user_id = written.user_id
      and before.sequence = written.sequence - 1
    left join credits.batch as granted
      on granted.user_id = written.user_id
      and granted.id = written.batch_ids[1]
      and granted.sequence = written.sequence
  ),
  message as materialized (
    select
      credits.uuid_v7(happened.created_at) as id, happened.user_id, happened.id as transaction_id,
      credits.event_type(happened.type) as type, happened.data, happened.created_at, null::bigint as low_balance
    from happened
    union all
    select
      credits.uuid_v7(happened.created_at), happened.user_id, happened.id, 'credits.low',
      jsonb_build_object(
        'userId', happened.user_id,
        'transactionId', happened.id,
        'sequence', happened.sequence,
        'threshold', credits.in_credits(low.balance, v_decimals),
        'available', credits.in_credits(happened.available_after, v_decimals)
      ),
      happened.created_at, low.balance
    from happened
    cross join (
      select distinct webhook_endpoint.low_balance
      from credits.webhook_endpoint
      where webhook_endpoint.is_enabled
    ) as low (balance)
    where happened.available_before >= low.balance
      and happened.available_after < low.balance
  ),
  wanted as materialized (
    select message.*, webhook_endpoint.id as endpoint_id
    from message
    join credits.webhook_endpoint
      on webhook_endpoint.is_enabled
      and (webhook_endpoint.event_types is null or message.type = any (webhook_endpoint.event_types))
      and (message.type <> 'credits.low' or webhook_endpoint.low_balance = message.low_balance)
    -- One that is being deleted is waited for and passed by: its deliveries' reference to it would fail the spend.
    for key share of webhook_endpoint
  ),
  kept as (
    insert into credits.webhook_message (id, user_id, transaction_id, type, body, created_at)
    select distinct on (wanted.id)
      wanted.id, wanted.user_id, wanted.transaction_id, wanted.type,
      jsonb_build_object(
        'type', wanted.type,
        'timestamp', to_char(wanted.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'data', wanted.data
      )::text,
      wanted.created_at
    from wanted
  )
  insert into credits.webhook_delivery (message_id, endpoint_id, next_attempt_at)
  select wanted.id, wanted.endpoint_id, wanted.created_at
  from wanted;
  return null;
end;
$$;

-- At the end of each statement that writes history, once for all its rows. Not on a cluster, whose distributed tables know no such
-- triggers: there nobody can be told (credits.create_webhook_endpoint).
do $$
begin
  if not exists (select from pg_extension where extname = 'citus') then
    create or replace trigger transaction_webhooks
    after insert on credits.transaction
    referencing new table as written
    for each statement execute function credits.write_webhook_messages();
  end if;
end;
$$;

-- A user who leaves is not named any longer in what was or will be sent (rule 26).
create or replace function credits.erase_webhook_messages(p_user_id text, p_pseudonym text)
returns void
language plpgsql
as $$
begin
  update credits.webhook_message
  set
    user_id = p_pseudonym,
    body = jsonb_set(body::jsonb, '{data,userId}', to_jsonb(p_pseudonym))::text
  where webhook_message.user_id = p_user_id;
end;
$$;
