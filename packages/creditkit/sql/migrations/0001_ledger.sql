-- The ledger: wallets, batches, transactions, subscriptions, purchase ids.
--
-- Why this shape: every key begins with user_id, so that one user's rows can live together on one shard;
-- a purchase id belongs to one user across all users, so that table alone is keyed by it.
-- Amounts are bigint counts of the installation's smallest unit. User ids and keys compare by
-- bytes (collate "C"): order and lock order must not depend on a database's locale.

create table credits.installation (
  only_row boolean primary key default true check (only_row),
  decimals smallint not null check (decimals between 0 and 6),
  installed_at timestamptz not null default date_trunc('milliseconds', clock_timestamp())
);

create table credits.wallet (
  user_id text collate "C" primary key check (char_length(user_id) between 1 and 255),
  -- Gap-free number of the wallet's newest transaction: it orders history and is its total (rule 5).
  sequence bigint not null default 0 check (sequence >= 0),
  -- Sum of batch.remaining, expired but not yet booked batches included.
  balance bigint not null default 0 check (balance >= 0),
  -- What the newest transaction says in its available_after; null before the first. The next operation sees by it
  -- whether it is the one that took the wallet below a threshold.
  available_after bigint check (available_after >= 0),
  status text not null default 'active' check (status in ('active', 'frozen')),
  -- T of the wallet's newest operation: the next T is never earlier (rule 2).
  last_at timestamptz not null,
  created_at timestamptz not null
)
-- Free space in each page keeps the update of a spend on the same page, off the index.
with (fillfactor = 80);

create table credits.batch (
  user_id text collate "C" not null references credits.wallet,
  id uuid not null,
  -- The wallet's sequence number of the transaction that granted it: last tie-break of the drain order.
  sequence bigint not null check (sequence > 0),
  priority smallint not null,
  amount bigint not null check (amount > 0),
  remaining bigint not null check (remaining >= 0),
  consumed bigint not null default 0 check (consumed >= 0),
  expired bigint not null default 0 check (expired >= 0),
  granted_at timestamptz not null,
  expires_at timestamptz check (expires_at > granted_at),
  -- Indexed instead of "remaining > 0": its value changes once, so that a spend that leaves something
  -- in the batch touches no index at all.
  is_open boolean not null generated always as (remaining > 0) stored,
  primary key (user_id, id),
  constraint batch_books check (amount = remaining + consumed + expired)
)
with (fillfactor = 80);

create index batch_open on credits.batch (user_id) where is_open;

create index batch_expiring on credits.batch (expires_at, user_id, id) where is_open and expires_at is not null;

create function credits.total(p_amounts bigint[])
returns bigint
language plpgsql
immutable
strict
parallel safe
as $$
declare
  v_total bigint := 0;
  v_amount bigint;
begin
  foreach v_amount in array p_amounts loop
    v_total := v_total + v_amount;
  end loop;
  return v_total;
end;
$$;

-- The account pairs that each type of transaction may move between. In PL/pgSQL, whose plan is kept: a constraint's SQL
-- function is parsed again by every statement that inserts, a twentieth of a lone spend.
create function credits.accounts_fit(p_type text, p_user_id text, p_debit_account text, p_credit_account text)
returns boolean
language plpgsql
immutable
parallel safe
as $$
begin
  return case p_type
    when 'consumption' then
      p_debit_account = 'WALLET:' || p_user_id and starts_with(p_credit_account, 'SERVICE:')
    when 'purchase' then
      starts_with(p_debit_account, 'PAYMENT:') and p_credit_account = 'WALLET:' || p_user_id
    when 'monthly_grant' then
      p_debit_account = 'SYSTEM:subscription-grant' and p_credit_account = 'WALLET:' || p_user_id
    when 'registration_bonus' then
      p_debit_account = 'SYSTEM:registration-bonus' and p_credit_account = 'WALLET:' || p_user_id
    when 'adjustment' then
      p_debit_account = 'SYSTEM:adjustment' and p_credit_account = 'WALLET:' || p_user_id
    when 'expiration' then
      p_debit_account = 'WALLET:' || p_user_id and p_credit_account = 'SYSTEM:expiration'
    else false
  end;
