/**
 * Time, and what happens when: the only clock, and the only source of order, of a simulated cluster.
 *
 * The real parts are asynchronous, but wait only for clocks, networks and disks that are passed in. So after each
 * event everything that can go on does so at once, promises included, and the next event finds all at rest: the
 * same seed gives the same run.
 */
import { drainMicrotasks } from "bun:jsc";
import { monotonicMs, wallMs, type Clock } from "../../src/lib/clock.ts";
import { Violation } from "../raft/checkers.ts";
import { EventQueue } from "../event-queue.ts";

/** The first moment of every run, for calendars. */
const epochMs = 1_750_000_000_000;

/** More events than any millisecond has in which work gets done. */
const sameMsMax = 200_000;

/** A process on a host, as the world sees it. Events of a life that is over never happen. */
export interface Life {
  readonly isOver: boolean;
  /** The process gets no time until then; what is due meanwhile waits. */
  readonly stalledUntilMs: number;
}

interface Happening {
  readonly life: Life | undefined;
  readonly run: () => void;
}

export class Scheduler {
  readonly #queue = new EventQueue<Happening>();
  #nowMs = 0;
  #eventCount = 0;

  get nowMs(): number {
    return this.#nowMs;
  }
  /** How many events have happened. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /** Runs `run` so much later, unless `life` is over by then; `undefined`: the world itself acts. */
  after(delayMs: number, life: Life | undefined, run: () => void): void {
    this.#queue.add(this.#nowMs + delayMs, { life, run });
  }

  /** Lets things happen until `untilMs`. Throws `Violation` when time stands still: something spins. */
  run(untilMs: number): void {
    let sameMsCount = 0;
    for (let next = this.#queue.take(untilMs); next !== undefined; next = this.#queue.take(untilMs)) {
      sameMsCount = next.atMs === this.#nowMs ? sameMsCount + 1 : 0;
      if (sameMsCount > sameMsMax) throw new Violation(`livelock: ${sameMsMax} events within a millisecond`);
      this.#nowMs = next.atMs;
      const { life, run } = next.event;
      if (life?.isOver === true) continue;
      if (life !== undefined && life.stalledUntilMs > this.#nowMs) {
        this.#queue.add(life.stalledUntilMs, next.event);
        continue;
      }
      this.#eventCount += 1;
      run();
      drainMicrotasks();
    }
    this.#nowMs = untilMs;
  }

  /** A clock of one life: `rate` / 1,000 times as fast as the world's; when that began, it showed `offsetMs`. */
  clockOf(life: Life, o: { readonly rate: number; readonly offsetMs: number }): Clock {
    const now = (): number => o.offsetMs + (this.#nowMs * o.rate) / 1_000;
    return {
      monotonicMs: () => monotonicMs(now()),
      wallMs: () => wallMs(Math.floor(epochMs + now())),
      after: (delayMs, fn) => {
        let isCancelled = false;
        this.after(Math.max(0, Math.ceil((delayMs * 1_000) / o.rate)), life, () => {
          if (!isCancelled) fn();
        });
        return { [Symbol.dispose]: () => void (isCancelled = true) };
      },
    };
  }
}
