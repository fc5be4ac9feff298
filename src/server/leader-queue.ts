import type { ReconcileTarget } from "./leader-reconciler.ts";

/** Members that wait; more than this many are forgotten, and a look at all members makes up for it. */
const waitingMax = 256;

/**
 * Members that changed and wait for the leader: each at most once, with its newest change, the one that has
 * waited for longest first.
 */
export class ReconcileQueue {
  readonly #waiting = new Map<string, ReconcileTarget>();
  #overflowed = false;

  /** Whether something was forgotten since this was last asked. */
  takeOverflow(): boolean {
    const overflowed = this.#overflowed;
    this.#overflowed = false;
    return overflowed;
  }

  add(target: ReconcileTarget): void {
    const key = target.member.name.toLowerCase();
    if (this.#waiting.size >= waitingMax && !this.#waiting.has(key)) {
      this.#overflowed = true;
      return;
    }
    this.#waiting.set(key, target);
  }

  /** Takes the first out. */
  next(): ReconcileTarget | undefined {
    for (const [key, target] of this.#waiting) {
      this.#waiting.delete(key);
      return target;
    }
    return undefined;
  }
}
