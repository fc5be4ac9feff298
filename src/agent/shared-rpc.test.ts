import { describe, expect, test } from "bun:test";
import { ManualClock } from "../lib/manual-clock.ts";
import { catalogNodes, catalogNodeServices, healthServiceNodes } from "../wire/rpc/methods.ts";
import { RpcError, type Rpc } from "../wire/rpc/method.ts";
import { IndexedCheckServiceNodes, ServiceSpecificRequest } from "../wire/structs/catalog.ts";
import { SharedRpc } from "./shared-rpc.ts";

interface Call {
  readonly name: string;
  resolve(reply: unknown): void;
  reject(error: Error): void;
}

/** A server whose answers the test gives, in turns that the test ends. */
class World {
  readonly clock = new ManualClock();
  readonly calls: Call[] = [];
  readonly rpc: SharedRpc;
  #deferred: (() => void)[] = [];

  constructor() {
    const rpc = {
      call: ({ name }: { name: string }) =>
        new Promise((resolve, reject) => void this.calls.push({ name, resolve, reject })),
    } as unknown as Rpc;
    this.rpc = new SharedRpc({ rpc, clock: this.clock, defer: (run) => void this.#deferred.push(run) });
  }

  /** Asks, and answers with a reply of this index. */
  async ask(index: number, LastContact = 0): Promise<void> {
    const asking = this.rpc.call(healthServiceNodes, web);
    this.calls.at(-1)?.resolve(IndexedCheckServiceNodes.make({ Nodes: [], Index: index, LastContact }));
    await asking;
  }

  endTurn(): void {
    for (const run of this.#deferred.splice(0)) run();
  }
}

const service = (more: Partial<ServiceSpecificRequest>): ServiceSpecificRequest =>
  ServiceSpecificRequest.make({ ServiceName: "web", AllowStale: true, ...more });
const web = service({});

describe("equal reads at the same time", () => {
  test("are one call", async () => {
    const world = new World();
    const both = Promise.all([1, 2].map(() => world.rpc.call(healthServiceNodes, service({}))));
    expect(world.calls.length).toBe(1);
    world.calls[0]?.resolve({ Index: 5 });
    const [one, other] = await both;
    expect(one).toBe(other as never);
    void world.rpc.call(healthServiceNodes, web);
    expect(world.calls.length).toBe(2);
  });

  test("share a failure, and only that", async () => {
    const world = new World();
    const both = [1, 2].map(() => world.rpc.call(healthServiceNodes, web).catch(String));
    world.calls[0]?.reject(new RpcError("boom"));
    expect(await Promise.all(both)).toEqual(["boom", "boom"]);
    await world.ask(1);
    expect(world.calls.length).toBe(2);
  });

  test.each([
    { what: "are of another service", first: web, second: service({ ServiceName: "db" }) },
    {
      what: "the leader has to answer",
      first: service({ AllowStale: false }),
      second: service({ AllowStale: false }),
    },
    {
      what: "wait for a change",
      first: service({ MinQueryIndex: 7 }),
      second: service({ MinQueryIndex: 7 }),
    },
  ])("that $what are two", ({ first, second }) => {
    const world = new World();
    for (const request of [first, second]) void world.rpc.call(healthServiceNodes, request);
    expect(world.calls.length).toBe(2);
  });

  test("that can be given up, or are of other methods, are two", () => {
    const world = new World();
    const { signal } = new AbortController();
    for (let round = 0; round < 2; round += 1) {
      void world.rpc.call(healthServiceNodes, web, signal);
      void world.rpc.call(catalogNodes, { ...catalogNodes.request.zero, AllowStale: true });
      void world.rpc.call(catalogNodeServices, { ...catalogNodeServices.request.zero, Node: `n${round}` });
    }
    expect(world.calls.length).toBe(6);
  });
});

describe("a reply", () => {
  test("is kept in the turn in which it came", async () => {
    const world = new World();
    expect(world.rpc.keep(healthServiceNodes, web)).toBeUndefined();
    await world.ask(5);
    const kept = world.rpc.keep(healthServiceNodes, web);
    expect(kept?.reply.Index).toBe(5);
    expect(kept?.isCurrent()).toBe(true);
    world.endTurn();
    expect(kept?.isCurrent()).toBe(false);
    expect(world.rpc.keep(healthServiceNodes, web)).toBeUndefined();
  });

  test("holds again when the next one has the same index, for a second", async () => {
    const world = new World();
    await world.ask(5);
    const kept = world.rpc.keep(healthServiceNodes, web);
    world.endTurn();
    world.clock.advance(999);
    await world.ask(5, 2e6);
    expect(kept?.isCurrent()).toBe(true);
    expect(kept?.lastContactMs).toBe(2);
    world.endTurn();
    world.clock.advance(1);
    await world.ask(5);
    expect(kept?.isCurrent()).toBe(false);
  });

  test.each([{ indexes: [5, 6] }, { indexes: [6, 5] }, { indexes: [0, 0] }])(
    "does not hold with indexes $indexes",
    async ({ indexes: [before = 0, after = 0] }) => {
      const world = new World();
      await world.ask(before);
      const kept = world.rpc.keep(healthServiceNodes, web);
      world.endTurn();
      await world.ask(after);
      expect(kept?.isCurrent()).toBe(false);
    },
  );

  test("is asked for again by who keeps it", async () => {
    const world = new World();
    await world.ask(5);
    const kept = world.rpc.keep(healthServiceNodes, web);
    world.endTurn();
    const refreshed = kept?.refresh?.();
    expect(world.calls.length).toBe(2);
    world.calls[1]?.resolve({ Index: 5 });
    await refreshed;
    expect(kept?.isCurrent()).toBe(true);
  });

  test("of a server in this process is its own", () => {
    const kept = { reply: {}, isCurrent: () => true, [Symbol.dispose]: () => undefined };
    const own = { keep: () => kept, callNow: () => "now" } as unknown as Rpc;
    const rpc = new SharedRpc({ rpc: own, clock: new ManualClock(), defer: () => undefined });
    expect(rpc.keep(healthServiceNodes, web)).toBe(kept as never);
    expect(rpc.callNow(healthServiceNodes, web)).toBe("now" as never);
  });
});
