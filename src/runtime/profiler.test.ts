import { rejection } from "../lib/rejection.ts";
import { describe, expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { ManualClock } from "../lib/manual-clock.ts";
import { systemClock } from "./clock.ts";
import { cpuProfile, createProfiler, ProfilingBusyError } from "./profiler.ts";

const never = new AbortController().signal;
const textOf = (packed: Uint8Array): string => new TextDecoder("latin1").decode(gunzipSync(packed));

describe("time", () => {
  test("samples of one place are one stack, the innermost frame first; waiting does not count", () => {
    const frame = (functionName: string, lineNumber: number) => ({
      functionName,
      lineNumber,
      url: "file:///a.ts",
      scriptId: "1",
      columnNumber: 0,
    });
    const profile = cpuProfile({
      nodes: [
        { id: 1, callFrame: { ...frame("(root)", -1), url: "" }, children: [2, 4] },
        { id: 2, callFrame: frame("outer", 9), children: [3] },
        { id: 3, callFrame: frame("", 4) },
        { id: 4, callFrame: frame("(idle)", -1) },
      ],
      startTime: 1_000,
      endTime: 61_000,
      samples: [3, 4, 3, 2],
      timeDeltas: [0, 0, 0, 0],
    });
    const root = { name: "(root)", file: "", line: 0 };
    const outer = { name: "outer", file: "/a.ts", line: 10 };
    expect(profile).toMatchObject({
      durationNs: 60_000_000n,
      samples: [
        { stack: [{ name: "(anonymous)", file: "/a.ts", line: 5 }, outer, root], values: [2, 20_000_000] },
        { stack: [outer, root], values: [1, 10_000_000] },
      ],
    });
  });

  test("this process is measured, by one at a time", async () => {
    const clock = new ManualClock();
    const profiler = createProfiler(clock);
    const first = profiler.cpu(1_000, never);
    expect(await rejection(profiler.cpu(1_000, never))).toThrow(ProfilingBusyError);
    while (clock.timerCount === 0) await new Promise((turn) => setImmediate(turn));
    clock.advance(1_000);
    expect(textOf(await first)).toContain("nanoseconds");
    const stop = new AbortController();
    const second = profiler.cpu(1e9, stop.signal);
    stop.abort();
    expect(textOf(await second)).toContain("nanoseconds");
  });
});

test("heap and tasks of this process", async () => {
  const profiler = createProfiler(systemClock);
  expect(textOf(await profiler.heap())).toContain("inuse_space");
  expect(textOf(await profiler.tasks())).toContain("(main thread)");
});
