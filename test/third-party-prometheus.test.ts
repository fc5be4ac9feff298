/**
 * Prometheus against the agent: Debian's server scrapes it, and promtool reads what it gives. Debian builds Prometheus
 * without discovery in Consul, so that part of it, as published, is built from the Go proxy.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePortRun } from "../tools/free-ports.ts";
import { startAgent, type AgentProcess } from "./support/agent-process.ts";
import { Daemon, eventually, isInstalled } from "./support/programs.ts";

const timeoutMs = 120_000;
const hasServer = isInstalled("prometheus", ["--version"]);
const tool = "promtool";
const hasTool = isInstalled(tool, ["--version"]);
const folder = mkdtempSync(join(tmpdir(), "prometheus-"));
const discovery = join(folder, "prometheus-sd");
const missing = build(discovery);
if (missing !== undefined) console.warn(`skipped: discovery of Prometheus: ${missing}`);

let agent: AgentProcess;

/** Why the program cannot be had, or `undefined` when it is built. */
function build(program: string): string | undefined {
  if (spawnSync("go", ["version"]).status !== 0) return "Go is missing";
  const cwd = join(import.meta.dirname, "../interop/prometheus-sd");
  const built = spawnSync("go", ["build", "-o", program, "."], { cwd, encoding: "utf8", timeout: 240_000 });
  return built.status === 0 ? undefined : `the Go program cannot be built: ${built.stderr}`;
}

async function put(path: string, body?: object): Promise<void> {
  const init = { method: "PUT", ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const answer = await fetch(agent.httpUrl + path, init);
  if (!answer.ok) throw new Error(await answer.text());
}

beforeAll(async () => {
  agent = await startAgent(undefined, {
    extra: ["-hcl", 'telemetry { prometheus_retention_time = "60s" disable_hostname = true }'],
  });
}, timeoutMs);

afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

interface Target {
  readonly __address__: string;
  readonly [label: string]: string;
}

/** What Prometheus knows of every service, followed in a process of its own. */
class Discovery implements Disposable {
  readonly groups = new Map<string, readonly Target[]>();
  readonly #child;

  constructor(wanted: object) {
    const { host } = new URL(agent.httpUrl);
    this.#child = spawn(discovery, [host, JSON.stringify(wanted)], { stdio: ["pipe", "pipe", "inherit"] });
    let rest = "";
    this.#child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      const lines = (rest + piece).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const group = JSON.parse(line) as { source: string; targets: readonly Target[] | null };
        this.groups.set(group.source, group.targets ?? []);
      }
    });
  }

  addresses(service: string): readonly string[] {
    return (this.groups.get(service) ?? []).map(({ __address__: address }) => address).toSorted();
  }

  [Symbol.dispose](): void {
    this.#child.stdin.end();
    this.#child.kill();
  }
}

