/**
 * How long a suspected node may still refute before it is declared dead.
 *
 * Starts at `maxMs` and falls to `minMs` as independent members confirm, on a logarithmic scale: the first
 * confirmations say most. A node that only seems dead to one slow observer so gets the long time.
 *
 *     maxMs ┤●
 *           │ ╲        each ● is one more accuser
 *           │   ●───●
 *     minMs ┤       ╰──●  k confirmations
 *
 * Source: Lifeguard (Dadgar, Phillips, Currey 2018), LHA-Suspicion; the reference rounds down to milliseconds.
 */
import { assert } from "../../lib/assert.ts";
import type { MonotonicMs } from "../../lib/clock.ts";

/** The numbers of one suspicion. */
export interface SuspicionTerms {
  /** Confirmations that bring the time down to `minMs`; below 1 it starts there. */
  readonly wanted: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/** Milliseconds from the first suspicion to the verdict, after so many confirmations. */
export function suspicionMs({ wanted, minMs, maxMs }: SuspicionTerms, confirmations: number): number {
  if (wanted < 1) return minMs;
  const share = Math.log(confirmations + 1) / Math.log(wanted + 1);
  // In seconds and back, as the reference computes it: the last bit decides what rounding down gives.
  const seconds = maxMs / 1000 - share * (maxMs / 1000 - minMs / 1000);
  return Math.max(minMs, Math.floor(1000 * seconds));
}

const none: string[] = [];

/** One running suspicion. */
export class Suspicion {
  readonly terms: SuspicionTerms;
  readonly startedMs: MonotonicMs;
  /** The first accuser, whose echo confirms nothing, and who confirmed. Few enough for a list. */
  #accusers: string[];
  #confirmations = 0;
  #deadlineMs: MonotonicMs;

  constructor(from: string, terms: SuspicionTerms, nowMs: MonotonicMs) {
    assert(terms.minMs <= terms.maxMs, "confirmations shorten a suspicion");
    this.terms = terms;
    this.startedMs = nowMs;
    this.#accusers = [from];
    this.#deadlineMs = (nowMs + suspicionMs(terms, 0)) as MonotonicMs;
  }

  /** Confirmations so far, at most `wanted`. */
  get confirmations(): number {
    return this.#confirmations;
  }

  /** When the verdict falls; only ever moves nearer. Infinite once the suspicion has ended. */
  get deadlineMs(): MonotonicMs {
    return this.#deadlineMs;
  }

  /** There will be no verdict. */
  end(): void {
    this.#deadlineMs = Infinity as MonotonicMs;
  }

  /** Whether `from` says something new: worth spreading, and the deadline has moved. */
  confirm(from: string): boolean {
    if (this.#confirmations >= this.terms.wanted || this.#accusers.includes(from)) return false;
    this.#confirmations += 1;
    // Once there are enough nobody is asked for any more; in a mass death that memory counts.
    if (this.#confirmations === this.terms.wanted) this.#accusers = none;
    else this.#accusers.push(from);
    this.#deadlineMs = (this.startedMs + suspicionMs(this.terms, this.confirmations)) as MonotonicMs;
    return true;
  }
}
