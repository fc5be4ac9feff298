import { expect, test } from "bun:test";
import fc from "fast-check";
import { seededRng } from "../../lib/rng.ts";
import { ProbeRing } from "./probe-ring.ts";

const all = { mayProbe: () => true, isGone: () => false, forgotten: () => undefined };

test("SWIM 4.3: in every round each node comes once, in a new order", () => {
  const ring = new ProbeRing<number>(seededRng(1));
  for (let i = 0; i < 50; i += 1) ring.add(i);
  const rounds = Array.from({ length: 4 }, () => Array.from({ length: 50 }, () => ring.next(all)));
  const everyone = Array.from({ length: 50 }, (_, i) => i);
  for (const round of rounds) expect(round.toSorted((a, b) => Number(a) - Number(b))).toEqual(everyone);
  expect(new Set(rounds.map((round) => round.join())).size).toBe(4);
});

test("SWIM 4.3: no node waits longer than 2n − 1 turns", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 20 }), (seed, n) => {
      const ring = new ProbeRing<number>(seededRng(seed));
      for (let i = 0; i < n; i += 1) ring.add(i);
      const last = new Map<number, number>();
      for (let turn = 1; turn <= 10 * n; turn += 1) {
        const item = ring.next(all) ?? -1;
        expect(turn - (last.get(item) ?? 0)).toBeLessThanOrEqual(2 * n - 1);
        last.set(item, turn);
      }
      expect(last.size).toBe(n);
    }),
  );
});

test("those that may not be probed are passed over; if that is all, there is nobody", () => {
  const ring = new ProbeRing<string>(seededRng(2));
  for (const name of ["a", "b", "c"]) ring.add(name);
  expect(ring.next({ ...all, mayProbe: (name) => name === "b" })).toBe("b");
  expect(ring.next({ ...all, mayProbe: (name) => name === "b" })).toBe("b");
  expect(ring.next({ ...all, mayProbe: () => false })).toBeUndefined();
  expect(new ProbeRing<string>(seededRng(1)).next(all)).toBeUndefined();
});

test("the turn of a round forgets what is gone", () => {
  const ring = new ProbeRing<number>(seededRng(3));
  for (let i = 0; i < 6; i += 1) ring.add(i);
  const forgotten: number[] = [];
  const o = {
    mayProbe: () => true,
    isGone: (i: number) => i % 2 === 0,
    forgotten: (i: number) => void forgotten.push(i),
  };
  for (let turn = 0; turn < 7; turn += 1) ring.next(o);
  expect(forgotten.toSorted((a, b) => a - b)).toEqual([0, 2, 4]);
  expect(ring.items.toSorted((a, b) => a - b)).toEqual([1, 3, 5]);
});

test("a newcomer's place is random: it is not always the last of its round", () => {
  const places = Array.from({ length: 200 }, (_, seed) => {
    const ring = new ProbeRing<number>(seededRng(seed));
    for (let i = 0; i < 10; i += 1) ring.add(i);
    return ring.items.indexOf(9);
  });
  for (let place = 0; place < 10; place += 1)
    expect(places.filter((at) => at === place).length).toBeGreaterThan(5);
});

test("a pick holds different wanted items, as many as asked for or as there are", () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(30), fc.nat(6), (seed, n, count) => {
      const ring = new ProbeRing<number>(seededRng(seed));
      for (let i = 0; i < n; i += 1) ring.add(i);
      const picked = ring.pick(count, (i) => i % 3 !== 0);
      expect(new Set(picked).size).toBe(picked.length);
      expect(picked.length).toBeLessThanOrEqual(count);
      expect(picked.every((i) => i % 3 !== 0)).toBe(true);
    }),
  );
});
