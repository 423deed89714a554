-- The inbox: each message of a provider is taken in once, for ever, together with what it does (rules 13, 14, 32).

-- Takes one message in and does what it says, or finds that this was done before.
--
-- p_event: {type, provider, event_id, occurred_at, …}, the fields of `core/payment-event.ts` in snake case.
-- p_attempt: made by the caller for this call; sent again after its answer got lost, it gets that answer.
-- p_prices: {<price id>: {kind: 'package', package_id, amount, validity_days} | {kind: 'plan', plan_id, interval, amount,
--   validity_days}}; an amount of null grants nothing. p_rules: see credits.take_back, and {freeze_on_dispute, freeze_on_fraud,
--   balance_max}.
-- Returns {outcome: applied | replayed | ignored, …}, or {code, …}: refused, and kept with its error.
-- Locks: the message's names in their order, the message, then as what it does.
create or replace function credits.apply_payment_event(
  p_event jsonb, p_attempt uuid, p_prices jsonb, p_rules jsonb, p_now timestamptz
)
returns jsonb
language plpgsql
as $$
declare
  v_provider constant text := p_event ->> 'provider';
  v_event_id constant text := p_event ->> 'event_id';
  v_now timestamptz := credits.clock(p_now);
  v_seen credits.provider_event;
  v_names text[] := credits.event_names(p_event);
begin
  p_event := credits.under_pseudonym(p_event);
  -- Written, not only read: of two messages about one thing the second one waits, and sees what the first one did. Before
  -- the message itself: whoever applies what was parked has its names, and then wants the message.
  insert into credits.provider_object as known (provider, name, seen_at)
  select v_provider, named.name, v_now
  from unnest(v_names) as named (name)
  order by named.name collate "C"
  on conflict (provider, name) do update
  set seen_at = greatest(known.seen_at, excluded.seen_at);

  insert into credits.provider_event (
    provider, event_id, type, event, status, attempt, occurred_at, received_at, updated_at
  )
  values (
    v_provider, v_event_id, p_event ->> 'type', p_event, 'received', p_attempt,
    (p_event ->> 'occurred_at')::timestamptz, v_now, v_now
  )
  on conflict (provider, event_id) do nothing;
  if not found then
    select inbox.*
    into v_seen
    from credits.provider_event as inbox
    where inbox.provider = v_provider
      and inbox.event_id = v_event_id
    for update;
    if v_seen.status in ('applied', 'ignored') then
      return v_seen.result || case
        when v_seen.attempt = p_attempt then '{}'::jsonb
        else '{"outcome": "replayed"}'::jsonb
      end;
    end if;
  end if;

  return credits.apply_received(v_provider, v_event_id, p_attempt, p_prices, p_rules, p_now);
end;
$$;

-- Does what a message of the inbox says, writes down what came of it, and then does what waited for it.
create or replace function credits.apply_received(
  p_provider text, p_event_id text, p_attempt uuid, p_prices jsonb, p_rules jsonb, p_now timestamptz
)
returns jsonb
language plpgsql
as $$
declare
  v_event jsonb;
  v_result jsonb;
  v_status text;
  v_waiting text[];
  v_next text;
