-- A page of the batches that expired until an instant and still hold something, in order of expiry, after a given one.
-- Returns [{user_id, batch_id, expires_at}].
create or replace function credits.expired_batches(
  p_after_expiry timestamptz, p_after_user_id text, p_after_id uuid, p_limit integer, p_until timestamptz
)
returns jsonb
language sql
stable
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object('user_id', page.user_id, 'batch_id', page.id, 'expires_at', page.expires_at)
      order by page.expires_at, page.user_id, page.id
    ),
    '[]'
  )
  from (
    select batch.user_id, batch.id, batch.expires_at
    from credits.batch
    where batch.is_open
      and batch.expires_at <= p_until
      and (batch.expires_at, batch.user_id, batch.id) > (p_after_expiry, p_after_user_id collate "C", p_after_id)
    order by batch.expires_at, batch.user_id, batch.id
    limit p_limit
  ) as page
$$;

-- Books the breakage of every expired batch of some users: one transaction per batch, in order of expiry. What has expired was invisible already (rule 6): no available balance changes.
-- Returns [{user_id, id, batch_id, amount, available, available_before}], nothing for a user who had nothing to book. With p_retried, what
-- the same page (p_page) had booked before its answer got lost is part of the answer (rule 28).
-- Locks: the wallets in order of user id.
create or replace function credits.expire(p_user_ids text[], p_page uuid, p_retried boolean, p_now timestamptz)
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
  v_booked jsonb;
begin
  perform from credits.wallet where wallet.user_id = any (p_user_ids) order by wallet.user_id for update;
  v_now := credits.clock(p_now);

  with owner as (
    select wallet.user_id, wallet.sequence, greatest(wallet.last_at, v_now) as at
    from credits.wallet
    where wallet.user_id = any (p_user_ids)
  ),
  gone as (
    select
      batch.user_id, batch.id, batch.remaining, owner.at,
      owner.sequence + row_number() over (
        partition by batch.user_id
        order by batch.expires_at asc, batch.priority asc, batch.granted_at asc, batch.sequence asc
      ) as sequence,
      (
        select coalesce(sum(valid.remaining), 0)::bigint
        from credits.batch as valid
        where valid.user_id = owner.user_id
          and valid.is_open
          and (valid.expires_at is null or valid.expires_at > owner.at)
      ) as available
    from owner
    join credits.batch on batch.user_id = owner.user_id
    where batch.is_open
      and batch.expires_at <= owner.at
  ),
  emptied as (
    update credits.batch
    set remaining = 0, expired = batch.expired + gone.remaining
    from gone
    where batch.user_id = gone.user_id
      and batch.id = gone.id
  ),
  written as (
    insert into credits.transaction (
      user_id, sequence, id, type, amount, debit_account, credit_account,
      batch_ids, batch_amounts, batch_remainders, available_after, created_at, job_page
    )
    select
      gone.user_id, gone.sequence, credits.uuid_v7(gone.at), 'expiration', gone.remaining,
      'WALLET:' || gone.user_id, 'SYSTEM:expiration',
      array[gone.id], array[gone.remaining], array[0::bigint], gone.available, gone.at, p_page
    from gone
    order by gone.user_id, gone.sequence
    returning user_id, sequence, id, batch_ids, amount, available_after
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
  )
  select jsonb_agg(
    jsonb_build_object(
      'user_id', answer.user_id, 'id', answer.id, 'batch_id', answer.batch_ids[1], 'amount', answer.amount,
      'available', answer.available_after,
      -- Null for those after a user's first: they all say the same as the first one.
      'available_before', credits.available_before(answer.user_id, answer.sequence)
    )
    order by answer.user_id, answer.sequence
  )
  into v_booked
  from (
    select written.* from written
    union all
    -- The statement's snapshot: not what it writes itself.
    select
      earlier.user_id, earlier.sequence, earlier.id, earlier.batch_ids, earlier.amount, earlier.available_after
    from credits.transaction as earlier
    where p_retried
      and earlier.user_id = any (p_user_ids)
      and earlier.job_page = p_page
  ) as answer;

  return coalesce(v_booked, '[]');
end;
$$;
