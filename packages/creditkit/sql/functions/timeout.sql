-- Timeouts: from its last instant on a hold holds nothing (rule 22). Here is where that is written down.

-- Books the end of every hold of some users whose time is over: what it held is free again. The timeout is judged by T, so
-- each operation that writes to a wallet which holds something calls this first, and it also stands where the
-- operation is then refused: it only writes down what is true already. Where something is owed, what a hold frees repays it
-- as of the hold's timeout (rule 24): booked whenever, the books come out the same. That changes the wallet's row: a caller
-- who has read it reads it again.
-- Returns [{user_id, hold_id, amount}].
-- Locks: none of its own; the caller has the wallets.
create or replace function credits.end_timed_out_holds(p_user_ids text[], p_now timestamptz, p_page uuid)
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
  v_user_ids text[];
  v_timeouts timestamptz[];
  v_ended jsonb := '[]';
begin
  select
    array_agg(due.user_id order by due.user_id, due.expires_at), array_agg(due.expires_at order by due.user_id, due.expires_at)
  into v_user_ids, v_timeouts
  from (
    select distinct hold.user_id, hold.expires_at
    from credits.wallet
    join credits.hold on hold.user_id = wallet.user_id
    where wallet.user_id = any (p_user_ids)
      /* shard: and hold.user_id = any (p_user_ids) */
      and wallet.held > 0
      and (wallet.debt > 0 or wallet.due > 0)
      and hold.status = 'open'
      and hold.expires_at <= greatest(wallet.last_at, p_now)
  ) as due;

  for v_place in 1 .. coalesce(cardinality(v_timeouts), 0) loop
    v_ended := v_ended || credits.free_timed_out_holds(array[v_user_ids[v_place]], v_timeouts[v_place], p_page);
    perform credits.collect(array[v_user_ids[v_place]], v_timeouts[v_place]);
  end loop;
  return v_ended || credits.free_timed_out_holds(p_user_ids, p_now, p_page);
end;
$$;

-- Writes down that what those holds held is free again which had timed out by an instant. Repays nothing.
create or replace function credits.free_timed_out_holds(p_user_ids text[], p_now timestamptz, p_page uuid)
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
  v_ended jsonb;
begin
  with ended as (
    update credits.hold
    set
      status = 'expired',
      ended_at = hold.expires_at,
      open_until = wallet.sequence,
      job_page = p_page
    from credits.wallet
    where wallet.user_id = any (p_user_ids)
      and wallet.held > 0
      and hold.user_id = wallet.user_id
      /* shard: and hold.user_id = any (p_user_ids) */
      and hold.status = 'open'
      and hold.expires_at <= greatest(wallet.last_at, p_now)
    returning hold.user_id, hold.id, hold.amount, hold.expires_at, hold.batch_ids, hold.batch_amounts
  )
  select jsonb_agg(to_jsonb(ended)) into v_ended from ended;
  if v_ended is null then
    return '[]';
  end if;

  update credits.batch
  set
    remaining = batch.remaining + freed.amount,
    held = batch.held - freed.amount
  from (
    select ended.user_id, part.batch_id, sum(part.amount)::bigint as amount
    from jsonb_to_recordset(v_ended) as ended (user_id text, batch_ids uuid[], batch_amounts bigint[])
    cross join lateral unnest(ended.batch_ids, ended.batch_amounts) as part (batch_id, amount)
    group by ended.user_id, part.batch_id
  ) as freed
  where batch.user_id = freed.user_id
    /* shard: and batch.user_id = any (p_user_ids) */
    and batch.id = freed.batch_id;

  update credits.wallet
  set
    held = wallet.held - freed.amount,
    -- T is never earlier from here on: what has timed out does not come back (rule 2).
    last_at = greatest(wallet.last_at, freed.at)
  from (
    select ended.user_id, sum(ended.amount)::bigint as amount, max(ended.expires_at) as at
    from jsonb_to_recordset(v_ended) as ended (user_id text, amount bigint, expires_at timestamptz)
    group by ended.user_id
  ) as freed
  where wallet.user_id = freed.user_id
    /* shard: and wallet.user_id = any (p_user_ids) */;

  return (
    select jsonb_agg(jsonb_build_object('user_id', ended.user_id, 'hold_id', ended.id, 'amount', ended.amount))
    from jsonb_to_recordset(v_ended) as ended (user_id text, id uuid, amount bigint)
  );
end;
$$;

-- A page of the holds whose time was over at an instant and whose end is not booked yet, after a given one.
-- Returns [{user_id, id, expires_at}].
create or replace function credits.timed_out_holds(
  p_after_expiry timestamptz, p_after_user_id text, p_after_id uuid, p_limit integer, p_until timestamptz
)
returns jsonb
language plpgsql
stable
as $$
declare
  v_page jsonb;
begin
  select jsonb_agg(
    jsonb_build_object('user_id', page.user_id, 'id', page.id, 'expires_at', page.expires_at)
    order by page.expires_at, page.user_id, page.id
  )
  into v_page
  from (
    select hold.user_id, hold.id, hold.expires_at
    from credits.hold
    where hold.status = 'open'
      and hold.expires_at <= p_until
      and (hold.expires_at, hold.user_id, hold.id) > (p_after_expiry, p_after_user_id collate "C", p_after_id)
    order by hold.expires_at, hold.user_id, hold.id
    limit p_limit
  ) as page;
  return coalesce(v_page, '[]');
end;
$$;
