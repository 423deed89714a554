import "server-only";
import { isForeign } from "@/auth/origin";
import { getSignedIn, type SignedIn } from "@/auth/session";

/** Of a form's fields together. */
const bodyBytesMax = 16 * 1024;

/** A form that this app's own page sent; a response when it is none. */
export async function readOwnForm(request: Request): Promise<{ form: FormData; origin: string } | Response> {
  if (isForeign(request)) return new Response("This request came from another site.", { status: 403 });
  if (Number(request.headers.get("content-length") ?? bodyBytesMax + 1) > bodyBytesMax)
    return new Response("Too much.", { status: 413 });
  try {
    return { form: await request.formData(), origin: originOf(request) };
  } catch {
    return new Response("Send a form.", { status: 400 });
  }
}

/** As `readOwnForm`, and who is signed in; whoever is not is sent to sign in. */
export async function readForm(
  request: Request,
): Promise<{ signedIn: SignedIn; form: FormData; origin: string } | Response> {
  const read = await readOwnForm(request);
  if (read instanceof Response) return read;
  const signedIn = await getSignedIn();
  return signedIn ? { signedIn, ...read } : redirectTo(read.origin, "/sign-in");
}

export function field(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}

/** After a form, the browser gets a page: reloading that sends nothing again. */
export function redirectTo(origin: string, path: string): Response {
  return new Response(null, {
    status: 303,
    headers: { location: new URL(path, origin).href, "cache-control": "no-store" },
  });
}

/** Where the browser thinks it is: a proxy may have changed the URL that arrives here. */
function originOf(request: Request): string {
  const origin = request.headers.get("origin");
  if (origin !== null && origin !== "null") return origin;
  const host = request.headers.get("x-forwarded-host") ?? request.headers.get("host");
  const protocol = request.headers.get("x-forwarded-proto") ?? "http";
  return host === null ? new URL(request.url).origin : `${protocol}://${host}`;
}
