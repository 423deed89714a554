// A job in a process of its own, so that its memory is nobody else's. Prints one line of JSON.
// Usage: node --expose-gc job-process.mjs '{"url", "job", "now"}'
import { openCredits } from "./creditkit.mjs";

/** How often memory is looked at, in milliseconds. */
const sampleEveryMs = 10;

/** @type {{ url: string, job: "processDailyGrant" | "processExpired", now: string }} */
const { url, job, now } = JSON.parse(process.argv[2] ?? "{}");
const { credits, close } = openCredits({ url, poolSize: 2, now: () => new Date(now) });
// The connection, and what the first call compiles, are not the job's.
await credits.getInfo({ userId: "nobody" });
globalThis.gc?.();
const rssBefore = process.memoryUsage.rss();
let rssMax = rssBefore;
const timer = setInterval(() => {
  rssMax = Math.max(rssMax, process.memoryUsage.rss());
}, sampleEveryMs);
const begin = performance.now();
const result = await credits[job]();
const seconds = (performance.now() - begin) / 1000;
clearInterval(timer);
rssMax = Math.max(rssMax, process.memoryUsage.rss());
await close();
console.log(JSON.stringify({ seconds, rssGrowthBytes: rssMax - rssBefore, result }));
