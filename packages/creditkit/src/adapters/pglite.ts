import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { PGlite, type PGliteOptions } from "@electric-sql/pglite";
import { NodeFS } from "@electric-sql/pglite/nodefs";
import { type Connection, connectionOf, type Database } from "../core/database.ts";
import { lockDirectory } from "./pglite-lock.ts";

/** The part of a PGlite instance that is used. */
export interface PgliteShape {
  query(text: string, parameters?: unknown[]): Promise<{ rows: unknown[] }>;
  transaction<Result>(work: (transaction: object) => Promise<Result>): Promise<Result>;
}

/** A database over a PGlite instance. */
export function fromPglite(pglite: PgliteShape): Database {
  return {
    ...connectionOf(pglite),
    inTransaction: false,
    transaction: <Result>(work: (connection: Connection) => Promise<Result>) =>
      pglite.transaction(async (transaction: object) => {
        const connection = connectionOf(transaction);
        await connection.query("set transaction isolation level read committed", []);
        return work(connection);
      }),
  };
}

/**
 * Opens a durable PGlite on a directory: each commit waits for one fdatasync, and the directory is locked, because two
 * processes on one PGlite directory lose acknowledged commits without any error. Closing the instance unlocks it; the
 * lock of a process that died is taken over.
 * @throws `DATABASE_IN_USE` (`pid`) at once when another process, or this one, has it open.
 */
export async function openPglite(directory: string, options: PGliteOptions = {}): Promise<PGlite> {
  const asked = resolve(directory);
  mkdirSync(dirname(asked), { recursive: true });
  // One directory, one lock, by whichever link.
  const path = existsSync(asked) ? realpathSync(asked) : asked;
  const unlock = lockDirectory(`${path}.lock`);
  const isNew = !existsSync(join(path, "PG_VERSION"));
  try {
    const pglite = await PGlite.create({
      ...options,
      fs: new DurableNodeFS(path),
      // PGlite starts PostgreSQL with fsync off (-F).
      startParams: [
        ...PGlite.defaultStartParams.filter((parameter) => parameter !== "-F"),
        "-c",
        "wal_sync_method=fsync",
      ],
    });
    // The files of a new cluster were written without waiting for the disk.
    if (isNew) syncTree(path);
    return unlockedByClose(pglite, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

interface NodeFsModule {
  NODEFS: { stream_ops: { fsync?: (stream: { nfd: number }) => number } };
}

/** PGlite's file system leaves fsync out: PostgreSQL's would return at once. */
class DurableNodeFS extends NodeFS {
  override async init(...[pglite, options]: Parameters<NodeFS["init"]>): ReturnType<NodeFS["init"]> {
    const { emscriptenOpts } = await super.init(pglite, options);
    const addFsync = (module: unknown) => {
      (module as NodeFsModule).NODEFS.stream_ops.fsync = (stream) => {
        fdatasyncSync(stream.nfd);
        return 0;
      };
    };
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), addFsync] } };
  }
}

function syncTree(path: string): void {
  const directory = openSync(path, "r");
  fsyncSync(directory);
  closeSync(directory);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) syncTree(child);
    else if (entry.isFile()) {
      const file = openSync(child, "r");
      fsyncSync(file);
      closeSync(file);
    }
  }
}

function unlockedByClose(pglite: PGlite, unlock: () => void): PGlite {
  const close = pglite.close.bind(pglite);
  pglite.close = async () => {
    await close();
    unlock();
  };
  return pglite;
}
