-- What other programs come in by, and what they are told: keys of the HTTP API, and webhooks that go out.
--
-- Why: a program in another language spends over HTTP and has to be told of what happens. What it is told of is written in the
-- transaction that makes it true, so that neither is there without the other.

create table credits.api_key (
  id uuid primary key,
  name text not null check (char_length(name) between 1 and 255),
  -- The first characters of the key, for telling keys apart in a list.
  prefix text not null,
  -- SHA-256 of the whole: 256 random bits need no slow hash.
  hash bytea not null unique,
  scopes text[] not null check (cardinality(scopes) > 0),
  created_at timestamptz not null,
  -- Null: never.
  expires_at timestamptz,
  -- To the minute: not every request writes.
  last_used_at timestamptz,
  revoked_at timestamptz
);

create table credits.webhook_endpoint (
  id uuid primary key,
  url text not null check (char_length(url) between 1 and 2000),
  description text,
  -- Signs what is sent, so that it has to be readable: base64 of its bytes.
  secret text not null,
  -- Null: all that there are.
  event_types text[] check (cardinality(event_types) > 0),
  -- Units: a wallet that falls below is told of as credits.low. Null: none is.
  low_balance bigint check (low_balance > 0),
  is_enabled boolean not null default true,
  -- Why the sender switched it off; null where nobody or an operator did.
  disabled_reason text,
  created_at timestamptz not null
);

-- The outbox: one row per thing that happened and that somebody wants to be told of.
create table credits.webhook_message (
  id uuid primary key,
  user_id text collate "C" not null,
  transaction_id uuid not null,
  type text not null,
  -- As it is sent, each time the same bytes.
  body text not null,
  created_at timestamptz not null
);

create index webhook_message_user on credits.webhook_message (user_id);

create index webhook_message_age on credits.webhook_message (created_at);

create table credits.webhook_delivery (
  message_id uuid not null references credits.webhook_message on delete cascade,
  endpoint_id uuid not null references credits.webhook_endpoint on delete cascade,
  status text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
  attempts integer not null default 0 check (attempts >= 0),
  -- While an attempt is under way: when it counts as lost. Infinity: the endpoint is switched off.
  next_attempt_at timestamptz,
  last_attempt_at timestamptz,
  -- Of the last attempt: the answer's HTTP status, or what went wrong before there was one.
  response_status integer,
  error text,
  primary key (message_id, endpoint_id),
  constraint webhook_delivery_due check ((status = 'pending') = (next_attempt_at is not null))
);

create index webhook_delivery_endpoint on credits.webhook_delivery (endpoint_id, message_id);

create index webhook_delivery_next on credits.webhook_delivery (endpoint_id, next_attempt_at) where status = 'pending';
