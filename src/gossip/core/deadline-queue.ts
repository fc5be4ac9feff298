/** Deadlines in order of time, for timers that are often cancelled: a stale one is recognised when it comes up. */
import type { MonotonicMs } from "../../lib/clock.ts";

interface Item<Subject> {
  readonly atMs: MonotonicMs;
  readonly subject: Subject;
}

/** A binary heap. Adding is O(log n), and so is dropping a deadline that has come up or is stale. */
export class DeadlineQueue<Subject> {
  readonly #heap: Item<Subject>[] = [];
  readonly #isCurrent: (subject: Subject, atMs: MonotonicMs) => boolean;

  /** `isCurrent`: whether the deadline still stands; asked once it is the next. */
  constructor(isCurrent: (subject: Subject, atMs: MonotonicMs) => boolean) {
    this.#isCurrent = isCurrent;
  }

  /** Deadlines held, stale ones included. */
  get size(): number {
    return this.#heap.length;
  }

  add(atMs: MonotonicMs, subject: Subject): void {
    const heap = this.#heap;
    const item = { atMs, subject };
    let at = heap.length;
    heap.push(item);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as Item<Subject>;
      if (parent.atMs <= atMs) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = item;
  }

  /** The earliest deadline that stands. */
  nextMs(): MonotonicMs | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return undefined;
      if (this.#isCurrent(first.subject, first.atMs)) return first.atMs;
      this.#pop();
    }
  }

  /** Takes the earliest that stands and is not after `nowMs`. */
  takeDue(nowMs: MonotonicMs): Subject | undefined {
    const nextMs = this.nextMs();
    return nextMs !== undefined && nextMs <= nowMs ? this.#pop() : undefined;
  }

  #pop(): Subject | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first?.subject;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && right.atMs < left.atMs) child += 1;
      const least = heap[child] as Item<Subject>;
      if (last.atMs <= least.atMs) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
    return first.subject;
  }
}
