/**
 * Measures a cluster of three durable servers on the loopback, as ratios against a peer when one is given:
 *
 *     bun bench/cluster.ts [--program PROGRAM] [--peer PROGRAM] [--only TEXT] [--seconds N] [--agents 100]
 *
 * Both clusters run in turn, never at once: six servers share the machine badly. `--agents` measures an idle cluster of
 * that many agents instead, which start in waves. A figure that could not be had is told on stderr, and the rest is
 * measured all the same. Needs `wrk` (Debian: wrk).
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const serverCount = 3;
const catchUpEntries = 100_000;
const failOverRounds = 3;
/** Each load runs so long before any is measured. */
const warmUpSeconds = 1;
const readyDeadlineMs = 120_000;
/** So many agents start at a time: all hundred at once would want the processor for a minute, and miss probes. */
const waveAgents = 5;

interface Options {
  readonly peer: string | undefined;
  readonly only: string;
  readonly seconds: number;
  readonly agents: number | undefined;
}

interface Figure {
  readonly name: string;
  readonly value: number;
  readonly lessIsBetter?: boolean;
}

/** What a process took so far, and holds now. */
interface Usage {
  readonly cpuSeconds: number;
  /** Everything mapped and present, the program's own pages too, which all agents on a machine share. */
  readonly residentMib: number;
  /** The same with each shared page divided by those who share it. */
  readonly proportionalMib: number;
  /** What only this process has. */
  readonly privateMib: number;
}

class Node {
  readonly address: string;
  readonly name: string;
  readonly #program: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  constructor(
    program: string,
    facts: { readonly name: string; readonly address: string; readonly args: readonly string[] },
  ) {
    this.#program = program;
    this.name = facts.name;
    this.address = facts.address;
    this.#args = facts.args;
  }

  get url(): string {
    return `http://${this.address}:8500`;
  }

  start(): void {
    this.#child = spawn(this.#program, ["agent", ...this.#args], { stdio: "ignore" });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  usage(): Usage {
    const pid = this.#child?.pid ?? 0;
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    const memory = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    const mib = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(memory)?.[1] ?? 0) / 1024;
    return {
      cpuSeconds: (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100,
      residentMib: mib("Rss"),
      proportionalMib: mib("Pss"),
      privateMib: mib("Private_Clean") + mib("Private_Dirty"),
    };
  }

  async ask(path: string, init: RequestInit = {}): Promise<string> {
    const answer = await fetch(this.url + path, { signal: AbortSignal.timeout(10_000), ...init });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    return answer.text();
  }
}

/** Three servers and `clientCount` clients of one program. Disposing ends them. */
class BenchCluster implements AsyncDisposable {
  readonly servers: readonly Node[];
  readonly clients: readonly Node[];
  readonly #folder = mkdtempSync(join(tmpdir(), "proconsul-bench-"));

