/**
 * How fast sleeping blocking queries wake: `bun bench/wake-up.ts [--peer PROGRAM] [--watchers N]`.
 *
 * N clients wait on one key; a write wakes them all. Each waits on a connection of its own, as clients do.
 */
import { Agent, request } from "node:http";
import { join } from "node:path";
import { startTarget, type Target } from "./target.ts";

const rounds = 5;

/** Sends one request; settles with the index and when the answer was whole. */
function call(
  agent: Agent,
  method: string,
  url: string,
): Promise<{ readonly index: number; readonly atMs: number }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent }, (answer) => {
      answer.resume();
      answer.on("end", () =>
        resolve({ index: Number(answer.headers["x-consul-index"] ?? 0), atMs: performance.now() }),
      );
    });
    sent.on("error", reject);
    sent.end(method === "PUT" ? String(performance.now()) : undefined);
  });
}

async function measure(target: Target, watchers: number): Promise<void> {
  using agent = disposable(new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY }));
  const key = `${target.url}/v1/kv/bench/wake`;
  await call(agent.it, "PUT", key);
  const delaysMs: number[] = [];
  const cpuBefore = target.cpuSeconds();
  for (let round = 0; round < rounds; round += 1) {
    const { index } = await call(agent.it, "GET", key);
    const waiting = Array.from({ length: watchers }, () =>
      call(agent.it, "GET", `${key}?index=${index}&wait=60s`),
    );
    // A later request on a connection of its own is answered when those before it were taken.
    await call(agent.it, "GET", `${target.url}/v1/status/leader`);
    const writtenMs = performance.now();
    await call(agent.it, "PUT", key);
    for (const { atMs } of await Promise.all(waiting)) delaysMs.push(atMs - writtenMs);
  }
  delaysMs.sort((a, b) => a - b);
  const at = (share: number): string => (delaysMs[Math.floor(delaysMs.length * share)] ?? 0).toFixed(1);
  const cpu = (target.cpuSeconds() - cpuBefore) / rounds;
  console.log(
    `| ${target.name} | ${watchers} | ${at(0.5)} | ${at(0.99)} | ${cpu.toFixed(2)} | ${target.memoryMib().toFixed(0)} |`,
  );
}

function disposable(agent: Agent): { readonly it: Agent } & Disposable {
  return { it: agent, [Symbol.dispose]: () => agent.destroy() };
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

const programs = [["proconsul", join(import.meta.dirname, "../bin/proconsul")] as const];
const peer = option("--peer");
const all = peer === undefined ? programs : [...programs, ["peer", peer] as const];
const wanted = option("--watchers");
console.log("| program | watchers | p50 ms | p99 ms | CPU s a round | MiB |\n|---|---|---|---|---|---|");
for (const [name, program] of all) {
  const target = await startTarget(name, program, ["-hcl", '{"limits":{"http_max_conns_per_client":12000}}']);
  try {
    for (const watchers of wanted === undefined ? [1000, 10_000] : [Number(wanted)])
      await measure(target, watchers);
  } finally {
    await target.stop();
  }
}
