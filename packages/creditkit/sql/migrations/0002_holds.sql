-- Holds, reversals and debt (rules 20–25).
--
-- Why: the price of an AI call is known only once it has run. Its credits are set aside in the batches themselves, so
-- that no reader has to subtract anything from what a batch has left. What a settlement charges beyond what is
-- there becomes debt: credits lent to the wallet, in a batch like any other, so that every transaction keeps its
-- allocations and every batch its sum.

alter table credits.wallet
  -- Sum of batch.held: part of the balance that can be neither spent nor expired.
  add column held bigint not null default 0 check (held >= 0),
  -- What was lent and is not repaid yet. Available is what is valid and free, less this.
  add column debt bigint not null default 0 check (debt >= 0);

alter table credits.batch
  add column held bigint not null default 0 check (held >= 0),
  drop constraint batch_books,
  add constraint batch_books check (amount = remaining + held + consumed + expired),
  -- Takes its indexes with it.
  drop column is_open;

-- Indexed instead of "remaining > 0": its value changes once, so that a spend that leaves something
-- in the batch touches no index at all, and neither does a hold.
alter table credits.batch
  add column is_open boolean not null generated always as (remaining + held > 0) stored;

create index batch_open on credits.batch (user_id) where is_open;

create index batch_expiring on credits.batch (expires_at, user_id, id) where is_open and expires_at is not null;

create table credits.hold (
  user_id text collate "C" not null references credits.wallet,
  id uuid not null,
  amount bigint not null check (amount > 0),
  service text not null,
  -- What a settlement above the amount does.
  overage text not null check (overage in ('reject', 'take_available', 'debt')),
  status text not null default 'open' check (status in ('open', 'settled', 'released', 'expired')),
  -- Which batches it is set aside in, in drain order.
  batch_ids uuid[] not null,
  batch_amounts bigint[] not null,
  -- What newBalance said, so that a replay says the same.
  available_after bigint not null check (available_after >= 0),
  key text collate "C",
  metadata jsonb,
  created_at timestamptz not null,
  -- The instant from which it holds nothing any more, whether or not that is booked.
  expires_at timestamptz not null check (expires_at > created_at),
  -- The number of the wallet's newest transaction when it was made, and of the last one during which it was open: a hold is
  -- not history, and these say where in history it lies.
  open_after bigint not null check (open_after >= 0),
  open_until bigint check (open_until >= open_after),
  ended_at timestamptz,
  -- The request that ended it: the id of the settlement's transaction, where one was written.
  end_id uuid,
  -- What the settlement asked for: the meaning of a replay.
  settled_amount bigint check (settled_amount > 0),
  available_at_end bigint check (available_at_end >= 0),
  -- The page of the expire job that booked its end (rule 28).
  job_page uuid,
  primary key (user_id, id),
  constraint hold_allocations check (
    cardinality(batch_ids) = cardinality(batch_amounts)
    and array_position(batch_ids, null) is null
    and array_position(batch_amounts, null) is null
    and 0 < all (batch_amounts)
    and amount = credits.total(batch_amounts)
  ),
  constraint hold_end check (
    (status = 'open') = (ended_at is null)
    and (status = 'open') = (open_until is null)
    and (status = 'settled') = (settled_amount is not null)
    and (status in ('settled', 'released')) = (end_id is not null and available_at_end is not null)
  )
);

create unique index hold_key on credits.hold (user_id, key) where key is not null;

create index hold_open on credits.hold (user_id) where status = 'open';

create index hold_expiring on credits.hold (expires_at, user_id, id) where status = 'open';

create trigger hold_keep
before truncate on credits.hold
for each statement execute function credits.refuse_change();

alter table credits.transaction
  -- The spend that this one gives back, whole or in part.
  add column reverses uuid;

create index transaction_reverses on credits.transaction (user_id, reverses) where reverses is not null;

-- The account pairs that each type of transaction may move between. In PL/pgSQL, whose plan is kept: a constraint's SQL
-- function is parsed again by every statement that inserts, a twentieth of a lone spend.
create or replace function credits.accounts_fit(p_type text, p_user_id text, p_debit_account text, p_credit_account text)
returns boolean
language plpgsql
immutable
parallel safe
as $$
begin
  return case p_type
    when 'consumption' then
      p_debit_account = 'WALLET:' || p_user_id and starts_with(p_credit_account, 'SERVICE:')
    when 'reversal' then
      starts_with(p_debit_account, 'SERVICE:') and p_credit_account = 'WALLET:' || p_user_id
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
    when 'debt' then
      p_debit_account = 'SYSTEM:debt' and p_credit_account = 'WALLET:' || p_user_id
    when 'debt_repayment' then
      p_debit_account = 'WALLET:' || p_user_id and p_credit_account = 'SYSTEM:debt'
    else false
  end;
end;
$$;
