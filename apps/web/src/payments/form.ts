import "server-only";
import { isForeign } from "@/auth/origin";
import { getSignedIn, type SignedIn } from "@/auth/session";

/** Of a form's fields together. */
const bodyBytesMax = 16 * 1024;

/** A form that this app's own page sent, and who is signed in; a response when it is none of that. */
export async function readForm(
  request: Request,
): Promise<{ signedIn: SignedIn; form: FormData; origin: string } | Response> {
  if (isForeign(request)) return new Response("This request came from another site.", { status: 403 });
  const signedIn = await getSignedIn();
  const origin = originOf(request);
  if (!signedIn) return redirectTo(origin, "/sign-in");
  if (Number(request.headers.get("content-length") ?? bodyBytesMax + 1) > bodyBytesMax)
    return new Response("Too much.", { status: 413 });
  try {
    return { signedIn, form: await request.formData(), origin };
  } catch {
    return new Response("Send a form.", { status: 400 });
  }
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
