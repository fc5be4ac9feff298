import { expect, test } from "bun:test";
import {
  checkSwimOptions,
  consulDevLanOptions,
  consulDevWanOptions,
  consulLanOptions,
  consulWanOptions,
  fitSwimTuning,
  lanOptions,
  localOptions,
  wanOptions,
  type SwimOptions,
} from "./swim-options.ts";

test("every shipped set is sound", () => {
  const sets = [
    consulLanOptions,
    consulWanOptions,
    consulDevLanOptions,
    consulDevWanOptions,
    lanOptions,
    wanOptions,
    localOptions,
  ];
  expect(sets.map(checkSwimOptions)).toEqual(sets.map(() => []));
});

test.each<[string, SwimOptions, readonly (number | undefined)[]]>([
  ["LAN", lanOptions, [10_000, 3, 4, 4, 30_000, 500, 1_000, 3, 200, 30_000, undefined]],
  ["WAN", wanOptions, [30_000, 3, 4, 6, 60_000, 3_000, 5_000, 4, 500, 60_000, undefined]],
  ["local", localOptions, [1_000, 1, 2, 3, 15_000, 200, 1_000, 3, 100, 15_000, undefined]],
  ["Consul LAN", consulLanOptions, [10_000, 3, 4, 4, 30_000, 500, 1_000, 3, 200, 30_000, 30_000]],
  ["Consul WAN", consulWanOptions, [30_000, 3, 4, 6, 60_000, 3_000, 5_000, 3, 500, 60_000, 30_000]],
  ["Consul -dev", consulDevLanOptions, [10_000, 3, 4, 3, 30_000, 100, 100, 3, 100, 30_000, 30_000]],
])("%s has the reference's numbers", (_name, o, expected) => {
  expect([
    o.streamTimeoutMs,
    o.indirectChecks,
    o.retransmitMult,
    o.suspicionMult,
    o.pushPullIntervalMs,
    o.probeTimeoutMs,
    o.probeIntervalMs,
    o.gossipNodes,
    o.gossipIntervalMs,
    o.gossipToTheDeadMs,
    o.deadNodeReclaimMs,
  ]).toEqual([...expected]);
});

test("what an operator sets is brought into range, and to whole milliseconds", () => {
  const wild = {
    gossipIntervalMs: -5,
    gossipNodes: -1,
    probeIntervalMs: 0.001,
    probeTimeoutMs: 1e12,
    suspicionMult: -3,
    retransmitMult: 1e9,
  };
  const tuned = {
    gossipIntervalMs: 0,
    gossipNodes: 0,
    probeIntervalMs: 1,
    probeTimeoutMs: 86_400_000,
    suspicionMult: 0,
    retransmitMult: 1_000,
  };
  expect(fitSwimTuning(wild)).toEqual(tuned);
  expect(checkSwimOptions({ ...consulLanOptions, ...tuned })).toEqual([]);
});

test("all problems are named at once", () => {
  const options = {
    ...consulLanOptions,
    probeIntervalMs: 1.5,
    gossipNodes: 1_001,
    deadNodeReclaimMs: 0,
    vsn: [1, 5, 6, 2, 5, 4],
  };
  expect(checkSwimOptions(options)).toEqual([
    "probeIntervalMs must be a whole number",
    "gossipNodes must be between 0 and 1000",
    "deadNodeReclaimMs must be positive or absent",
    "vsn must be six bytes, each current version within its range",
  ]);
});
