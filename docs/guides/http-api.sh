#!/usr/bin/env bash
# Everything that the ledger does, by curl. CREDITS_URL is where the API is, CREDITS_KEY a key with all scopes.
set -euo pipefail

# call METHOD PATH [BODY] [IDEMPOTENCY-KEY]: prints the answer; fails on a refusal.
call() {
  local arguments=(-X "$1" "$CREDITS_URL$2" -H "Authorization: Bearer $CREDITS_KEY")
  if [ -n "${3:-}" ]; then arguments+=(-H 'Content-Type: application/json' -d "$3"); fi
  if [ -n "${4:-}" ]; then arguments+=(-H "Idempotency-Key: $4"); fi
  curl --silent --show-error --fail-with-body "${arguments[@]}"
  echo
}

# field NAME: the value of a field of the JSON that comes in.
field() { node -e 'let text = ""; process.stdin.on("data", (part) => (text += part)).on("end", () => console.log(JSON.parse(text)[process.argv[1]]))' "$1"; }

user="/users/${CREDITS_USER:-ada}"
in_a_month=$(node -p 'new Date(Date.now() + 30 * 86400e3).toISOString()')
a_day_ago=$(node -p 'new Date(Date.now() - 86400e3).toISOString()')
tomorrow=$(node -p 'new Date(Date.now() + 86400e3).toISOString()')
now=$(node -p 'new Date().toISOString()')

echo "# What is sold, and for how much"
call GET /config
call GET "$user/purchase-check?priceId=price_credits_lite"

echo "# Give"
call POST "$user/registration-bonus"
call POST "$user/grants" '{"amount": 100, "type": "adjustment", "validityDays": 30}' welcome-back
call POST "$user/purchases" '{"priceId": "price_credits_lite", "purchaseId": "order-1"}'
call POST "$user/subscription-grants" '{"amount": 200, "planId": "pro", "validityDays": 30}'
call PUT "$user/subscription" "{\"subscriptionId\": \"sub-1\", \"planId\": \"pro\", \"status\": \"canceled\", \"anchor\": \"$now\", \"interval\": \"month\", \"currentPeriodEnd\": \"$in_a_month\"}"
call GET "$user/subscription"

echo "# Spend, twice under one key: once"
spend=$(call POST "$user/consume" '{"service": "google:chat", "metadata": {"request": "r-1"}}' request-1 | field transactionId)
call POST "$user/consume" '{"service": "google:chat", "metadata": {"request": "r-1"}}' request-1
call POST "$user/transactions/$spend/reverse" '{"amount": 1, "description": "The answer was cut"}' complaint-1

echo "# Spend what is known only afterwards"
hold=$(call POST "$user/holds" '{"amount": 30, "service": "google:image"}' | field holdId)
call GET "$user/holds"
call POST "$user/holds/$hold/settle" '{"amount": 12.0}'
hold=$(call POST "$user/holds" '{"amount": 30, "service": "google:image"}' | field holdId)
call POST "$user/holds/$hold/release"

echo "# Look"
call GET "$user/balance"
call GET "$user/wallet"
call GET "$user/transactions?pageIndex=0&pageSize=5"
call GET "$user/statement?types=consumption,reversal&oldestFirst=true&withRunningTotal=true"
call GET "$user/usage?from=$a_day_ago&to=$tomorrow"
call GET "$user/payments"

echo "# Payments of a provider without an adapter"
call PUT "$user/customers/paddle" '{"customerId": "ctm_1"}'
call GET "$user/customers/paddle"
call POST /payment-events "{\"type\": \"purchase.paid\", \"provider\": \"paddle\", \"eventId\": \"evt_1\", \"occurredAt\": \"$now\", \"customerId\": \"ctm_1\", \"paymentIds\": [\"txn_1\"], \"priceId\": \"price_credits_lite\", \"amountPaid\": 999, \"currency\": \"usd\"}"
call GET "/payment-events?status=applied&limit=5"
call POST "/payment-events/evt_1/replay?provider=paddle"
call GET /payments

echo "# Be told of what happens"
endpoint=$(call POST /webhook-endpoints '{"url": "http://127.0.0.1:9/credits", "eventTypes": ["credits.deducted"]}' | field endpointId)
call GET /webhook-endpoints
call POST "$user/deductions" '{"amount": 1, "description": "Corrected"}' correction-1
call POST /jobs/deliver
message=$(call GET "/webhook-deliveries?endpointId=$endpoint" | node -e 'process.stdin.on("data", (text) => console.log(JSON.parse(text)[0].messageId))')
call POST "/webhook-deliveries/$message/$endpoint/resend"
call PATCH "/webhook-endpoints/$endpoint" '{"enabled": false}'
call DELETE "/webhook-endpoints/$endpoint"

echo "# Operate"
call POST "$user/freeze"
call POST "$user/unfreeze"
call POST /jobs/grant
call POST /jobs/expire
call POST /audit
call GET "/job-runs?job=audit&limit=1"
call GET /overview
key=$(call POST /api-keys '{"name": "a shop", "scopes": ["read", "spend"]}' | field keyId)
call GET /api-keys
call DELETE "/api-keys/$key"

echo "# Forget"
call DELETE "$user"
