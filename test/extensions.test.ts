/** What Proconsul adds to the API, in a cluster of a server and a client agent. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Cluster, until, type ClusterAgent } from "./support/cluster.ts";
import { loopbackNetwork } from "./support/test-network.ts";

let cluster: Cluster;
let server: ClusterAgent;
let client: ClusterAgent;

beforeAll(async () => {
  cluster = new Cluster(loopbackNetwork(2));
  const common = [`-retry-join=${cluster.network.address(1)}`, "-grpc-port=-1"];
  server = cluster.start({ name: "s1", host: 1, args: ["-server", "-bootstrap-expect=1", ...common] });
  client = cluster.start({ name: "c1", host: 2, args: common });
  for (const agent of [server, client]) {
    const works = async (): Promise<boolean> => (await put(agent, "/v1/kv/ready", "1")).text === "true";
    await until(`${agent.name} works`, works, { explain: agent.output });
  }
}, 60_000);

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

type Answer = Awaited<ReturnType<ClusterAgent["ask"]>>;

function put(agent: ClusterAgent, path: string, body: string): Promise<Answer> {
  return agent.ask(path, { method: "PUT", body });
}

async function registered(): Promise<void> {
  await put(client, "/v1/agent/service/register", JSON.stringify({ Name: "web", Port: 80 }));
  await until("the catalog has it", async () => (await instances()) === 1);
}

async function instances(): Promise<number> {
  return (await server.json<unknown[]>("/v1/catalog/service/web")).length;
}

test("a key with a time to live that a client agent wrote goes in time", async () => {
  await put(client, "/v1/kv/short?ttl=1s", "x");
  const startMs = performance.now();
  const [entry] = await server.json<{ ExpiresAt: string }[]>("/v1/kv/short");
  const leftMs = Date.parse(entry?.ExpiresAt ?? "") - Date.now();
  expect(leftMs).toBeGreaterThan(0);
  expect(leftMs).toBeLessThanOrEqual(1000);
  const index = (await server.ask("/v1/kv/short")).headers.get("x-consul-index");
  const answer = await client.ask(`/v1/kv/short?index=${index}&wait=10s`);
  expect(answer.status).toBe(404);
  expect(performance.now() - startMs).toBeLessThan(5000);
});

test("a cached answer at a client agent follows the catalog", async () => {
  await registered();
  const cached = async (): Promise<string> => {
    const { headers, text } = await client.ask("/v1/health/service/web?cached");
    return `${headers.get("x-cache")} ${(JSON.parse(text) as unknown[]).length}`;
  };
  expect(await cached()).toBe("MISS 1");
  expect(await cached()).toBe("HIT 1");
  await put(client, "/v1/agent/service/deregister/web", "");
  await until("the cache follows", async () => (await cached()) === "HIT 0");
});

test("a service is explained, and taken out for good", async () => {
  await registered();
  const explain = (agent: ClusterAgent): Promise<Record<string, unknown>> =>
    agent.json("/v1/explain/service/c1/web");
  expect(await explain(server)).toMatchObject({
    InCatalog: true,
    Owner: "agent",
    Source: "unknown",
    ComesBack: true,
  });
  expect(await explain(client)).toMatchObject({
    InCatalog: true,
    Owner: "agent",
    Source: "api",
    ComesBack: true,
  });
  expect(await server.json("/v1/explain/service/s1/consul")).toMatchObject({ Owner: "leader" });
  const gone = JSON.stringify({ Node: "c1", ServiceID: "web" });
  expect((await put(server, "/v1/catalog/deregister?sticky", gone)).text).toBe("true");
  await until("the agent dropped it", async () => (await client.ask("/v1/agent/service/web")).status === 404);
  await until("the catalog lacks it", async () => (await instances()) === 0);
  expect(await explain(client)).toMatchObject({ Source: "none", ComesBack: false });
  const node = JSON.stringify({ Node: "c1" });
  expect((await put(server, "/v1/catalog/deregister?sticky", node)).status).toBe(500);
});

test("pages go on from one to the next", async () => {
  for (let at = 0; at < 5; at += 1) await put(client, `/v1/kv/page/${at}`, "x");
  const seen: string[] = [];
  let after: string | null = "";
  while (after !== null) {
    const { headers, text } = await client.ask(
      `/v1/kv/page/?keys&limit=2${after === "" ? "" : `&after=${after}`}`,
    );
    seen.push(...(JSON.parse(text) as string[]));
    expect(headers.get("x-proconsul-total-count")).toBe("5");
    after = headers.get("x-proconsul-next");
  }
  expect(seen).toEqual(["0", "1", "2", "3", "4"].map((at) => `page/${at}`));
});
