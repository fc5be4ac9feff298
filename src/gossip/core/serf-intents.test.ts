import { expect, test } from "bun:test";
import { monotonicMs } from "../../lib/clock.ts";
import { serfCodec } from "../../wire/gossip/serf-codec.ts";
import { statuses, TestPool } from "./serf-test-pool.ts";

test("a node that missed a forced leave refutes it when it comes back, also to who met it anew", () => {
  const pool = new TestPool(serfCodec);
  const [a, b] = pool.startAll("a", "b");
  if (a === undefined || b === undefined) throw new Error("no nodes");
  // Cut off, b is forced to leave; c, new, hears of that before it meets b.
  a.serf.nodeLeft(b.swim, monotonicMs(pool.nowMs));
  a.serf.forceLeave({ requestId: 1, node: "b", prune: false });
  // What it says is lost.
  for (let said = 1; said > 0;) said = a.serf.broadcasts({ overheadBytes: 3, bytesMax: 1_400 }).length;
  const c = pool.start("c");
  c.serf.mergeState(a.serf.localState(false), false, monotonicMs(pool.nowMs));
  pool.meet(c, b);
  expect(statuses(c)).toMatchObject({ b: "leaving" });
  pool.meet(a, b);
  pool.exchange(a, b);
  expect(statuses(c)).toMatchObject({ b: "alive" });
  expect(statuses(a)).toMatchObject({ b: "alive" });
});
