import { expect, test } from "bun:test";
import type { StateMachine } from "../lib/consensus.ts";
import { labelledMetrics, noMetrics } from "../lib/metrics.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import { measuredMachine } from "./measured-machine.ts";

test("commands are timed by their kind, and by operation where it is known", () => {
  const seen: string[] = [];
  const metrics = labelledMetrics(
    {
      ...noMetrics,
      timer: (name, _ms, labels = []) =>
        void seen.push([name, ...labels.map(({ value }) => value)].join(" ")),
    },
    [{ name: "dc", value: "dc1" }],
  );
  const machine: StateMachine = {
    apply: (index) => index * 2,
    decode: () => undefined,
    snapshot: () => [],
    prepare: () => () => undefined,
  };
  const measured = measuredMachine(machine, { clock: new ManualClock(), metrics });
  expect(measured.apply(3, Uint8Array.of(2), { Op: "set" })).toBe(6);
  measured.apply(4, Uint8Array.of(0x80 | 6));
  measured.apply(5, Uint8Array.of(99), null);
  measured.prepare(new Uint8Array())();
  expect(seen).toEqual([
    "raft.fsm.apply dc1",
    "fsm.kvs dc1 set",
    "raft.fsm.apply dc1",
    "fsm.coordinate.batch-update dc1",
    "raft.fsm.apply dc1",
    "raft.fsm.restore dc1",
  ]);
});
