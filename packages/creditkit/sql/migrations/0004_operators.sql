-- What operators do by hand, what jobs report, and users who leave (rules 25, 26, 28).
--
-- Why: a support desk takes credits as well as it gives them, wants to see whether the jobs ran, and has to forget a user who
-- asks for it while the books stay what they were.

alter table credits.wallet
  drop constraint wallet_status_check,
  -- closed: its user was erased. Nothing is granted to it and nothing spent.
  add constraint wallet_status_check check (status in ('active', 'frozen', 'closed'));

-- The runs of the jobs and of the audit, newest ones only.
create table credits.job_run (
  id uuid primary key,
  job text not null check (job in ('grant', 'expire', 'audit')),
  started_at timestamptz not null,
  -- Null: it is under way, or its process died.
  finished_at timestamptz check (finished_at >= started_at),
  -- Its counts and first failures; null where it broke.
  result jsonb,
  error text,
  constraint job_run_end check ((finished_at is null) = (result is null and error is null))
);

create index job_run_newest on credits.job_run (job, started_at, id);

-- Whose books go on under which name: for messages of providers that still say the old one. A hash, not the id itself.
create table credits.erased_user (
  user_hash bytea primary key,
  pseudonym text collate "C" not null unique check (starts_with(pseudonym, 'erased:')),
  erased_at timestamptz not null,
  -- What was left in the wallet and was given up.
  forfeited bigint not null check (forfeited >= 0)
);

-- The one change of history that there is: the user gets another name and the words go, in a statement of credits.erase_user.
-- Whatever else such a statement touches is refused as ever (rule 26).
create function credits.refuse_change_of_history()
returns trigger
language plpgsql
as $$
declare
  v_kept credits.transaction;
begin
  if tg_op = 'UPDATE' and current_setting('credits.erasing', true) = old.user_id || ' as ' || new.user_id then
    v_kept := old;
    v_kept.user_id := new.user_id;
    v_kept.debit_account := regexp_replace(old.debit_account, '^WALLET:.*$', 'WALLET:' || new.user_id);
    v_kept.credit_account := regexp_replace(old.credit_account, '^WALLET:.*$', 'WALLET:' || new.user_id);
    v_kept.key := credits.erased_key(old);
    v_kept.description := null;
    v_kept.metadata := null;
    if starts_with(new.user_id, 'erased:') and v_kept is not distinct from new then
      return new;
    end if;
  end if;
  raise exception 'credits.% is append-only: % refused', tg_table_name, tg_op
    using errcode = 'restrict_violation', hint = 'Write a later transaction that reverses the earlier one.';
end;
$$;

drop trigger transaction_append_only on credits.transaction;

create trigger transaction_append_only
before update or delete on credits.transaction
for each row execute function credits.refuse_change_of_history();

-- The keys that hosts made may name a user; those that the ledger made say what their row is (rule 13).
create function credits.erased_key(p_row credits.transaction)
returns text
language sql
immutable
as $$
  select case
    when starts_with((p_row).key, 'key:') then null
    when (p_row).type = 'reversal' then 'reversal:' || (p_row).reverses || ':' || (p_row).sequence
    else (p_row).key
  end
$$;

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
    when 'deduction' then
      p_debit_account = 'WALLET:' || p_user_id and p_credit_account = 'SYSTEM:adjustment'
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
