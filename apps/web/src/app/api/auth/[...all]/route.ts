import { getAuth } from "@/auth/server";

async function handle(request: Request): Promise<Response> {
  const response = await (await getAuth()).handler(request);
  const seconds = response.headers.get("x-retry-after");
  if (seconds === null) return response;
  // The standard's name for it, which clients know.
  const headers = new Headers(response.headers);
  headers.set("retry-after", seconds);
  return new Response(response.body, { status: response.status, headers });
}

export { handle as GET, handle as POST };