describe.skipIf(missing !== undefined)("discovery", () => {
  const nodeOf = (name: string, address: string, service: object): Promise<void> =>
    put("/v1/catalog/register", { Node: name, Address: address, NodeMeta: { rack: "r1" }, Service: service });

  test(
    "follows instances as they come, change and go",
    async () => {
      await nodeOf("p1", "10.9.0.1", {
        ID: "web1",
        Service: "web",
        Port: 80,
        Tags: ["v1", "eu"],
        Meta: { team: "a" },
      });
      await nodeOf("p2", "10.9.0.2", { ID: "web2", Service: "web", Port: 81, Address: "10.9.9.9" });
      using found = new Discovery({ Services: [] });
      const addresses = (): Promise<readonly string[]> => Promise.resolve(found.addresses("web"));
      await eventually(addresses, (all) => all.length === 2);
      expect(found.addresses("web")).toEqual(["10.9.0.1:80", "10.9.9.9:81"]);
      expect(found.groups.get("web")?.find((one) => one.__address__ === "10.9.0.1:80")).toMatchObject({
        __meta_consul_address: "10.9.0.1",
        __meta_consul_health: "passing",
        __meta_consul_metadata_rack: "r1",
        __meta_consul_node: "p1",
        __meta_consul_service_id: "web1",
        __meta_consul_service_metadata_team: "a",
        __meta_consul_tags: ",v1,eu,",
      });
      await put("/v1/catalog/register", {
        Node: "p1",
        Address: "10.9.0.1",
        Check: { CheckID: "w", Name: "w", ServiceID: "web1", Status: "critical" },
      });
      const healthOf = (): Promise<string | undefined> =>
        Promise.resolve(
          found.groups.get("web")?.find((one) => one.__address__ === "10.9.0.1:80")?.["__meta_consul_health"],
        );
      await eventually(healthOf, (health) => health === "critical");
      await put("/v1/catalog/deregister", { Node: "p2", ServiceID: "web2" });
      await eventually(addresses, (all) => all.join() === "10.9.0.1:80");
      await nodeOf("p2", "10.9.0.2", { Service: "late", Port: 82 });
      await eventually(
        () => Promise.resolve(found.addresses("late")),
        (all) => all.join() === "10.9.0.2:82",
      );
      await put("/v1/catalog/deregister", { Node: "p2", ServiceID: "late" });
      await eventually(
        () => Promise.resolve(found.addresses("late")),
        (all) => all.length === 0,
      );
    },
    timeoutMs,
  );

  test.each([
    { wanted: { Services: ["api"], Tags: ["blue"] }, addresses: ["10.9.1.1:1"] },
    // It chooses services, not instances of them.
    {
      wanted: { Filter: 'ServiceName == "api" and NodeMeta.rack == "r1"' },
      addresses: ["10.9.1.1:1", "10.9.1.2:2"],
    },
    { wanted: { Services: ["api"], AllowStale: true }, addresses: ["10.9.1.1:1", "10.9.1.2:2"] },
  ])(
    "with $wanted",
    async ({ wanted, addresses }) => {
      await nodeOf("q1", "10.9.1.1", { Service: "api", Port: 1, Tags: ["blue"], Meta: { team: "a" } });
      await nodeOf("q2", "10.9.1.2", { Service: "api", Port: 2, Tags: ["green"], Meta: { team: "b" } });
      using found = new Discovery(wanted);
      await eventually(
        () => Promise.resolve(found.addresses("api")),
        (all) => all.length === addresses.length,
      );
      expect(found.addresses("api")).toEqual(addresses);
      expect([...found.groups.keys()]).toEqual(["api"]);
    },
    timeoutMs,
  );
});

describe("metrics", () => {
  const metrics = async (): Promise<string> =>
    (await fetch(`${agent.httpUrl}/v1/agent/metrics?format=prometheus`)).text();

  test.skipIf(!hasTool)("read well; only Consul's names are not as promtool would have them", async () => {
    await put("/v1/kv/a", {});
    const { status, stderr } = spawnSync(tool, ["check", "metrics"], {
      input: await metrics(),
      encoding: "utf8",
    });
    const named = /should have "_total" suffix$|should be written in 'snake_case'|abbreviated units|suffix/;
    expect(stderr.split("\n").filter((line) => line !== "" && !named.test(line))).toEqual([]);
    // 1 is what cannot be read, 3 a matter of taste.
    expect(status).toBeOneOf([0, 3]);
  });

  test.skipIf(!hasServer)(
    "are scraped by a server",
    async () => {
      const port = await freePortRun(1);
      const file = join(folder, "prometheus.yml");
      writeFileSync(
        file,
        `scrape_configs:
- job_name: consul
  scrape_interval: 1s
  metrics_path: /v1/agent/metrics
  params: { format: [prometheus] }
  static_configs: [{ targets: ["${new URL(agent.httpUrl).host}"] }]
`,
      );
      await put("/v1/kv/scraped", {});
      await using server = new Daemon("prometheus", (own) => [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(own, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ]);
      const query = async (text: string): Promise<number | undefined> => {
        const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(text)}`;
        const { data } = (await (await fetch(url)).json()) as {
          data: { result: readonly { value: readonly [number, string] }[] };
        };
        const value = data.result[0]?.value[1];
        return value === undefined ? undefined : Number(value);
      };
      await eventually(
        () => query('up{job="consul"}'),
        (value) => value === 1,
      );
      expect(await query("sum(consul_kvs_apply_count)")).toBeGreaterThanOrEqual(1);
      await eventually(
        () => query("max(consul_runtime_alloc_bytes)"),
        (value) => (value ?? 0) > 0,
      );
      expect(server.output).not.toContain("err=");
    },
    timeoutMs,
  );
});
