/** Deadlines in order of time, for timers that are often cancelled: a stale one is recognised when it comes up. */
import type { MonotonicMs } from "../../lib/clock.ts";

/** A binary heap. Adding is O(log n), and so is dropping a deadline that has come up or is stale. */
export class DeadlineQueue<Subject> {
  /** Times and what they are of, at the same places: plain numbers, since a mass death sets thousands. */
  readonly #times: MonotonicMs[] = [];
  readonly #subjects: Subject[] = [];
  readonly #isCurrent: (subject: Subject, atMs: MonotonicMs) => boolean;

  /** `isCurrent`: whether the deadline still stands; asked once it is the next. */
  constructor(isCurrent: (subject: Subject, atMs: MonotonicMs) => boolean) {
    this.#isCurrent = isCurrent;
  }

  /** Deadlines held, stale ones included. */
  get size(): number {
    return this.#times.length;
  }

  add(atMs: MonotonicMs, subject: Subject): void {
    const times = this.#times;
    const subjects = this.#subjects;
    let at = times.length;
    times.push(atMs);
    subjects.push(subject);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parentMs = times[up] as MonotonicMs;
      if (parentMs <= atMs) break;
      times[at] = parentMs;
      subjects[at] = subjects[up] as Subject;
      at = up;
    }
    times[at] = atMs;
    subjects[at] = subject;
  }

  /** The earliest deadline that stands. */
  nextMs(): MonotonicMs | undefined {
    for (;;) {
      const atMs = this.#times[0];
      const subject = this.#subjects[0];
      if (atMs === undefined || subject === undefined) return undefined;
      if (this.#isCurrent(subject, atMs)) return atMs;
      this.#pop();
    }
  }

  /** Takes the earliest that stands and is not after `nowMs`. */
  takeDue(nowMs: MonotonicMs): Subject | undefined {
    const nextMs = this.nextMs();
    return nextMs !== undefined && nextMs <= nowMs ? this.#pop() : undefined;
  }

  #pop(): Subject | undefined {
    const times = this.#times;
    const subjects = this.#subjects;
    const first = subjects[0];
    const lastMs = times.pop();
    const last = subjects.pop();
    if (times.length === 0 || lastMs === undefined || last === undefined) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      const leftMs = times[child];
      if (leftMs === undefined) break;
      const rightMs = times[child + 1] ?? Infinity;
      if (rightMs < leftMs) child += 1;
      if (lastMs <= Math.min(leftMs, rightMs)) break;
      times[at] = times[child] as MonotonicMs;
      subjects[at] = subjects[child] as Subject;
      at = child;
    }
    times[at] = lastMs;
    subjects[at] = last;
    return first;
  }
}
