import { type NextRequest, NextResponse } from "next/server";
import { isForeign } from "@/auth/origin";
import { readEnvironment } from "@/env";
import { contentSecurityPolicy } from "@/security/content-security-policy";

const safeMethods = new Set(["GET", "HEAD", "OPTIONS"]);

/** Sent by providers' servers, and proven by their signatures. */
const webhooks = "/api/webhooks/";

/** In front of every page and route: no other site's page may change anything here, and no script but ours runs. */
export function proxy(request: NextRequest): NextResponse {
  const { pathname } = request.nextUrl;
  if (!safeMethods.has(request.method) && !pathname.startsWith(webhooks) && isForeign(request)) {
    return NextResponse.json(
      { error: { code: "FORBIDDEN_ORIGIN", message: "This request came from another site." } },
      { status: 403, headers: { "cache-control": "private, no-store" } },
    );
  }
  const environment = readEnvironment();
  const isHttps = environment.BETTER_AUTH_URL?.startsWith("https://") === true;
  const nonce = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64");
  const policy = contentSecurityPolicy({
    nonce,
    isDevelopment: environment.NODE_ENV === "development",
    isHttps,
    formTargets: [
      ...(environment.STRIPE_SECRET_KEY ? ["https://checkout.stripe.com", "https://billing.stripe.com"] : []),
      ...(environment.CREEM_API_KEY ? ["https://*.creem.io"] : []),
    ],
  });
  const headers = new Headers(request.headers);
  // Next.js reads the nonce from here and puts it on its own scripts.
  headers.set("content-security-policy", policy);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("content-security-policy", policy);
  if (isHttps) response.headers.set("strict-transport-security", "max-age=63072000; includeSubDomains");
  // Whoever is signed in sees their own: no cache may keep it for somebody else.
  response.headers.set("cache-control", "private, no-store");
  return response;
}

export const config = {
  matcher: [{ source: "/((?!_next/static|_next/image|favicon.ico).*)" }],
};
