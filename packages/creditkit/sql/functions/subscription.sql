-- Records what a provider says of a subscription. A user without a wallet may have one: a subscription is not a grant.
-- Locks: the wallet when there is one, so that a monthly grant sees either the old or the new state.
create or replace function credits.upsert_subscription(p_subscription jsonb, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  v_user_id constant text := p_subscription ->> 'user_id';
  v_at timestamptz;
  v_held bigint;
  v_said record;
begin
  select wallet.last_at, wallet.held
  into v_at, v_held
  from credits.wallet
  where wallet.user_id = v_user_id
  for update;
  v_at := greatest(v_at, credits.clock(p_now));
  if v_held > 0 then
    perform credits.end_timed_out_holds(array[v_user_id], v_at, null);
  end if;
  -- Written, not only locked: a monthly grant at REPEATABLE READ that waited here has to start again.
  update credits.wallet
  set last_at = v_at
  where wallet.user_id = v_user_id;

  select said.*
  into v_said
  from jsonb_to_record(p_subscription) as said (
    subscription_id text, plan_id text, status text, anchor timestamptz, interval text, current_period_end timestamptz
  );
  insert into credits.subscription as known (
    user_id, subscription_id, plan_id, status, anchor, billing_interval, current_period_end,
    created_at, updated_at
  )
  values (
    v_user_id, v_said.subscription_id, v_said.plan_id, v_said.status, v_said.anchor, v_said.interval,
    v_said.current_period_end, v_at, v_at
  )
  on conflict (user_id, subscription_id) do update
  set
    plan_id = excluded.plan_id,
    status = excluded.status,
    -- The original anchor stays where a renewal names its own start instead: February 28th of a plan that began on
    -- January 31st would make March begin three days early (rule 16). Any other anchor is a new start.
    anchor = case
      when known.billing_interval = excluded.billing_interval
        and credits.is_renewal(known.anchor, known.billing_interval, excluded.anchor)
        then known.anchor
      else excluded.anchor
    end,
    billing_interval = excluded.billing_interval,
    current_period_end = excluded.current_period_end,
    -- Coming back after a time without entitlement does not grant for that time. A past-due invoice that
    -- gets paid does: its period was only waiting for the money.
    entitled_from = case
      when known.status in ('unpaid', 'incomplete', 'incomplete_expired', 'paused')
        or (known.status = 'canceled' and known.current_period_end <= v_at)
        then v_at
      else known.entitled_from
    end,
    updated_at = v_at;
  return '{}';
end;
$$;

-- Which plan each of some users is on at an instant (rules 16 and 17), one row per plan; a user with a wallet and no
-- live paid subscription is on the free plan. Entitled: the plan may grant now.
-- at: the user's T, never earlier than the wallet's last one (rule 2).
-- grants_until: no period that starts at or after it is paid for.
create or replace function credits.plans_at(p_user_ids text[], p_now timestamptz)
returns table (
  user_id text, plan_id text, at timestamptz, anchor timestamptz, entitled boolean, entitled_from timestamptz,
  grants_until timestamptz, renews boolean
)
-- Not SQL, which would be inlined: on a cluster, into a query that does not look at its tables' shards.
language plpgsql
stable
as $$
#variable_conflict use_column
begin
  return query
  with live as (
    select
      subscription.*,
      greatest(p_now, wallet.last_at) as at,
      subscription.status in ('active', 'trialing', 'canceled') as is_entitled
    from credits.subscription
    left join credits.wallet on wallet.user_id = subscription.user_id
    where subscription.user_id = any (p_user_ids)
      and subscription.plan_id <> 'free'
      and subscription.status <> 'incomplete_expired'
      and (subscription.status <> 'canceled' or greatest(p_now, wallet.last_at) < subscription.current_period_end)
      -- Nothing is granted to a user who was erased.
      and wallet.status is distinct from 'closed'
  )
  select
    live.user_id, live.plan_id, live.at, live.anchor, live.is_entitled, live.entitled_from,
    -- A year is paid ahead: twelve grants, then the next year has to be paid (rule 16). A canceled one ends.
    case
      when live.billing_interval = 'year' then credits.year_end(live.anchor, live.current_period_end)
      when live.status = 'canceled' then live.current_period_end
    end,
    live.status <> 'canceled'
  from live
  union all
  select
    wallet.user_id, 'free', greatest(p_now, wallet.last_at), credits.month_start(wallet.created_at), true,
    wallet.created_at, null, true
  from credits.wallet
  where wallet.user_id = any (p_user_ids)
    -- Not a wallet that the monthly grant has just opened for a subscriber: it may close it again.
    and wallet.sequence > 0
    and wallet.status <> 'closed'
    -- Hashed, which "<> all" of as many is not.
    and wallet.user_id not in (select live.user_id from live);
end;
$$;

-- Label of the period of a user's plan that contains an instant: by the subscription's anchor when the plan is
-- subscribed, else by the calendar month.
create or replace function credits.current_period(p_user_id text, p_plan_id text, p_at timestamptz)
returns text
language plpgsql
stable
as $$
declare
  v_start timestamptz;
begin
  select credits.period_start(subscription.anchor, credits.period_index(subscription.anchor, p_at))
  into v_start
  from credits.subscription
  where subscription.user_id = p_user_id
    and subscription.plan_id = p_plan_id
    and subscription.plan_id <> 'free'
    and subscription.anchor <= p_at
  order by subscription.status in ('active', 'trialing', 'past_due') desc, subscription.anchor desc
  limit 1;
  return credits.period_label(coalesce(v_start, p_at));
end;
$$;
