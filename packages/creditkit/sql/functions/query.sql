-- Reads. Neither locks anything nor writes; an unknown user answers zeros and an empty page (rule 8).

-- The balance of one user at T (rules 6, 7): {available, expiring: {amount, expires_at} | null,
-- next_grant: {amount, at, plan} | null}, instants in milliseconds.
-- p_plans: as credits.grant_monthly.
create or replace function credits.get_info(p_user_id text, p_plans jsonb, p_now timestamptz)
returns jsonb
language plpgsql
-- As credits.consume.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
  v_at timestamptz;
  v_answer jsonb;
begin
  select wallet.last_at into v_at from credits.wallet where wallet.user_id = p_user_id;
  v_at := greatest(v_at, credits.clock(p_now));

  select jsonb_build_object(
    'available', coalesce(sum(valid.remaining), 0),
    'expiring', (
      array_agg(
        jsonb_build_object('amount', valid.remaining, 'expires_at', floor(extract(epoch from valid.expires_at) * 1000))
        order by valid.priority asc, valid.expires_at asc nulls last, valid.granted_at asc, valid.sequence asc
      ) filter (where valid.expires_at is not null)
    )[1]
  )
  into v_answer
  from credits.batch as valid
  where valid.user_id = p_user_id
    and valid.is_open
    and (valid.expires_at is null or valid.expires_at > v_at);

  return v_answer || jsonb_build_object('next_grant', (
    select jsonb_build_object(
      'amount', (p_plans -> upcoming.plan_id ->> 'amount')::bigint,
      'at', floor(extract(epoch from upcoming.at) * 1000),
      'plan', upcoming.plan_id
    )
    from (
      select
        subscribed.plan_id,
        credits.period_start(
          subscribed.anchor, greatest(0, credits.period_index(subscribed.anchor, v_at) + 1)
        ) as at,
        subscribed.grants_until,
        subscribed.renews
      from credits.plans_at(array[p_user_id], v_at) as subscribed
      where subscribed.entitled
        and jsonb_typeof(p_plans -> subscribed.plan_id) = 'object'
    ) as upcoming
    where upcoming.renews or upcoming.at < upcoming.grants_until
    order by upcoming.at, (p_plans -> upcoming.plan_id ->> 'amount')::bigint desc
    limit 1
  ));
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

-- One wallet as an operator sees it: {user_id, status, sequence, created_at, batches: […]} or null.
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
      'priority', batch.priority,
      'amount', batch.amount,
      'remaining', batch.remaining,
      'granted_at', floor(extract(epoch from batch.granted_at) * 1000),
      'expires_at', floor(extract(epoch from batch.expires_at) * 1000),
      'expired', coalesce(batch.expires_at <= v_at, false)
    )
    order by batch.priority asc, batch.expires_at asc nulls last, batch.granted_at asc, batch.sequence asc
  )
  into v_batches
  from credits.batch
  where batch.user_id = p_user_id
    and batch.is_open;

  return jsonb_build_object(
    'user_id', v_wallet.user_id,
    'status', v_wallet.status,
    'sequence', v_wallet.sequence,
    'created_at', floor(extract(epoch from v_wallet.created_at) * 1000),
    'batches', coalesce(v_batches, '[]')
  );
end;
$$;
