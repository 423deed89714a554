/*
 * All tables of the app itself; the ledger's are its own. After a change: `npm run database:generate -w web`, and commit the migration that
 * it writes.
 */
export * from "../admin/schema";
export * from "../auth/schema";
export * from "../credits/bonus-schema";
