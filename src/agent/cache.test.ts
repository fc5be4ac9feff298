import { rejection } from "../lib/rejection.ts";
import { describe, expect, test } from "bun:test";
import { noMetrics } from "../lib/metrics.ts";
import { catalogDatacenters } from "../wire/rpc/methods.ts";
import { RpcError, type Rpc } from "../wire/rpc/method.ts";
import { ServiceSpecificRequest } from "../wire/structs/catalog.ts";
import type { IndexedCheckServiceNodes } from "../wire/structs/catalog.ts";
import { AgentCache, defaultCacheRate, type CachedReply } from "./cache.ts";
import { datacentersCache, healthServicesCache } from "../wire/rpc/cache-types.ts";
import type { Rate } from "./rate-limit.ts";
import { ManualClock } from "../lib/manual-clock.ts";

interface Call {
  readonly request: { readonly MinQueryIndex: number; readonly AllowStale: boolean };
  resolve(reply: unknown): void;
  reject(error: Error): void;
}

/** Servers whose answers the test gives. */
class World {
  readonly clock = new ManualClock();
  readonly calls: Call[] = [];
  readonly cache: AgentCache;

  constructor(rate: Rate = defaultCacheRate) {
    const rpc = {
      call: (_: unknown, request: Call["request"], signal: AbortSignal) =>
        new Promise((resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("aborted")));
          this.calls.push({ request, resolve, reject });
        }),
    } as unknown as Rpc;
    this.cache = new AgentCache({ rpc, clock: this.clock, metrics: noMetrics, random: () => 0, rate });
  }

  health(
    options: Partial<ServiceSpecificRequest> = {},
    signal?: AbortSignal,
  ): Promise<CachedReply<IndexedCheckServiceNodes>> {
    const request = ServiceSpecificRequest.make({ ServiceName: "web", Datacenter: "dc1", ...options });
    return this.cache.get(healthServicesCache, request, signal);
  }

  datacenters(
    options: {
      readonly MaxAge?: number;
      readonly MustRevalidate?: boolean;
      readonly StaleIfError?: number;
    } = {},
  ): Promise<CachedReply<readonly string[] | null>> {
    return this.cache.get(datacentersCache, { ...catalogDatacenters.request.zero, ...options });
  }

  async answer(reply: unknown): Promise<void> {
    this.calls.at(-1)?.resolve(reply);
    await settled();
  }

  async fail(text: string): Promise<void> {
    this.calls.at(-1)?.reject(new RpcError(text));
    await settled();
  }
}

