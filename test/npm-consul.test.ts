/** The npm `consul` client, unmodified, drives the agent end to end. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Consul from "consul";
import { startAgent } from "./support/agent-process.ts";

type Agent = Awaited<ReturnType<typeof startAgent>>;

let agent: Agent;
let consul: Consul;

beforeAll(async () => {
  agent = await startAgent();
  const { hostname, port } = new URL(agent.httpUrl);
  consul = new Consul({ host: hostname, port: Number(port) });
}, 30_000);

afterAll(async () => {
  await agent[Symbol.asyncDispose]();
});

describe("the npm client", () => {
  test("puts, gets, lists, compares and deletes keys", async () => {
    expect(await consul.kv.set("npm/a", "one")).toBe(true);
    const got = (await consul.kv.get("npm/a")) as unknown as { Value: string; ModifyIndex: number };
    expect(got.Value).toBe("one");
    // The client gives no value for an answer of `false`.
    expect(await consul.kv.set({ key: "npm/a", value: "two", cas: 1 })).toBeFalsy();
    expect(await consul.kv.set({ key: "npm/a", value: "two", cas: got.ModifyIndex })).toBe(true);
    expect(await consul.kv.keys("npm/")).toEqual(["npm/a"] as never);
    expect(await consul.kv.get("npm/missing")).toBeFalsy();
    expect(await consul.kv.del({ key: "npm/", recurse: true })).toBeTruthy();
  });

  test("runs transactions, whole or not at all", async () => {
    const value = Buffer.from("v").toString("base64");
    await consul.transaction.create([
      { KV: { Verb: "set", Key: "npm/t1", Value: value } },
      { KV: { Verb: "set", Key: "npm/t2", Value: value } },
    ] as never);
    const failing = consul.transaction.create([
      { KV: { Verb: "set", Key: "npm/t3", Value: value } },
      { KV: { Verb: "check-index", Key: "npm/t1", Index: 1 } },
    ] as never);
    expect(await failing.then(() => "done").catch((error: { statusCode?: number }) => error.statusCode)).toBe(
      409,
    );
    expect(await consul.kv.keys("npm/t")).toEqual(["npm/t1", "npm/t2"] as never);
  });

  test("creates sessions and locks with them", async () => {
    const { ID } = (await consul.session.create({ name: "npm", ttl: "10s" } as never)) as { ID: string };
    expect(await consul.kv.set({ key: "npm/lock", value: "x", acquire: ID })).toBe(true);
    expect(((await consul.session.list()) as { ID: string }[]).map((one) => one.ID)).toContain(ID);
    await consul.session.renew(ID);
    expect(await consul.kv.set({ key: "npm/lock", value: "x", release: ID })).toBe(true);
    await consul.session.destroy(ID);
  });

  test("registers a service, passes its check, and finds it healthy", async () => {
    await consul.agent.service.register({ name: "npm-web", port: 80, check: { ttl: "10m" } } as never);
    await consul.agent.check.pass("service:npm-web");
    expect(Object.keys((await consul.agent.service.list()) as object)).toContain("npm-web");
    let index = "0";
    for (let round = 0; round < 20; round += 1) {
      const found = await consul.health.service({
        service: "npm-web",
        passing: true,
        index,
        wait: "1s",
      } as never);
      if ((found as unknown as unknown[]).length > 0) break;
      index = "1";
    }
    const healthy = (await consul.health.service({ service: "npm-web", passing: true })) as {
      Service: { Port: number };
    }[];
    expect(healthy.map((one) => one.Service.Port)).toEqual([80]);
    expect(Object.keys((await consul.catalog.service.list()) as object)).toContain("npm-web");
    await consul.agent.service.deregister("npm-web");
  });

  test("watches a key", async () => {
    await consul.kv.set("npm/watched", "before");
    const watch = consul.watch({ method: consul.kv.get, options: { key: "npm/watched" } as never });
    const seen: string[] = [];
    await new Promise<void>((resolve, reject) => {
      watch.on("error", reject);
      watch.on("change", (data: { Value: string }) => {
        seen.push(data.Value);
        if (data.Value === "before") void consul.kv.set("npm/watched", "after");
        else resolve();
      });
    });
    watch.end();
    expect(seen).toEqual(["before", "after"]);
  });

  test("makes, runs and deletes a prepared query", async () => {
    const made = (await consul.query.create({
      name: "npm-query",
      service: { service: "consul" },
    } as never)) as {
      ID: string;
    };
    const result = (await consul.query.execute("NPM-query")) as { Nodes: unknown[]; Datacenter: string };
    expect([result.Nodes.length, result.Datacenter]).toEqual([1, "dc1"]);
    await consul.query.update({
      query: made.ID,
      name: "npm-renamed",
      service: { service: "consul" },
    } as never);
    const shown = (await consul.query.get(made.ID)) as unknown as { Name: string };
    expect(shown.Name).toBe("npm-renamed");
    // The client has it; its types forgot.
    await (consul.query as unknown as { destroy(id: string): Promise<void> }).destroy(made.ID);
    expect((await consul.query.list()) as unknown[]).toEqual([]);
  });

  test("sees itself as member, leader and node", async () => {
    expect((await consul.status.leader()) as unknown as string).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(((await consul.agent.members()) as unknown[]).length).toBe(1);
    expect(((await consul.catalog.node.list()) as unknown[]).length).toBeGreaterThan(0);
  });
});
