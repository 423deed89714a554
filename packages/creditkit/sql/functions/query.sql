-- Reads. Neither locks anything nor writes; an unknown user answers zeros and an empty page (rule 8).

-- The balances of some users at T (rules 6, 7), each user once, in the order asked: [{available, held, debt, expiring:
-- [amount, expires_at] | null, next_grant: {amount, at, plan} | null}], instants in milliseconds. What a hold whose time is
-- over had set aside is free, whether or not that is booked (rule 22): read in this one statement, since a snapshot
-- later it may be in the batch again.
-- p_plans: as credits.grant_monthly.
create or replace function credits.get_infos(p_user_ids text[], p_plans jsonb, p_now timestamptz)
returns json
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
  v_now constant timestamptz := credits.clock(p_now);
  v_next_grants jsonb := '{}';
  v_free_amount bigint;
  v_answer json;
begin
  -- Most users have no subscription: whose free month is next needs no look at the plans of all.
  if exists (select from credits.subscription where subscription.user_id = any (p_user_ids)) then
    v_next_grants := credits.next_grants(p_user_ids, p_plans, v_now);
  else
    v_free_amount := p_plans -> 'free' ->> 'amount';
  end if;

  select
    json_agg(
      json_build_object(
        'available', greatest(0, content.free - coalesce(wallet.debt - content.repaid, 0)),
        'held', coalesce(wallet.held, 0) - content.timed_out,
        'debt', coalesce(wallet.debt - content.repaid, 0),
        'expiring', case
          when content.expiring is not null then
            json_build_array(content.expiring, floor(extract(epoch from content.expires_at) * 1000))
        end,
        'next_grant', case
          -- As credits.plans_at: a wallet without a subscription is on the free plan, by calendar months.
          when wallet.sequence > 0 and wallet.status <> 'closed' and v_free_amount is not null then
            json_build_object(
              'amount', v_free_amount,
              'at', floor(extract(epoch from credits.period_start(credits.month_start(content.at), 1)) * 1000),
              'plan', 'free'
            )
          else (v_next_grants -> asked.user_id)::json
        end
      )
      order by asked.position
    )
  into v_answer
  from unnest(p_user_ids) with ordinality as asked (user_id, position)
  left join credits.wallet
    on wallet.user_id = asked.user_id
    /* shard: and wallet.user_id = any (p_user_ids) */
  cross join lateral (
    select
      greatest(wallet.last_at, v_now) as at,
      coalesce(sum(part.free) filter (where part.is_valid), 0)::bigint as free,
      coalesce(sum(part.timed_out), 0)::bigint as timed_out,
      coalesce(sum(part.repaid), 0)::bigint as repaid,
      (array_agg(part.free order by part.priority, part.expires_at, part.granted_at, part.sequence)
        filter (where part.is_expiring))[1] as expiring,
      (array_agg(part.expires_at order by part.priority, part.expires_at, part.granted_at, part.sequence)
        filter (where part.is_expiring))[1] as expires_at
    from (
      select
        batch.priority, batch.expires_at, batch.granted_at, batch.sequence, freed.amount as timed_out, freed.repaid,
        batch.remaining + coalesce(freed.amount - freed.due - freed.repaid, 0) as free,
        coalesce(batch.expires_at > greatest(wallet.last_at, v_now), true) as is_valid,
        batch.expires_at > greatest(wallet.last_at, v_now)
          and batch.remaining + coalesce(freed.amount - freed.due - freed.repaid, 0) > 0 as is_expiring
      from credits.batch
      left join (
        -- What holds that have timed out had set aside. What is due of a batch, and what is owed, is taken from it as of each
        -- timeout, as credits.end_timed_out_holds does.
        select
          aside.batch_id, sum(aside.amount)::bigint as amount, sum(aside.due)::bigint as due,
          sum(
            least(aside.payable, greatest(0, wallet.debt + aside.payable - aside.payable_so_far))
          )::bigint as repaid
        from (
          select
            part.*, part.valid - part.due as payable,
            sum(part.valid - part.due) over (order by part.timeout, part.priority, part.expires_at, part.granted_at,
              part.sequence, part.hold_id) as payable_so_far
          from (
            select
              each.*,
              least(
                each.valid,
                greatest(0, each.batch_due + each.valid - sum(each.valid) over (
                  partition by each.batch_id order by each.timeout, each.hold_id
                ))
              ) as due
            from (
              select
                hold.id as hold_id, hold.expires_at as timeout, part.batch_id, part.amount, source.priority,
                source.expires_at, source.granted_at, source.sequence,
                source.refund_due + source.dispute_due as batch_due,
                case when source.expires_at <= hold.expires_at then 0 else part.amount end as valid
              from credits.hold
              cross join lateral unnest(hold.batch_ids, hold.batch_amounts) as part (batch_id, amount)
              join credits.batch as source on source.user_id = hold.user_id and source.id = part.batch_id
              where wallet.held > 0
                and hold.user_id = asked.user_id
                /* shard: and hold.user_id = any (p_user_ids) and source.user_id = any (p_user_ids) */
                and hold.status = 'open'
                and hold.expires_at <= greatest(wallet.last_at, v_now)
            ) as each
          ) as part
        ) as aside
        group by aside.batch_id
      ) as freed on freed.batch_id = batch.id
      where batch.user_id = asked.user_id
        /* shard: and batch.user_id = any (p_user_ids) */
        and batch.is_open
    ) as part
  ) as content;
  return v_answer;
