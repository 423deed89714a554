import { beforeAll, expect, it, vi } from "vitest";
import { type CreditsApi, createCreditsApi } from "../src/adapters/api.ts";
import { referencePage } from "../src/adapters/api-reference.ts";
import { type ApiScope, apiScopes } from "../src/core/api-key.ts";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { createCredits } from "../src/core/credits.ts";
import { CreditsErrorCode } from "../src/core/errors.ts";
import { ApiDocument } from "./api-document.ts";
import { connectionReset, describeLedger, newUser } from "./ledger.ts";

vi.mock("../src/adapters/api-reference.ts", { spy: true });

const base = "/api/v1";

interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what it is, the document says and every call checks
  body: any;
}

describeLedger("the HTTP API", (ledger) => {
  let api: CreditsApi;
  let document: ApiDocument;
  const keys = new Map<string, string>();

  beforeAll(async () => {
    ledger().clock.set(new Date());
    api = createCreditsApi(ledger().credits);
    const response = await api(new Request(`http://test${base}/openapi.json`));
    document = new ApiDocument(await response.json());
    for (const scopes of [["read"], ["spend"], ["grant"], apiScopes] as const) await keyOf(scopes);
  });

  async function keyOf(scopes: readonly ApiScope[]): Promise<string> {
    const name = scopes.join();
    const known = keys.get(name);
    if (known !== undefined) return known;
    const { key } = await ledger().credits.createApiKey({ name, scopes });
    keys.set(name, key);
    return key;
  }

  /** Sends a request, and checks the answer by the document. */
  async function call(
    method: string,
    path: string,
    {
      body,
      scopes = apiScopes,
      headers = {},
      through = api,
    }: {
      body?: unknown;
      scopes?: readonly ApiScope[];
      headers?: Record<string, string>;
      through?: CreditsApi;
    } = {},
  ): Promise<Answer> {
    const response = await through(
      new Request(`http://test${base}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${await keyOf(scopes)}`,
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      }),
    );
    const text = await response.text();
    const json = text === "" ? undefined : JSON.parse(text);
    expect(document.faultsOf(method, path, response, json)).toEqual([]);
    expect(response.headers.get("cache-control")).toBe("private, no-store");
    return { status: response.status, headers: response.headers, body: json };
  }

  /** Somebody with credits. */
  async function somebody(amount = 100): Promise<string> {
    const userId = newUser();
    await ledger().credits.grant({ userId, amount, type: "adjustment", validityDays: 30 });
    return userId;
  }

  it("is described by OpenAPI 3.1, with an operation for everything that the library does", () => {
    expect(document.document.openapi).toBe("3.1.0");
    const names: Record<string, string | null> = {
      getInfo: "getBalance",
      consumeForService: "consume",
      upsertSubscription: "setSubscription",
      processDailyGrant: "runGrantJob",
      processExpired: "runExpireJob",
      deliverWebhooks: "runDeliverJob",
      config: "getConfig",
      // A hold and a settlement.
      meter: null,
      // Before there is an API, inside the host's own transaction, and what every request does.
      migrate: null,
      using: null,
      verifyApiKey: null,
    };
    const wanted = Object.keys(ledger().credits).map((name) => (name in names ? names[name] : name));
    expect(new Set(document.operationIds)).toEqual(new Set(wanted.filter((name) => name !== null)));
  });

  it("is described once, however often anybody asks", async () => {
    vi.mocked(referencePage).mockClear();
    const fresh = createCreditsApi(ledger().credits);
    for (const path of ["/openapi.json", "/reference", "/reference"]) {
      expect((await fresh(new Request(`http://test${base}${path}`))).status).toBe(200);
    }
    expect(referencePage).toHaveBeenCalledOnce();
  });

  it("grants, shows, spends, gives back and lists", async () => {
    const userId = newUser();
    const user = `/users/${userId}`;
    const granted = await call("POST", `${user}/grants`, {
      body: { amount: 100, type: "adjustment", validityDays: 30 },
    });
    expect(granted).toMatchObject({ status: 200, body: { amount: 100 } });
    const spent = await call("POST", `${user}/consume`, { body: { service: "google:chat" } });
    expect(spent).toMatchObject({ status: 200, body: { consumedAmount: 2, newBalance: 98 } });
    const { transactionId } = spent.body;
    expect(
      await call("POST", `${user}/transactions/${transactionId}/reverse`, { body: { amount: 1 } }),
    ).toMatchObject({ body: { reversedAmount: 1, newBalance: 99 } });
    expect(await call("GET", `${user}/balance`)).toMatchObject({
      body: {
        availableCredits: 99,
        nextExpiringBatch: { amount: 99, expiresAt: granted.body.expirationDate },
      },
    });
    expect((await call("GET", `${user}/transactions?pageSize=2`)).body).toMatchObject({
      total: 3,
      pageCount: 2,
      items: [
        { type: "reversal", amount: 1 },
        { type: "consumption", amount: -2 },
      ],
    });
    const from = new Date(Date.now() - 60_000).toISOString();
    expect(
      (await call("GET", `${user}/statement?types=consumption,reversal&from=${from}&oldestFirst=true`)).body,
    ).toMatchObject({
      total: 2,
      entries: [{ id: transactionId, reversedAmount: 1 }, { reverses: transactionId }],
    });
    const to = new Date(Date.now() + 86_400_000).toISOString();
    expect((await call("GET", `${user}/usage?from=${from}&to=${to}`)).body).toMatchObject([
      { service: "google:chat", amount: 1, spends: 1 },
    ]);
    expect((await call("GET", `${user}/wallet`)).body).toMatchObject({
      status: "active",
      transactionCount: 3,
    });
  });

  it("holds, settles and releases", async () => {
    const user = `/users/${await somebody()}`;
    const hold = await call("POST", `${user}/holds`, {
      body: { amount: 30, service: "chat", ttlSeconds: 60 },
    });
    expect(hold).toMatchObject({ status: 201, body: { amount: 30, newBalance: 70 } });
    const { holdId } = hold.body;
    expect((await call("GET", `${user}/holds`)).body).toMatchObject([{ holdId, amount: 30 }]);
    const settle = () => call("POST", `${user}/holds/${holdId}/settle`, { body: { amount: 10 } });
    expect((await settle()).body).toMatchObject({ consumedAmount: 10, newBalance: 90, settledFrom: "hold" });
    const again = await settle();
    expect(again.body).toMatchObject({ replayed: true, newBalance: 90 });
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await call("POST", `${user}/holds/${holdId}/release`)).toMatchObject({
      status: 409,
      body: { code: "HOLD_SETTLED" },
    });
    const other = await call("POST", `${user}/holds`, { body: { amount: 5, service: "chat" } });
    expect((await call("POST", `${user}/holds/${other.body.holdId}/release`)).body).toMatchObject({
      releasedAmount: 5,
      newBalance: 90,
    });
  });

  it.each(["once", '"once"'])("does once what carries one Idempotency-Key: %s", async (key) => {
    const userId = await somebody();
    const headers = { "idempotency-key": key };
    const spend = (amount: number) =>
      call("POST", `/users/${userId}/consume`, { body: { service: "chat", amount }, headers });
    const [first, second] = await Promise.all([spend(5), spend(5)]);
    const third = await spend(5);
    expect(first?.body.transactionId).toBe(second?.body.transactionId);
    expect(third.body).toMatchObject({
      transactionId: first?.body.transactionId,
      newBalance: 95,
      replayed: true,
    });
    expect(await spend(6)).toMatchObject({
      status: 409,
      body: { code: "IDEMPOTENCY_CONFLICT", field: "amount" },
    });
    // The same key, by the library.
    expect(
      await ledger().credits.consume({ userId, amount: 5, service: "chat", idempotencyKey: "once" }),
    ).toMatchObject({ replayed: true });
  });

  it("takes an Idempotency-Key of 255 characters, quoted or not, and no longer one", async () => {
    const userId = await somebody();
    const spend = (key: string) =>
      call("POST", `/users/${userId}/consume`, {
        body: { service: "chat", amount: 5 },
        headers: { "idempotency-key": key },
      });
    const key = "k".repeat(255);
    expect((await spend(key)).body).toMatchObject({ newBalance: 95 });
    expect((await spend(`"${key}"`)).body).toMatchObject({ newBalance: 95, replayed: true });
    for (const wrong of [`${key}k`, "", '""']) {
      expect(await spend(wrong)).toMatchObject({
        status: 400,
        body: { code: "INVALID_ARGUMENT", field: "idempotencyKey" },
      });
    }
  });

  it("refuses as RFC 9457 says, with the ledger's code and facts", async () => {
    const userId = await somebody(10);
    const refused = await call("POST", `/users/${userId}/consume`, { body: { service: "chat", amount: 11 } });
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
    expect(refused).toMatchObject({
      status: 402,
      body: {
        type: `${base}/reference#INSUFFICIENT_CREDITS`,
        title: "Insufficient credits",
        status: 402,
        detail: "Insufficient credits: required 11, available 10",
        code: "INSUFFICIENT_CREDITS",
        required: 11,
        available: 10,
      },
    });
    expect(await call("POST", `/users/${newUser()}/consume`, { body: { service: "chat" } })).toMatchObject({
      status: 404,
      body: { code: "USER_BALANCE_NOT_FOUND" },
    });
    // What a type refers to is there.
    const page = await (await api(new Request(`http://test${base}/reference`))).text();
    for (const code of Object.values(CreditsErrorCode)) expect(page).toContain(`id="${code}"`);
  });

  it.each([
    ["no JSON", "{", "INVALID_ARGUMENT", "body"],
    ["no object", "[]", "INVALID_ARGUMENT", "body"],
    ["nothing", "", "INVALID_ARGUMENT", "body"],
    ["a field that there is not", { service: "chat", credits: 5 }, "INVALID_ARGUMENT", "credits"],
    ["no service", {}, "INVALID_ARGUMENT", "service"],
    ["an empty service", { service: "" }, "INVALID_ARGUMENT", "service"],
    ["text for an amount", { service: "chat", amount: "5" }, "INVALID_AMOUNT", "amount"],
    ["nothing for an amount", { service: "chat", amount: 0 }, "INVALID_AMOUNT", "amount"],
    ["a fraction finer than the unit", { service: "chat", amount: 0.5 }, "INVALID_AMOUNT", "amount"],
    ["too much", { service: "chat", amount: 1e12 }, "INVALID_AMOUNT", "amount"],
    ["metadata that is none", { service: "chat", metadata: [] }, "INVALID_ARGUMENT", "metadata"],
    ["a key in the body", { service: "chat", idempotencyKey: "k" }, "INVALID_ARGUMENT", "idempotencyKey"],
    ["a user in the body", { service: "chat", userId: "bob" }, "INVALID_ARGUMENT", "userId"],
  ])("refuses %s before anything is done", async (_what, body, code, field) => {
    const userId = await somebody();
    expect(await call("POST", `/users/${userId}/consume`, { body })).toMatchObject({
      status: 400,
      body: { code, field },
    });
    expect(await ledger().credits.getInfo({ userId })).toMatchObject({ availableCredits: 100 });
  });

  it.each([
    ["/transactions?pageSize=0", "pageSize"],
    ["/transactions?pageSize=many", "pageSize"],
    ["/transactions?pageIndex=", "pageIndex"],
    ["/transactions?pageIndex=0x1", "pageIndex"],
    ["/transactions?pageIndex=9007199254740993", "pageIndex"],
    ["/transactions?size=5", "size"],
    ["/statement?from=yesterday", "from"],
    ["/statement?afterSequence=", "afterSequence"],
    ["/statement?types=lost", "types"],
    ["/statement?oldestFirst=perhaps", "oldestFirst"],
    ["/usage?from=2026-01-01T00:00:00Z", "to"],
  ])("refuses a wrong query: %s", async (query, field) => {
    expect(await call("GET", `/users/ada${query}`)).toMatchObject({
      status: 400,
      body: { code: "INVALID_ARGUMENT", field },
    });
  });

  it.each([
    ["none", {}],
    ["another scheme", { authorization: "Basic YTpi" }],
    ["an unknown one", { authorization: `Bearer ck_${"A".repeat(43)}` }],
    ["an empty one", { authorization: "Bearer " }],
  ])("opens for nobody without a valid key: %s", async (_what, headers) => {
    const response = await api(
      new Request(`http://test${base}/users/ada/consume`, {
        method: "POST",
        headers: { "content-type": "application/json", ...(headers as Record<string, string>) },
        // Whoever may not come learns nothing of what is wrong beside.
        body: "{",
      }),
    );
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="creditkit"');
    expect(await response.json()).toMatchObject({ code: "UNAUTHORIZED", status: 401 });
  });

  it("opens nothing for a key that was revoked a moment ago", async () => {
    const { key, keyId } = await ledger().credits.createApiKey({ name: "gone", scopes: ["read"] });
    const ask = () =>
      api(
        new Request(`http://test${base}/users/ada/balance`, { headers: { authorization: `Bearer ${key}` } }),
      );
    expect((await ask()).status).toBe(200);
    expect((await call("DELETE", `/api-keys/${keyId}`)).body).toMatchObject({ keyId });
    expect((await ask()).status).toBe(401);
  });

  it("finds no deliveries of what is no endpoint", async () => {
    expect(await call("GET", "/webhook-deliveries?endpointId=none")).toMatchObject({
      status: 404,
      body: { code: "NOT_FOUND", field: "endpointId" },
    });
  });

  it("lets every operation through for its own scope only", async () => {
    const paths = document.document.paths as unknown as Record<
      string,
      Record<string, { operationId: string; security: { key: ApiScope[] }[] }>
    >;
    let refused = 0;
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, { operationId, security }] of Object.entries(methods)) {
        const [scope] = security[0]?.key ?? [];
        expect([operationId, scope]).toEqual([
          operationId,
          expect.stringMatching(/^(read|spend|reverse|grant|admin)$/),
        ]);
        const others = apiScopes.filter((other) => other !== scope);
        const answer = await call(method.toUpperCase(), path.replace(/\{\w+\}/g, "x"), {
          scopes: others,
          ...(method !== "get" && { body: {} }),
        });
        expect([operationId, answer.status, answer.body.code]).toEqual([operationId, 403, "FORBIDDEN"]);
        expect(answer.headers.get("www-authenticate")).toContain(`scope="${scope}"`);
        refused += 1;
      }
    }
    expect(refused).toBe(document.operationIds.length);
  });

  it("takes 429 for an answer beyond a key's rate, and counts each key by itself", async () => {
    const slow = createCreditsApi(ledger().credits, { requestsPerMinute: 3 });
    const ask = (scopes: readonly ApiScope[]) => call("GET", "/users/ada/balance", { scopes, through: slow });
    for (let index = 0; index < 3; index++) expect((await ask(apiScopes)).status).toBe(200);
    const refused = await ask(apiScopes);
    // What the key may not do counts as well.
    const statuses = [];
    for (let index = 0; index < 4; index++) statuses.push((await ask(["grant"])).status);
    expect(statuses).toEqual([403, 403, 403, 429]);
    expect(refused).toMatchObject({ status: 429, body: { code: "RATE_LIMITED" } });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await ask(["read"])).status).toBe(200);
  });

  it("takes JSON only, and not too much of it", async () => {
    const body = JSON.stringify({ service: "chat", description: "x".repeat(70_000) });
    expect(await call("POST", "/users/ada/consume", { body })).toMatchObject({
      status: 413,
      body: { code: "PAYLOAD_TOO_LARGE" },
    });
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "application/jsonp",
      "application/json;",
    ]) {
      const headers = { "content-type": type };
      expect(await call("POST", "/users/ada/consume", { body: "{}", headers })).toMatchObject({
        status: 415,
        body: { code: "UNSUPPORTED_MEDIA_TYPE" },
      });
    }
    // What takes no body reads none.
    expect(await call("POST", "/users/ada/holds/none/release", { body })).toMatchObject({
      status: 404,
      body: { code: "USER_BALANCE_NOT_FOUND" },
    });
  });

  it("says of what it does not know that there is none", async () => {
    for (const path of ["/nothing", "/users/ada", "/users/ada/balance/now"]) {
      expect(await call("GET", path)).toMatchObject({ status: 404, body: { code: "ROUTE_NOT_FOUND" } });
    }
    expect((await api(new Request("http://test/elsewhere"))).status).toBe(404);
  });

  it("takes any user id, escaped", async () => {
    for (const userId of [`org/${newUser()}`, `ümläut ${newUser()}`, `a+b%20${newUser()}?#`]) {
      await ledger().credits.grant({ userId, amount: 7, type: "adjustment" });
      expect((await call("GET", `/users/${encodeURIComponent(userId)}/balance`)).body).toMatchObject({
        availableCredits: 7,
      });
    }
  });

  it("tells nothing of what the ledger does not explain, and logs it", async () => {
    const failing = createCredits({
      database: {
        ...ledger().database,
        query: async (text, values) => {
          if (text.includes("get_infos")) throw Object.assign(new Error("select secret"), { code: "42501" });
          if (text.includes("get_wallet")) throw connectionReset();
          return ledger().database.query(text, values);
        },
      },
      config: defaultCreditsConfig,
    });
    const onError = vi.fn();
    const through = createCreditsApi(failing, { onError });
    const answer = await call("GET", "/users/ada/balance", { through });
    expect(answer).toMatchObject({ status: 500, body: { code: "INTERNAL_ERROR" } });
    expect(JSON.stringify(answer.body)).not.toContain("secret");
    expect(onError).toHaveBeenCalledOnce();
    const away = await call("GET", "/users/ada/wallet", { through });
    expect(away).toMatchObject({ status: 503, body: { code: "DATABASE_UNAVAILABLE" } });
    expect(away.headers.get("retry-after")).toBe("1");
    expect(onError).toHaveBeenCalledOnce();
  });

  it("logs no statement and none of its values (rule 33)", async () => {
    const failing = createCredits({
      database: {
        ...ledger().database,
        query: async (text, values) => {
          if (text.includes("create_webhook_endpoint"))
            throw Object.assign(new Error(text), { code: "42501", query: text, params: values });
          return ledger().database.query(text, values);
        },
      },
      config: defaultCreditsConfig,
    });
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    try {
      const through = createCreditsApi(failing);
      const body = { url: "https://shop.example/hook?token=private" };
      expect(await call("POST", "/webhook-endpoints", { body, through })).toMatchObject({ status: 500 });
      expect(log.mock.calls).toEqual([["[Credits API] A request failed: Error 42501"]]);
    } finally {
      log.mockRestore();
    }
  });

  it("tells nobody what is wrong with its configuration, but the log", async () => {
    const onError = vi.fn();
    const config = { packages: { lite: { credits: -1 } } } as never;
    const through = createCreditsApi(() => createCredits({ database: ledger().database, config }), {
      onError,
    });
    const answer = await call("GET", "/users/ada/balance", { through });
    expect(answer).toMatchObject({ status: 500, body: { code: "INVALID_CONFIG" } });
    expect(answer.body).not.toHaveProperty("detail");
    expect(onError).toHaveBeenCalledWith(expect.objectContaining({ code: "INVALID_CONFIG" }));
  });

  it("opens the ledger with the first request only, wherever it is mounted", async () => {
    const open = vi.fn(() => ledger().credits);
    const elsewhere = createCreditsApi(open, { basePath: "" });
    expect((await elsewhere(new Request("http://test/openapi.json"))).status).toBe(200);
    expect(open).not.toHaveBeenCalled();
    const headers = { authorization: `Bearer ${await keyOf(["read"])}` };
    expect((await elsewhere(new Request("http://test/users/ada/balance", { headers }))).status).toBe(200);
    expect(open).toHaveBeenCalled();
  });
});