begin
  select inbox.event
  into v_event
  from credits.provider_event as inbox
  where inbox.provider = p_provider
    and inbox.event_id = p_event_id;
  v_result := credits.payment_effect(v_event, p_prices, p_rules, p_now);
  v_status := case
    when v_result ? 'code' then 'failed'
    when v_result ? 'waits_for' then 'parked'
    when v_result ->> 'outcome' = 'ignored' then 'ignored'
    else 'applied'
  end;
  if v_status = 'parked' then
    select array_agg(name.value order by name.value)
    into v_waiting
    from jsonb_array_elements_text(v_result -> 'waits_for') as name (value);
    v_result := jsonb_build_object('outcome', 'ignored', 'waits_for', v_waiting);
  end if;
  update credits.provider_event as inbox
  set
    status = v_status,
    result = case when v_status in ('applied', 'ignored') then v_result end,
    error = v_result ->> 'code',
    waits_for = coalesce(v_waiting, '{}'),
    attempt = p_attempt,
    updated_at = credits.clock(p_now)
  where inbox.provider = p_provider
    and inbox.event_id = p_event_id;

  if v_status = 'applied' then
    loop
      select inbox.event_id
      into v_next
      from credits.provider_event as inbox
      where inbox.provider = p_provider
        and inbox.status = 'parked'
        -- Known meanwhile: it may still lack something else, and then waits for that.
        and exists (
          select
          from credits.provider_object as known
          where known.provider = p_provider
            and known.name = any (inbox.waits_for)
            and (known.user_id is not null or known.payment_id is not null)
        )
      order by inbox.occurred_at, inbox.event_id
      limit 1;
      exit when v_next is null;
      perform credits.apply_received(p_provider, v_next, p_attempt, p_prices, p_rules, p_now);
    end loop;
  end if;
  return v_result;
end;
$$;

-- The names that a message speaks of.
create or replace function credits.event_names(p_event jsonb)
returns text[]
language sql
immutable
as $$
  select coalesce(array_agg(distinct named.name), '{}')
  from (
    select 'payment:' || payment.id
    from jsonb_array_elements_text(coalesce(p_event -> 'payment_ids', '[]')) as payment (id)
    union all
    select 'subscription:' || (p_event ->> 'subscription_id')
    union all
    select 'customer:' || (p_event ->> 'customer_id')
  ) as named (name)
  where named.name is not null
$$;

-- Writes down that a message could not be applied, for a failure that undid what it had begun.
create or replace function credits.fail_payment_event(p_event jsonb, p_attempt uuid, p_error text, p_now timestamptz)
returns jsonb
language plpgsql
as $$
begin
  p_event := credits.under_pseudonym(p_event);
  insert into credits.provider_event as inbox (
    provider, event_id, type, event, status, error, attempt, occurred_at, received_at, updated_at
  )
  values (
    p_event ->> 'provider', p_event ->> 'event_id', p_event ->> 'type', p_event, 'failed', p_error, p_attempt,
    (p_event ->> 'occurred_at')::timestamptz, credits.clock(p_now), credits.clock(p_now)
  )
  on conflict (provider, event_id) do update
  set error = excluded.error, status = 'failed', updated_at = excluded.updated_at
  where inbox.status not in ('applied', 'ignored');
  return '{}';
end;
$$;

-- Messages of the inbox, newest first: {provider, event_id, type, status, waits_for, error, occurred_at, received_at}, instants
-- in milliseconds. p_status null: all.
create or replace function credits.get_provider_events(p_status text, p_limit integer)
returns jsonb
language plpgsql
stable
as $$
begin
  return coalesce(
    (
      select jsonb_agg(
        jsonb_build_object(
          'provider', page.provider,
          'event_id', page.event_id,
          'type', page.type,
          'status', page.status,
          'waits_for', page.waits_for,
          'error', page.error,
          'occurred_at', floor(extract(epoch from page.occurred_at) * 1000),
          'received_at', floor(extract(epoch from page.received_at) * 1000)
        )
        order by page.received_at desc, page.provider, page.event_id
      )
      from (
        select inbox.*
        from credits.provider_event as inbox
        where p_status is null
          or inbox.status = p_status
        order by inbox.received_at desc, inbox.provider, inbox.event_id
        limit p_limit
      ) as page
    ),
    '[]'
  );
end;
$$;

-- The messages of one id as they were taken in: one, but for providers that chose the same. p_provider null: of any.
create or replace function credits.get_provider_event(p_event_id text, p_provider text)
returns jsonb
language plpgsql
stable
as $$
begin
  return (
    select coalesce(jsonb_agg(inbox.event order by inbox.provider), '[]')
    from credits.provider_event as inbox
    where inbox.event_id = p_event_id
      and (p_provider is null or inbox.provider = p_provider)
  );
end;
$$;
