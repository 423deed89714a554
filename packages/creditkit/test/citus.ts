import { readFileSync } from "node:fs";
import pg from "pg";
import { fromPool } from "../src/adapters/pg.ts";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { createCredits } from "../src/core/credits.ts";
import type { Credits } from "../src/core/operations.ts";
import { databaseUrl, runOn } from "./postgres-server.ts";

const distribution = readFileSync(new URL("../sql/engines/citus.sql", import.meta.url), "utf8");

/** A node of a cluster, and its maintenance database. */
interface Node {
  name: string;
  port: number;
  isCoordinator: boolean;
  url: string;
}

/** The nodes of the cluster that a coordinator's database belongs to, the coordinator first. */
async function nodesOf(coordinatorUrl: string): Promise<Node[]> {
  const rows = await runOn<{ nodename: string; nodeport: number; groupid: number }>(
    coordinatorUrl,
    "select nodename, nodeport, groupid from pg_dist_node where isactive and noderole = 'primary' order by groupid",
  );
  if (rows[0]?.groupid !== 0)
    throw new Error("The database of DATABASE_URL is not that of a Citus coordinator");
  return rows.map(({ nodename, nodeport, groupid }) => {
    const url = new URL(coordinatorUrl);
    url.host = `${nodename}:${nodeport}`;
    return { name: nodename, port: nodeport, isCoordinator: groupid === 0, url: url.href };
  });
}

/**
 * A database of its own on every node, migrated and distributed; where it is used before, distributed by the file
 * afterwards. Citus copies no databases, so each is made anew.
 */
export async function createCitusDatabase(
  coordinatorUrl: string,
  name: string,
  beforeDistribution?: (credits: Credits) => Promise<void>,
): Promise<void> {
  const nodes = await nodesOf(coordinatorUrl);
  for (const node of nodes) {
    await runOn(node.url, `create database ${name}`);
    await runOn(databaseUrl(node.url, name), "create extension citus");
  }
  const url = databaseUrl(coordinatorUrl, name);
  for (const node of nodes) {
    const add = node.isCoordinator ? "citus_set_coordinator_host" : "citus_add_node";
    await runOn(url, `select ${add}('${node.name}', ${node.port})`);
  }
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const credits = createCredits({
    database: fromPool(pool),
    config: defaultCreditsConfig,
    sharded: beforeDistribution === undefined,
  });
  await credits.migrate();
  await beforeDistribution?.(credits);
  await pool.end();
  if (beforeDistribution !== undefined) await runOn(url, distribution);
}

export async function dropCitusDatabase(coordinatorUrl: string, name: string): Promise<void> {
  for (const node of await nodesOf(coordinatorUrl))
    await runOn(node.url, `drop database ${name} with (force)`);
}