/** Lets everything run that waits for nothing but its turn. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

const nodes = (Index: number): Partial<IndexedCheckServiceNodes> => ({ Nodes: [], Index });

describe("a look at what is kept", () => {
  test("finds nothing before the first answer, and asks nobody", () => {
    const world = new World();
    const request = ServiceSpecificRequest.make({ ServiceName: "web", Datacenter: "dc1" });
    expect(world.cache.peek(healthServicesCache, request)).toBeUndefined();
    expect(world.calls.length).toBe(0);
  });

  test("finds the answer, which is current until another one comes", async () => {
    const world = new World();
    const request = ServiceSpecificRequest.make({ ServiceName: "web", Datacenter: "dc1" });
    const first = world.health();
    await world.answer(nodes(7));
    await first;
    const kept = world.cache.peek(healthServicesCache, request);
    expect(kept?.reply.Index).toBe(7);
    expect(kept?.isCurrent()).toBe(true);
    await world.answer(nodes(9));
    expect(kept?.isCurrent()).toBe(false);
    expect(world.cache.peek(healthServicesCache, request)?.reply.Index).toBe(9);
  });

  test("finds nothing that is too old", async () => {
    const world = new World();
    const request = { ...catalogDatacenters.request.zero, MaxAge: 5e9 };
    const first = world.datacenters();
    await world.answer(["dc1"]);
    await first;
    const kept = world.cache.peek(datacentersCache, request);
    world.clock.advance(5_000);
    expect(kept?.isCurrent()).toBe(true);
    world.clock.advance(1);
    expect(kept?.isCurrent()).toBe(false);
    expect(world.cache.peek(datacentersCache, request)).toBeUndefined();
  });
});

describe("a refreshed answer", () => {
  test("is fetched once for all who ask, and then kept up to date by a blocking query of any server", async () => {
    const world = new World();
    const first = world.health();
    const same = world.health({ ServiceName: "WEB" });
    await settled();
    expect(world.calls.length).toBe(1);
    await world.answer(nodes(7));
    expect([(await first).isHit, (await same).isHit]).toEqual([false, false]);
    expect(world.calls.map(({ request }) => [request.MinQueryIndex, request.AllowStale])).toEqual([
      [0, true],
      [7, true],
    ]);
    await world.answer(nodes(9));
    const { reply, isHit, ageMs } = await world.health();
    expect([reply.Index, isHit, ageMs]).toEqual([9, true, 0]);
    expect(world.calls.length).toBe(3);
  });

  test("that is asked for with an index comes when it has changed", async () => {
    const world = new World();
    void world.health();
    await world.answer(nodes(7));
    const waiting = world.health({ MinQueryIndex: 7 });
    await world.answer(nodes(8));
    expect(await waiting).toMatchObject({ reply: { Index: 8 }, isHit: false });
  });

  test("that does not change in time is given as it is", async () => {
    const world = new World();
    void world.health();
    await world.answer(nodes(7));
    const waiting = world.health({ MinQueryIndex: 7, MaxQueryTime: 5e9 });
    await settled();
    await world.clock.pass(5000);
    expect(await waiting).toMatchObject({ reply: { Index: 7 }, isHit: false });
  });

  test("grows older while servers cannot be reached, and is asked for with growing pauses", async () => {
    const world = new World();
    void world.health();
    await world.answer(nodes(7));
    for (let failure = 0; failure < 4; failure += 1) await world.fail("no servers");
    const calls = world.calls.length;
    await world.clock.pass(1000);
    await settled();
    expect(world.calls.length).toBe(calls);
    expect(await world.health()).toMatchObject({ isHit: true, ageMs: 1000 });
    await world.clock.pass(1000);
    await settled();
    expect(world.calls.length).toBe(calls + 1);
    // Blocked for longer than a dead connection could.
    await world.clock.pass(31_000);
    expect(await world.health()).toMatchObject({ isHit: true, ageMs: 0 });
  });

  test("that never came fails with the server's text, and is tried anew by the next who asks", async () => {
    const world = new World();
    const first = world.health();
    await settled();
    await world.fail("No cluster leader");
    expect(await rejection(first)).toThrow("No cluster leader");
    await settled();
    const next = world.health();
    await world.answer(nodes(3));
    expect(await next).toMatchObject({ reply: { Index: 3 } });
  });

  test("goes, and its query ends, when nobody asked for it in three days", async () => {
    const world = new World();
    void world.health();
    await world.answer(nodes(7));
    await world.clock.pass(71 * 3_600_000);
    expect((await world.health()).isHit).toBe(true);
    for (let hour = 0; hour < 73; hour += 1) await world.clock.pass(3_600_000);
    await settled();
    expect(world.cache.size).toBe(0);
  });

  test("is fetched no more often than the rate allows", async () => {
    const world = new World({ burst: 2, perSecond: 1 });
    void world.health();
    await world.answer(nodes(1));
    await world.answer(nodes(2));
    expect(world.calls.length).toBe(2);
    await world.clock.pass(999);
    await settled();
    expect(world.calls.length).toBe(2);
    await world.clock.pass(2);
    await settled();
    expect(world.calls.length).toBe(3);
  });

  test("of one token is not another's", async () => {
    const world = new World();
    void world.health({ Token: "a" });
    await world.answer(nodes(7));
    void world.health({ Token: "b" });
    await settled();
    expect(world.cache.size).toBe(2);
    world.cache.close();
  });

  test("is no longer waited for by a caller who is gone", async () => {
    const world = new World();
    const gone = new AbortController();
    const waiting = world.health({}, gone.signal);
    gone.abort(new RpcError("gone"));
    expect(await rejection(waiting)).toThrow("gone");
  });
});

describe("an answer that is fetched when asked for", () => {
  async function kept(): Promise<World> {
    const world = new World();
    const first = world.datacenters();
    await settled();
    await world.answer(["dc1"]);
    expect((await first).isHit).toBe(false);
    await world.clock.pass(10_000);
    return world;
  }

  test("is a hit with its age", async () => {
    const world = await kept();
    expect(await world.datacenters()).toEqual({ reply: ["dc1"], isHit: true, ageMs: 10_000 });
    expect(await world.datacenters({ MaxAge: 10e9 })).toMatchObject({ isHit: true });
    expect(world.calls.length).toBe(1);
  });

  test.each([{ MaxAge: 9e9 }, { MustRevalidate: true }])("is fetched anew for %j", async (options) => {
    const world = await kept();
    const asked = world.datacenters(options);
    await settled();
    await world.answer(["dc1", "dc2"]);
    expect(await asked).toEqual({ reply: ["dc1", "dc2"], isHit: false, ageMs: 0 });
  });

  test("serves those who take an old one rather than an error", async () => {
    const world = await kept();
    const lenient = world.datacenters({ MaxAge: 1e9, StaleIfError: 60e9 });
    const strict = world.datacenters({ MaxAge: 1e9, StaleIfError: 5e9 });
    await settled();
    await world.fail("No path to datacenter");
    expect(await lenient).toEqual({ reply: ["dc1"], isHit: true, ageMs: 10_000 });
    expect(await rejection(strict)).toThrow("No path to datacenter");
  });
});
