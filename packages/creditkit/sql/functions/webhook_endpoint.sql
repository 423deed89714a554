-- Who is told of what happens.

-- Writes an endpoint down. Returns it as credits.get_webhook_endpoints does, or {code}.
-- Codes: NOT_SUPPORTED where nothing writes messages: on a cluster.
create or replace function credits.create_webhook_endpoint(p_endpoint jsonb, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  v_endpoint credits.webhook_endpoint;
begin
  if not exists (
    select
    from pg_trigger
    where pg_trigger.tgrelid = 'credits.transaction'::regclass
      and pg_trigger.tgname = 'transaction_webhooks'
  ) then
    return jsonb_build_object('code', 'NOT_SUPPORTED');
  end if;
  v_endpoint := jsonb_populate_record(null::credits.webhook_endpoint, p_endpoint);
  v_endpoint.is_enabled := true;
  v_endpoint.created_at := credits.clock(p_now);
  insert into credits.webhook_endpoint
  select written.*
  from unnest(array[v_endpoint]) as written
  -- Sent again after its answer got lost.
  on conflict (id) do nothing;
  return credits.webhook_endpoint_row(v_endpoint);
end;
$$;

create or replace function credits.webhook_endpoint_row(p_endpoint credits.webhook_endpoint)
returns jsonb
language plpgsql
stable
as $$
begin
  return jsonb_build_object(
    'id', p_endpoint.id,
    'url', p_endpoint.url,
    'description', p_endpoint.description,
    'event_types', p_endpoint.event_types,
    'low_balance', p_endpoint.low_balance,
    'is_enabled', p_endpoint.is_enabled,
    'disabled_reason', p_endpoint.disabled_reason,
    'created_at', floor(extract(epoch from p_endpoint.created_at) * 1000),
    'pending', (
      select count(*)
      from credits.webhook_delivery
      where webhook_delivery.endpoint_id = p_endpoint.id
        and webhook_delivery.status = 'pending'
    )
  );
end;
$$;

-- All endpoints, newest first.
create or replace function credits.get_webhook_endpoints()
returns jsonb
language plpgsql
stable
as $$
begin
  return (
    select coalesce(
      jsonb_agg(
        credits.webhook_endpoint_row(webhook_endpoint) order by webhook_endpoint.created_at desc, webhook_endpoint.id desc
      ),
      '[]'
    )
    from credits.webhook_endpoint
  );
end;
$$;

-- Changes what the change names. What waits for a switched-off endpoint waits until it is switched on. Returns the endpoint, or {code}.
-- Locks: the endpoint, but for nobody who only refers to it, so that no spend waits; then its deliveries. What a spend under way still
-- writes for an endpoint that is switched off here is due and not claimed.
-- Codes: NOT_FOUND.
create or replace function credits.update_webhook_endpoint(p_id uuid, p_change jsonb, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  v_endpoint credits.webhook_endpoint;
begin
  select webhook_endpoint.* into v_endpoint
  from credits.webhook_endpoint
  where webhook_endpoint.id = p_id
  for no key update;
  if v_endpoint.id is null then
    return jsonb_build_object('code', 'NOT_FOUND', 'field', 'endpointId');
  end if;
  v_endpoint := jsonb_populate_record(v_endpoint, p_change);
  if p_change ? 'is_enabled' then
    v_endpoint.disabled_reason := p_change ->> 'disabled_reason';
    update credits.webhook_delivery
    set next_attempt_at = case when v_endpoint.is_enabled then credits.clock(p_now) else 'infinity' end
    where webhook_delivery.endpoint_id = p_id
      and webhook_delivery.status = 'pending'
      and (webhook_delivery.next_attempt_at = 'infinity') = v_endpoint.is_enabled;
  end if;
  update credits.webhook_endpoint
  set
    url = v_endpoint.url,
    description = v_endpoint.description,
    event_types = v_endpoint.event_types,
    low_balance = v_endpoint.low_balance,
    secret = v_endpoint.secret,
    is_enabled = v_endpoint.is_enabled,
    disabled_reason = v_endpoint.disabled_reason
  where webhook_endpoint.id = p_id;
  return credits.webhook_endpoint_row(v_endpoint);
end;
$$;

-- Forgets an endpoint and what it was to be told. Returns {}, or {code}.
-- Codes: NOT_FOUND.
create or replace function credits.delete_webhook_endpoint(p_id uuid)
returns jsonb
language plpgsql
as $$
begin
  -- By themselves: there may be many, and from the next statement on every spend waits.
  delete from credits.webhook_delivery
  where webhook_delivery.endpoint_id = p_id;
  delete from credits.webhook_endpoint
  where webhook_endpoint.id = p_id;
  return case when found then '{}'::jsonb else jsonb_build_object('code', 'NOT_FOUND', 'field', 'endpointId') end;
end;
$$;
