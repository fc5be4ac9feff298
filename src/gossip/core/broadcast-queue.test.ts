import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BroadcastQueue } from "./broadcast-queue.ts";

const bytes = (label: string, length = label.length): Uint8Array =>
  new TextEncoder().encode(label.padEnd(length, "."));
const label = (message: Uint8Array): string => new TextDecoder().decode(message).replaceAll(".", "");
const labels = (messages: readonly Uint8Array[]): string[] => messages.map(label);
const roomy = { overheadBytes: 2, bytesMax: 10_000, transmitsMax: 3 };

describe("order", () => {
  test("among equals the longer goes first, then the newer", () => {
    const queue = new BroadcastQueue();
    for (const [name, length] of [
      ["a", 10],
      ["b", 20],
      ["c", 10],
      ["d", 30],
      ["e", 20],
    ] as const)
      queue.add(bytes(name, length));
    expect(labels(queue.take(roomy))).toEqual(["d", "e", "b", "c", "a"]);
  });

  test("the less told goes first, however short", () => {
    const queue = new BroadcastQueue();
    queue.add(bytes("old", 50));
    queue.take(roomy);
    queue.add(bytes("new", 5));
    expect(labels(queue.take(roomy))).toEqual(["new", "old"]);
    expect(queue.view().map(({ bytes: b, transmits }) => [label(b), transmits])).toEqual([
      ["new", 1],
      ["old", 2],
    ]);
  });

  test("what does not fit is passed over within its tier, and its turn comes", () => {
    const queue = new BroadcastQueue();
    queue.add(bytes("big", 100));
    queue.add(bytes("small", 10));
    queue.add(bytes("tiny", 5));
    expect(labels(queue.take({ ...roomy, bytesMax: 20 }))).toEqual(["small", "tiny"]);
    expect(labels(queue.take({ ...roomy, bytesMax: 102 }))).toEqual(["big"]);
    expect(labels(queue.take({ ...roomy, bytesMax: 101 }))).toEqual(["small", "tiny"]);
  });

  test("nothing goes twice in one packet", () => {
    const queue = new BroadcastQueue();
    queue.add(bytes("a"));
    expect(labels(queue.take(roomy))).toEqual(["a"]);
  });
});

describe("limits", () => {
  test.each([
    { transmitsMax: 0, times: 1 },
    { transmitsMax: 1, times: 1 },
    { transmitsMax: 4, times: 4 },
  ])("with a limit of $transmitsMax a message goes $times times", ({ transmitsMax, times }) => {
    const queue = new BroadcastQueue();
    queue.add(bytes("a"), { token: 7 });
    let count = 0;
    while (queue.take({ ...roomy, transmitsMax }).length > 0) count += 1;
    expect([count, queue.size, queue.takeFinished(), queue.takeFinished()]).toEqual([times, 0, [7], []]);
  });

  test("a packet holds at most so many messages", () => {
    const queue = new BroadcastQueue();
    for (let i = 0; i < 10; i += 1) queue.add(bytes("x"));
    expect(queue.take({ ...roomy, countMax: 4 }).length).toBe(4);
    expect(queue.size).toBe(10);
  });

  test("pruning drops the most told first and ends their wait", () => {
    const queue = new BroadcastQueue();
    queue.add(bytes("old"), { token: 1 });
    queue.take(roomy);
    queue.add(bytes("new"), { token: 2 });
    queue.prune(1);
    expect([queue.view().map(({ bytes: b }) => label(b)), queue.takeFinished()]).toEqual([["new"], [1]]);
  });
});

test("a message of the same name replaces the queued one, told anew from the start", () => {
  const queue = new BroadcastQueue();
  queue.add(bytes("suspect b"), { name: "b", token: 1 });
  queue.add(bytes("suspect c"), { name: "c" });
  queue.take(roomy);
  queue.add(bytes("alive b"), { name: "b" });
  expect(queue.takeFinished()).toEqual([1]);
  expect(labels(queue.take(roomy))).toEqual(["alive b", "suspect c"]);
});

test("messages without a name never replace each other", () => {
  const queue = new BroadcastQueue();
  queue.add(bytes("same"));
  queue.add(bytes("same"));
  expect(queue.take(roomy).length).toBe(2);
});

/** The same rules with a plain list. */
class PlainQueue {
  #entries: { transmits: number; length: number; order: number; name: string | undefined }[] = [];
  #order = 0;

  add(length: number, name: string | undefined): void {
    this.#order += 1;
    if (name !== undefined) this.#entries = this.#entries.filter((entry) => entry.name !== name);
    this.#entries.push({ transmits: 0, length, order: this.#order, name });
  }

  take(overhead: number, max: number, transmitsMax: number): number[] {
    const sorted = this.#entries.toSorted(
      (a, b) => a.transmits - b.transmits || b.length - a.length || b.order - a.order,
    );
    let used = 0;
    const taken = new Set<(typeof sorted)[number]>();
    // Going down the order once is the tier walk: what is left over of a tier did not fit, and free space only shrinks.
    for (const entry of sorted) {
      if (entry.length > max - used - overhead) continue;
      used += entry.length + overhead;
      taken.add(entry);
    }
    for (const entry of taken) entry.transmits += 1;
    this.#entries = this.#entries.filter((entry) => !taken.has(entry) || entry.transmits < transmitsMax);
    return [...taken].map(({ order }) => order);
  }
}

test("a plain list gives the same packets", () => {
  const command = fc.oneof(
    fc.record({
      kind: fc.constant("add" as const),
      length: fc.integer({ min: 8, max: 40 }),
      name: fc.nat(200),
    }),
    fc.record({
      kind: fc.constant("take" as const),
      max: fc.integer({ min: 0, max: 160 }),
      limit: fc.nat(4),
    }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 400, size: "max" }), (commands) => {
      const queue = new BroadcastQueue();
      const plain = new PlainQueue();
      let order = 0;
      for (const step of commands) {
        if (step.kind === "add") {
          order += 1;
          const name = step.name === 0 ? undefined : `n${step.name}`;
          queue.add(bytes(String(order), step.length), name === undefined ? {} : { name });
          plain.add(step.length, name);
        } else {
          const taken = queue.take({ overheadBytes: 2, bytesMax: step.max, transmitsMax: step.limit });
          expect(taken.map((message) => Number(label(message)))).toEqual(plain.take(2, step.max, step.limit));
          expect(taken.reduce((sum, message) => sum + message.length + 2, 0)).toBeLessThanOrEqual(step.max);
        }
      }
    }),
  );
});