end;
$$;

create table credits.transaction (
  -- No foreign key to wallet: it would cost every spend a row lock that the wallet's own lock already gives.
  user_id text collate "C" not null,
  sequence bigint not null check (sequence > 0),
  id uuid not null,
  type text not null,
  amount bigint not null check (amount > 0),
  -- What was asked for, where a limit or an earlier grant of the period cut it: the meaning of a replay.
  amount_asked bigint check (amount_asked > amount),
  debit_account text not null,
  credit_account text not null,
  -- The allocations: which batch, how much, and what the batch held right after, in drain order.
  batch_ids uuid[] not null,
  batch_amounts bigint[] not null,
  batch_remainders bigint[] not null,
  -- What newBalance said, so that a replay says the same.
  available_after bigint not null check (available_after >= 0),
  key text collate "C",
  source_plan text,
  period text check (period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
  package_id text,
  purchase_id text,
  description text,
  metadata jsonb,
  created_at timestamptz not null,
  -- The page of a job that wrote it: asked again after its answer got lost, the page answers the same rows (rule 28).
  job_page uuid,
  primary key (user_id, sequence),
  constraint transaction_id unique (user_id, id),
  constraint transaction_allocations check (
    cardinality(batch_ids) = cardinality(batch_amounts)
    and cardinality(batch_ids) = cardinality(batch_remainders)
    -- A comparison with null is no refusal.
    and array_position(batch_ids, null) is null
    and array_position(batch_amounts, null) is null
    and array_position(batch_remainders, null) is null
    and 0 < all (batch_amounts)
    and 0 <= all (batch_remainders)
    and amount = case cardinality(batch_amounts)
      when 1 then batch_amounts[1]
      else credits.total(batch_amounts)
    end
  ),
  constraint transaction_accounts check (credits.accounts_fit(type, user_id, debit_account, credit_account))
);

create unique index transaction_key on credits.transaction (user_id, key) where key is not null;

create table credits.purchase (
  purchase_id text collate "C" primary key check (char_length(purchase_id) between 1 and 255),
  user_id text collate "C" not null,
  type text not null,
  price_id text,
  -- The plan and the period that were asked for.
  source_plan text,
  period text,
  -- The grant that it paid for: where the purchase came again, or came after the job had granted the same period,
  -- the one that was there already.
  transaction_id uuid not null,
  created_at timestamptz not null
);

create table credits.subscription (
  user_id text collate "C" not null check (char_length(user_id) between 1 and 255),
  subscription_id text collate "C" not null check (char_length(subscription_id) between 1 and 255),
  plan_id text not null,
  status text not null check (status in (
    'active', 'trialing', 'past_due', 'canceled', 'unpaid', 'incomplete', 'incomplete_expired', 'paused'
  )),
  anchor timestamptz not null,
  billing_interval text not null check (billing_interval in ('month', 'year')),
  current_period_end timestamptz not null,
  -- Periods that ended before this instant are not caught up: the user was not entitled then. Null: never so far.
  entitled_from timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (user_id, subscription_id)
);

-- History is append-only for everybody, the owner of the tables included (rule 26). What it adds up to cannot be
-- emptied either: it would look like a loss that nobody booked.
create function credits.refuse_change()
returns trigger
language plpgsql
as $$
begin
  raise exception 'credits.% is append-only: % refused', tg_table_name, tg_op
    using errcode = 'restrict_violation', hint = 'Write a later transaction that reverses the earlier one.';
end;
$$;

create trigger transaction_append_only
before update or delete on credits.transaction
for each row execute function credits.refuse_change();

create trigger transaction_keep
before truncate on credits.transaction
for each statement execute function credits.refuse_change();

create trigger wallet_keep
before truncate on credits.wallet
for each statement execute function credits.refuse_change();

create trigger batch_keep
before truncate on credits.batch
for each statement execute function credits.refuse_change();
