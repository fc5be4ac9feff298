import { describe, expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import type { Member, MemberEvent, MemberPool } from "../lib/members.ts";
import { noMetrics } from "../lib/metrics.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import { Fsm } from "../fsm/fsm.ts";
import { StateStore } from "../state/store.ts";
import { runLeaderDuties } from "./leader-duties.ts";
import { ReconcileQueue } from "./leader-queue.ts";
import type { ReconcileTarget } from "./leader-reconciler.ts";
import { InstantConsensus, testPool } from "./testing.ts";

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** Leads when told; its barrier and its transfer may fail. */
class Led extends InstantConsensus {
  barriersToFail = 0;
  transfers = 0;
  #listener: (leading: boolean, term: number) => void = () => undefined;
  constructor() {
    super(new Fsm(new StateStore(), [], []));
  }
  override onLeadership(listener: (leading: boolean, term: number) => void): Disposable {
    this.#listener = listener;
    return { [Symbol.dispose]: () => undefined };
  }
  override barrier(): Promise<void> {
    this.barriersToFail -= 1;
    return this.barriersToFail >= 0 ? Promise.reject(new Error("no quorum")) : Promise.resolve();
  }
  override transferLeadership(): Promise<void> {
    this.transfers += 1;
    return Promise.reject(new Error("nobody is fit"));
  }
  lead(leading: boolean): void {
    this.#listener(leading, 1);
  }
}

function member(name: string): Member {
  return { ...testPool.localMember(), name };
}

interface World {
  readonly clock: ManualClock;
  readonly consensus: Led;
  readonly done: string[];
  readonly duties: Disposable;
  emit(event: MemberEvent): void;
  establishFails: number;
  failing: Set<string>;
  hold: Promise<void>;
}

function world(): World {
  const clock = new ManualClock();
  const consensus = new Led();
  const done: string[] = [];
  const listeners = new Set<(event: MemberEvent) => void>();
  const pool: MemberPool = {
    ...testPool,
    onMember: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => listeners.delete(listener) };
    },
  };
  const it: World = {
    clock,
    consensus,
    done,
    emit: (event) => {
      for (const listener of listeners) listener(event);
    },
    establishFails: 0,
    failing: new Set(),
    hold: Promise.resolve(),
    duties: runLeaderDuties({
      consensus,
      clock,
      log: silentLog,
      metrics: noMetrics,
      pool,
      announce: () => done.push("announce"),
      establish: async () => {
        done.push("establish");
        it.establishFails -= 1;
        if (it.establishFails >= 0) throw new Error("cannot");
      },
      revoke: () => done.push("revoke"),
      reconciler: {
        reconcileAll: async () => {
          done.push("all");
          await it.hold;
          return !it.failing.has("all");
        },
        reconcile: async ({ member: { name }, reaped }) => {
          done.push(reaped ? `${name} reaped` : name);
          await it.hold;
          return !it.failing.has(name);
        },
      },
    }),
  };
  return it;
}

describe("a leader", () => {
  test("establishes itself, looks at everyone, and again every minute", async () => {
    const { clock, consensus, done } = world();
    consensus.lead(true);
    await turns();
    expect(done).toEqual(["announce", "establish", "all"]);
    clock.advance(60_000);
    await turns();
    expect(done.slice(3)).toEqual(["all"]);
    consensus.lead(false);
    clock.advance(120_000);
    await turns();
    expect(done.slice(4)).toEqual(["revoke"]);
  });

  test("handles each member that changes, but only once it is established", async () => {
    const it = world();
    it.consensus.barriersToFail = 1;
    it.consensus.lead(true);
    await turns();
    it.emit({ kind: "join", member: member("early") });
    await turns();
    expect(it.done).toEqual(["announce"]);
    it.clock.advance(1_000);
    await turns();
    it.emit({ kind: "reap", member: member("gone") });
    await turns();
    expect(it.done).toEqual(["announce", "establish", "all", "early", "gone reaped"]);
  });

  test("takes the newest change of a member that changes while another is handled", async () => {
    const it = world();
    it.consensus.lead(true);
    await turns();
    const gate = Promise.withResolvers<void>();
    it.hold = gate.promise;
    it.emit({ kind: "join", member: member("a") });
    it.emit({ kind: "join", member: member("b") });
    it.emit({ kind: "failed", member: member("c") });
    it.emit({ kind: "reap", member: member("B") });
    await turns();
    expect(it.done.slice(3)).toEqual(["a"]);
    gate.resolve();
    await turns();
    expect(it.done.slice(3)).toEqual(["a", "B reaped", "c"]);
  });

  test("looks again soon after a failure, then ever later", async () => {
    const it = world();
    it.failing.add("all");
    it.consensus.lead(true);
    await turns();
    for (const waitMs of [1_000, 2_000, 4_000]) {
      const before = it.done.length;
      it.clock.advance(waitMs - 1);
      await turns();
      expect(it.done.length).toBe(before);
      it.clock.advance(1);
      await turns();
      expect(it.done.length).toBe(before + 1);
    }
  });

  test("looks at everyone when one member could not be handled", async () => {
    const it = world();
    it.consensus.lead(true);
    await turns();
    it.failing.add("a");
    it.emit({ kind: "join", member: member("a") });
    await turns();
    it.clock.advance(1_000);
    await turns();
    expect(it.done.slice(3)).toEqual(["a", "all"]);
  });

  test("that cannot establish itself hands leadership on, and else tries again", async () => {
    const it = world();
    it.establishFails = 1;
    it.consensus.lead(true);
    await turns();
    expect(it.done).toEqual(["announce", "establish", "revoke"]);
    expect(it.consensus.transfers).toBe(3);
    it.clock.advance(5_000);
    await turns();
    expect(it.done.slice(3)).toEqual(["establish", "all"]);
  });

  test("stops with its process", async () => {
    const it = world();
    it.consensus.lead(true);
    it.duties[Symbol.dispose]();
    await turns();
    expect(it.done.filter((what) => what === "all")).toEqual([]);
    expect(it.done.at(-1)).toBe("revoke");
  });
});

test("a full queue forgets, and says so", () => {
  const queue = new ReconcileQueue();
  const target = (at: number, reaped = false): ReconcileTarget => ({ member: member(`n${at}`), reaped });
  for (let at = 0; at < 256; at += 1) queue.add(target(at));
  queue.add(target(0, true));
  expect(queue.takeOverflow()).toBe(false);
  queue.add(target(256));
  expect(queue.takeOverflow()).toBe(true);
  expect(queue.takeOverflow()).toBe(false);
  expect(queue.next()).toEqual(target(0, true));
  let count = 1;
  while (queue.next() !== undefined) count += 1;
  expect(count).toBe(256);
});
