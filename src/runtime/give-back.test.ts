/** When memory is given back, by CPU time and heap size alone. */
import { describe, expect, test } from "bun:test";
import { ManualClock } from "../lib/manual-clock.ts";
import { QuietTimes, giveBackWhenQuiet } from "./give-back.ts";

const lookMs = 5_000;
const smallHeap = 20_000_000;

/** Each look in words: what was due after five seconds with so many milliseconds of CPU. */
function looks(cpuMs: readonly number[], heapBytes = smallHeap): readonly string[] {
  const times = new QuietTimes(0, { cpuMs: 0, heapBytes });
  let used = 0;
  return cpuMs.map((more, index) => {
    used += more;
    return times.look((index + 1) * lookMs, { cpuMs: used, heapBytes }) ?? "-";
  });
}

const quiet = 100;
const busy = 1_000;

describe("a process gives memory back", () => {
  test.each([
    {
      name: "after ten quiet seconds garbage, after thirty all it can, then pages, and then it is left alone",
      cpuMs: [quiet, quiet, quiet, quiet, quiet, quiet, quiet, quiet, quiet],
      due: ["-", "collect", "-", "-", "-", "shrink", "-", "release", "-"],
    },
    {
      name: "never while it is busy",
      cpuMs: [busy, busy, quiet, busy, quiet, busy, busy],
      due: ["-", "-", "-", "-", "-", "-", "-"],
    },
    {
      name: "again after the next busy time",
      cpuMs: [quiet, quiet, quiet, busy, quiet, quiet, quiet],
      due: ["-", "collect", "-", "-", "-", "collect", "-"],
    },
    {
      name: "not again for the work that giving back was",
      cpuMs: [quiet, quiet, busy, quiet, quiet, quiet, quiet],
      due: ["-", "collect", "-", "-", "-", "shrink", "-"],
    },
  ])("$name", ({ cpuMs, due }) => {
    expect(looks(cpuMs)).toEqual(due);
  });

  test("but a large heap is not stopped for it", () => {
    const due = looks(Array<number>(9).fill(quiet), 400_000_000);
    expect(due).toEqual(["-", "collect", "-", "-", "-", "-", "-", "release", "-"]);
  });

  test("and its pages again every ten minutes, since what is done now and then touches more of them", () => {
    const due = looks(Array<number>(250).fill(quiet));
    expect(due.flatMap((step, look) => (step === "release" ? [(look + 1) * lookMs] : []))).toEqual([
      40_000, 640_000, 1_240_000,
    ]);
  });
});

test("what looks now and then ends when it is disposed of", () => {
  const clock = new ManualClock();
  const giving = giveBackWhenQuiet(clock);
  clock.advance(60_000);
  expect(clock.timerCount).toBe(1);
  giving[Symbol.dispose]();
  expect(clock.timerCount).toBe(0);
});
