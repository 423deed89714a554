-- The next users whom the monthly grant has to look at, in the one order, after a given one.
create or replace function credits.users_after(p_user_id text, p_limit integer)
returns jsonb
language sql
stable
as $$
  select coalesce(jsonb_agg(page.user_id order by page.user_id), '[]')
  from (
    (select wallet.user_id from credits.wallet where wallet.user_id > p_user_id order by 1 limit p_limit)
    union
    (
      select distinct subscription.user_id
      from credits.subscription
      where subscription.user_id > p_user_id
      order by 1
      limit p_limit
    )
    order by 1
    limit p_limit
  ) as page
$$;

-- Grants what is due to some users at T: every period that has begun, is paid for, was not granted yet and whose
-- batch would still be valid, expiring as if granted when the period began (rules 16–19).
--
-- p_plans: {<plan id>: {amount, validity_days}}, the enabled plans of the configuration; null stands for a disabled one.
-- Returns [{user_id, …} with the result of credits.grant], nothing for a user to whom nothing is due. With
-- p_retried, what the same page (p_page) had granted before its answer got lost is part of the answer (rule 28).
-- Locks: as credits.grant. Codes: UNKNOWN_PLAN (plan), BALANCE_LIMIT, BALANCE_OVERFLOW.
create or replace function credits.grant_monthly(
  p_user_ids text[], p_plans jsonb, p_balance_max bigint, p_page uuid, p_retried boolean, p_now timestamptz
)
returns jsonb
language plpgsql
-- As credits.consume.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_now timestamptz;
  v_opened text[];
  v_requests jsonb;
  v_unknown jsonb;
  v_granted jsonb;
  v_earlier jsonb;
begin
  -- A subscriber may have no wallet yet: it is locked from here on like the others.
  v_opened := credits.open_wallets(
    array(select subscription.user_id from credits.subscription where subscription.user_id = any (p_user_ids)), p_now
  );
  perform from credits.wallet where wallet.user_id = any (p_user_ids) order by wallet.user_id for update;
  v_now := credits.clock(p_now);

  select
    jsonb_agg(
      jsonb_build_object(
        'user_id', due.user_id, 'type', 'monthly_grant', 'amount', due.amount, 'priority', 0,
        'source_plan', due.plan_id, 'period', credits.period_label(due.period_start),
        'validity_days', due.validity_days, 'valid_from', due.period_start, 'balance_max', p_balance_max,
        'job_page', p_page
      )
      -- The largest plan of a period first: a smaller one then finds nothing left to add.
      order by due.user_id, due.period_start, due.amount desc, due.plan_id
    )
  into v_requests
  from (
    select
      entitled.user_id, entitled.plan_id, period.period_start,
      (entitled.plan ->> 'amount')::bigint as amount,
      (entitled.plan ->> 'validity_days')::integer as validity_days
    from (
      select subscribed.*, p_plans -> subscribed.plan_id as plan
      from credits.plans_at(p_user_ids, v_now) as subscribed
      where subscribed.entitled
        and subscribed.anchor <= subscribed.at
        and jsonb_typeof(p_plans -> subscribed.plan_id) = 'object'
    ) as entitled
    cross join lateral (
      select credits.period_start(entitled.anchor, index.k) as period_start
      from generate_series(
        -- No month is shorter than 28 days: earlier periods cannot have a valid batch.
        greatest(
          0, credits.period_index(entitled.anchor, entitled.at) - (entitled.plan ->> 'validity_days')::integer / 28 - 1
        ),
        credits.period_index(entitled.anchor, entitled.at)
      ) as index (k)
      where entitled.entitled_from is null
        or credits.period_start(entitled.anchor, index.k + 1) > entitled.entitled_from
    ) as period
    where period.period_start + make_interval(hours => 24 * (entitled.plan ->> 'validity_days')::integer) > entitled.at
      and (entitled.grants_until is null or period.period_start < entitled.grants_until)
  ) as due
  cross join lateral (
    select credits.grant_key('monthly_grant', credits.period_label(due.period_start), due.plan_id, null, null)
  ) as once (key)
  -- A look-up as in credits.consume.
  left join lateral (
    select transaction.sequence
    from credits.transaction
    where transaction.user_id = due.user_id
      and transaction.key between once.key and once.key
    order by transaction.key
    limit 1
  ) as granted on true
  where granted.sequence is null;

  select jsonb_agg(jsonb_build_object('user_id', subscribed.user_id, 'code', 'UNKNOWN_PLAN', 'plan', subscribed.plan_id))
  into v_unknown
  from credits.plans_at(p_user_ids, v_now) as subscribed
  where subscribed.entitled
    and subscribed.plan_id <> 'free'
    and not p_plans ? subscribed.plan_id;

  if p_retried then
    select jsonb_agg(
      jsonb_build_object('user_id', earlier.user_id)
        || credits.grant_result(earlier, batch, credits.available_before(earlier.user_id, earlier.sequence), false)
      order by earlier.user_id, earlier.sequence
    )
    into v_earlier
    from credits.transaction as earlier
    join credits.batch on batch.user_id = earlier.user_id and batch.id = earlier.batch_ids[1]
    where earlier.user_id = any (p_user_ids)
      and earlier.job_page = p_page;
  end if;

  if v_requests is not null then
    v_granted := credits.grant(v_requests, v_now);
  end if;
  perform credits.close_unused_wallets(v_opened);

  return coalesce(v_unknown, '[]') || coalesce(v_earlier, '[]') || coalesce(
    (
      select jsonb_agg(
        jsonb_build_object('user_id', answered.request ->> 'user_id') || answered.result order by answered.position
      )
      from rows from (jsonb_array_elements(v_requests), jsonb_array_elements(v_granted))
        with ordinality as answered (request, result, position)
      where not coalesce((answered.result ->> 'replayed')::boolean, false)
    ),
    '[]'
  );
end;
$$;
