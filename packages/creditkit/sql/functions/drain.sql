-- What a wallet has, and what an amount takes from it.

-- What a wallet has that is valid and free at an instant: not held, not expired, debt not deducted.
create or replace function credits.free_credits(p_user_id text, p_at timestamptz)
returns bigint
language plpgsql
stable
as $$
begin
  return (
    select coalesce(sum(batch.remaining), 0)
    from credits.batch
    where batch.user_id = p_user_id
      and batch.is_open
      and batch.granted_at <= p_at
      and (batch.expires_at is null or batch.expires_at > p_at)
  );
end;
$$;

-- What an amount takes from which batch of a wallet, in drain order (rule 4), and what each has left then: one home for every
-- operation on a single wallet. The caller knows that so much is free at that instant.
create or replace function credits.allocate(
  p_user_id text, p_amount bigint, p_at timestamptz,
  out batch_ids uuid[], out batch_amounts bigint[], out batch_remainders bigint[]
)
language plpgsql
stable
as $$
declare
  v_batch record;
  v_left bigint := p_amount;
  v_take bigint;
begin
  batch_ids := '{}';
  batch_amounts := '{}';
  batch_remainders := '{}';
  for v_batch in
    select batch.id, batch.remaining
    from credits.batch
    where v_left > 0
      and batch.user_id = p_user_id
      and batch.is_open
      and batch.remaining > 0
      and batch.granted_at <= p_at
      and (batch.expires_at is null or batch.expires_at > p_at)
    order by batch.priority asc, batch.expires_at asc nulls last, batch.granted_at asc, batch.sequence asc
  loop
    exit when v_left = 0;
    v_take := least(v_left, v_batch.remaining);
    v_left := v_left - v_take;
    batch_ids := batch_ids || v_batch.id;
    batch_amounts := batch_amounts || v_take;
    batch_remainders := batch_remainders || (v_batch.remaining - v_take);
  end loop;
end;
$$;
