import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { checkLinearizable, type Call, type Model } from "./checker.ts";
import { keyModel, lockModel, type KeyOp, type LockOp } from "./models.ts";

const model = keyModel(new Map());
const at = <Op>(start: number, end: number | undefined, op: Op): Call<Op> => ({ op, start, end });
const write = (to: string): KeyOp => ({ kind: "write", to });
const read = (sees: string): KeyOp => ({ kind: "read", sees });
const cas = (expected: string, to: string, succeeded: boolean | undefined): KeyOp => ({
  kind: "conditional",
  expected,
  to,
  succeeded,
  absentIsFine: false,
});

describe("a key", () => {
  test.each<{ name: string; calls: readonly Call<KeyOp>[]; good: boolean }>([
    { name: "nothing happened", calls: [], good: true },
    {
      name: "a read sees the write before it",
      calls: [at(0, 1, write("a")), at(2, 3, read("a"))],
      good: true,
    },
    {
      name: "a read misses the write before it",
      calls: [at(0, 1, write("a")), at(2, 3, read(""))],
      good: false,
    },
    {
      name: "reads during a write see it or not",
      calls: [at(0, 9, write("a")), at(1, 2, read("")), at(3, 4, read("a"))],
      good: true,
    },
    {
      name: "once seen, a write stays seen",
      calls: [at(0, 9, write("a")), at(1, 2, read("a")), at(3, 4, read(""))],
      good: false,
    },
    {
      name: "a lost write",
      calls: [at(0, 1, write("a")), at(2, 3, write("b")), at(4, 5, read("a"))],
      good: false,
    },
    {
      name: "two conditional writes on one version both succeed",
      calls: [at(0, 1, write("a")), at(2, 5, cas("a", "b", true)), at(3, 6, cas("a", "c", true))],
      good: false,
    },
    {
      name: "one of two conditional writes succeeds",
      calls: [at(0, 1, write("a")), at(2, 5, cas("a", "b", true)), at(3, 6, cas("a", "c", false))],
      good: true,
    },
    {
      name: "a conditional write fails though nothing changed",
      calls: [at(0, 1, write("a")), at(2, 3, cas("a", "b", false))],
      good: false,
    },
    {
      name: "a write without an answer shows up later",
      calls: [at(0, 1, write("a")), at(2, undefined, write("b")), at(3, 4, read("a")), at(5, 6, read("b"))],
      good: true,
    },
    {
      name: "a write without an answer shows up before it began",
      calls: [at(0, 1, write("a")), at(2, 3, read("b")), at(4, undefined, write("b"))],
      good: false,
    },
    {
      name: "a write without an answer takes effect once only",
      calls: [at(0, undefined, write("b")), at(1, 2, read("b")), at(3, 4, write("a")), at(5, 6, read("b"))],
      good: false,
    },
    {
      name: "two without an answer take effect one each",
      calls: [
        at(0, undefined, write("b")),
        at(0, undefined, write("b")),
        at(1, 2, read("b")),
        at(3, 4, write("a")),
        at(5, 6, read("b")),
      ],
      good: true,
    },
    {
      name: "a conditional write without an answer explains why the next one fails",
      calls: [
        at(0, 1, write("a")),
        at(2, undefined, cas("a", "?", undefined)),
        at(3, 4, cas("a", "c", false)),
      ],
      good: true,
    },
  ])("$name", ({ calls, good }) => {
    expect(checkLinearizable(model, calls).kind).toBe(good ? "linearizable" : "impossible");
  });

  test("versions come in the order of their indexes", () => {
    const known = keyModel(
      new Map([
        ["a", 9],
        ["b", 7],
      ]),
    );
    const calls = [at(0, 1, write("a")), at(2, 3, write("b"))];
    expect(checkLinearizable(known, calls).kind).toBe("impossible");
    expect(
      checkLinearizable(
        known,
        calls.toReversed().map(({ op }, n) => at(n * 2, n * 2 + 1, op)),
      ).kind,
    ).toBe("linearizable");
  });

  test("what could not be explained is named", () => {
    const calls = [at(0, 1, write("a")), at(2, 3, write("b")), at(4, 5, read("a"))];
    expect(checkLinearizable(model, calls)).toEqual({
      kind: "impossible",
      explained: 2,
      state: "b",
      stuck: [at(4, 5, read("a"))],
    });
  });
});

