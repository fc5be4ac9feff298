/**
 * How fast subscribers of a stream hear of a change: `bun bench/streams.ts [--subscribers N]`.
 *
 * N clients follow one prefix, each on a connection of its own; one write reaches them all.
 */
import { Agent, request, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { startTarget, type Target } from "./target.ts";

const rounds = 5;

function open(agent: Agent, url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent }, resolve);
    sent.on("error", reject);
    sent.end();
  });
}

/** Settles when everyone has heard of `value`. */
function heard(streams: readonly IncomingMessage[], value: string): Promise<readonly number[]> {
  const wanted = Buffer.from(value).toString("base64");
  return Promise.all(
    streams.map(
      (stream) =>
        new Promise<number>((resolve) => {
          const onData = (part: Buffer): void => {
            if (!part.includes(wanted)) return;
            stream.off("data", onData);
            resolve(performance.now());
          };
          stream.on("data", onData);
        }),
    ),
  );
}

async function measure(target: Target, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const key = `${target.url}/v1/kv/bench/stream`;
  await fetch(key, { method: "PUT", body: "0" });
  const streams = await Promise.all(
    Array.from({ length: count }, () => open(agent, `${target.url}/v1/stream?topic=kv:bench/`)),
  );
  await heard(streams, "0");
  const delaysMs: number[] = [];
  const cpuBefore = target.cpuSeconds();
  for (let round = 0; round < rounds; round += 1) {
    const value = `value ${round} of ${performance.now()}`;
    const all = heard(streams, value);
    const writtenMs = performance.now();
    await fetch(key, { method: "PUT", body: value });
    for (const atMs of await all) delaysMs.push(atMs - writtenMs);
  }
  delaysMs.sort((a, b) => a - b);
  const at = (share: number): string => (delaysMs[Math.floor(delaysMs.length * share)] ?? 0).toFixed(1);
  const cpu = (target.cpuSeconds() - cpuBefore) / rounds;
  console.log(
    `| ${count} | ${at(0.5)} | ${at(0.99)} | ${cpu.toFixed(2)} | ${target.memoryMib().toFixed(0)} |`,
  );
  agent.destroy();
}

const at = process.argv.indexOf("--subscribers");
const counts = at < 0 ? [1000, 10_000] : [Number(process.argv[at + 1])];
console.log("| subscribers | p50 ms | p99 ms | CPU s a round | MiB |\n|---|---|---|---|---|");
const program = join(import.meta.dirname, "../bin/proconsul");
const target = await startTarget("proconsul", program, [
  "-hcl",
  '{"limits":{"http_max_conns_per_client":12000}}',
]);
try {
  for (const count of counts) await measure(target, count);
} finally {
  await target.stop();
}
