import { z } from "@hono/zod-openapi";
import { apiScopes } from "../core/api-key.ts";
import { jobNames } from "../core/job-run.ts";
import { deliveryStatuses } from "../core/webhook-delivery.ts";
import { webhookEventTypes } from "../core/webhook-endpoint.ts";
import { type ApiOperation, given, operation } from "./api-operation.ts";
import * as schema from "./api-schema.ts";
import { sendWebhook } from "./webhooks.ts";

const figures: readonly ApiOperation[] = [
  operation({
    id: "getConfig",
    method: "get",
    path: "/config",
    scope: "read",
    tag: "system",
    summary: "What is sold, granted and charged",
    result: z
      .record(z.string(), z.unknown())
      .openapi("Config", { description: "The checked configuration, without what is left out." }),
    errors: [],
    run: async (credits) => credits.config,
  }),
  operation({
    id: "getOverview",
    method: "get",
    path: "/overview",
    scope: "admin",
    tag: "system",
    summary: "All wallets together: what came, went, and is still owed",
    result: z
      .object({
        wallets: z.object({ total: z.int(), frozen: z.int(), closed: z.int() }),
        flows: z.array(z.object({ type: z.string(), amount: schema.credits, transactions: z.int() })),
        services: z.array(z.object({ service: z.string(), amount: schema.credits })),
        outstanding: z.object({
          total: schema.credits,
          paid: schema.credits,
          free: schema.credits,
          held: schema.credits,
          calendar: z.array(
            z.object({ month: z.string().nullable(), paid: schema.credits, free: schema.credits }),
          ),
        }),
        expiredUnbooked: schema.credits,
        debt: schema.credits,
      })
      .openapi("Overview"),
    errors: [],
    run: (credits) => credits.getOverview(),
  }),
  operation({
    id: "audit",
    method: "post",
    path: "/audit",
    scope: "admin",
    tag: "system",
    summary: "Check every invariant of the books",
    result: z
      .object({
        ok: z.boolean(),
        violations: z.array(z.object({ rule: z.string(), userId: schema.id.optional(), detail: z.string() })),
      })
      .openapi("Audit"),
    errors: [],
    run: (credits) => credits.audit(),
  }),
  operation({
    id: "getJobRuns",
    method: "get",
    path: "/job-runs",
    scope: "admin",
    tag: "system",
    summary: "The newest runs of the jobs and of the audit",
    query: z.strictObject({
      job: z.enum(jobNames).optional(),
      limit: schema.whole.optional().openapi({ description: "1–1 000. Default 20." }),
    }),
    result: z.array(schema.JobRun),
    errors: [],
    run: (credits, { query }) => credits.getJobRuns(given(query)),
  }),
  operation({
    id: "runGrantJob",
    method: "post",
    path: "/jobs/grant",
    scope: "admin",
    tag: "system",
    summary: "Grant every monthly period that is due",
    result: z
      .object({
        processed: z.int(),
        successful: z.int(),
        skipped: z.int(),
        failed: z.int(),
        results: z.array(
          z.object({
            userId: schema.id,
            success: z.boolean(),
            error: z.string().optional(),
            transactionId: schema.id.optional(),
            amount: z.number().optional(),
            grantPeriod: z.string().optional(),
          }),
        ),
      })
      .openapi("GrantJob"),
    errors: [],
    run: (credits) => credits.processDailyGrant(),
  }),
  operation({
    id: "runExpireJob",
    method: "post",
    path: "/jobs/expire",
    scope: "admin",
    tag: "system",
    summary: "Book what has expired",
    result: z
      .object({
        processedBatches: z.int(),
        processedUsers: z.int(),
        totalExpiredAmount: schema.credits,
        timedOutHolds: z.int().optional(),
        failed: z.int().optional(),
        results: z
          .array(z.object({ userId: schema.id, success: z.literal(false), error: z.string() }))
          .optional(),
      })
      .openapi("ExpireJob"),
    errors: [],
    run: (credits) => credits.processExpired(),
  }),
  operation({
    id: "runDeliverJob",
    method: "post",
    path: "/jobs/deliver",
    scope: "admin",
    tag: "system",
    summary: "Send the webhooks that are due",
    result: z
      .object({ attempted: z.int(), delivered: z.int(), retrying: z.int(), failed: z.int() })
      .openapi("DeliverJob"),
    errors: [],
    run: (credits) => credits.deliverWebhooks(sendWebhook),
  }),
];

const ApiKey = z
  .object({
    keyId: schema.id,
    name: z.string(),
    prefix: z.string(),
    scopes: z.array(z.enum(apiScopes)),
    createdAt: schema.instant,
    expiresAt: schema.instant.nullable(),
    lastUsedAt: schema.instant.nullable(),
    revokedAt: schema.instant.nullable(),
  })
  .openapi("ApiKey");