describe("a lock", () => {
  const take = (session: string, succeeded?: boolean): LockOp => ({ kind: "acquire", session, succeeded });
  const leave = (session: string, succeeded?: boolean): LockOp => ({ kind: "release", session, succeeded });
  test.each<{ name: string; calls: readonly Call<LockOp>[]; good: boolean }>([
    {
      name: "is held by one after the other",
      calls: [at(0, 1, take("s", true)), at(2, 3, leave("s", true)), at(4, 5, take("t", true))],
      good: true,
    },
    { name: "is held by two", calls: [at(0, 1, take("s", true)), at(2, 3, take("t", true))], good: false },
    {
      name: "is free again when its session is gone",
      calls: [
        at(0, 1, take("s", true)),
        at(2, 3, { kind: "destroy", session: "s" }),
        at(4, 5, take("t", true)),
      ],
      good: true,
    },
    {
      name: "may have been taken without an answer",
      calls: [
        at(0, undefined, take("s")),
        at(1, 2, { kind: "read", holder: "s", lockIndex: 1 }),
        at(3, 4, leave("s", true)),
      ],
      good: true,
    },
    {
      name: "counts its holders",
      calls: [at(0, 1, take("s", true)), at(2, 3, { kind: "read", holder: "s", lockIndex: 2 })],
      good: false,
    },
    { name: "is not left by who does not hold it", calls: [at(0, 1, leave("s", true))], good: false },
  ])("$name", ({ calls, good }) => {
    expect(checkLinearizable(lockModel, calls).kind).toBe(good ? "linearizable" : "impossible");
  });
});

/** Tries every order of every choice of the pending operations. */
function bruteForce<Op>(of: Model<Op>, calls: readonly Call<Op>[]): boolean {
  const go = (state: string, left: readonly Call<Op>[]): boolean => {
    if (left.every(({ end }) => end === undefined)) return true;
    return left.some((call, place) => {
      const mustWait = left.some((other) => other.end !== undefined && other.end < call.start);
      const after = mustWait ? undefined : of.step(state, call.op);
      return after !== undefined && go(after, left.toSpliced(place, 1));
    });
  };
  return go(of.initial, calls);
}

const value = fc.constantFrom("", "a", "b", "c");
const keyOp: fc.Arbitrary<KeyOp> = fc.oneof(
  fc.record({ kind: fc.constant("write" as const), to: value }),
  fc.record({ kind: fc.constant("read" as const), sees: value }),
  fc.record({
    kind: fc.constant("conditional" as const),
    expected: value,
    to: value,
    succeeded: fc.boolean(),
    absentIsFine: fc.boolean(),
  }),
);
const session = fc.constantFrom("s", "t");
const lockOp: fc.Arbitrary<LockOp> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("acquire" as const, "release" as const),
    session,
    succeeded: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("destroy" as const), session }),
  fc.record({
    kind: fc.constant("read" as const),
    holder: fc.constantFrom("", "s", "t"),
    lockIndex: fc.nat(2),
  }),
);

function someCalls<Op extends KeyOp | LockOp>(op: fc.Arbitrary<Op>): fc.Arbitrary<readonly Call<Op>[]> {
  const call = fc
    .record({ op, start: fc.nat(12), length: fc.nat(5), pending: fc.nat(3) })
    .filter(({ op: one, pending }) => pending > 0 || one.kind !== "read")
    .map(({ op: one, start, length, pending }): Call<Op> =>
      pending === 0
        ? { op: "succeeded" in one ? { ...one, succeeded: undefined } : one, start, end: undefined }
        : { op: one, start, end: start + length },
    );
  return fc.array(call, { maxLength: 7 });
}

test("finds what trying every order finds", () => {
  let good = 0;
  let bad = 0;
  const agree = <Op>(of: Model<Op>, calls: readonly Call<Op>[]): void => {
    const wanted = bruteForce(of, calls);
    if (wanted) good += 1;
    else bad += 1;
    expect(checkLinearizable(of, calls).kind).toBe(wanted ? "linearizable" : "impossible");
  };
  fc.assert(
    fc.property(someCalls(keyOp), (calls) => agree(model, calls)),
    { numRuns: 3_000 },
  );
  fc.assert(
    fc.property(someCalls(lockOp), (calls) => agree(lockModel, calls)),
    { numRuns: 3_000 },
  );
  expect(Math.min(good, bad)).toBeGreaterThan(300);
});

test("a long history with many unanswered writes is judged in bounded work", () => {
  const calls: Call<KeyOp>[] = [];
  for (let n = 0; n < 400; n += 1) {
    calls.push(at(n * 10, n * 10 + 25, write(`v${n}`)), at(n * 10 + 1, undefined, write("?")));
    if (n % 5 === 4) calls.push(at(n * 10 + 26, n * 10 + 27, read(`v${n}`)));
  }
  expect(checkLinearizable(model, calls).kind).toBe("linearizable");
  expect(checkLinearizable(model, [...calls, at(9_000, 9_001, read("v1"))], 20_000).kind).not.toBe(
    "linearizable",
  );
});
