-- What a provider's message does to the books: the only way from money to credits (rules 15–19, 24).

-- Returns {outcome: applied | ignored, …}; {waits_for: [name]}: something it refers to is not known yet; {code, …}: refused.
create or replace function credits.payment_effect(p_event jsonb, p_prices jsonb, p_rules jsonb, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  v_whose jsonb;
  v_user_id text;
begin
  if p_event ->> 'type' = 'noted' then
    return '{"outcome": "ignored"}';
  elsif p_event ->> 'type' in ('payment.linked', 'payment.refunded', 'dispute.changed', 'fraud.warned') then
    return credits.payment_news(p_event, p_rules, p_now);
  elsif p_event ->> 'type' in ('plan.paid', 'subscription.changed')
    and p_prices -> (p_event ->> 'price_id') ->> 'kind' is distinct from 'plan' then
    -- A plan that is not sold with credits is none of ours; one that was paid may be a price somebody forgot to configure.
    return case p_event ->> 'type'
      when 'plan.paid' then jsonb_build_object('code', 'UNKNOWN_PRICE')
      else '{"outcome": "ignored"}'::jsonb
    end;
  end if;

  v_whose := credits.event_user(p_event);
  v_user_id := v_whose ->> 'user_id';
  if v_user_id is null then
    return v_whose;
  end if;
  update credits.provider_object as known
  set user_id = v_user_id
  where known.provider = p_event ->> 'provider'
    and known.name in ('subscription:' || (p_event ->> 'subscription_id'), 'customer:' || (p_event ->> 'customer_id'))
    and known.user_id is null;

  return case p_event ->> 'type'
    when 'checkout.completed' then '{"outcome": "applied"}'::jsonb
    when 'purchase.paid' then credits.purchase_paid(v_user_id, p_event, p_prices, p_now)
    when 'subscription.changed' then credits.subscription_changed(v_user_id, p_event, p_prices, p_now)
    when 'plan.paid' then credits.plan_paid(v_user_id, p_event, p_prices, p_rules, p_now)
  end;
end;
$$;

-- Whose a message is: {user_id}, {waits_for} or {code}. What the server put into the checkout must agree with what is known.
create or replace function credits.event_user(p_event jsonb)
returns jsonb
language plpgsql
stable
as $$
declare
  v_said constant text := p_event ->> 'user_id';
  v_known text[];
begin
  select array_agg(distinct known.user_id)
  into v_known
  from credits.provider_object as known
  where known.provider = p_event ->> 'provider'
    and known.name in ('subscription:' || (p_event ->> 'subscription_id'), 'customer:' || (p_event ->> 'customer_id'))
    and known.user_id is not null;
  if cardinality(v_known) > 1 or v_said <> v_known[1] then
    return jsonb_build_object('code', 'IDEMPOTENCY_CONFLICT', 'field', 'userId');
  elsif coalesce(v_said, v_known[1]) is not null then
    return jsonb_build_object('user_id', coalesce(v_said, v_known[1]));
  end if;
  return jsonb_build_object(
    'waits_for',
    array_remove(
      array['subscription:' || (p_event ->> 'subscription_id'), 'customer:' || (p_event ->> 'customer_id')], null
    )
  );
end;
$$;

-- A package is paid: grants what the configuration has for its price, once per payment.
create or replace function credits.purchase_paid(p_user_id text, p_event jsonb, p_prices jsonb, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  v_sold constant jsonb := p_prices -> (p_event ->> 'price_id');
  v_payment_id text;
  v_granted jsonb;
begin
  if v_sold ->> 'kind' is distinct from 'package' then
    return jsonb_build_object('code', 'UNKNOWN_PRICE');
  end if;
  v_payment_id := coalesce(credits.payment_of(p_event), p_event -> 'payment_ids' ->> 0);
  v_granted := credits.grant(
    jsonb_build_array(
      jsonb_strip_nulls(
        jsonb_build_object(
          'user_id', p_user_id, 'type', 'purchase', 'amount', v_sold -> 'amount', 'priority', 0,
          'validity_days', v_sold -> 'validity_days', 'id', credits.uuid_v7(credits.clock(p_now)),
          'package_id', v_sold -> 'package_id', 'price_id', p_event -> 'price_id', 'purchase_id', v_payment_id
        )
      )
    ),
    p_now
  ) -> 0;
  if v_granted ? 'code' then
    return v_granted;
  end if;
  perform credits.keep_payment(p_user_id, v_payment_id, 'package', p_event, v_granted, null);
  return jsonb_build_object('outcome', 'applied', 'user_id', p_user_id, 'type', 'purchase', 'granted', v_granted);
end;
$$;

-- A period of a plan is paid: grants the period that contains its start, and says until when it is paid.
create or replace function credits.plan_paid(
  p_user_id text, p_event jsonb, p_prices jsonb, p_rules jsonb, p_now timestamptz
)
returns jsonb
language plpgsql
as $$
declare
  v_sold constant jsonb := p_prices -> (p_event ->> 'price_id');
  v_start constant timestamptz := p_event ->> 'period_start';
  v_end constant timestamptz := p_event ->> 'period_end';
  v_paid_at constant timestamptz := p_event ->> 'occurred_at';
  v_now timestamptz;
  v_subscription credits.subscription;
  v_period_start timestamptz := v_start;
  v_validity constant interval := make_interval(hours => 24 * (v_sold ->> 'validity_days')::integer);
  v_payment_id text;
  v_granted jsonb;
begin
  select wallet.last_at into v_now from credits.wallet where wallet.user_id = p_user_id for update;
  -- T of the wallet, which the grant will take too (rule 2).
  v_now := greatest(v_now, credits.clock(p_now));
  select subscription.*
  into v_subscription
  from credits.subscription
  where subscription.user_id = p_user_id
    and subscription.subscription_id = p_event ->> 'subscription_id';
  if v_subscription.said_at is null and (p_event ->> 'is_mid_period')::boolean then
    return jsonb_build_object('waits_for', jsonb_build_array('state:' || (p_event ->> 'subscription_id')));
  elsif v_subscription.user_id is null then
    perform credits.upsert_subscription(
      jsonb_build_object(
        'user_id', p_user_id, 'subscription_id', p_event -> 'subscription_id', 'plan_id', v_sold -> 'plan_id',
        'status', 'active', 'anchor', v_start, 'interval', v_sold -> 'interval', 'current_period_end', v_end
      ),
      p_now
    );
  else
    -- The period of the plan that this falls into: a change of plan is invoiced in the middle of one.
    v_period_start := credits.period_start(
      v_subscription.anchor,
      greatest(
        0,
        credits.period_index(
          v_subscription.anchor,
          v_start + case
            when credits.is_renewal(v_subscription.anchor, v_subscription.billing_interval, v_start) then interval '24 hours'
            else interval '0'
          end
        )
      )
    );
  end if;
  update credits.subscription
  set
    provider = p_event ->> 'provider',
    current_period_end = greatest(subscription.current_period_end, v_end),
    paid_at = greatest(subscription.paid_at, v_paid_at),
    status = case
      when subscription.status in ('past_due', 'unpaid', 'incomplete')
        and v_paid_at >= coalesce(subscription.said_at, '-infinity') then 'active'
      else subscription.status
    end
  where subscription.user_id = p_user_id
    and subscription.subscription_id = p_event ->> 'subscription_id';

  v_payment_id := coalesce(credits.payment_of(p_event), p_event -> 'payment_ids' ->> 0);
  if v_sold ->> 'amount' is not null then
    v_granted := credits.grant(
      jsonb_build_array(
        jsonb_strip_nulls(
          jsonb_build_object(
            'user_id', p_user_id, 'type', 'monthly_grant', 'amount', v_sold -> 'amount', 'priority', 0,
            'validity_days', v_sold -> 'validity_days',
            -- As if granted when the period began, unless that is over: what was paid for is given.
            'valid_from', case when v_period_start + v_validity > v_now then v_period_start end,
            'id', credits.uuid_v7(v_now), 'source_plan', v_sold -> 'plan_id',
            'period', credits.period_label(v_period_start), 'purchase_id', v_payment_id,
            'balance_max', p_rules -> 'balance_max'
          )
        )
      ),
      p_now
    ) -> 0;
    if v_granted ->> 'code' <> 'BALANCE_LIMIT' then
      return v_granted;
    end if;
  end if;
  perform credits.keep_payment(
    p_user_id, v_payment_id, 'plan', p_event, case when v_granted ? 'code' then null else v_granted end,
    jsonb_build_object('period', credits.period_label(v_period_start), 'amount', v_sold -> 'amount')
  );
  perform credits.share_period(p_user_id, credits.period_label(v_period_start), p_rules, p_now);
  return jsonb_build_object(
    'outcome', 'applied', 'user_id', p_user_id, 'type', 'monthly_grant',
    'granted', case when v_granted ? 'code' then null else v_granted end
  );
end;
$$;

-- A subscription's state. Of two the later one stands; of two of one second, the one that is further on.
create or replace function credits.subscription_changed(p_user_id text, p_event jsonb, p_prices jsonb, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  v_sold constant jsonb := p_prices -> (p_event ->> 'price_id');
  v_said_at constant timestamptz := p_event ->> 'occurred_at';
  v_known credits.subscription;
  v_status text := p_event ->> 'status';
begin
  perform from credits.wallet where wallet.user_id = p_user_id for update;
  select subscription.*
  into v_known
  from credits.subscription
  where subscription.user_id = p_user_id
    and subscription.subscription_id = p_event ->> 'subscription_id';
  if v_known.said_at is not null
    and (v_known.said_at, credits.status_rank(v_known.status), v_known.said_by)
      > (v_said_at, credits.status_rank(v_status), p_event ->> 'event_id') then
    return '{"outcome": "ignored", "reason": "older"}';
  end if;
  if v_status in ('past_due', 'unpaid', 'incomplete') and v_known.paid_at >= v_said_at then
    v_status := 'active';
  end if;
  perform credits.upsert_subscription(
    jsonb_build_object(
      'user_id', p_user_id, 'subscription_id', p_event -> 'subscription_id', 'plan_id', v_sold -> 'plan_id',
      'status', v_status, 'anchor', p_event -> 'anchor', 'interval', v_sold -> 'interval',
      'current_period_end', p_event -> 'current_period_end'
    ),
    p_now
  );
  update credits.subscription
  set
    provider = p_event ->> 'provider',
    said_at = v_said_at,
    said_by = p_event ->> 'event_id',
    cancels_at_period_end = coalesce((p_event ->> 'cancels_at_period_end')::boolean, false)
  where subscription.user_id = p_user_id
    and subscription.subscription_id = p_event ->> 'subscription_id';
  insert into credits.provider_object (provider, name, user_id, seen_at)
  values (p_event ->> 'provider', 'state:' || (p_event ->> 'subscription_id'), p_user_id, credits.clock(p_now))
  on conflict (provider, name) do nothing;
  return '{"outcome": "applied"}';
end;
$$;

create or replace function credits.status_rank(p_status text)
returns integer
language sql
immutable
parallel safe
as $$
  select case p_status
    when 'incomplete' then 0
    when 'trialing' then 1
    when 'active' then 2
    when 'past_due' then 3
    when 'unpaid' then 4
    when 'paused' then 5
    else 6
  end
$$;

-- The payment that one of a message's names is known to be, or null.
create or replace function credits.payment_of(p_event jsonb)
returns text
language plpgsql
stable
as $$
begin
  return (
    select known.payment_id
    from credits.provider_object as known
    where known.provider = p_event ->> 'provider'
      and known.name = any (credits.event_names(p_event))
      and known.payment_id is not null
    order by known.name
    limit 1
  );
end;
$$;

-- Remembers a payment that has bought something, and all its names.
-- p_plan: {period, amount} of a plan's.
create or replace function credits.keep_payment(
  p_user_id text, p_payment_id text, p_kind text, p_event jsonb, p_granted jsonb, p_plan jsonb
)
returns void
language plpgsql
as $$
declare
  v_provider constant text := p_event ->> 'provider';
begin
  insert into credits.payment (
    provider, payment_id, user_id, kind, price_id, subscription_id, period, plan_amount, transaction_id, batch_id, granted,
    amount_paid, currency, receipt_url, paid_at, created_at
  )
  values (
    v_provider, p_payment_id, p_user_id, p_kind, p_event ->> 'price_id', p_event ->> 'subscription_id',
    p_plan ->> 'period', (p_plan ->> 'amount')::bigint, (p_granted ->> 'id')::uuid, (p_granted ->> 'batch_id')::uuid,
    coalesce((p_granted ->> 'amount')::bigint, 0), (p_event ->> 'amount_paid')::bigint, p_event ->> 'currency',
    p_event ->> 'receipt_url', (p_event ->> 'occurred_at')::timestamptz, (p_event ->> 'occurred_at')::timestamptz
  )
  on conflict (provider, payment_id) do update
  -- Told twice, in whichever order: it was paid when it was first told of.
  set
    paid_at = least(payment.paid_at, excluded.paid_at),
    receipt_url = coalesce(payment.receipt_url, excluded.receipt_url);
  perform credits.name_payment(p_event, p_payment_id);
end;
$$;

-- Divides what a period got among the invoices that paid for it, in the order in which they were paid: each has what its plan
-- gives beyond those before it. So it does not matter which of them was told of first.
create or replace function credits.share_period(p_user_id text, p_period text, p_rules jsonb, p_now timestamptz)
returns void
language plpgsql
as $$
declare
  v_place integer;
  v_payments credits.payment[];
  v_payment credits.payment;
begin
  with share as (
    select
      payment.provider, payment.payment_id, batch.amount as batch_amount,
      greatest(0, payment.plan_amount - coalesce(
        max(payment.plan_amount) over (
          order by payment.paid_at, payment.payment_id rows between unbounded preceding and 1 preceding
        ),
        0
      )) as amount
    from credits.payment
    join credits.batch on batch.user_id = payment.user_id and batch.id = payment.batch_id
    where payment.user_id = p_user_id
      and payment.period = p_period
  )
  update credits.payment
  set granted = least(share.amount, share.batch_amount)
  from share
  where payment.provider = share.provider
    and payment.payment_id = share.payment_id;

  select array_agg(payment order by payment.paid_at, payment.payment_id)
  into v_payments
  from credits.payment
  where payment.user_id = p_user_id
    and payment.period = p_period;
  for v_place in 1 .. coalesce(cardinality(v_payments), 0) loop
    v_payment := v_payments[v_place];
    perform credits.take_back(v_payment.provider, v_payment.payment_id, p_rules, p_now);
  end loop;
end;
$$;

create or replace function credits.name_payment(p_event jsonb, p_payment_id text)
returns void
language plpgsql
as $$
begin
  update credits.provider_object as known
  set payment_id = p_payment_id
  where known.provider = p_event ->> 'provider'
    and starts_with(known.name, 'payment:')
    and known.name = any (credits.event_names(p_event))
    and known.payment_id is null;
end;
$$;

-- News of a payment that was made: other names, money that went back, a dispute, a warning.
create or replace function credits.payment_news(p_event jsonb, p_rules jsonb, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  v_provider constant text := p_event ->> 'provider';
  v_payment_id constant text := credits.payment_of(p_event);
  v_user_id text;
  v_is_opened boolean;
  v_written uuid[];
begin
  if v_payment_id is null then
    return jsonb_build_object(
      'waits_for', (select jsonb_agg(name) from unnest(credits.event_names(p_event)) as name where starts_with(name, 'payment:'))
    );
  end if;
  perform credits.name_payment(p_event, v_payment_id);
  select payment.user_id
  into v_user_id
  from credits.payment
  where payment.provider = v_provider
    and payment.payment_id = v_payment_id;
  -- Everything below changes under the wallet's lock.
  perform from credits.wallet where wallet.user_id = v_user_id for update;

  if p_event -> 'amount_paid' is not null then
    update credits.payment
    set amount_paid = (p_event ->> 'amount_paid')::bigint
    where payment.provider = v_provider
      and payment.payment_id = v_payment_id;
  end if;
  if p_event ->> 'type' = 'payment.linked' then
    update credits.payment
    set receipt_url = coalesce(payment.receipt_url, p_event ->> 'receipt_url')
    where payment.provider = v_provider
      and payment.payment_id = v_payment_id;
    return '{"outcome": "applied"}';
  elsif p_event ->> 'type' = 'fraud.warned' then
    if not (p_rules ->> 'freeze_on_fraud')::boolean then
      return '{"outcome": "ignored"}';
    end if;
    perform credits.set_wallet_status(v_user_id, 'frozen');
    return '{"outcome": "applied"}';
  elsif p_event ->> 'type' = 'payment.refunded' then
    if p_event -> 'refund' is not null then
      insert into credits.refund (provider, refund_id, payment_id, amount)
      values (v_provider, p_event -> 'refund' ->> 'id', v_payment_id, (p_event -> 'refund' ->> 'amount')::bigint)
      on conflict (provider, refund_id) do nothing;
    end if;
    update credits.payment
    set refunded = greatest(payment.refunded, (p_event ->> 'amount_refunded')::bigint)
    where payment.provider = v_provider
      and payment.payment_id = v_payment_id;
  else
    insert into credits.dispute as known (provider, dispute_id, payment_id, amount, status, said_at)
    values (
      v_provider, p_event ->> 'dispute_id', v_payment_id, (p_event ->> 'amount')::bigint, p_event ->> 'status',
      (p_event ->> 'occurred_at')::timestamptz
    )
    on conflict (provider, dispute_id) do update
    -- Won and lost are final; of two open states the later one says the amount, of two ends the later one stands.
    set
      status = excluded.status,
      amount = excluded.amount,
      said_at = excluded.said_at
    where (excluded.status <> 'open', excluded.said_at, excluded.status) > (known.status <> 'open', known.said_at, known.status);
    v_is_opened := p_event ->> 'status' = 'open' and found;
    if v_is_opened and (p_rules ->> 'freeze_on_dispute')::boolean then
      perform credits.set_wallet_status(v_user_id, 'frozen');
    end if;
  end if;
  v_written := credits.take_back(v_provider, v_payment_id, p_rules, p_now);
  return jsonb_build_object('outcome', 'applied', 'user_id', v_user_id, 'transaction_ids', to_jsonb(v_written));
end;
$$;

-- What a user, or with null anybody, has paid: newest first, instants in milliseconds.
create or replace function credits.get_payments(p_user_id text, p_limit integer)
returns jsonb
language plpgsql
stable
as $$
begin
  return coalesce(
    (
      select jsonb_agg(
        jsonb_build_object(
          'provider', payment.provider,
          'payment_id', payment.payment_id,
          'user_id', payment.user_id,
          'kind', payment.kind,
          'price_id', payment.price_id,
          'granted', case when payment.transaction_id is not null then payment.granted end,
          'amount_paid', payment.amount_paid,
          'currency', payment.currency,
          'amount_refunded', least(
            payment.amount_paid,
            greatest(
              payment.refunded,
              (
                select coalesce(sum(refund.amount), 0)
                from credits.refund
                where refund.provider = payment.provider
                  and refund.payment_id = payment.payment_id
              )
            )
          ),
          'disputed', exists (
            select
            from credits.dispute
            where dispute.provider = payment.provider
              and dispute.payment_id = payment.payment_id
              and dispute.status <> 'won'
          ),
          'receipt_url', payment.receipt_url,
          'paid_at', floor(extract(epoch from payment.paid_at) * 1000)
        )
        order by payment.paid_at desc, payment.payment_id
      )
      from (
        select payment.*
        from credits.payment
        where p_user_id is null
          or payment.user_id = p_user_id
        order by payment.paid_at desc, payment.payment_id
        limit p_limit
      ) as payment
    ),
    '[]'
  );
end;
$$;

-- The subscription that a user lives on at T: {plan_id, status, interval, anchor, current_period_end (both ms), cancels_at_period_end,
-- provider}, or null.
create or replace function credits.get_subscription(p_user_id text, p_now timestamptz)
returns jsonb
language plpgsql
stable
as $$
declare
  v_now constant timestamptz := credits.clock(p_now);
begin
  return (
    select jsonb_build_object(
      'subscription_id', subscription.subscription_id,
      'plan_id', subscription.plan_id,
      'status', subscription.status,
      'interval', subscription.billing_interval,
      'anchor', floor(extract(epoch from subscription.anchor) * 1000),
      'current_period_end', floor(extract(epoch from subscription.current_period_end) * 1000),
      'cancels_at_period_end', subscription.cancels_at_period_end,
      'provider', subscription.provider
    )
    from credits.subscription
    where subscription.user_id = p_user_id
      and subscription.plan_id <> 'free'
      and subscription.status <> 'incomplete_expired'
      and (subscription.status <> 'canceled' or subscription.current_period_end > v_now)
    order by subscription.status in ('active', 'trialing', 'past_due') desc, subscription.anchor desc,
      subscription.subscription_id
    limit 1
  );
end;
$$;

-- A user's customer at a provider, or null.
create or replace function credits.get_customer(p_user_id text, p_provider text)
returns jsonb
language plpgsql
stable
as $$
begin
  return (
    select to_jsonb(substr(known.name, char_length('customer:') + 1))
    from credits.provider_object as known
    where known.user_id = p_user_id
      and known.provider = p_provider
      and starts_with(known.name, 'customer:')
    order by known.seen_at, known.name
    limit 1
  );
end;
$$;

-- Remembers a user's customer at a provider; the first one stands, and is returned. Codes: IDEMPOTENCY_CONFLICT (userId).
create or replace function credits.link_customer(
  p_user_id text, p_provider text, p_customer_id text, p_now timestamptz
)
returns jsonb
language plpgsql
as $$
declare
  v_owner text;
begin
  insert into credits.provider_object as known (provider, name, user_id, seen_at)
  values (p_provider, 'customer:' || p_customer_id, p_user_id, credits.clock(p_now))
  on conflict (provider, name) do update
  set user_id = coalesce(known.user_id, excluded.user_id)
  returning known.user_id into v_owner;
  if v_owner <> p_user_id then
    return jsonb_build_object('code', 'IDEMPOTENCY_CONFLICT', 'field', 'userId');
  end if;
  return jsonb_build_object('customer_id', credits.get_customer(p_user_id, p_provider));
end;
$$;
