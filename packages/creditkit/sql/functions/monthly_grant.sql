-- The next users whom the monthly grant has to look at, in the one order, after a given one.
create or replace function credits.users_after(p_user_id text, p_limit integer)
returns jsonb
language plpgsql
stable
as $$
declare
  v_page jsonb;
begin
  select jsonb_agg(page.user_id order by page.user_id)
  into v_page
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
  ) as page;
  return coalesce(v_page, '[]');
end;
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
set cpu_tuple_cost = 1
set jit = off
as $$
declare
  v_now timestamptz;
  v_subscribers text[];
  v_opened text[];
  v_plans jsonb;
  v_requests jsonb;
  v_unknown jsonb;
  v_granted jsonb;
  v_earlier jsonb;
begin
  -- A subscriber may have no wallet yet: it is locked from here on like the others.
  select array_agg(subscription.user_id)
  into v_subscribers
  from credits.subscription
  where subscription.user_id = any (p_user_ids);
  v_opened := credits.open_wallets(v_subscribers, p_now);
  perform from credits.wallet where wallet.user_id = any (p_user_ids) order by wallet.user_id for update;
  v_now := credits.clock(p_now);

  -- By itself: on a cluster, a statement that reads tables cannot call a function that does.
  select jsonb_agg(to_jsonb(subscribed)) into v_plans from credits.plans_at(p_user_ids, v_now) as subscribed;

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
      from jsonb_to_recordset(v_plans) as subscribed (
        user_id text, plan_id text, at timestamptz, anchor timestamptz, entitled boolean, entitled_from timestamptz,
        grants_until timestamptz
      )
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
      /* shard: and transaction.user_id = any (p_user_ids) */
      and transaction.key between once.key and once.key
    order by transaction.key
    limit 1
  ) as granted on true
  where granted.sequence is null;

  select jsonb_agg(jsonb_build_object('user_id', subscribed.user_id, 'code', 'UNKNOWN_PLAN', 'plan', subscribed.plan_id))
  into v_unknown
  from jsonb_to_recordset(v_plans) as subscribed (user_id text, plan_id text, entitled boolean)
  where subscribed.entitled
    and subscribed.plan_id <> 'free'
    and not p_plans ? subscribed.plan_id;

  if p_retried then
    v_earlier := credits.granted_on_page(p_user_ids, p_page);
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

-- What a page of the grant job has granted to some users, as credits.grant_monthly answers it.
create or replace function credits.granted_on_page(p_user_ids text[], p_page uuid)
returns jsonb
language plpgsql
stable
as $$
declare
  v_found record;
  v_row credits.transaction;
  v_batch credits.batch;
  v_granted jsonb[] := '{}';
begin
  for v_found in
    select transaction as row, batch
    from credits.transaction
    join credits.batch on batch.user_id = transaction.user_id and batch.id = transaction.batch_ids[1]
    where transaction.user_id = any (p_user_ids)
      and transaction.job_page = p_page
      /* shard: and batch.user_id = any (p_user_ids) */
    order by transaction.user_id, transaction.sequence
  loop
    -- Called here: on a cluster, a statement that reads tables cannot call a function that does, nor one of its rows.
    v_row := v_found.row;
    v_batch := v_found.batch;
    v_granted := v_granted || (
      jsonb_build_object('user_id', v_row.user_id)
        || credits.grant_result(v_row, v_batch, credits.available_before(v_row.user_id, v_row.sequence), false)
    );
  end loop;
  return to_jsonb(v_granted);
end;
$$;
