-- Sending what the outbox holds: at least once, by any number of senders.

-- The endpoints to which something is due.
create or replace function credits.due_webhook_endpoints(p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  v_at constant timestamptz := credits.clock(p_now);
begin
  return (
    select coalesce(jsonb_agg(webhook_endpoint.id order by webhook_endpoint.id), '[]')
    from credits.webhook_endpoint
    where webhook_endpoint.is_enabled
      and exists (
        select
        from credits.webhook_delivery
        where webhook_delivery.endpoint_id = webhook_endpoint.id
          and webhook_delivery.status = 'pending'
          and webhook_delivery.next_attempt_at <= v_at
      )
  );
end;
$$;

-- Takes what is due to an endpoint that is switched on, oldest first, for a while: whoever does not say in time how it went has lost it,
-- and it is due again. Returns [{message_id, endpoint_id, attempt, url, secret, body}].
-- Locks: the deliveries, passing by those that another sender is taking.
create or replace function credits.claim_endpoint_webhooks(
  p_endpoint_id uuid, p_limit integer, p_seconds integer, p_now timestamptz
)
returns jsonb
language plpgsql
as $$
declare
  v_at constant timestamptz := credits.clock(p_now);
  v_claimed jsonb;
begin
  with due as materialized (
    select webhook_delivery.message_id, webhook_delivery.endpoint_id
    from credits.webhook_delivery
    where webhook_delivery.endpoint_id = p_endpoint_id
      and webhook_delivery.status = 'pending'
      and webhook_delivery.next_attempt_at <= v_at
      and exists (
        select
        from credits.webhook_endpoint
        where webhook_endpoint.id = p_endpoint_id
          and webhook_endpoint.is_enabled
      )
    order by webhook_delivery.next_attempt_at
    limit p_limit
    for update skip locked
  ),
  taken as (
    update credits.webhook_delivery
    set
      attempts = webhook_delivery.attempts + 1,
      last_attempt_at = v_at,
      next_attempt_at = v_at + make_interval(secs => p_seconds)
    from due
    where webhook_delivery.message_id = due.message_id
      and webhook_delivery.endpoint_id = due.endpoint_id
    returning webhook_delivery.message_id, webhook_delivery.endpoint_id, webhook_delivery.attempts
  )
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'message_id', taken.message_id,
        'endpoint_id', taken.endpoint_id,
        'attempt', taken.attempts,
        'url', webhook_endpoint.url,
        'secret', webhook_endpoint.secret,
        'body', webhook_message.body
      )
      order by webhook_message.created_at, webhook_message.id
    ),
    '[]'
  )
  into v_claimed
  from taken
  join credits.webhook_endpoint on webhook_endpoint.id = taken.endpoint_id
  join credits.webhook_message on webhook_message.id = taken.message_id;
  return v_claimed;
end;
$$;

-- Writes down how an attempt went. p_next_seconds null: the last attempt. A success counts however late it is said; a failure only while
-- nobody else has taken the delivery over.
create or replace function credits.finish_webhook(
  p_message_id uuid, p_endpoint_id uuid, p_attempt integer, p_outcome jsonb, p_now timestamptz
)
returns jsonb
language plpgsql
as $$
declare
  v_delivered constant boolean := (p_outcome ->> 'delivered')::boolean;
  v_next_seconds constant double precision := (p_outcome ->> 'next_seconds')::double precision;
begin
  update credits.webhook_delivery
  set
    status = case
      when v_delivered then 'delivered'
      when v_next_seconds is null then 'failed'
      else 'pending'
    end,
    next_attempt_at = case
      when v_delivered or v_next_seconds is null then null
      when not webhook_endpoint.is_enabled then 'infinity'
      else credits.clock(p_now) + make_interval(secs => v_next_seconds)
    end,
    response_status = (p_outcome ->> 'response_status')::integer,
    error = p_outcome ->> 'error'
  from credits.webhook_endpoint
  where webhook_delivery.message_id = p_message_id
    and webhook_delivery.endpoint_id = p_endpoint_id
    and webhook_delivery.status = 'pending'
    and (v_delivered or webhook_delivery.attempts = p_attempt)
    and webhook_endpoint.id = p_endpoint_id;
  return '{}';
end;
$$;

-- Makes a delivery due once more, whatever became of it. Returns {}, or {code}.
-- Codes: NOT_FOUND.
create or replace function credits.resend_webhook(p_message_id uuid, p_endpoint_id uuid, p_now timestamptz)
returns jsonb
language plpgsql
as $$
begin
  update credits.webhook_delivery
  set
    status = 'pending',
    attempts = 0,
    next_attempt_at = case when webhook_endpoint.is_enabled then credits.clock(p_now) else 'infinity' end
  from credits.webhook_endpoint
  where webhook_delivery.message_id = p_message_id
    and webhook_delivery.endpoint_id = p_endpoint_id
    and webhook_endpoint.id = p_endpoint_id;
  return case when found then '{}'::jsonb else jsonb_build_object('code', 'NOT_FOUND', 'field', 'messageId') end;
end;
$$;

-- The newest deliveries, newest first; p_status and p_endpoint_id null: of all.
create or replace function credits.get_webhook_deliveries(p_status text, p_endpoint_id uuid, p_limit integer)
returns jsonb
language plpgsql
stable
as $$
begin
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'message_id', newest.message_id,
          'endpoint_id', newest.endpoint_id,
          'url', newest.url,
          'type', newest.type,
          'user_id', newest.user_id,
          'transaction_id', newest.transaction_id,
          'status', newest.status,
          'attempts', newest.attempts,
          'next_attempt_at', case
            when newest.next_attempt_at < 'infinity' then floor(extract(epoch from newest.next_attempt_at) * 1000)
          end,
          'last_attempt_at', floor(extract(epoch from newest.last_attempt_at) * 1000),
          'response_status', newest.response_status,
          'error', newest.error,
          'created_at', floor(extract(epoch from newest.created_at) * 1000)
        )
        order by newest.created_at desc, newest.message_id desc, newest.endpoint_id
      ),
      '[]'
    )
    from (
      select
        webhook_delivery.*, webhook_message.type, webhook_message.user_id, webhook_message.transaction_id,
        webhook_message.created_at, webhook_endpoint.url
      from credits.webhook_message
      join credits.webhook_delivery on webhook_delivery.message_id = webhook_message.id
      join credits.webhook_endpoint on webhook_endpoint.id = webhook_delivery.endpoint_id
      where (p_status is null or webhook_delivery.status = p_status)
        and (p_endpoint_id is null or webhook_delivery.endpoint_id = p_endpoint_id)
      order by webhook_message.created_at desc, webhook_message.id desc, webhook_delivery.endpoint_id
      limit p_limit
    ) as newest
  );
end;
$$;

-- Forgets messages older than p_days that nobody waits for, a page at a time. Returns how many.
create or replace function credits.forget_webhooks(p_days integer, p_limit integer, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  v_forgotten integer;
begin
  delete from credits.webhook_message
  where webhook_message.id in (
    select old.id
    from credits.webhook_message as old
    where old.created_at < credits.clock(p_now) - make_interval(days => p_days)
      and not exists (
        select
        from credits.webhook_delivery
        where webhook_delivery.message_id = old.id
          and webhook_delivery.status = 'pending'
      )
    order by old.created_at
    limit p_limit
  );
  get diagnostics v_forgotten = row_count;
  return to_jsonb(v_forgotten);
end;
$$;
