-- A uuid of version 7 (RFC 9562): 48 bits of Unix milliseconds, then random bits. Nothing is ordered by it.
create or replace function credits.uuid_v7(p_at timestamptz)
returns uuid
language sql
volatile
as $$
  -- One expression without a query of its own, so that it is inlined.
  select (
    lpad(to_hex(floor(extract(epoch from p_at) * 1000)::bigint), 12, '0')
    || '7'
    || substr(replace(gen_random_uuid()::text, '-', ''), 14)
  )::uuid
$$;
