-- A uuid of version 7 (RFC 9562): 48 bits of Unix milliseconds, then random bits. Nothing is ordered by it.
create or replace function credits.uuid_v7(p_at timestamptz)
returns uuid
language sql
volatile
as $$
  select overlay(
    gen_random_uuid()::text
    placing substr(milliseconds.hex, 1, 8) || '-' || substr(milliseconds.hex, 9, 4) || '-7'
    from 1 for 15
  )::uuid
  from (select lpad(to_hex(floor(extract(epoch from p_at) * 1000)::bigint), 12, '0')) as milliseconds (hex)
$$;
