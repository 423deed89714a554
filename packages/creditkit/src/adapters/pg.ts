import { type Connection, connectionOf, type Database } from "../core/database.ts";

/** The part of a `pg.Pool` that is used. */
export interface PoolShape {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>;
  connect(): Promise<PoolClientShape>;
  on?(event: "error", listener: (error: Error) => void): unknown;
}

interface PoolClientShape {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>;
  release(error?: boolean): void;
  on?(event: "error", listener: () => void): unknown;
  off?(event: "error", listener: () => void): unknown;
}

/**
 * A database over a `pg.Pool` (PostgreSQL 15 or later). A pool of one connection is enough; a transaction-mode
 * pooler in front of it works too, since nothing is kept in a session.
 */
export function fromPool(pool: PoolShape): Database {
  // An idle connection that the server closes raises an event that would end the process; the pool replaces it anyway.
  pool.on?.("error", () => {});
  return { ...connectionOf(pool), inTransaction: false, transaction: (work) => inTransaction(pool, work) };
}

async function inTransaction<Result>(pool: PoolShape, work: (connection: Connection) => Promise<Result>) {
  const client = await pool.connect();
  let broken = false;
  // The pool listens to idle connections only: without this, a server that dies between two statements of a
  // transaction would end the process.
  const onError = () => {
    broken = true;
  };
  client.on?.("error", onError);
  try {
    await client.query("begin isolation level read committed", []);
    const result = await work(connectionOf(client));
    await client.query("commit", []);
    return result;
  } catch (error) {
    await client.query("rollback", []).catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    // A connection that cannot even roll back is not given to the next one.
    client.off?.("error", onError);
    client.release(broken);
  }
}