end;
$$;

-- The balance of one user, as credits.get_infos, user first: what a sharded database can delegate (shard.sql).
create or replace function credits.get_info(p_user_id text, p_plans jsonb, p_now timestamptz)
returns jsonb
language plpgsql
as $$
begin
  return credits.get_infos(array[p_user_id], p_plans, p_now) -> 0;
end;
$$;

-- The next grant of each of some users' plans: {<user id>: {amount, at, plan}}, nothing for a user who has none to come.
create or replace function credits.next_grants(p_user_ids text[], p_plans jsonb, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  v_plans jsonb;
begin
  -- By itself: on a cluster, a statement that reads tables cannot call a function that does.
  select jsonb_agg(to_jsonb(subscribed)) into v_plans from credits.plans_at(p_user_ids, p_now) as subscribed;
  return coalesce(
    (
      select jsonb_object_agg(next.user_id, next.grant)
      from (
        select distinct on (upcoming.user_id)
          upcoming.user_id,
          jsonb_build_object(
            'amount', upcoming.amount, 'at', floor(extract(epoch from upcoming.at) * 1000), 'plan', upcoming.plan_id
          ) as grant
        from (
          select
            subscribed.user_id, subscribed.plan_id, subscribed.grants_until, subscribed.renews,
            (p_plans -> subscribed.plan_id ->> 'amount')::bigint as amount,
            credits.period_start(
              subscribed.anchor, greatest(0, credits.period_index(subscribed.anchor, subscribed.at) + 1)
            ) as at
          from jsonb_to_recordset(v_plans) as subscribed (
            user_id text, plan_id text, at timestamptz, anchor timestamptz, entitled boolean,
            grants_until timestamptz, renews boolean
          )
          where subscribed.entitled
            and jsonb_typeof(p_plans -> subscribed.plan_id) = 'object'
        ) as upcoming
        where upcoming.renews or upcoming.at < upcoming.grants_until
        order by upcoming.user_id, upcoming.at, upcoming.amount desc
      ) as next
    ),
    '{}'
  );
end;
$$;

-- One page of a user's history, newest first (rule 5): {total, items}. The wallet's sequence is gap-free: it is
-- the total, and the page is a range of it, at any depth, without count or offset.
create or replace function credits.get_transactions(p_user_id text, p_page_index bigint, p_page_size integer)
returns jsonb
language plpgsql
stable
as $$
declare
  v_total bigint;
  v_items jsonb;
begin
  select wallet.sequence into v_total from credits.wallet where wallet.user_id = p_user_id;

  select jsonb_agg(
    jsonb_build_object(
      'id', item.id,
      'type', item.type,
      'amount', case when item.credit_account = 'WALLET:' || item.user_id then item.amount else -item.amount end,
      'description', item.description,
      'source_plan', item.source_plan,
      'created_at', floor(extract(epoch from item.created_at) * 1000)
    )
    order by item.sequence desc
  )
  into v_items
  from credits.transaction as item
  where item.user_id = p_user_id
    and item.sequence <= v_total - p_page_index * p_page_size
    and item.sequence > v_total - (p_page_index + 1) * p_page_size;

  return jsonb_build_object('total', coalesce(v_total, 0), 'items', coalesce(v_items, '[]'));
end;
$$;

-- One wallet as an operator sees it: {user_id, status, sequence, held, debt, created_at, batches: […]} or null, as the books
-- have it: holds that have timed out count as held until that is booked.
create or replace function credits.get_wallet(p_user_id text, p_now timestamptz)
returns jsonb
language plpgsql
stable
as $$
declare
  v_wallet credits.wallet;
  v_at timestamptz;
  v_batches jsonb;
begin
  select wallet.* into v_wallet from credits.wallet where wallet.user_id = p_user_id;
  if v_wallet.user_id is null then
    return null;
  end if;
  v_at := greatest(v_wallet.last_at, credits.clock(p_now));

  select jsonb_agg(
    jsonb_build_object(
      'id', batch.id,
      'granted_by', granted.type,
      'priority', batch.priority,
      'amount', batch.amount,
      'remaining', batch.remaining,
      'held', batch.held,
      'granted_at', floor(extract(epoch from batch.granted_at) * 1000),
      'expires_at', floor(extract(epoch from batch.expires_at) * 1000),
      'expired', coalesce(batch.expires_at <= v_at, false)
    )
    order by batch.priority asc, batch.expires_at asc nulls last, batch.granted_at asc, batch.sequence asc
  )
  into v_batches
  from credits.batch
  join credits.transaction as granted on granted.user_id = batch.user_id and granted.sequence = batch.sequence
  where batch.user_id = p_user_id
    and batch.is_open;

  return jsonb_build_object(
    'user_id', v_wallet.user_id,
    'status', v_wallet.status,
    'sequence', v_wallet.sequence,
    'held', v_wallet.held,
    'debt', v_wallet.debt,
    'created_at', floor(extract(epoch from v_wallet.created_at) * 1000),
    'batches', coalesce(v_batches, '[]')
  );
end;
$$;
