import "server-only";
import { randomBytes } from "node:crypto";
import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { readEnvironment } from "@/env";

/**
 * The header in which a request carries the address that it came from, made here. `X-Forwarded-For` is whatever a client wrote, and a route
 * sees no socket. The name is another one in every process, so that nobody can send it.
 */
const shared = globalThis as { [headerKey]?: string };
const headerKey = Symbol.for("creditkit.web.clientAddressHeader");
shared[headerKey] ??= `x-client-address-${randomBytes(16).toString("hex")}`;
export const clientAddressHeader: string = shared[headerKey];

const watchedKey = Symbol.for("creditkit.web.clientAddressWatched");

/** From now on, each request carries its address. Told by Node before the server sees the request. */
export function watchClientAddresses(): void {
  const once = globalThis as { [watchedKey]?: true };
  if (once[watchedKey]) return;
  once[watchedKey] = true;
  const { TRUSTED_PROXIES } = readEnvironment();
  subscribe("http.server.request.start", (message) => {
    const { request } = message as { request: IncomingMessage };
    request.headers[clientAddressHeader] = addressOf(
      request.socket.remoteAddress,
      request.headers["x-forwarded-for"],
      TRUSTED_PROXIES,
    );
  });
}

/**
 * Where a request comes from: the peer of the connection, or, behind proxies that the operator trusts, what the outermost of them saw.
 * Each proxy appends what it saw to `X-Forwarded-For`: what a client wrote there itself is further to the left.
 */
export function addressOf(
  peer: string | undefined,
  forwardedFor: string | string[] | undefined,
  trustedProxies: number,
): string {
  const hops = (Array.isArray(forwardedFor) ? forwardedFor.join(",") : (forwardedFor ?? ""))
    .split(",")
    .map((hop) => hop.trim());
  const seen = trustedProxies > 0 ? hops.at(-trustedProxies) : undefined;
  const address = seen !== undefined && isIP(seen) > 0 ? seen : (peer ?? "");
  // An IPv4 address that reached an IPv6 socket.
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return mapped?.[1] ?? address;
}

/** The network that one household or office has: an IPv4 address, or the first 64 bits of an IPv6 one. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = "", tail] = address.toLowerCase().split("%")[0]?.split("::") ?? [];
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill("0"), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}

/** The network that a request came from; null where nobody said, as in a script. */
export function networkOfHeaders(headers: Headers | undefined): string | null {
  const address = headers?.get(clientAddressHeader);
  return address ? networkOf(address) : null;
}