const keys: readonly ApiOperation[] = [
  operation({
    id: "getApiKeys",
    method: "get",
    path: "/api-keys",
    scope: "admin",
    tag: "keys",
    summary: "All keys, newest first, revoked ones too",
    result: z.array(ApiKey),
    errors: [],
    run: (credits) => credits.getApiKeys(),
  }),
  operation({
    id: "createApiKey",
    method: "post",
    path: "/api-keys",
    scope: "admin",
    tag: "keys",
    summary: "Make a key; it is shown this once",
    body: z.strictObject({
      name: z.string(),
      scopes: z.array(z.enum(apiScopes)).min(1),
      expiresAt: schema.date.optional(),
    }),
    result: ApiKey.extend({ key: z.string() }).openapi("NewApiKey"),
    status: 201,
    errors: [],
    run: (credits, { body }) => credits.createApiKey({ ...body, ...given({ expiresAt: body.expiresAt }) }),
  }),
  operation({
    id: "revokeApiKey",
    method: "delete",
    path: "/api-keys/{keyId}",
    scope: "admin",
    tag: "keys",
    summary: "Take a key's rights away, for ever",
    params: z.object({ keyId: schema.id }),
    result: ApiKey,
    errors: ["NOT_FOUND"],
    run: (credits, { params }) => credits.revokeApiKey(params),
  }),
];

const eventTypes = z.array(z.enum(webhookEventTypes)).min(1);
const WebhookEndpoint = z
  .object({
    endpointId: schema.id,
    url: z.string(),
    description: z.string().nullable(),
    eventTypes: z.array(z.enum(webhookEventTypes)).nullable().openapi({ description: "Null: all." }),
    lowBalance: z.number().nullable(),
    enabled: z.boolean(),
    disabledReason: z.string().nullable(),
    createdAt: schema.instant,
    pending: z.int(),
  })
  .openapi("WebhookEndpoint");
const endpointParams = z.object({ endpointId: schema.id });

const webhooks: readonly ApiOperation[] = [
  operation({
    id: "getWebhookEndpoints",
    method: "get",
    path: "/webhook-endpoints",
    scope: "admin",
    tag: "webhooks",
    summary: "Who is told, newest first",
    result: z.array(WebhookEndpoint),
    errors: [],
    run: (credits) => credits.getWebhookEndpoints(),
  }),
  operation({
    id: "createWebhookEndpoint",
    method: "post",
    path: "/webhook-endpoints",
    scope: "admin",
    tag: "webhooks",
    summary: "Tell a URL of what happens from now on; its secret is shown this once",
    body: z.strictObject({
      url: z.string(),
      description: z.string().optional(),
      eventTypes: eventTypes.optional(),
      lowBalance: schema.amount
        .optional()
        .openapi({ description: "`credits.low` tells of a wallet that falls below." }),
    }),
    result: WebhookEndpoint.extend({ secret: z.string() }).openapi("NewWebhookEndpoint"),
    status: 201,
    errors: ["NOT_SUPPORTED"],
    run: (credits, { body }) => credits.createWebhookEndpoint({ ...given(body), url: body.url }),
  }),
  operation({
    id: "updateWebhookEndpoint",
    method: "patch",
    path: "/webhook-endpoints/{endpointId}",
    scope: "admin",
    tag: "webhooks",
    summary: "Change an endpoint; what is left out stays",
    params: endpointParams,
    body: z.strictObject({
      url: z.string().optional(),
      description: z.string().nullable().optional(),
      eventTypes: eventTypes.nullable().optional(),
      lowBalance: schema.amount.nullable().optional(),
      enabled: z.boolean().optional(),
    }),
    result: WebhookEndpoint,
    errors: ["NOT_FOUND"],
    run: (credits, { params, body }) => credits.updateWebhookEndpoint({ ...params, ...given(body) }),
  }),
  operation({
    id: "deleteWebhookEndpoint",
    method: "delete",
    path: "/webhook-endpoints/{endpointId}",
    scope: "admin",
    tag: "webhooks",
    summary: "Forget an endpoint and whatever it was still to be told",
    params: endpointParams,
    result: null,
    errors: ["NOT_FOUND"],
    run: (credits, { params }) => credits.deleteWebhookEndpoint(params),
  }),
  operation({
    id: "getWebhookDeliveries",
    method: "get",
    path: "/webhook-deliveries",
    scope: "admin",
    tag: "webhooks",
    summary: "The newest deliveries, newest first",
    query: z.strictObject({
      status: z.enum(deliveryStatuses).optional(),
      endpointId: schema.id.optional(),
      limit: schema.whole.optional().openapi({ description: "1–1 000. Default 50." }),
    }),
    result: z.array(
      z
        .object({
          messageId: schema.id,
          endpointId: schema.id,
          url: z.string(),
          type: z.enum(webhookEventTypes),
          userId: schema.id,
          transactionId: schema.id,
          status: z.enum(deliveryStatuses),
          attempts: z.int(),
          nextAttemptAt: schema.instant.nullable(),
          lastAttemptAt: schema.instant.nullable(),
          responseStatus: z.int().nullable(),
          error: z.string().nullable(),
          createdAt: schema.instant,
        })
        .openapi("WebhookDelivery"),
    ),
    errors: ["NOT_FOUND"],
    run: (credits, { query }) => credits.getWebhookDeliveries(given(query)),
  }),
  operation({
    id: "resendWebhook",
    method: "post",
    path: "/webhook-deliveries/{messageId}/{endpointId}/resend",
    scope: "admin",
    tag: "webhooks",
    summary: "Send a message once more, whatever became of it",
    params: z.object({ messageId: schema.id, endpointId: schema.id }),
    result: null,
    errors: ["NOT_FOUND"],
    run: (credits, { params }) => credits.resendWebhook(params),
  }),
];

/** What is about the system as a whole. */
export const systemOperations: readonly ApiOperation[] = [...figures, ...keys, ...webhooks];
