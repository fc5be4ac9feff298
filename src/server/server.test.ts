import { expect, test } from "bun:test";
import { monotonicMs, type Clock } from "../lib/clock.ts";
import { NoLeaderError, type Consensus } from "../lib/consensus.ts";
import { StateStore } from "../state/store.ts";
import { Fsm } from "../fsm/fsm.ts";
import { catalogNodes, statusLeader } from "../wire/rpc/methods.ts";
import { DCSpecificRequest } from "../wire/structs/common.ts";
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
