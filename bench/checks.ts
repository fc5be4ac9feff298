/**
 * What running checks costs: `bun bench/checks.ts [--peer PROGRAM] [--checks N] [--interval S] [--seconds S]`.
 *
 * N HTTP checks against a server in this process, whose cost does not count. Registered, then left alone for one
 * interval, then measured: CPU seconds of the agent per second, with what it needs at rest.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { startTarget, type Target } from "./target.ts";

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
}

const checkCount = Number(option("--checks", "1000"));
const intervalSeconds = Number(option("--interval", "10"));
const seconds = Number(option("--seconds", "30"));

let askedCount = 0;
const server = createServer((_request, response) => {
  askedCount += 1;
  response.end("up and well");
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as AddressInfo;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Share of a core that the agent uses. */
async function load(target: Target): Promise<number> {
  const before = target.cpuSeconds();
  await sleep(seconds * 1000);
  return (target.cpuSeconds() - before) / seconds;
}

async function measure(target: Target): Promise<void> {
  const idle = await load(target);
  for (let index = 0; index < checkCount; index += 1) {
    const answer = await fetch(`${target.url}/v1/agent/check/register`, {
      method: "PUT",
      body: JSON.stringify({
        Name: `web ${index}`,
        HTTP: `http://127.0.0.1:${port}/health/${index}`,
        Interval: `${intervalSeconds}s`,
      }),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }
  await sleep(intervalSeconds * 1000);
  askedCount = 0;
  const busy = await load(target);
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const asked = (askedCount / seconds).toFixed(0);
  const memory = target.memoryMib().toFixed(0);
  const cells = [target.name, checkCount, asked, percent(idle), percent(busy), memory];
  console.log(`| ${cells.join(" | ")} |`);
}

console.log("| program | checks | asked a second | idle, of a core | with checks, of a core | memory, MiB |");
console.log("|---|---|---|---|---|---|");
const peer = option("--peer", "");
const programs: readonly (readonly [string, string])[] = [
  ["proconsul", join(import.meta.dirname, "../bin/proconsul")],
  ...(peer === "" ? [] : [["peer", peer] as const]),
];
for (const [name, program] of programs) {
  const target = await startTarget(name, program);
  try {
    await measure(target);
  } finally {
    await target.stop();
  }
}
server.closeAllConnections();
server.close();
