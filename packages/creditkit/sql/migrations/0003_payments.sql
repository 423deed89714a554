-- Payments: what a provider says of money, and what became of it (rules 13–19, 24, 31–33).
--
-- Why: money and credits must agree whatever arrives twice, late, or in another order. Each message of a provider is kept in
-- an inbox for ever, and each business object it speaks of (a payment, a refund, a dispute) has one row, so that two messages
-- about one object have one effect.

alter table credits.batch
  -- Taken back, since its money went back.
  add column taken bigint not null default 0 check (taken >= 0),
  -- What was spent or held when its money went back, and was given up: taken if it ever comes back into the batch.
  add column refund_due bigint not null default 0 check (refund_due >= 0),
  add column dispute_due bigint not null default 0 check (dispute_due >= 0),
  drop constraint batch_books,
  add constraint batch_books check (amount = remaining + held + consumed + expired + taken);

alter table credits.wallet
  -- Sum of what is due of its batches: whoever frees credits of this wallet has to look.
  add column due bigint not null default 0 check (due >= 0);

-- A purchase and all that was taken back of it and given back again.
create index transaction_purchase on credits.transaction (user_id, purchase_id) where purchase_id is not null;

alter table credits.subscription
  add column provider text,
  -- The event whose word stands: of two states the later one, in whichever order they arrive.
  add column said_at timestamptz,
  add column said_by text,
  -- When the newest paid invoice was paid: what is past due since before then is not.
  add column paid_at timestamptz,
  add column cancels_at_period_end boolean not null default false;

-- The inbox: every message that was ever taken in.
create table credits.provider_event (
  provider text collate "C" not null check (provider <> ''),
  event_id text collate "C" not null check (event_id <> ''),
  type text not null,
  -- What it said, in the library's words; never the provider's payload.
  event jsonb not null,
  status text not null check (status in ('received', 'applied', 'ignored', 'parked', 'failed')),
  -- The names that have to be known first.
  waits_for text[] not null default '{}',
  error text,
  result jsonb,
  -- The call that took it in: sent again after its answer got lost, it gets that answer.
  attempt uuid not null,
  occurred_at timestamptz not null,
  received_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (provider, event_id)
);

create index provider_event_open on credits.provider_event (provider, occurred_at, event_id)
where status in ('parked', 'failed', 'received');
create index provider_event_newest on credits.provider_event (received_at, provider, event_id);

-- What a provider's names stand for: `payment:…`, `subscription:…`, `customer:…`, and `state:…` once a subscription's state is known. Each message writes the names it speaks of, so
-- that two messages about one thing follow each other, at any isolation level.
create table credits.provider_object (
  provider text collate "C" not null,
  name text collate "C" not null,
  user_id text collate "C",
  -- A payment's first name.
  payment_id text collate "C",
  seen_at timestamptz not null,
  primary key (provider, name)
);

create index provider_object_user on credits.provider_object (user_id, provider, name) where user_id is not null;

create table credits.payment (
  provider text collate "C" not null,
  -- Its first name, which is the purchase id of its grant.
  payment_id text collate "C" not null,
  user_id text collate "C" not null,
  kind text not null check (kind in ('package', 'plan')),
  price_id text not null,
  subscription_id text,
  -- Of a plan: the period it paid for, and what the plan grants in one.
  period text,
  plan_amount bigint check (plan_amount > 0),
  -- The grant it paid for; null where there was no room for a plan's credits (rule 19).
  transaction_id uuid,
  batch_id uuid,
  -- Its share of that: two invoices of one period share what the period got (rule 18).
  granted bigint not null check (granted >= 0),
  -- Smallest units of the currency, as what is refunded and disputed.
  amount_paid bigint not null check (amount_paid >= 0),
  currency text not null,
  -- The largest total that the provider named.
  refunded bigint not null default 0 check (refunded >= 0),
  receipt_url text,
  paid_at timestamptz not null,
  created_at timestamptz not null,
  primary key (provider, payment_id)
);

create index payment_newest on credits.payment (paid_at, payment_id);
create index payment_user on credits.payment (user_id, paid_at, payment_id);

create table credits.refund (
  provider text collate "C" not null,
  refund_id text collate "C" not null,
  payment_id text collate "C" not null,
  amount bigint not null check (amount >= 0),
  primary key (provider, refund_id)
);

create index refund_payment on credits.refund (provider, payment_id);

create table credits.dispute (
  provider text collate "C" not null,
  dispute_id text collate "C" not null,
  payment_id text collate "C" not null,
  amount bigint not null check (amount >= 0),
  status text not null check (status in ('open', 'won', 'lost')),
  said_at timestamptz not null,
  primary key (provider, dispute_id)
);

create index dispute_payment on credits.dispute (provider, payment_id);

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
    when 'refund' then
      p_debit_account = 'WALLET:' || p_user_id and starts_with(p_credit_account, 'PAYMENT:')
    when 'refund_reversal' then
      starts_with(p_debit_account, 'PAYMENT:') and p_credit_account = 'WALLET:' || p_user_id
    when 'chargeback' then
      p_debit_account = 'WALLET:' || p_user_id and starts_with(p_credit_account, 'PAYMENT:')
    when 'chargeback_reversal' then
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
