/** HashiCorp's Go client, as it is published, against one development agent and against a client agent of a cluster. */
import { afterAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAgent } from "./support/agent-process.ts";
import { Cluster, runCommand, until } from "./support/cluster.ts";
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
