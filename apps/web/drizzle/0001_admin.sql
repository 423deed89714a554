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
CREATE INDEX "admin_action_user_idx" ON "admin_action" USING btree ("user_id","created_at");--> statement-breakpoint
CREATE INDEX "admin_action_newest_idx" ON "admin_action" USING btree ("created_at");