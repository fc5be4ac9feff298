/** The checker itself: what is broken by hand must be found. */
import { expect, test } from "bun:test";
import { monotonicMs } from "../../lib/clock.ts";
import { must } from "../../lib/assert.ts";
import { Suspicion } from "./suspicion.ts";
import { checkInvariants } from "./swim-invariants.ts";
import type { NodeRecord } from "./swim-node-table.ts";
import { aliveOf, TestNode } from "./swim-test-kit.ts";

function broken(breakIt: (n: TestNode, b: NodeRecord) => void): readonly string[] {
  const n = new TestNode("a");
  n.hear(aliveOf("b", { incarnation: 5 }));
  expect(checkInvariants(n.swim)).toEqual([]);
  breakIt(n, must(n.swim.inside().state.table.get("b"), "b is known"));
  return checkInvariants(n.swim);
}

const terms = { wanted: 0, minMs: 1_000, maxMs: 1_000 };

test("a suspicion of a node that is not suspect", () => {
  const found = broken((_n, b) => void (b.suspicion = new Suspicion("x", terms, monotonicMs(0))));
  expect(found).toContain("G4: b is suspect while a suspicion runs");
});

test("a suspect without a suspicion", () => {
  const found = broken((n, b) => {
    n.swim.inside().state.table.accuse(b, { state: "suspect", incarnation: 5 }, n.nowMs);
  });
  expect(found).toEqual(["G4: b is suspect while a suspicion runs"]);
});

test("a verdict that is overdue", () => {
  const found = broken((n, b) => {
    const { state } = n.swim.inside();
    state.table.accuse(b, { state: "suspect", incarnation: 5 }, n.nowMs);
    b.suspicion = new Suspicion("x", terms, monotonicMs(-5_000));
  });
  expect(found).toEqual(["G5: the verdict on b falls in time"]);
});

test("this node believing itself gone without having left, and someone else raising its incarnation", () => {
  const found = broken((n) => {
    const { state } = n.swim.inside();
    state.table.accuse(state.self, { state: "dead", incarnation: 9 }, n.nowMs);
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

test("a record that is not on the ring as it is in the table", () => {
  const found = broken((n) => {
    const { table } = n.swim.inside().state;
    (table.records as NodeRecord[]).pop();
  });
  expect(found.some((line) => line.startsWith("G2"))).toBe(true);
});
