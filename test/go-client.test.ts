/** HashiCorp's Go client, as it is published, against one development agent and against a client agent of a cluster. */
import { afterAll, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAgent } from "./support/agent-process.ts";
import { Cluster, runCommand, until, type ClusterAgent } from "./support/cluster.ts";
import { loopbackNetwork } from "./support/test-network.ts";

const folder = mkdtempSync(join(tmpdir(), "go-client-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Why the program cannot be had, or `undefined` when it is built. */
function build(program: string): string | undefined {
  if (spawnSync("go", ["version"]).status !== 0) return "Go is missing";
  const cwd = join(import.meta.dirname, "../interop/go-client");
  const built = spawnSync("go", ["build", "-o", program, "."], { cwd, encoding: "utf8", timeout: 240_000 });
  return built.status === 0 ? undefined : `the Go program cannot be built: ${built.stderr}`;
}

const program = join(folder, "go-client");
const missing = build(program);
if (missing !== undefined) console.log(`Go client: skipped: ${missing}`);

async function run(httpUrl: string): Promise<string> {
  const { stdout, stderr } = await runCommand(program, [], { CONSUL_HTTP_ADDR: httpUrl });
  return stdout.trim() + stderr;
}

test.skipIf(missing !== undefined)(
  "keys, transactions, a TTL service, watches and locks on one agent",
  async () => {
    await using agent = await startAgent();
    expect(await run(agent.httpUrl)).toBe("PASS");
  },
  120_000,
);

test.skipIf(missing !== undefined)(
  "the same through a client agent",
  async () => {
    await using cluster = new Cluster(loopbackNetwork(2));
    const at = cluster.network.address(1);
    cluster.start({ name: "server", host: 1, args: ["-server", "-bootstrap-expect=1"] });
    const client = cluster.start({
      name: "client",
      host: 2,
      args: [`-retry-join=${at}`, "-retry-interval=1s"],
    });
    await until("a leader", async () => (await client.json<string>("/v1/status/leader")) !== "");
    expect(await run(client.url)).toBe("PASS");
  },
  120_000,
);

/** A program that takes a lock with `LockKey` through an agent, and says what becomes of it. */
class Holder implements Disposable {
  readonly #child;
  #output = "";

  constructor(agent: ClusterAgent, key: string) {
    const env = { ...process.env, CONSUL_HTTP_ADDR: agent.url };
    this.#child = spawn(program, ["hold", key], { env, stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdout.setEncoding("utf8").on("data", (piece: string) => (this.#output += piece));
  }

  has(word: "held" | "lost" | "still held"): boolean {
    return new RegExp(`^${word} `, "m").test(this.#output);
  }

  /** Asks whether it holds the lock; the answer is "still held". */
  ask(): void {
    this.#child.stdin.write("?\n");
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}

test.skipIf(missing !== undefined)(
  "a lock outlives the leader, but not the agent that it was taken through",
  async () => {
    await using cluster = new Cluster(loopbackNetwork(5));
    const settings = join(cluster.folder, "settings.json");
    writeFileSync(
      settings,
      JSON.stringify({
        performance: { raft_multiplier: 1 },
        gossip_lan: { probe_interval: "500ms", probe_timeout: "250ms", suspicion_mult: 3 },
        retry_interval: "1s",
      }),
    );
    const start = (name: string, host: number, ...args: readonly string[]): ClusterAgent => {
      const join = `-retry-join=${cluster.network.address(1)}`;
      return cluster.start({ name, host, args: [join, `-config-file=${settings}`, ...args] });
    };
    const servers = [1, 2, 3].map((host) => start(`s${host}`, host, "-server", "-bootstrap-expect=3"));
    const first = start("first", 4);
    const second = start("second", 5);
    const nodes = async (agent: ClusterAgent): Promise<number> =>
      (await agent.json<unknown[]>("/v1/catalog/nodes")).length;
    await until("all are registered", async () => (await nodes(first)) === 5 && (await nodes(second)) === 5);

    using holder = new Holder(first, "lock");
    await until("the lock is held", () => holder.has("held"));
    using contender = new Holder(second, "lock");
    const sessions = async (): Promise<number> => (await second.json<unknown[]>("/v1/session/list")).length;
    await until("the next one waits for it", async () => (await sessions()) === 2);
    const leaderOf = (): Promise<string> => second.json<string>("/v1/status/leader");
    const before = await leaderOf();
    const leader = servers.find(({ address }) => before === `${address}:8300`);
    await leader?.end("SIGKILL");
    await until("another leads", async () => ![before, ""].includes(await leaderOf()));
    // A write says that it does lead.
    await until(
      "a write",
      async () => (await second.ask("/v1/kv/a", { method: "PUT", body: "1" })).text === "true",
    );
    holder.ask();
    await until("the holder answers", () => holder.has("still held"));
    expect([holder.has("lost"), contender.has("held")]).toEqual([false, false]);

    const killedMs = performance.now();
    await first.end("SIGKILL");
    await until("the holder knows", () => holder.has("lost"));
    await until("the next one has it", () => contender.has("held"));
    // 15 s after its session ended, as the client's default is.
    expect(performance.now() - killedMs).toBeGreaterThanOrEqual(15_000);
  },
  180_000,
);
