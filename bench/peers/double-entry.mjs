// A double-entry transfer in the style of pgledger (github.com/pgr0ss/pgledger, the shape of v0.7.0), written here:
// accounts with a balance and a version, transfers, two entries each with the balance before and after; one function
// locks both accounts in order and writes everything, in one round trip per transfer.
//
// Each user spends into a sink account of their own. One sink for all would make every transfer wait for the same
// row; this is the fastest form of the shape, so that no ratio to it is flattered.
import pg from "pg";

export const shape = "pgledger v0.7.0";

export const tables = `
  create schema double_entry;
  create table double_entry.account (
    id text primary key,
    name text not null,
    currency text not null,
    balance numeric not null default 0,
    version bigint not null default 0,
    allow_negative_balance boolean not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
  );
  create table double_entry.transfer (
    id text primary key default 'transfer_' || gen_random_uuid(),
    from_account_id text not null references double_entry.account,
    to_account_id text not null references double_entry.account,
    amount numeric not null,
    created_at timestamptz not null,
    event_at timestamptz not null,
    metadata jsonb,
    check (amount > 0 and from_account_id <> to_account_id)
  );
  create index on double_entry.transfer (from_account_id);
  create index on double_entry.transfer (to_account_id);
  create index on double_entry.transfer (event_at);
  create table double_entry.entry (
    id text primary key default 'entry_' || gen_random_uuid(),
    account_id text not null references double_entry.account,
    transfer_id text not null references double_entry.transfer,
    amount numeric not null,
    previous_balance numeric not null,
    current_balance numeric not null,
    account_version bigint not null,
    created_at timestamptz not null
  );
  create index on double_entry.entry (account_id);
  create index on double_entry.entry (transfer_id);

  create function double_entry.create_transfer(p_from text, p_to text, p_amount numeric)
  returns text
  language plpgsql
  as $$
  declare
    v_from double_entry.account;
    v_to double_entry.account;
    v_transfer text;
  begin
    perform from double_entry.account where id = any (array[p_from, p_to]) order by id for update;
    update double_entry.account
    set balance = balance - p_amount, version = version + 1, updated_at = now()
    where id = p_from
    returning * into v_from;
    if v_from.balance < 0 and not v_from.allow_negative_balance then
      raise exception 'account % may not go below zero', p_from;
    end if;
    update double_entry.account
    set balance = balance + p_amount, version = version + 1, updated_at = now()
    where id = p_to
    returning * into v_to;
    if v_from.currency <> v_to.currency then
      raise exception 'account % and % have different currencies', p_from, p_to;
    end if;
    insert into double_entry.transfer (from_account_id, to_account_id, amount, created_at, event_at)
    values (p_from, p_to, p_amount, now(), now())
    returning id into v_transfer;
    insert into double_entry.entry (
      account_id, transfer_id, amount, previous_balance, current_balance, account_version, created_at
    )
    values
      (p_from, v_transfer, -p_amount, v_from.balance + p_amount, v_from.balance, v_from.version, now()),
      (p_to, v_transfer, p_amount, v_to.balance - p_amount, v_to.balance, v_to.version, now());
    return v_transfer;
  end;
  $$;
`;

/** @param {{ count: number, amount: number }} users */
export function users({ count, amount }) {
  return `
    insert into double_entry.account (id, name, currency, balance, allow_negative_balance)
    select 'user-' || index, 'credits', 'CREDIT', ${amount}, false from generate_series(0, ${count - 1}) as index
    union all
    select 'sink-user-' || index, 'spent', 'CREDIT', 0, true from generate_series(0, ${count - 1}) as index;
  `;
}

/**
 * @param {{ url: string, poolSize: number }} options
 * @returns {import("../spenders.mjs").Spender}
 */
export function open({ url, poolSize }) {
  const pool = new pg.Pool({ connectionString: url, max: poolSize });
  return {
    spend: (userId) =>
      pool.query("select double_entry.create_transfer($1, $2, $3)", [userId, `sink-${userId}`, 1]),
    booked: async () => {
      const { rows } = await pool.query(`
        select coalesce(sum(amount), 0) as amount from double_entry.entry where account_id like 'sink-%'
      `);
      return Number(rows[0].amount);
    },
    close: () => pool.end(),
  };
}
