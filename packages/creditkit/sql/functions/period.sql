-- Monthly periods (rule 16): anchor + k months, each time from the original anchor, clamped to the month's
-- end, in UTC whatever the session's time zone.

-- Start of period k.
create or replace function credits.period_start(p_anchor timestamptz, p_index integer)
returns timestamptz
language sql
immutable
strict
parallel safe
as $$
  select (p_anchor at time zone 'UTC' + make_interval(months => p_index)) at time zone 'UTC'
$$;

-- Index of the period that contains an instant; negative before the anchor.
create or replace function credits.period_index(p_anchor timestamptz, p_at timestamptz)
returns integer
-- PL/pgSQL keeps its plan; an SQL function that cannot be inlined is planned at each call.
language plpgsql
immutable
strict
parallel safe
as $$
declare
  v_months constant integer :=
    (extract(year from p_at at time zone 'UTC') - extract(year from p_anchor at time zone 'UTC')) * 12
    + extract(month from p_at at time zone 'UTC') - extract(month from p_anchor at time zone 'UTC');
begin
  return v_months - (credits.period_start(p_anchor, v_months) > p_at)::integer;
end;
$$;

-- Whether an instant is where a plan renews, give or take a day, since a provider counts its seconds in its own way: for
-- a monthly plan the start of a later period, for a yearly one an anniversary.
create or replace function credits.is_renewal(p_anchor timestamptz, p_interval text, p_at timestamptz)
returns boolean
language plpgsql
immutable
strict
parallel safe
as $$
declare
  v_index constant integer := credits.period_index(p_anchor, p_at + interval '24 hours');
begin
  return v_index > 0
    and (p_interval = 'month' or v_index % 12 = 0)
    and p_at <= credits.period_start(p_anchor, v_index) + interval '24 hours';
end;
$$;

-- When the paid years of a plan end that is paid until an instant: a provider's clock may put it hours behind the
-- anniversary, and a thirteenth month is not paid for by an hour.
create or replace function credits.year_end(p_anchor timestamptz, p_paid_until timestamptz)
returns timestamptz
language plpgsql
immutable
strict
parallel safe
as $$
declare
  v_index constant integer := credits.period_index(p_anchor, p_paid_until);
  v_start constant timestamptz := credits.period_start(p_anchor, v_index);
begin
  return case
    when v_index > 0 and v_index % 12 = 0 and p_paid_until <= v_start + interval '24 hours' then v_start
    else p_paid_until
  end;
end;
$$;

-- Label of the period that starts at an instant.
create or replace function credits.period_label(p_start timestamptz)
returns text
language plpgsql
immutable
strict
parallel safe
as $$
begin
  return to_char(p_start at time zone 'UTC', 'YYYY-MM');
end;
$$;

-- First instant of the calendar month of an instant: the anchor of the free plan.
create or replace function credits.month_start(p_at timestamptz)
returns timestamptz
language sql
immutable
strict
parallel safe
as $$
  select date_trunc('month', p_at at time zone 'UTC') at time zone 'UTC'
$$;
