/** What a running agent takes over from a changed configuration, by `reload`, by SIGHUP and by itself. */
import { afterAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { connect, type Socket } from "node:net";
import { createSocket } from "node:dgram";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { freePortRun } from "../tools/free-ports.ts";
import { startAgent, type AgentProcess } from "./support/agent-process.ts";

const launcher = join(import.meta.dirname, "../bin/proconsul");
const slowMs = 60_000;
const pollMs = 50;

const folder = mkdtempSync(join(tmpdir(), "reload-"));
const file = join(folder, "agent.json");
const dataDir = join(folder, "data");
const httpsPort = await freePortRun(1);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Tree = Readonly<Record<string, unknown>>;

const first: Tree = {
  ports: { https: httpsPort },
  tls: {
    https: {
      cert_file: join(folder, "a/dc1-server-consul-0.pem"),
      key_file: join(folder, "a/dc1-server-consul-0-key.pem"),
    },
  },
  node_meta: { rack: "1" },
  dns_config: { service_ttl: { "*": "1s" } },
  limits: { http_max_conns_per_client: 100 },
  raft_snapshot_threshold: 100_000,
  telemetry: { prefix_filter: ["-consul.api.http"] },
  service: { name: "web", port: 1, check: { id: "web-ttl", ttl: "1h", status: "passing" } },
};

/** Everything that a reload takes over, changed; and one key that it does not. */
const second: Tree = {
  ...first,
  tls: {
    https: {
      cert_file: join(folder, "b/dc1-server-consul-0.pem"),
      key_file: join(folder, "b/dc1-server-consul-0-key.pem"),
    },
  },
  log_level: "DEBUG",
  node_meta: { rack: "2", row: "b" },
  discard_check_output: true,
  dns_config: { service_ttl: { "*": "7s" } },
  limits: { http_max_conns_per_client: 3 },
  raft_snapshot_threshold: 5,
  raft_snapshot_interval: "100ms",
  telemetry: { prefix_filter: ["+consul.api.http"] },
  service: { name: "web", port: 2, check: { id: "web-ttl", ttl: "1h", status: "passing" } },
  watches: [{ type: "key", key: "watched", args: ["sh", "-c", `cat >> ${join(folder, "seen")}`] }],
  leave_on_terminate: true,
};

function makeCertificates(name: string): string {
  const cwd = join(folder, name);
  execFileSync("mkdir", ["-p", cwd]);
  execFileSync(launcher, ["tls", "ca", "create"], { cwd });
  execFileSync(launcher, ["tls", "cert", "create", "-server"], { cwd });
  return readFileSync(join(cwd, "consul-agent-ca.pem"), "utf8");
}

/** Asks until the answer is as wanted; the test's own limit ends it otherwise. */
async function eventually<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    await new Promise((tick) => setTimeout(tick, pollMs));
  }
}

async function json(agent: AgentProcess, path: string): Promise<unknown> {
  return (await fetch(`${agent.httpUrl}${path}`)).json();
}

/** The body over HTTPS, or what went wrong. */
function overHttps(ca: string): Promise<string> {
  return new Promise((resolve) => {
    get(`https://localhost:${httpsPort}/v1/status/leader`, { ca, agent: false }, (response) =>
      resolve(text(response)),
    ).on("error", (error) => resolve(error.message));
  });
}

/** The TTL of the first record about `name`, in seconds. */
function recordTtl(agent: AgentProcess, name: string): Promise<number> {
  const labels = name.split(".").flatMap((label) => [label.length, ...Buffer.from(label)]);
  const question = Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]);
  const socket = createSocket("udp4");
  return new Promise((resolve) => {
    socket.on("message", (answer) => {
      socket.close();
      // Behind the question: a pointer to the name, type and class, then the TTL.
      resolve(answer.readUInt16BE(6) === 0 ? -1 : answer.readUInt32BE(question.length + 6));
    });
    socket.send(question, agent.dnsPort, "127.0.0.1");
  });
}

/** How many of `count` connections at a time are answered. */
async function answered(agent: AgentProcess, count: number): Promise<number> {
  const { port } = new URL(agent.httpUrl);
  const sockets: Socket[] = [];
  const one = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(Number(port), "127.0.0.1");
      sockets.push(socket);
      socket.on("data", () => resolve(true));
      for (const end of ["close", "error", "end"]) socket.on(end, () => resolve(false));
      socket.write("GET /v1/status/leader HTTP/1.1\r\nHost: a\r\n\r\n");
    });
  const answers = await Promise.all(Array.from({ length: count }, one));
  for (const socket of sockets) socket.destroy();
  return answers.filter(Boolean).length;
}

async function put(agent: AgentProcess, path: string, body = ""): Promise<void> {
  expect((await fetch(`${agent.httpUrl}${path}`, { method: "PUT", body })).status).toBe(200);
}

