/** The checker itself: what is broken by hand must be found. */
import { expect, test } from "bun:test";
import { monotonicMs } from "../../lib/clock.ts";
import type { Suspected } from "./belief.ts";
import { OwnNameSlots } from "./name-slots.ts";
import { Suspicion } from "./suspicion.ts";
import { checkInvariants } from "./swim-invariants.ts";
import { aliveOf, TestNode } from "./swim-test-kit.ts";

function broken(breakIt: (n: TestNode) => void, slots = new OwnNameSlots()): readonly string[] {
  const n = new TestNode("a", { slots });
  n.hear(aliveOf("b", { incarnation: 5 }));
  expect(checkInvariants(n.swim)).toEqual([]);
  breakIt(n);
  return checkInvariants(n.swim);
}

/** Makes `b` suspect from then on, without a timer. */
function doubt(n: TestNode, startedMs: number): Suspicion {
  const terms = { wanted: 0, minMs: 1_000, maxMs: 1_000 };
  const suspicion = new Suspicion("x", terms, monotonicMs(startedMs));
  const suspected: Suspected = { kind: "suspect", node: "b", claim: aliveOf("b"), incarnation: 5, suspicion };
  n.swim.inside().state.table.set(suspected);
  return suspicion;
}

test("a suspect whose suspicion has ended", () => {
  const found = broken((n) => doubt(n, 0).end());
  expect(found).toContain("G4: b is suspect while a suspicion runs");
});

test("a verdict that is overdue", () => {
  const found = broken((n) => void doubt(n, -5_000));
  expect(found).toEqual(["G5: the verdict on b falls in time"]);
});

test("this node believing itself gone without having left, and someone else raising its incarnation", () => {
  const found = broken((n) => {
    const { table } = n.swim.inside().state;
    const claim = aliveOf("a");
    table.set({ kind: "dead", node: "a", claim, incarnation: 9, sinceMs: n.nowMs });
  });
  expect(found).toEqual([
    "G1: a node is alive to itself until it leaves",
    "G1: nobody else raises a node's incarnation",
    "G1: who left is gone",
  ]);
});

test("two pieces of news of one node cannot be queued, but news of nobody can be found", () => {
  const found = broken((n) => n.swim.inside().news.queue.add(Uint8Array.of(1)));
  expect(found).toEqual(["G6: one piece of news about a node is queued"]);
});

test("a node that is on the ring but not to be found by name", () => {
  const slots = new OwnNameSlots();
  const found = broken(() => slots.release("b"), slots);
  expect(found).toEqual(["G2: b is once on the ring and in the table"]);
});
