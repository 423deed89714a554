/** What a page may load and where its forms may lead. */
export interface PolicyOptions {
  nonce: string;
  isDevelopment: boolean;
  isHttps: boolean;
  /** Origins that a checkout or a portal redirects to: browsers apply `form-action` to redirects too. */
  formTargets: readonly string[];
}

/**
 * https://www.w3.org/TR/CSP3/ with a nonce and `strict-dynamic`: a script that was not sent by the server does not run. Style
 * attributes are allowed: the widths of bars are some, and none of their values is a user's.
 */
export function contentSecurityPolicy({ nonce, isDevelopment, isHttps, formTargets }: PolicyOptions): string {
  const directives = [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${isDevelopment ? " 'unsafe-eval'" : ""}`,
    // The development server writes styles into the page as they change.
    isDevelopment ? "style-src 'self' 'unsafe-inline'" : `style-src 'self' 'nonce-${nonce}'`,
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    `connect-src 'self'${isDevelopment ? " ws:" : ""}`,
    "object-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    `form-action ${["'self'", ...formTargets].join(" ")}`,
    ...(isHttps ? ["upgrade-insecure-requests"] : []),
  ];
  return directives.join("; ");
}
