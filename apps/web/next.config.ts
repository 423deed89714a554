import type { NextConfig } from "next";
import createNextIntlPlugin from "next-intl/plugin";

const securityHeaders = [
  { key: "X-Content-Type-Options", value: "nosniff" },
  { key: "X-Frame-Options", value: "DENY" },
  { key: "Referrer-Policy", value: "strict-origin-when-cross-origin" },
  { key: "Cross-Origin-Opener-Policy", value: "same-origin" },
  { key: "Cross-Origin-Resource-Policy", value: "same-origin" },
  { key: "Permissions-Policy", value: "camera=(), geolocation=(), microphone=()" },
];

const config: NextConfig = {
  poweredByHeader: false,
  // A test that does not compile is no reason not to ship; `npm run typecheck` looks at everything.
  typescript: { tsconfigPath: "tsconfig.build.json" },
  // The first two load files of their own at run time (a WASM image, a native binding), so they stay outside the bundle. The
  // tokenizer's table of 200,000 tokens kept the bundler busy for four minutes.
  serverExternalPackages: ["@electric-sql/pglite", "pg", "gpt-tokenizer"],
  // Read at start, by a path that the tracer cannot see.
  outputFileTracingIncludes: { "/**": ["./drizzle/**"] },
  headers: async () => [{ source: "/:path*", headers: securityHeaders }],
};

export default createNextIntlPlugin("./src/i18n/request.ts")(config);
