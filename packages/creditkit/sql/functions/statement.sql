-- What happened in a wallet, with everything that a row of history knows: for its user's account page and for support.

-- The number of the last transaction of a wallet that is older than an instant; 0: none is. History is in order of time (rule 2), so
-- that some twenty look-ups find it in a million rows.
create or replace function credits.sequence_before(p_user_id text, p_at timestamptz)
returns bigint
language plpgsql
stable
as $$
declare
  v_low bigint := 0;
  v_high bigint;
  v_middle bigint;
begin
  select wallet.sequence into v_high from credits.wallet where wallet.user_id = p_user_id;
  while v_low < coalesce(v_high, 0) loop
    v_middle := (v_low + v_high + 1) / 2;
    if (
      select transaction.created_at < p_at
      from credits.transaction
      where transaction.user_id = p_user_id
        and transaction.sequence = v_middle
    ) then
      v_low := v_middle;
    else
      v_high := v_middle - 1;
    end if;
  end loop;
  return v_low;
end;
$$;

-- One page of a user's history: {total, items}, each item with its accounts, allocations and running total.
--
-- p_filter: {types?: [type], service?, from?, to?: instants, to is exclusive}. p_oldest_first: its order.
-- p_after: goes on behind this number of a transaction, for readers that walk through all of it; the total is not counted then (null).
-- Items: {sequence, id, type, amount (signed), debit_account, credit_account, description, metadata, source_plan, period,
--   package_id, purchase_id, reverses, reversed (of a spend: what is given back of it), created_at, available_after, running (all that
--   moved so far; null without p_running, which reads all of history up to there), allocations: [{batch_id, amount, remainder, granted_by, expires_at}]}, instants in milliseconds.
create or replace function credits.get_statement(
  p_user_id text, p_filter jsonb, p_oldest_first boolean, p_running boolean, p_after bigint, p_page_index bigint,
  p_page_size integer
)
returns jsonb
language plpgsql
stable
-- A page of a filtered history and one of a whole one want different plans.
set plan_cache_mode = force_custom_plan
as $$
declare
  v_last bigint;
  v_types text[];
  v_account text;
  v_first bigint := 1;
  v_total bigint;
  v_rows credits.transaction[];
  v_running bigint[];
  v_item jsonb;
  v_items jsonb[] := '{}';
begin
  select wallet.sequence into v_last from credits.wallet where wallet.user_id = p_user_id;
  if v_last is null then
    return jsonb_build_object('total', 0, 'items', '[]'::jsonb);
  end if;
  if p_filter ? 'types' then
    select array_agg(asked.type) into v_types from jsonb_array_elements_text(p_filter -> 'types') as asked (type);
  end if;
  v_account := 'SERVICE:' || (p_filter ->> 'service');
  if p_filter ? 'from' then
    v_first := credits.sequence_before(p_user_id, (p_filter ->> 'from')::timestamptz) + 1;
  end if;
  if p_filter ? 'to' then
    v_last := credits.sequence_before(p_user_id, (p_filter ->> 'to')::timestamptz);
  end if;

  if p_after is not null then
    v_first := case when p_oldest_first then greatest(v_first, p_after + 1) else v_first end;
    v_last := case when p_oldest_first then v_last else least(v_last, p_after - 1) end;
  elsif v_types is null and v_account is null then
    -- The sequence is gap-free: a page is a range of it, at any depth.
    v_total := greatest(0, v_last - v_first + 1);
    if p_oldest_first then
      v_first := v_first + p_page_index * p_page_size;
    else
      v_last := v_last - p_page_index * p_page_size;
    end if;
  else
    select count(*)
    into v_total
    from credits.transaction
    where transaction.user_id = p_user_id
      and transaction.sequence between v_first and v_last
      and (v_types is null or transaction.type = any (v_types))
      and (v_account is null or transaction.debit_account = v_account or transaction.credit_account = v_account);
  end if;

  select array_agg(page order by page.sequence)
  into v_rows
  from (
    select transaction.*
    from credits.transaction
    where transaction.user_id = p_user_id
      and transaction.sequence between v_first and v_last
      and (v_types is null or transaction.type = any (v_types))
      and (v_account is null or transaction.debit_account = v_account or transaction.credit_account = v_account)
    order by
      case when p_oldest_first then transaction.sequence end,
      case when not p_oldest_first then transaction.sequence end desc
    limit p_page_size
    offset case when p_after is null and (v_types is not null or v_account is not null) then p_page_index * p_page_size else 0 end
  ) as page;

  if p_running then
    select array_agg(line.running order by line.sequence)
    into v_running
    from (
      select
        transaction.sequence,
        sum(
          case when transaction.credit_account = 'WALLET:' || p_user_id then transaction.amount else -transaction.amount end
        ) over (order by transaction.sequence) as running
      from credits.transaction
      where transaction.user_id = p_user_id
        and transaction.sequence <= v_rows[cardinality(v_rows)].sequence
    ) as line
    where line.sequence in (select item.sequence from unnest(v_rows) as item);
  end if;

  for v_place in 1 .. coalesce(cardinality(v_rows), 0) loop
    v_item := credits.statement_item(v_rows[v_place], v_running[v_place]);
    v_items := case when p_oldest_first then v_items || v_item else v_item || v_items end;
  end loop;
  return jsonb_build_object('total', v_total, 'items', to_jsonb(v_items));
