-- Gives back what a transaction took from a wallet, whole or in part: into the very batches it came from, the last one drained
-- first, with their expiry unchanged. What belongs to a batch that has expired meanwhile goes straight to breakage, in a
-- transaction of its own for each batch (rules 23, 24).
--
-- p_source: a spend, a refund or a chargeback. p_done: what earlier transactions gave back of it. p_row: id, type, key and description of
--   the transaction to write. Returns it as written.
-- Locks: none of its own; the caller has the wallet.
create or replace function credits.give_back(
  p_source credits.transaction, p_amount bigint, p_done bigint, p_row credits.transaction, p_at timestamptz
)
returns credits.transaction
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
  v_user_id constant text := p_source.user_id;
  v_wallet credits.wallet;
  v_row credits.transaction := p_row;
  v_skip bigint := p_done;
  v_left bigint := p_amount;
  v_take bigint;
  v_part record;
  v_back bigint := 0;
  v_gone_count integer := 0;
  v_is_expired boolean[] := '{}';
  -- what each batch has left right after, also where its part is gone at once
  v_ends bigint[] := '{}';
begin
  select wallet.* into v_wallet from credits.wallet where wallet.user_id = v_user_id;
  v_row.batch_ids := '{}';
  v_row.batch_amounts := '{}';
  v_row.batch_remainders := '{}';
  for v_part in
    select
      part.id, part.amount, batch.remaining,
      coalesce(batch.expires_at <= p_at, false) as is_expired
    from unnest(p_source.batch_ids, p_source.batch_amounts) with ordinality as part (id, amount, position)
    join credits.batch on batch.id = part.id
    where batch.user_id = v_user_id
    order by part.position desc
  loop
    -- Earlier ones gave back the last parts already.
    v_take := least(v_left, greatest(0, v_part.amount - v_skip));
    v_skip := greatest(0, v_skip - v_part.amount);
    continue when v_take = 0;
    v_left := v_left - v_take;
    v_row.batch_ids := v_row.batch_ids || v_part.id;
    v_row.batch_amounts := v_row.batch_amounts || v_take;
    v_row.batch_remainders := v_row.batch_remainders || (v_part.remaining + v_take);
    v_is_expired := v_is_expired || v_part.is_expired;
    v_ends := v_ends || (v_part.remaining + case when v_part.is_expired then 0 else v_take end);
    if v_part.is_expired then
      v_gone_count := v_gone_count + 1;
    else
      v_back := v_back + v_take;
    end if;
  end loop;

  update credits.batch
  set
    remaining = part.remainder,
    consumed = batch.consumed - case when p_source.type = 'consumption' then part.amount else 0 end,
    taken = batch.taken - case when p_source.type = 'consumption' then 0 else part.amount end,
    expired = batch.expired + case when part.is_expired then part.amount else 0 end
  from unnest(v_row.batch_ids, v_row.batch_amounts, v_ends, v_is_expired) as part (id, amount, remainder, is_expired)
  where batch.user_id = v_user_id
    and batch.id = part.id;

  v_row.user_id := v_user_id;
  v_row.sequence := v_wallet.sequence + 1;
  v_row.amount := p_amount;
  v_row.debit_account := p_source.credit_account;
  v_row.credit_account := p_source.debit_account;
  v_row.available_after := greatest(0, credits.free_credits(v_user_id, p_at) - v_wallet.debt);
  v_row.created_at := p_at;
  v_row.reverses := p_source.id;
  insert into credits.transaction
  select written.*
  from unnest(array[v_row]) as written;

  insert into credits.transaction (
    user_id, sequence, id, type, amount, debit_account, credit_account,
    batch_ids, batch_amounts, batch_remainders, available_after, created_at
  )
  select
    v_user_id, v_row.sequence + row_number() over (order by part.position), credits.uuid_v7(p_at), 'expiration',
    part.amount, 'WALLET:' || v_user_id, 'SYSTEM:expiration',
    array[part.id], array[part.amount], array[part.remainder], v_row.available_after, p_at
  from unnest(v_row.batch_ids, v_row.batch_amounts, v_ends, v_is_expired)
    with ordinality as part (id, amount, remainder, is_expired, position)
  where part.is_expired;

  update credits.wallet
  set
    sequence = v_row.sequence + v_gone_count,
    balance = wallet.balance + v_back,
    available_after = v_row.available_after,
    last_at = p_at
  where wallet.user_id = v_user_id;
  return v_row;
end;
$$;