  constructor(program: string, clientCount: number) {
    const net = `127.${10 + Math.floor(Math.random() * 200)}.${Math.floor(Math.random() * 250)}`;
    const settings = join(this.#folder, "settings.json");
    writeFileSync(
      settings,
      JSON.stringify({ performance: { raft_multiplier: 1 }, disable_update_check: true }),
    );
    const node = (index: number, args: readonly string[]): Node => {
      const address = `${net}.${index + 1}`;
      const name = `n${index + 1}`;
      return new Node(program, {
        name,
        address,
        args: [
          `-node=${name}`,
          `-bind=${address}`,
          `-client=${address}`,
          `-data-dir=${join(this.#folder, name)}`,
          `-config-file=${settings}`,
          `-retry-join=${net}.1`,
          `-retry-interval=1s`,
          ...args,
        ],
      });
    };
    this.servers = range(serverCount).map((index) =>
      node(index, ["-server", `-bootstrap-expect=${serverCount}`]),
    );
    this.clients = range(clientCount).map((index) => node(serverCount + index, []));
  }

  async start(): Promise<void> {
    for (const one of this.servers) one.start();
    await until("every server takes part", async () => {
      for (const one of this.servers) await one.ask("/v1/kv/bench/ready", { method: "PUT", body: "x" });
      return true;
    });
    for (let begun = 0; begun < this.clients.length; begun += waveAgents) {
      const wave = this.clients.slice(begun, begun + waveAgents);
      for (const one of wave) one.start();
      await until("the next agents took part", async () => {
        for (const one of wave) await one.ask("/v1/kv/bench/ready");
        return (await this.aliveAt(wave.at(-1) as Node)) === serverCount + begun + wave.length || undefined;
      });
    }
  }

  /** How many members an agent knows to be alive. */
  async aliveAt(one: Node): Promise<number> {
    const members = JSON.parse(await one.ask("/v1/agent/members")) as readonly { readonly Status: number }[];
    return members.filter(({ Status }) => Status === 1).length;
  }

  async leader(): Promise<Node> {
    return until("a leader", async () => {
      for (const one of this.servers) {
        const address = await one.ask("/v1/status/leader").catch(() => "");
        const found = this.servers.find((server) => address.startsWith(`"${server.address}:`));
        if (found !== undefined) return found;
      }
      return undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.servers, ...this.clients].map((one) => one.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

async function until<T>(what: string, condition: () => Promise<T | undefined>): Promise<T> {
  const deadlineMs = performance.now() + readyDeadlineMs;
  let last: unknown;
  while (performance.now() < deadlineMs) {
    try {
      const value = await condition();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`waited too long for ${what}: ${String(last)}`);
}

const putScript = `
local n = 0
local id = math.random(1000000000)
request = function()
  n = n + 1
  return wrk.format("PUT", "/v1/kv/bench/put/" .. id .. "/" .. (n % 1000), nil, "value-" .. n)
end`;

interface WrkRun {
  readonly node: Node;
  readonly path: string;
  readonly clients: number;
  readonly seconds: number;
  readonly script?: string;
}

function wrk({ node, path, clients, seconds, script }: WrkRun): number {
  const folder = mkdtempSync(join(tmpdir(), "proconsul-wrk-"));
  try {
    const args = ["-t1", `-c${clients}`, `-d${seconds}s`];
    if (script !== undefined) {
      writeFileSync(join(folder, "load.lua"), script);
      args.push("-s", join(folder, "load.lua"));
    }
    const output = execFileSync("wrk", [...args, node.url + path], { encoding: "utf8" });
    const failed = /Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1];
    if (failed !== undefined) console.error(`  ${failed} answers of ${node.url}${path} were no success`);
    return Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1] ?? 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function rates(cluster: BenchCluster, options: Options): Promise<readonly Figure[]> {
  const leader = await cluster.leader();
  const follower = cluster.servers.find((one) => one !== leader) ?? leader;
  await leader.ask("/v1/kv/bench/get", { method: "PUT", body: "a value" });
  const put = { path: "/", script: putScript };
  const get = (query: string): { path: string } => ({ path: `/v1/kv/bench/get${query}` });
  const runs: readonly (Omit<WrkRun, "seconds"> & { readonly name: string })[] = [
    ...[1, 32, 128].map((clients) => ({
      name: `PUT at the leader, ${clients}`,
      node: leader,
      clients,
      ...put,
    })),
    ...[1, 32].map((clients) => ({ name: `PUT forwarded, ${clients}`, node: follower, clients, ...put })),
    ...[1, 32].map((clients) => ({ name: `GET forwarded, ${clients}`, node: follower, clients, ...get("") })),
    { name: "GET stale at a follower, 32", node: follower, clients: 32, ...get("?stale") },
    { name: "GET consistent at the leader, 32", node: leader, clients: 32, ...get("?consistent") },
  ];
  const chosen = runs.filter(({ name }) => name.includes(options.only));
  // Servers run for months: what a compiler does with the first thousand requests is not what is asked for.
  for (const { name: _, ...run } of chosen) wrk({ ...run, seconds: warmUpSeconds });
  return chosen.map(({ name, ...run }) => ({ name, value: wrk({ ...run, seconds: options.seconds }) }));
}

/** From the death of the leader to the next acknowledged write, the median of some rounds. */
async function failOver(cluster: BenchCluster): Promise<Figure> {
  const times: number[] = [];
  for (let round = 0; round < failOverRounds; round += 1) {
    const leader = await cluster.leader();
    const survivor = cluster.servers.find((one) => one !== leader) ?? leader;
    const startMs = performance.now();
    await leader.kill();
    await until("a write after the leader's death", async () => {
      await survivor.ask("/v1/kv/bench/failover", { method: "PUT", body: String(round) });
      return true;
    });
    times.push(performance.now() - startMs);
    leader.start();
    await until("the old leader back", () => leader.ask("/v1/kv/bench/failover"));
    await until("its log up to date", async () => (await lag(cluster)) < 10 || undefined);
  }
  return { name: "fail-over, ms", value: times.toSorted((a, b) => a - b)[1] ?? 0, lessIsBetter: true };
}

async function appliedIndex(node: Node): Promise<number> {
  const self = JSON.parse(await node.ask("/v1/agent/self")) as { Stats: { raft: { applied_index: string } } };
  return Number(self.Stats.raft.applied_index);
}

async function lag(cluster: BenchCluster): Promise<number> {
  const indexes = await Promise.all(cluster.servers.map((one) => appliedIndex(one)));
  return Math.max(...indexes) - Math.min(...indexes);
}

/** How long a server needs for entries that it missed while it was down, from its start. */
async function catchUp(cluster: BenchCluster): Promise<Figure> {
  const leader = await cluster.leader();
  const away = cluster.servers.find((one) => one !== leader) ?? leader;
  await away.kill();
  const before = await appliedIndex(leader);
  while ((await appliedIndex(leader)) < before + catchUpEntries) {
    wrk({ node: leader, path: "/", clients: 128, seconds: 2, script: putScript });
  }
  const startMs = performance.now();
  const target = await appliedIndex(leader);
  away.start();
  await until("the server caught up", async () => (await appliedIndex(away)) >= target || undefined);
  const seconds = (performance.now() - startMs) / 1_000;
  return {
    name: "catch-up of 100,000 entries, ms",
    value: (seconds * 1_000 * catchUpEntries) / (target - before),
    lessIsBetter: true,
  };
}

async function idle(cluster: BenchCluster): Promise<readonly Figure[]> {
  const all = [...cluster.servers, ...cluster.clients];
  await until("every agent knows that every other is alive", async () => {
    const counts = await Promise.all(all.map((one) => cluster.aliveAt(one)));
    return counts.every((count) => count === all.length) || undefined;
  });
  const settleMs = 30_000;
  const watchMs = 30_000;
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  const before = cluster.clients.map((one) => one.usage());
  const received = loopbackBytes();
  await new Promise((resolve) => setTimeout(resolve, watchMs));
  const bytes = loopbackBytes() - received;
  const after = cluster.clients.map((one) => one.usage());
  const seconds = watchMs / 1_000;
  const mean = (value: (usage: Usage, index: number) => number): number =>
    after.reduce((sum, usage, index) => sum + value(usage, index), 0) / after.length;
  const cpu = mean((usage, index) => usage.cpuSeconds - (before[index]?.cpuSeconds ?? 0));
  return [
    { name: "idle client, % of a core", value: (cpu / seconds) * 100 },
    { name: "idle client, MiB resident", value: mean((usage) => usage.residentMib) },
    { name: "idle client, MiB in proportion", value: mean((usage) => usage.proportionalMib) },
    { name: "idle client, MiB of its own", value: mean((usage) => usage.privateMib) },
    { name: "bytes/s an agent, over the loopback", value: bytes / seconds / all.length },
  ].map((figure) => ({ ...figure, lessIsBetter: true }));
}

function loopbackBytes(): number {
  return Number(/lo:\s*(\d+)/.exec(readFileSync("/proc/net/dev", "utf8"))?.[1] ?? 0);
}

async function measure(program: string, options: Options): Promise<readonly Figure[]> {
  await using cluster = new BenchCluster(program, Math.max(0, (options.agents ?? 0) - serverCount));
  await cluster.start();
  // Awaited here: the cluster ends with this function.
  if (options.agents !== undefined) return await idle(cluster);
  const figures: Figure[] = [...(await rates(cluster, options))];
  for (const [name, figure] of [
    ["fail-over", failOver],
    ["catch-up", catchUp],
  ] as const) {
    if (!name.includes(options.only)) continue;
    try {
      figures.push(await figure(cluster));
    } catch (error) {
      console.error(`  no figure for ${name} of ${program}: ${String(error)}`);
    }
  }
  return figures;
}

async function main(argv: readonly string[]): Promise<void> {
  const value = (name: string): string | undefined => {
    const at = argv.indexOf(name);
    return at < 0 ? undefined : argv[at + 1];
  };
  const agents = value("--agents");
  const options: Options = {
    peer: value("--peer"),
    only: value("--only") ?? "",
    seconds: Number(value("--seconds") ?? 3),
    agents: agents === undefined ? undefined : Number(agents),
  };
  const own = await measure(value("--program") ?? join(import.meta.dirname, "../bin/proconsul"), options);
  const peer = options.peer === undefined ? [] : await measure(options.peer, options);
  console.log("| three servers, clients | Proconsul | peer | ratio |\n|---|---|---|---|");
  for (const { name, value: ours, lessIsBetter = false } of own) {
    const theirs = peer.find((figure) => figure.name === name)?.value;
    const ratio = theirs === undefined ? "" : `${(lessIsBetter ? theirs / ours : ours / theirs).toFixed(1)}×`;
    console.log(`| ${name} | ${shown(ours)} | ${theirs === undefined ? "" : shown(theirs)} | ${ratio} |`);
  }
}

function shown(figure: number): string {
  if (figure >= 10_000) return `${(figure / 1_000).toFixed(1)} k`;
  return figure.toFixed(figure >= 100 ? 0 : 2);
}

await main(process.argv.slice(2));
