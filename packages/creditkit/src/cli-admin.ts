import type { Database } from "./core/database.ts";

/** PostgreSQL's code for a table that is not there. */
const undefinedTable = "42P01";

/**
 * Makes an account of better-auth an admin, beside the roles that it has (https://better-auth.com/docs/plugins/admin). The ledger knows no roles:
 * this is for the app that keeps its accounts in the same database, and whose first admin nobody can appoint yet.
 * @returns null when no account has this address
 */
export async function promoteAdmin(
  database: Database,
  email: string,
): Promise<{ email: string; changed: boolean } | null> {
  const statement = `
    update "user" as account
    set role = case
      when coalesce(known.role, '') = '' then 'admin'
      when 'admin' = any (string_to_array(known.role, ',')) then known.role
      else known.role || ',admin'
    end
    from (select id, role from "user" where lower(email) = lower($1::text) for update) as known
    where account.id = known.id
    returning account.email, known.role is distinct from account.role as changed`;
  try {
    const [row] = await database.query(statement, [email]);
    return row === undefined ? null : { email: String(row.email), changed: row.changed === true };
  } catch (error) {
    if ((error as { code?: unknown }).code === undefinedTable)
      throw new Error('This database has no table "user": start the app once, and sign up first');
    throw error;
  }
}
