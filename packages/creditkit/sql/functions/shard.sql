-- The operations of one user, user first: `select … from credits.consume_for(<user>, …)` is what a sharded database can
-- delegate, whole, to the node that has the user's rows (sql/engines/citus.sql). Each calls the one body there is; the
-- other operations of one user have the user first already.

-- Requests of one user: as credits.consume.
create or replace function credits.consume_for(p_user_id text, p_requests jsonb, p_now timestamptz)
returns json
language plpgsql
as $$
begin
  return credits.consume(p_requests, p_now);
end;
$$;

-- Requests of one user: as credits.grant. Not for those with a purchase id, which is a row of another shard.
create or replace function credits.grant_for(p_user_id text, p_requests jsonb, p_now timestamptz)
returns jsonb
language plpgsql
as $$
begin
  return credits.grant(p_requests, p_now);
end;
$$;

-- What is due to one user: as credits.grant_monthly.
create or replace function credits.grant_monthly_for(
  p_user_id text, p_plans jsonb, p_balance_max bigint, p_page uuid, p_retried boolean, p_now timestamptz
)
returns jsonb
language plpgsql
as $$
begin
  return credits.grant_monthly(array[p_user_id], p_plans, p_balance_max, p_page, p_retried, p_now);
end;
$$;

-- The breakage of one user: as credits.expire.
create or replace function credits.expire_for(p_user_id text, p_page uuid, p_retried boolean, p_now timestamptz)
returns jsonb
language plpgsql
as $$
begin
  return credits.expire(array[p_user_id], p_page, p_retried, p_now);
end;
$$;

-- A subscription of one user: as credits.upsert_subscription.
create or replace function credits.upsert_subscription_for(p_user_id text, p_subscription jsonb, p_now timestamptz)
returns jsonb
language plpgsql
as $$
begin
  return credits.upsert_subscription(p_subscription, p_now);
end;
$$;
