/**
 * The operator's session: a cluster from the shell, machines that fail, and what brings it back.
 *
 * Runs in network namespaces where that is possible (root and iproute2), else on addresses of the loopback; the
 * parts that cut links need namespaces.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Cluster, until, type ClusterAgent } from "./support/cluster.ts";
import { loopbackNetwork, namespaceNetwork, namespacesMissing } from "./support/test-network.ts";

const missing = namespacesMissing();
if (missing !== undefined) console.log(`operator session: on the loopback, links are not cut: ${missing}`);

const network = (hosts: number) => (missing === undefined ? namespaceNetwork(hosts) : loopbackNetwork(hosts));

interface HealthRow {
  readonly Service: { readonly ID: string };
  readonly Checks: readonly { readonly CheckID: string; readonly Status: string }[];
}
interface AutopilotHealth {
  readonly Healthy: boolean;
  readonly Servers: readonly { readonly Name: string; readonly Healthy: boolean; readonly Voter: boolean }[];
}

/** Rows of `members` by node name. */
async function members(agent: ClusterAgent): Promise<ReadonlyMap<string, readonly string[]>> {
  const { code, stdout, stderr } = await agent.cli("members");
  if (code !== 0) throw new Error(stderr);
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s{2,}/));
  return new Map(rows.slice(1).map((row) => [row[0] ?? "", row]));
}

async function statusOf(agent: ClusterAgent, name: string): Promise<string | undefined> {
  return (await members(agent)).get(name)?.[2];
}

async function leaderOf(agent: ClusterAgent): Promise<string> {
  const leader = await agent.json<string>("/v1/status/leader");
  if (leader === "") throw new Error("no leader");
  return leader;
}

async function put(agent: ClusterAgent, key: string, value: string): Promise<boolean> {
  const { status, text } = await agent.ask(`/v1/kv/${key}`, { method: "PUT", body: value });
  if (status !== 200) throw new Error(`PUT ${key} answered ${status}: ${text}`);
  return text.trim() === "true";
}

async function get(agent: ClusterAgent, key: string, query = ""): Promise<string> {
  const { status, text } = await agent.ask(`/v1/kv/${key}?raw${query}`);
  if (status !== 200) throw new Error(`GET ${key} answered ${status}: ${text}`);
  return text;
}

const outputs = (agents: readonly ClusterAgent[]) => (): string =>
  agents.map((one) => `--- ${one.name}\n${one.output().split("\n").slice(-40).join("\n")}`).join("\n");

/** Servers that know each other, with a quick election timeout, once all are voters of one leader. */
async function startServers(cluster: Cluster, count: number, extra: readonly string[] = []) {
  const servers: ClusterAgent[] = [];
  for (let host = 1; host <= count; host += 1) {
    servers.push(
      cluster.start({
        name: `s${host}`,
        host,
        args: [
          "-server",
          `-bootstrap-expect=${count}`,
          `-retry-join=${cluster.network.address(1)}`,
          ...fast(cluster),
          ...extra,
        ],
      }),
    );
  }
  await until(
    "every server a voter",
    async () => {
      const first = servers[0];
      return first !== undefined && (await voters(first)).length === count;
    },
    { explain: outputs(servers) },
  );
  return servers;
}

/** Settings for every server of these tests: shorter waits than the defaults, written to a file once. */
function fast(cluster: Cluster): readonly string[] {
  const file = join(cluster.folder, "fast.json");
  if (!existsSync(file)) {
    const settings = {
      performance: { raft_multiplier: 1, rpc_hold_timeout: "3s" },
      autopilot: { server_stabilization_time: "2s", last_contact_threshold: "1s" },
      gossip_lan: { probe_interval: "500ms", probe_timeout: "250ms", suspicion_mult: 3 },
      retry_interval: "1s",
    };
    writeFileSync(file, JSON.stringify(settings));
  }
  return [`-config-file=${file}`];
}

async function voters(agent: ClusterAgent): Promise<readonly string[]> {
  const raft = await agent.json<{ Servers: { Node: string; Voter: boolean }[] }>(
    "/v1/operator/raft/configuration",
  );
  return raft.Servers.filter((one) => one.Voter).map((one) => one.Node);
}