test(
  "everything that can be reloaded acts after a reload",
  async () => {
    const [caA, caB] = [makeCertificates("a"), makeCertificates("b")];
    writeFileSync(file, JSON.stringify(first));
    await using agent = await startAgent([launcher], { dataDir, extra: [`-config-file=${file}`] });
    const node = await eventually(
      () => json(agent, "/v1/catalog/node/n1"),
      (answer) => JSON.stringify(answer).includes("web-ttl") || JSON.stringify(answer).includes('"web"'),
    );
    expect(node).toMatchObject({ Node: { Meta: { rack: "1" } } });
    expect(await overHttps(caA)).toContain("127.0.0.1");
    expect(await recordTtl(agent, "web.service.consul")).toBe(1);
    expect(await answered(agent, 6)).toBe(6);
    await put(agent, "/v1/agent/check/update/web-ttl", JSON.stringify({ Status: "passing", Output: "much" }));
    expect(JSON.stringify(await json(agent, "/v1/agent/metrics"))).not.toContain("consul.api.http");

    writeFileSync(file, JSON.stringify(second));
    execFileSync(launcher, ["reload", `-http-addr=${agent.httpUrl}`]);
    const waits =
      "The value of 'leave_on_terminate' changed, but takes effect only when the agent is restarted";
    await eventually(
      async () => agent.output(),
      (output) => output.includes(waits),
    );
    const meta = { rack: "2", row: "b" };
    await eventually(
      () => json(agent, "/v1/catalog/node/n1"),
      (answer) => JSON.stringify(answer).includes('"row":"b"'),
    );
    expect(await json(agent, "/v1/agent/self")).toMatchObject({ Meta: meta });
    expect(await json(agent, "/v1/agent/service/web")).toMatchObject({ Port: 2 });
    expect(await overHttps(caA)).not.toContain("127.0.0.1");
    expect(await overHttps(caB)).toContain("127.0.0.1");
    expect(await recordTtl(agent, "web.service.consul")).toBe(7);
    expect(await answered(agent, 6)).toBeLessThanOrEqual(3);
    await put(agent, "/v1/agent/check/update/web-ttl", JSON.stringify({ Status: "warning", Output: "much" }));
    expect(await json(agent, "/v1/agent/checks")).toMatchObject({
      "web-ttl": { Status: "warning", Output: "" },
    });
    await eventually(
      () => json(agent, "/v1/agent/metrics"),
      (answer) => JSON.stringify(answer).includes("consul.api.http"),
    );
    await put(agent, "/v1/kv/watched", "new");
    await eventually(
      async () => readdirSync(folder),
      (names) => names.includes("seen"),
    );
    await eventually(
      async () => readdirSync(join(dataDir, "raft/snapshots")),
      (names) => names.length > 0,
    );
    expect(agent.output()).toContain("[DEBUG]");
    await agent.end("SIGKILL");
  },
  slowMs,
);

test(
  "SIGHUP reloads too, and what is no good changes nothing",
  async () => {
    const path = join(folder, "hup.json");
    writeFileSync(path, JSON.stringify({ service: { name: "one" } }));
    await using agent = await startAgent([launcher], { extra: [`-config-file=${path}`] });
    const services = async (): Promise<readonly string[]> =>
      Object.keys((await json(agent, "/v1/agent/services")) as object);
    expect(await services()).toEqual(["one"]);
    const bad = [
      [{ service: { name: "two" }, watches: [{ type: "key" }] }, "Must specify a single key to watch"],
      [{ service: { name: "two" }, nosuch: 1 }, "invalid config key nosuch"],
    ] as const;
    for (const [config, problem] of bad) {
      writeFileSync(path, JSON.stringify(config));
      process.kill(agent.pid, "SIGHUP");
      await eventually(
        async () => agent.output(),
        (output) => output.includes(problem),
      );
      expect(await services()).toEqual(["one"]);
    }
    writeFileSync(path, JSON.stringify({ service: { name: "two" } }));
    process.kill(agent.pid, "SIGHUP");
    await eventually(services, (names) => names[0] === "two");
  },
  slowMs,
);

test(
  "auto_reload_config reloads when a file changes",
  async () => {
    const path = join(folder, "auto.json");
    writeFileSync(path, JSON.stringify({ auto_reload_config: true, service: { name: "one" } }));
    await using agent = await startAgent([launcher], { extra: [`-config-file=${path}`] });
    writeFileSync(path, JSON.stringify({ auto_reload_config: true, service: { name: "two" } }));
    await eventually(
      () => json(agent, "/v1/agent/services"),
      (services) => JSON.stringify(services).includes('"two"'),
    );
    expect(agent.output()).toContain("auto-reload: configuration files have changed");
  },
  slowMs,
);
