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
language sql
immutable
strict
parallel safe
as $$
  select months.count - (credits.period_start(p_anchor, months.count) > p_at)::integer
  from (
    select (
      (extract(year from p_at at time zone 'UTC') - extract(year from p_anchor at time zone 'UTC')) * 12
      + extract(month from p_at at time zone 'UTC') - extract(month from p_anchor at time zone 'UTC')
    )::integer
  ) as months (count)
$$;

-- When the paid years of a plan end that is paid until an instant: a provider's clock may put it hours behind the
-- anniversary, and a thirteenth month is not paid for by an hour.
create or replace function credits.year_end(p_anchor timestamptz, p_paid_until timestamptz)
returns timestamptz
language sql
immutable
strict
parallel safe
as $$
  select case
    when reached.index > 0
      and reached.index % 12 = 0
      and p_paid_until <= credits.period_start(p_anchor, reached.index) + interval '24 hours'
      then credits.period_start(p_anchor, reached.index)
    else p_paid_until
  end
  from (select credits.period_index(p_anchor, p_paid_until)) as reached (index)
$$;

-- Label of the period that starts at an instant.
create or replace function credits.period_label(p_start timestamptz)
returns text
language sql
immutable
strict
parallel safe
as $$
  select to_char(p_start at time zone 'UTC', 'YYYY-MM')
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