describe("the operator's session", () => {
  test("a server and three clients from the shell: members, leader, KV, services, a machine that dies and returns", async () => {
    await using cluster = new Cluster(network(4));
    const at = (host: number): string => cluster.network.address(host);
    const rootLog = join(cluster.folder, "root.log");
    const root = cluster.start({
      name: "root",
      host: 1,
      args: ["-server", "--bootstrap-expect=1", `-log-file=${rootLog}`],
    });
    const client = (name: string, host: number): ClusterAgent =>
      cluster.start({ name, host, args: [`-retry-join=${at(1)}`] });
    const clients = [client("t22", 2), client("t33", 3), client("t44", 4)];
    const all = [root, ...clients];

    await until(
      "four members",
      async () => {
        const rows = await members(root);
        return rows.size === 4 && [...rows.values()].every((row) => row[2] === "alive");
      },
      { explain: outputs(all) },
    );
    const header = (await root.cli("members")).stdout.split("\n")[0]?.split(/\s{2,}/);
    expect(header?.slice(0, 7)).toEqual(["Node", "Address", "Status", "Type", "Build", "Protocol", "DC"]);
    expect(header).toContain("Segment");
    const rows = await members(clients[0] ?? root);
    expect(rows.get("root")?.slice(1, 4)).toEqual([`${at(1)}:8301`, "alive", "server"]);
    expect(rows.get("t33")?.slice(1, 4)).toEqual([`${at(3)}:8301`, "alive", "client"]);

    await until(
      "a leader seen from each agent",
      async () => {
        const leaders = await Promise.all(all.map((one) => leaderOf(one)));
        return leaders.every((one) => one === `${at(1)}:8300`);
      },
      { explain: outputs(all) },
    );

    for (const one of clients) {
      await until(`a write through ${one.name}`, () => put(one, `from/${one.name}`, one.name));
    }
    for (const one of all) {
      expect(await get(one, "from/t33")).toBe("t33");
      expect(JSON.parse((await one.ask("/v1/kv/from/?keys")).text)).toEqual([
        "from/t22",
        "from/t33",
        "from/t44",
      ]);
    }

    const [t22, t33] = clients as [ClusterAgent, ClusterAgent];
    const registered = await t33.ask("/v1/agent/service/register", {
      method: "PUT",
      body: JSON.stringify({ Name: "web", Port: 80, Check: { TTL: "1h", Status: "passing" } }),
    });
    expect(registered.status).toBe(200);
    await until("the service seen through another client", async () => {
      const found = await t22.json<HealthRow[]>("/v1/health/service/web?passing");
      return found.length === 1;
    });

    await t33.end("SIGKILL");
    await until("t33 failed", async () => (await statusOf(root, "t33")) === "failed", {
      explain: outputs(all),
    });
    await until("its service critical", async () => {
      const [row] = await t22.json<HealthRow[]>("/v1/health/service/web");
      return row?.Checks.find((one) => one.CheckID === "serfHealth")?.Status === "critical";
    });
    expect(await t22.json<HealthRow[]>("/v1/health/service/web?passing")).toEqual([]);

    const forced = await root.cli("force-leave", "t33");
    expect(forced.code).toBe(0);
    await until("t33 left", async () => (await statusOf(root, "t33")) === "left");
    await until("its entry gone", async () =>
      (await t22.json<{ Node: string }[]>("/v1/catalog/nodes")).every((one) => one.Node !== "t33"),
    );

    const again = client("t33", 3);
    await until("t33 back", async () => (await statusOf(root, "t33")) === "alive", {
      explain: outputs([...all, again]),
    });
    await until("its service back", async () => {
      const found = await t22.json<HealthRow[]>("/v1/health/service/web");
      return found.length === 1;
    });

    const left = await again.cli("leave");
    expect(left.stdout).toContain("Graceful leave complete");
    await until("t33 left by itself", async () => (await statusOf(root, "t33")) === "left");
    await until("the process has ended", () => !again.isRunning());
    expect(existsSync(rootLog) || existsSync(cluster.folder)).toBe(true);
  }, 240_000);

  test("five servers: two die at once, autopilot removes them, one of the three left dies", async () => {
    await using cluster = new Cluster(network(5));
    const servers = await startServers(cluster, 5);
    const [s1, ...rest] = servers as [ClusterAgent, ...ClusterAgent[]];
    await put(s1, "before", "1");
    const leader = await leaderOf(s1);
    const followers = rest.filter((one) => !leader.startsWith(`${one.address}:`));
    const [a, b] = followers as [ClusterAgent, ClusterAgent];
    await Promise.all([a.end("SIGKILL"), b.end("SIGKILL")]);
    const alive = servers.filter((one) => one !== a && one !== b);
    await until("a write with two of five gone", () => put(s1, "during", "2"), { explain: outputs(servers) });
    await until("autopilot removed both", async () => (await voters(s1)).length === 3, {
      explain: outputs(alive),
    });
    const peers = await s1.cli("operator", "raft", "list-peers");
    expect(peers.stdout.trim().split("\n")).toHaveLength(4);
    const third = alive.find((one) => one !== s1) as ClusterAgent;
    await third.end("SIGKILL");
    await until("a write with one of three gone", () => put(s1, "after", "3"), { explain: outputs(alive) });
    expect(await get(s1, "before")).toBe("1");
    expect(await get(s1, "after", "&consistent")).toBe("3");
  }, 240_000);

  test("three of five die at once: no leader, members still shown, recovered by peers.json", async () => {
    await using cluster = new Cluster(network(5));
    const servers = await startServers(cluster, 5);
    const [s1, s2, ...dead] = servers as [ClusterAgent, ClusterAgent, ...ClusterAgent[]];
    await put(s1, "kept", "yes");
    await until("the write on the second server", async () => (await get(s2, "kept", "&stale")) === "yes");
    const ids = new Map(
      (
        await s1.json<{ Servers: { ID: string; Node: string }[] }>("/v1/operator/raft/configuration")
      ).Servers.map((one) => [one.Node, one.ID]),
    );
    await Promise.all(dead.map((one) => one.end("SIGKILL")));
    await until(
      "no leader",
      async () => {
        const { status, text } = await s1.ask("/v1/kv/lost", { method: "PUT", body: "x", timeoutMs: 30_000 });
        return status === 500 && text.includes("No cluster leader");
      },
      { timeoutMs: 120_000, explain: outputs(servers) },
    );
    const seen = await members(s1);
    expect(seen.size).toBe(5);
    await until("the dead are seen as failed", async () => (await statusOf(s1, "s5")) === "failed");

    await Promise.all([s1.end("SIGTERM"), s2.end("SIGTERM")]);
    const survivors = [s1, s2];
    const peers = survivors.map((one) => ({
      id: ids.get(one.name),
      address: `${one.address}:8300`,
      non_voter: false,
    }));
    for (const one of survivors)
      writeFileSync(join(one.dataDir, "raft", "peers.json"), JSON.stringify(peers));
    const restarted = survivors.map((one) =>
      cluster.start({
        name: one.name,
        host: one.host,
        args: ["-server", `-retry-join=${s1.address}`, ...fast(cluster)],
      }),
    );
    const [r1] = restarted as [ClusterAgent];
    await until("a leader again", () => leaderOf(r1), { explain: outputs(restarted) });
    await until("a write again", () => put(r1, "again", "1"), { explain: outputs(restarted) });
    expect(await get(r1, "kept")).toBe("yes");
    expect((await voters(r1)).toSorted()).toEqual(["s1", "s2"]);
    for (const one of survivors) expect(existsSync(join(one.dataDir, "raft", "peers.json"))).toBe(false);
  }, 300_000);

  test("a server is replaced without a failed write for a client that retries once", async () => {
    await using cluster = new Cluster(network(4));
    const servers = await startServers(cluster, 3);
    const [s1, , s3] = servers as [ClusterAgent, ClusterAgent, ClusterAgent];
    const failures: string[] = [];
    let writing = true;
    let written = 0;
    const writer = (async () => {
      while (writing) {
        const key = `w/${written}`;
        try {
          await put(s1, key, "x");
        } catch (first) {
          await put(s1, key, "x").catch((second: unknown) =>
            failures.push(`${key}: ${String(first)}, ${String(second)}`),
          );
        }
        written += 1;
      }
    })();
    const s4 = cluster.start({
      name: "s4",
      host: 4,
      args: ["-server", `-retry-join=${cluster.network.address(1)}`, ...fast(cluster)],
    });
    await until(
      "s4 a healthy voter",
      async () => {
        const { Servers } = await s1.json<AutopilotHealth>("/v1/operator/autopilot/health");
        return Servers.some((one) => one.Name === "s4" && one.Healthy && one.Voter);
      },
      { explain: outputs([...servers, s4]) },
    );
    expect((await s3.cli("leave")).code).toBe(0);
    await until("s3 gone from the servers", async () => !(await voters(s1)).includes("s3"), {
      explain: outputs([...servers, s4]),
    });
    writing = false;
    await writer;
    expect(failures).toEqual([]);
    expect((await voters(s1)).toSorted()).toEqual(["s1", "s2", "s4"]);
    expect(written).toBeGreaterThan(10);
  }, 240_000);

  test.skipIf(missing !== undefined)(
    "the leader's machine loses its power: others write again within seconds, what waited wakes",
    async () => {
      await using cluster = new Cluster(network(4));
      const servers = await startServers(cluster, 3);
      const client = cluster.start({
        name: "client",
        host: 4,
        args: [`-retry-join=${cluster.network.address(1)}`, ...fast(cluster)],
      });
      await until("a write through the client", () => put(client, "a", "1"), { explain: outputs(servers) });
      const index = (await client.ask("/v1/kv/a")).headers.get("X-Consul-Index") ?? "";
      const waiting = client.ask(`/v1/kv/a?index=${index}&wait=5m`, { timeoutMs: 120_000 });
      const leader = await leaderOf(client);
      const old = servers.find((one) => leader.startsWith(`${one.address}:`)) as ClusterAgent;
      const others = servers.filter((one) => one !== old);
      const startMs = performance.now();
      cluster.network.cut([old.host], [...others.map((one) => one.host), client.host]);
      // Whatever connection to the leader is open says nothing any more. The first write may fail, late or not.
      for (const one of [client, ...others]) {
        await until(`a write through ${one.name}`, () => put(one, "b", one.name), {
          explain: outputs(servers),
        });
      }
      // A connection that is only waited for would take 30 s to notice.
      expect(performance.now() - startMs).toBeLessThan(25_000);
      await put(client, "a", "2");
      const woken = await waiting;
      expect([woken.status, JSON.parse(woken.text)]).toEqual([
        200,
        [expect.objectContaining({ Value: btoa("2") })],
      ]);
    },
    180_000,
  );

  test.skipIf(missing !== undefined)(
    "a minority that is cut off refuses, heals, and loses nothing acknowledged",
    async () => {
      await using cluster = new Cluster(network(5));
      const servers = await startServers(cluster, 5);
      const [s1] = servers as [ClusterAgent];
      const leader = await leaderOf(s1);
      // The old leader is on the smaller side.
      const old = servers.find((one) => leader.startsWith(`${one.address}:`)) as ClusterAgent;
      const other = servers.find((one) => one !== old) as ClusterAgent;
      const majority = servers.filter((one) => one !== old && one !== other);
      await put(old, "before", "1");
      cluster.network.cut(
        [old.host, other.host],
        majority.map((one) => one.host),
      );
      const [m1] = majority as [ClusterAgent];
      await until("the majority writes", () => put(m1, "during", "2"), { explain: outputs(servers) });
      for (const one of [old, other]) {
        await until(
          `${one.name} refuses writes`,
          async () => {
            const { status, text } = await one.ask("/v1/kv/refused", {
              method: "PUT",
              body: "x",
              timeoutMs: 30_000,
            });
            return status === 500 && text.includes("No cluster leader");
          },
          { explain: outputs(servers) },
        );
        const read = await one.ask("/v1/kv/before?consistent", { timeoutMs: 30_000 });
        expect(read.status).toBe(500);
        expect(await get(one, "before", "&stale")).toBe("1");
      }
      cluster.network.heal();
      await until(
        "one leader for all",
        async () => {
          const leaders = new Set(await Promise.all(servers.map((one) => leaderOf(one))));
          return leaders.size === 1;
        },
        { timeoutMs: 120_000, explain: outputs(servers) },
      );
      for (const one of servers) {
        await until(
          `${one.name} has everything`,
          async () => (await get(one, "during")) === "2" && (await get(one, "before")) === "1",
        );
        expect((await one.ask("/v1/kv/refused")).status).toBe(404);
      }
    },
    300_000,
  );
});
