/** Who waits for what: requests to the core by their number, appended entries by their place in the log. */
import { unreachable } from "../../lib/assert.ts";
import { LeadershipLostError } from "../../lib/consensus.ts";
import type { LogIndex, Term } from "../../lib/log-index.ts";
import type { Outcome } from "../core/effects.ts";
import type { SnapshotMark } from "../core/entry.ts";
import { refusalError } from "./refusal.ts";

/** A proposal that waits for its result. */
export interface EntryWaiter {
  /** The command in memory, for the state machine. */
  readonly decoded?: unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Where a request ended. */
export type Settled =
  | { readonly kind: "proposed"; readonly firstIndex: LogIndex; readonly term: Term }
  | { readonly kind: "verified"; readonly readIndex: LogIndex }
  | { readonly kind: "restorePlanned"; readonly mark: SnapshotMark }
  | { readonly kind: "transferred" };

interface RequestWaiter {
  readonly resolve: (settled: Settled) => void;
  readonly reject: (error: unknown) => void;
}

export class Pending {
  readonly #entries = new Map<number, EntryWaiter>();
  readonly #requests = new Map<number, RequestWaiter>();
  readonly #appended = new Map<number, EntryWaiter & { readonly term: Term }>();
  #lastId = 0;

  /** Proposals that are not answered yet. */
  get size(): number {
    return this.#entries.size + this.#appended.size;
  }

  /** Registers a proposal; answered when its last entry is applied. Returns its number. */
  entry(waiter: EntryWaiter): number {
    this.#lastId += 1;
    this.#entries.set(this.#lastId, waiter);
    return this.#lastId;
  }

  /** Registers a request that the core answers by itself. */
  request(waiter: RequestWaiter): number {
    this.#lastId += 1;
    this.#requests.set(this.#lastId, waiter);
    return this.#lastId;
  }

  /** Carries out what the core said about a request. */
  settle(outcome: Outcome): void {
    const entry = this.#entries.get(outcome.proposalId);
    if (entry !== undefined) return this.#settleEntry(entry, outcome);
    const request = this.#requests.get(outcome.proposalId);
    if (request === undefined) return;
    this.#requests.delete(outcome.proposalId);
    switch (outcome.kind) {
      case "refused":
        return request.reject(refusalError(outcome.reason));
      case "proposed":
      case "verified":
      case "restorePlanned":
      case "transferred":
        return request.resolve(outcome);
      default:
        return unreachable(outcome);
    }
  }

  /** The proposal whose last entry this is, if made here; one that another leader's entry replaced is rejected. */
  take(index: LogIndex, term: Term): EntryWaiter | undefined {
    const waiter = this.#appended.get(index);
    if (waiter === undefined) return undefined;
    this.#appended.delete(index);
    if (waiter.term === term) return waiter;
    waiter.reject(new LeadershipLostError());
    return undefined;
  }

  /** Leadership ended: entries from here on may come or be lost. */
  lostFrom(index: LogIndex): void {
    for (const [at, waiter] of this.#appended) {
      if (at < index) continue;
      this.#appended.delete(at);
      waiter.reject(new LeadershipLostError());
    }
  }

  /** A snapshot jumped over entries: whether they came or were lost is not known any more. */
  lostThrough(index: LogIndex, error: () => Error = () => new LeadershipLostError()): void {
    for (const [at, waiter] of this.#appended) {
      if (at > index) continue;
      this.#appended.delete(at);
      waiter.reject(error());
    }
  }

  /** Registers a proposal under the number of a request that was answered. */
  follow(proposalId: number, waiter: EntryWaiter): void {
    this.#entries.set(proposalId, waiter);
  }

  /** Undoes `follow`, without settling. */
  forget(proposalId: number): void {
    this.#entries.delete(proposalId);
  }

  rejectAll(error: unknown): void {
    for (const waiters of [this.#entries, this.#requests, this.#appended]) {
      for (const waiter of waiters.values()) waiter.reject(error);
      waiters.clear();
    }
  }

  #settleEntry(waiter: EntryWaiter, outcome: Outcome): void {
    this.#entries.delete(outcome.proposalId);
    switch (outcome.kind) {
      case "refused":
        return waiter.reject(refusalError(outcome.reason));
      case "proposed":
        this.#appended.set(outcome.firstIndex + outcome.count - 1, {
          decoded: waiter.decoded,
          resolve: waiter.resolve,
          reject: waiter.reject,
          term: outcome.term,
        });
        return;
      case "verified":
      case "restorePlanned":
      case "transferred":
        return waiter.reject(new Error("the core answered another question"));
      default:
        return unreachable(outcome);
    }
  }
}
