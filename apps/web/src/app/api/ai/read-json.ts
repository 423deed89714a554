/** The body as JSON; undefined when it is none, is declared as something else, or is longer than `bytesMax`. */
export async function readJson(request: Request, bytesMax: number): Promise<unknown> {
  const isJson = /^application\/json\b/i.test(request.headers.get("content-type") ?? "");
  if (!isJson || Number(request.headers.get("content-length") ?? 0) > bytesMax || !request.body)
    return undefined;
  // Counted while it arrives: a body without a length would be held in memory whole before it is refused.
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  try {
    return JSON.parse(text + decoder.decode());
  } catch {
    return undefined;
  }
}
