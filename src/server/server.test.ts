import { expect, test } from "bun:test";
import { monotonicMs, type Clock } from "../lib/clock.ts";
import { NoLeaderError, type Consensus, type ConsensusStatus } from "../lib/consensus.ts";
import { ensureNode } from "../state/catalog.ts";
import { StateStore } from "../state/store.ts";
import { Fsm } from "../fsm/fsm.ts";
import { catalogNodes, catalogNodeServices, statusLeader } from "../wire/rpc/methods.ts";
import { Node } from "../wire/structs/catalog.ts";
import { DCSpecificRequest, NodeSpecificRequest } from "../wire/structs/common.ts";
import { catalogEndpoints } from "./catalog.ts";
import type { ServerContext } from "./context.ts";
import { Server } from "./server.ts";
import { statusEndpoints } from "./status.ts";
import { InstantConsensus, testContext } from "./testing.ts";

/** Leads from the start, but its barrier opens only when told. */
class LateConsensus extends InstantConsensus {
  readonly #gate = Promise.withResolvers<void>();
  open(): void {
    this.#gate.resolve();
  }
  override barrier(): Promise<void> {
    return this.#gate.promise;
  }
}

/** With `hurried`, waiting takes no time, but the clock moves by it. */
function serverOn(consensus: Consensus, store: StateStore, hurried: boolean): Server {
  const base = testContext(store, consensus);
  let nowMs = 0;
  const after = (delayMs: number, fn: () => void): Disposable => {
    queueMicrotask(() => {
      nowMs += delayMs;
      fn();
    });
    return { [Symbol.dispose]: () => undefined };
  };
  const clock: Clock = { ...base.clock, monotonicMs: () => monotonicMs(nowMs), after };
  const context: ServerContext = hurried ? { ...base, clock } : base;
  return new Server(context, [...catalogEndpoints, ...statusEndpoints]);
}

const request = DCSpecificRequest.make({});

test("a new leader answers reads only when everything acknowledged before it is applied", async () => {
  const store = new StateStore();
  const consensus = new LateConsensus(new Fsm(store, [], []));
  const server = serverOn(consensus, store, false);
  let answered = false;
  const reading = server.call(catalogNodes, request).then((reply) => {
    answered = true;
    return reply;
  });
  // What any server may answer is answered meanwhile; by then the read would have been as well.
  await server.call(statusLeader, request);
  await new Promise((turn) => setImmediate(turn));
  expect(answered).toBe(false);
  consensus.open();
  expect((await reading).Nodes ?? []).toEqual([]);
});

test("a leader that does not get ready in time is as good as none", async () => {
  const store = new StateStore();
  const server = serverOn(new LateConsensus(new Fsm(store, [], [])), store, true);
  expect(await server.call(catalogNodes, request).catch((error: unknown) => error)).toBeInstanceOf(
    NoLeaderError,
  );
});

/** Follows a leader that it heard a moment ago, or none yet. */
class FollowingConsensus extends InstantConsensus {
  contactMs: number | undefined = 40;
  override status(): ConsensusStatus {
    return { ...super.status(), role: "follower", lastContactMs: this.contactMs };
  }
  override onLeadership(): Disposable {
    return { [Symbol.dispose]: () => undefined };
  }
}

const readNode = NodeSpecificRequest.make({ Datacenter: "dc1", Node: "n1", AllowStale: true });

test("a server that follows keeps stale replies until they change, and says how old they may be", () => {
  const store = new StateStore();
  const consensus = new FollowingConsensus(new Fsm(store, [], []));
  const server = serverOn(consensus, store, false);
  const change = (index: number): void => {
    ensureNode(store, index, Node.make({ Node: "n1", Address: `10.0.0.${index}` }));
    store.commit();
  };
  change(1);
  const kept = server.keep(catalogNodeServices, readNode);
  expect(kept?.reply).toMatchObject({ LastContact: 40e6, KnownLeader: true, ConsistencyLevel: "stale" });
  expect(kept?.lastContactMs).toBe(40);
  expect(server.callNow(catalogNodeServices, readNode)?.NodeServices?.Node?.Address).toBe("10.0.0.1");
  expect(kept?.isCurrent()).toBe(true);
  change(2);
  expect(kept?.isCurrent()).toBe(false);
});

test("a server that follows answers nothing at once that its leader has to answer, or before it heard of one", () => {
  const store = new StateStore();
  const consensus = new FollowingConsensus(new Fsm(store, [], []));
  const server = serverOn(consensus, store, false);
  expect(server.callNow(catalogNodeServices, { ...readNode, AllowStale: false })).toBeUndefined();
  expect(server.callNow(catalogNodeServices, { ...readNode, Datacenter: "dc2" })).toBeUndefined();
  expect(server.keep(catalogNodeServices, readNode)).toBeDefined();
  consensus.contactMs = undefined;
  expect(server.callNow(catalogNodeServices, readNode)).toBeUndefined();
  expect(server.keep(catalogNodeServices, readNode)).toBeUndefined();
});