end;
$$;

-- One row of history as get_statement tells it.
create or replace function credits.statement_item(p_row credits.transaction, p_running bigint)
returns jsonb
language plpgsql
stable
as $$
begin
  return jsonb_build_object(
    'sequence', p_row.sequence,
    'id', p_row.id,
    'type', p_row.type,
    'amount', case when p_row.credit_account = 'WALLET:' || p_row.user_id then p_row.amount else -p_row.amount end,
    'debit_account', p_row.debit_account,
    'credit_account', p_row.credit_account,
    'description', p_row.description,
    'metadata', p_row.metadata,
    'source_plan', p_row.source_plan,
    'period', p_row.period,
    'package_id', p_row.package_id,
    'purchase_id', p_row.purchase_id,
    'reverses', p_row.reverses,
    'reversed', case
      when p_row.type = 'consumption' then (
        select coalesce(sum(given.amount), 0)
        from credits.transaction as given
        where given.user_id = p_row.user_id
          and given.reverses = p_row.id
      )
    end,
    'created_at', floor(extract(epoch from p_row.created_at) * 1000),
    'available_after', p_row.available_after,
    'running', p_running,
    'allocations', (
      select jsonb_agg(
        jsonb_build_object(
          'batch_id', part.batch_id,
          'amount', part.amount,
          'remainder', part.remainder,
          'granted_by', source.type,
          'expires_at', floor(extract(epoch from batch.expires_at) * 1000)
        )
        order by part.position
      )
      from unnest(p_row.batch_ids, p_row.batch_amounts, p_row.batch_remainders)
        with ordinality as part (batch_id, amount, remainder, position)
      join credits.batch on batch.user_id = p_row.user_id and batch.id = part.batch_id
      join credits.transaction as source on source.user_id = batch.user_id and source.sequence = batch.sequence
    )
  );
end;
$$;

-- What a user spent from one instant until before another, by day (UTC) and service, what was given back of it deducted on the day it
-- was spent: [{day, service, amount, spends}], amounts above zero only.
create or replace function credits.get_usage(p_user_id text, p_from timestamptz, p_to timestamptz)
returns jsonb
language plpgsql
stable
as $$
begin
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object('day', used.day, 'service', used.service, 'amount', used.amount, 'spends', used.spends)
        order by used.day, used.service
      ),
      '[]'
    )
    from (
      select
        to_char(spend.created_at at time zone 'UTC', 'YYYY-MM-DD') as day,
        substr(spend.credit_account, 9) as service,
        sum(spend.amount - coalesce(given.amount, 0)) as amount,
        count(*) filter (where spend.amount > coalesce(given.amount, 0)) as spends
      from credits.transaction as spend
      left join lateral (
        select sum(reversal.amount) as amount
        from credits.transaction as reversal
        where reversal.user_id = spend.user_id
          and reversal.reverses = spend.id
      ) as given on true
      where spend.user_id = p_user_id
        and spend.sequence > credits.sequence_before(p_user_id, p_from)
        and spend.created_at < p_to
        and spend.type = 'consumption'
      group by 1, 2
    ) as used
    where used.amount > 0
  );
end;
$$;
