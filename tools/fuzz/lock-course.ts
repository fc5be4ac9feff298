/**
 * Clients that want the same lock, or places of one semaphore, through one course of events: sessions that end, agents
 * that do not answer, keys that somebody removes.
 */
import { ProconsulError } from "../../src/lib/errors.ts";
import { ManualClock } from "../../src/lib/manual-clock.ts";
import { FakeAgent } from "../../src/client/fake-agent.ts";
import { KeyLock } from "../../src/client/key-lock.ts";
import { Semaphore } from "../../src/client/semaphore.ts";
import type { LockOptions, SharedLock } from "../../src/client/shared-lock.ts";
import type { Choices } from "./choices.ts";
import { toError } from "./to-error.ts";
import { Turns } from "./turns.ts";

const eventsMax = 150;
const workersCount = 4;
/** Longer than a session lives, and than anything that is tried again waits. */
const longMs = 20_000;

/** One client: idle, on its way to the lock, with it, or giving it back. */
interface Worker {
  readonly lock: SharedLock;
  isBusy: boolean;
  stop: AbortController | undefined;
  /** Of the lock that it holds as far as it knows. */
  lost: AbortSignal | undefined;
}

export class LockCourse {
  readonly #choices: Choices;
  readonly #turns = new Turns();
  readonly #clock = new ManualClock();
  readonly #agent = new FakeAgent(this.#clock);
  readonly #limit: number;
  readonly #isSemaphore: boolean;
  readonly #workers: readonly Worker[];
  #failure: Error | undefined;
  #hasFailed = false;

  constructor(choices: Choices) {
    this.#choices = choices;
    this.#isSemaphore = choices.chance(1, 2);
    this.#limit = this.#isSemaphore ? 1 + choices.below(2) : 1;
    this.#workers = Array.from({ length: workersCount }, () => this.#worker());
  }

  /** Throws if something does not hold. */
  run(): void {
    for (let event = 0; event < eventsMax && !this.#choices.isOver; event += 1) {
      this.#event();
      this.#pass(0);
    }
    this.#settle();
  }

  #worker(): Worker {
    const choices = this.#choices;
    const options: LockOptions = {
      client: this.#agent.client(),
      clock: this.#clock,
      sessionName: "fuzz",
      tryMs: choices.chance(1, 3) ? choices.pick([0, 500, 30_000]) : undefined,
      monitorRetryCount: choices.below(4),
    };
    const lock = this.#isSemaphore
      ? new Semaphore({ prefix: "p", limit: this.#limit }, options)
      : new KeyLock("p/.lock", options);
    return { lock, isBusy: false, stop: undefined, lost: undefined };
  }

  #event(): void {
    const choices = this.#choices;
    const worker = choices.pick(this.#workers);
    switch (choices.below(12)) {
      case 0:
        return this.#pass(choices.pick([1, 400, 1_100, 6_000, 16_000]));
      case 1:
        return worker.stop?.abort();
      case 2:
        return this.#endSession();
      case 3: {
        this.#agent.fault = choices.pick(["none", "none", "refused", "no-leader"]);
        this.#hasFailed ||= this.#agent.fault !== "none";
        return choices.chance(1, 2) ? this.#agent.wake() : undefined;
      }
      case 4:
        this.#agent.lockDelay = choices.chance(1, 3);
        return;
      case 5: {
        const key = choices.pick([...this.#agent.entries.keys()]);
        if (key === undefined || !choices.chance(1, 3)) return;
        this.#agent.entries.delete(key);
        return this.#agent.wake();
      }
      case 6:
        return worker.isBusy || worker.lost !== undefined
          ? undefined
          : this.#begin(worker, worker.lock.destroy());
      default:
        if (worker.isBusy) return;
        return worker.lost === undefined ? this.#acquire(worker) : this.#release(worker);
    }
  }

  #endSession(): void {
    const id = this.#choices.pick([...this.#agent.sessions.keys()]);
    if (id !== undefined) this.#agent.endSession(id);
  }

  #acquire(worker: Worker): void {
    const stop = new AbortController();
    worker.stop = stop;
    const acquired = worker.lock.acquire(stop.signal).then((lost) => {
      worker.lost = lost;
    });
    this.#begin(worker, acquired);
  }

  #release(worker: Worker): void {
    worker.lost = undefined;
    this.#begin(worker, worker.lock.release());
  }

  /** Whatever is refused is refused in the client's own way. */
  #begin(worker: Worker, work: Promise<unknown>): void {
    worker.isBusy = true;
    const done = (): void => {
      worker.isBusy = false;
      worker.stop = undefined;
    };
    work.then(done, (error: unknown) => {
      done();
      if (!(error instanceof ProconsulError)) this.#failure ??= toError(error);
    });
  }

  #pass(ms: number): void {
    this.#turns.run();
    for (let leftMs = ms; leftMs > 0; leftMs -= 500) {
      this.#clock.advance(Math.min(500, leftMs));
      this.#turns.run();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** With an agent that answers, no more hold the lock than may, and in the end anybody can have it. */
  #settle(): void {
    this.#agent.fault = "none";
    this.#agent.lockDelay = false;
    this.#agent.wake();
    this.#pass(longMs);
    const holders = this.#workers.filter(({ lost }) => lost?.aborted === false);
    expect(holders.length <= this.#limit, `${holders.length} hold what ${this.#limit} may`);
    for (const { stop } of this.#workers) stop?.abort();
    this.#pass(longMs);
    for (const worker of this.#workers) {
      expect(!worker.isBusy, "who is stopped stops");
      if (worker.lost !== undefined) this.#release(worker);
    }
    this.#pass(longMs);
    expect(
      this.#workers.every(({ isBusy }) => !isBusy),
      "who gives back ends",
    );
    const { sessions } = this.#agent;
    expect(this.#hasFailed || sessions.size === 0, `${sessions.size} sessions are left`);
    // A session whose end got lost lives until its time is over.
    for (const id of sessions.keys()) this.#agent.endSession(id);
    const last = this.#worker();
    this.#acquire(last);
    this.#pass(longMs);
    expect(last.lost?.aborted === false, "a lock that is free can be had");
    this.#release(last);
    this.#pass(longMs);
    expect(!last.isBusy, "and given back");
  }
}

function expect(holds: boolean, claim: string): void {
  if (!holds) throw new Error(claim);
}
