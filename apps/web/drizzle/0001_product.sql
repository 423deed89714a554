CREATE TABLE "admin_action" (
	"id" uuid PRIMARY KEY NOT NULL,
	"key" text NOT NULL,
	"admin_id" text NOT NULL,
	"admin_email" text NOT NULL,
	"action" text NOT NULL,
	"user_id" text,
	"amount" numeric(20, 6),
	"reason" text,
	"transaction_id" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "admin_action_key_unique" UNIQUE("key")
);
--> statement-breakpoint
CREATE TABLE "rate_limit" (
	"id" text PRIMARY KEY NOT NULL,
	"key" text NOT NULL,
	"count" integer NOT NULL,
	"last_request" bigint NOT NULL,
	CONSTRAINT "rate_limit_key_unique" UNIQUE("key")
);
--> statement-breakpoint
CREATE TABLE "bonus_claim" (
	"user_id" text PRIMARY KEY NOT NULL,
	"email_hash" text NOT NULL,
	"network_hash" text,
	"state" text DEFAULT 'pending' NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"decided_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE INDEX "admin_action_user_idx" ON "admin_action" USING btree ("user_id","created_at");--> statement-breakpoint
CREATE INDEX "admin_action_newest_idx" ON "admin_action" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "bonus_claim_email_idx" ON "bonus_claim" USING btree ("email_hash") WHERE state = 'granted';--> statement-breakpoint
CREATE INDEX "bonus_claim_network_idx" ON "bonus_claim" USING btree ("network_hash","decided_at") WHERE state = 'granted';