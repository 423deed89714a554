-- A page of the batches that expired until an instant and still hold something, in order of expiry, after a given one.
-- Returns [{user_id, id, expires_at}].
create or replace function credits.expired_batches(
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
    select batch.user_id, batch.id, batch.expires_at
    from credits.batch
    where batch.is_open
      and batch.remaining > 0
      and batch.expires_at <= p_until
      and (batch.expires_at, batch.user_id, batch.id) > (p_after_expiry, p_after_user_id collate "C", p_after_id)
    order by batch.expires_at, batch.user_id, batch.id
    limit p_limit
  ) as page;
  return coalesce(v_page, '[]');
end;
$$;

-- Books what time has done to some users' wallets: the end of every hold that has timed out, then the breakage of every
-- expired batch, one transaction per batch, in order of expiry. Both were true already (rules 6, 22): no available balance
-- changes. What is still held in an expired batch stays held.
-- Returns [{user_id, id, batch_id, amount, available, available_before} for each batch, {user_id, hold_id, amount} for each
-- hold], nothing for a user who had nothing to book. With p_retried, what the same page (p_page) had booked before its answer
-- got lost is part of the answer (rule 28).
-- Locks: the wallets in order of user id.
create or replace function credits.expire(p_user_ids text[], p_page uuid, p_retried boolean, p_now timestamptz)
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
  v_earlier jsonb;
  v_ended jsonb;
  v_booked jsonb;
begin
  perform from credits.wallet where wallet.user_id = any (p_user_ids) order by wallet.user_id for update;
  v_now := credits.clock(p_now);

  if p_retried then
    -- Before anything is written: on a cluster, a statement that writes may read its own rows.
    v_earlier := credits.expired_on_page(p_user_ids, p_page);
  end if;
  v_ended := credits.end_timed_out_holds(p_user_ids, v_now, p_page);

  with owner as (
    select wallet.user_id, wallet.sequence, wallet.available_after, wallet.debt, greatest(wallet.last_at, v_now) as at
    from credits.wallet
    where wallet.user_id = any (p_user_ids)
  ),
  gone as (
    select
      batch.user_id, batch.id, batch.remaining, owner.at, credits.uuid_v7(owner.at) as transaction_id,
      owner.sequence + row_number() over (
        partition by batch.user_id
        order by batch.expires_at asc, batch.priority asc, batch.granted_at asc, batch.sequence asc
      ) as sequence,
      owner.sequence as sequence_before,
      owner.available_after as available_before,
      greatest(0, (
        select coalesce(sum(valid.remaining), 0)::bigint
        from credits.batch as valid
        where valid.user_id = owner.user_id
          /* shard: and valid.user_id = any (p_user_ids) */
          and valid.is_open
          and (valid.expires_at is null or valid.expires_at > owner.at)
      ) - owner.debt) as available
    from owner
    join credits.batch on batch.user_id = owner.user_id
    where batch.is_open
      /* shard: and batch.user_id = any (p_user_ids) */
      and batch.remaining > 0
      and batch.expires_at <= owner.at
  ),
  emptied as (
    update credits.batch
    set remaining = 0, expired = batch.expired + gone.remaining
    from gone
    where batch.user_id = gone.user_id
      /* shard: and batch.user_id = any (p_user_ids) */
      and batch.id = gone.id
  ),
  written as (
    insert into credits.transaction (
      user_id, sequence, id, type, amount, debit_account, credit_account,
      batch_ids, batch_amounts, batch_remainders, available_after, created_at, job_page
    )
    select
      gone.user_id, gone.sequence, gone.transaction_id, 'expiration', gone.remaining,
      'WALLET:' || gone.user_id, 'SYSTEM:expiration',
      array[gone.id], array[gone.remaining], array[0::bigint], gone.available, gone.at, p_page
    from gone
    order by gone.user_id, gone.sequence
  ),
  booked as (
    select
      gone.user_id, sum(gone.remaining)::bigint as amount, max(gone.available) as available,
      max(gone.sequence) as sequence, max(gone.at) as at
    from gone
    group by gone.user_id
  ),
  lowered as (
    update credits.wallet
    set
      balance = wallet.balance - booked.amount,
      available_after = booked.available,
      sequence = booked.sequence,
      last_at = booked.at
    from booked
    where wallet.user_id = booked.user_id
      /* shard: and wallet.user_id = any (p_user_ids) */
  )
  select jsonb_agg(
    jsonb_build_object(
      'user_id', gone.user_id, 'id', gone.transaction_id, 'batch_id', gone.id, 'amount', gone.remaining,
      'available', gone.available,
      -- Null for those after a user's first: they all say the same as the first one.
      'available_before', case when gone.sequence = gone.sequence_before + 1 then gone.available_before end
    )
    order by gone.user_id, gone.sequence
  )
  into v_booked
  from gone;

  return coalesce(v_earlier, '[]') || v_ended || coalesce(v_booked, '[]');
end;
$$;

-- What a page of the expire job has booked for some users, as credits.expire answers it.
create or replace function credits.expired_on_page(p_user_ids text[], p_page uuid)
returns jsonb
language plpgsql
stable
as $$
declare
  v_row record;
  v_booked jsonb[] := '{}';
  v_ended jsonb;
begin
  select jsonb_agg(jsonb_build_object('user_id', hold.user_id, 'hold_id', hold.id, 'amount', hold.amount))
  into v_ended
  from credits.hold
  where hold.user_id = any (p_user_ids)
    and hold.job_page = p_page;

  for v_row in
    select
      transaction.user_id, transaction.sequence, transaction.id, transaction.batch_ids, transaction.amount,
      transaction.available_after
    from credits.transaction
    where transaction.user_id = any (p_user_ids)
      and transaction.job_page = p_page
    order by transaction.user_id, transaction.sequence
  loop
    v_booked := v_booked || jsonb_build_object(
      'user_id', v_row.user_id, 'id', v_row.id, 'batch_id', v_row.batch_ids[1], 'amount', v_row.amount,
      'available', v_row.available_after,
      -- Called here: on a cluster, a statement that reads tables cannot call a function that does.
      'available_before', credits.available_before(v_row.user_id, v_row.sequence)
    );
  end loop;
  return coalesce(v_ended, '[]') || to_jsonb(v_booked);
end;
$$;
