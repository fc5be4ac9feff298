/** Gathers what one step of the core wants done; drained once per step. */
import type { LogIndex } from "../../lib/log-index.ts";
import type { MonotonicMs } from "../../lib/clock.ts";
import type {
  Effects,
  Lane,
  Leadership,
  LogWrite,
  Outcome,
  Outgoing,
  ReceiveSnapshot,
  RefusalReason,
  RefusedMessage,
  SendSnapshot,
} from "./effects.ts";
import type { Entry, Server, SnapshotEnd, SnapshotMark } from "./entry.ts";
import type { RaftRequest, RaftResponse } from "./messages.ts";

/** A request before it has its number. */
export interface Draft {
  readonly to: Server;
  readonly lane: Lane;
  readonly timeoutMs: number;
  readonly message: RaftRequest;
}

/** What `drain` adds to what was gathered. */
export interface StepEnd {
  readonly write: LogWrite | undefined;
  readonly apply: readonly Entry[];
  readonly leadership: Leadership | undefined;
  readonly wakeAtMs: MonotonicMs | undefined;
  /** Whether a write, this step's or an earlier one, is not yet durable. */
  readonly isWriting: boolean;
}

const none: readonly never[] = Object.freeze([]);

function take<T>(list: T[]): readonly T[] {
  return list.length === 0 ? none : list.splice(0);
}

/** One per core. Request numbers start at 1 and are never reused. */
export class Outbox {
  readonly #send: Outgoing[] = [];
  readonly #sendAfterWrite: Outgoing[] = [];
  readonly #receiveSnapshot: ReceiveSnapshot[] = [];
  readonly #sendSnapshot: SendSnapshot[] = [];
  readonly #dropSnapshots: SnapshotEnd[] = [];
  readonly #refused: RefusedMessage[] = [];
  readonly #outcomes: Outcome[] = [];
  #installSnapshot: SnapshotMark | undefined;
  #lostFrom: LogIndex | undefined;
  #compactThrough: LogIndex | undefined;
  #requestId = 0;

  /** Queues a request that promises nothing; returns its number. */
  request(draft: Draft): number {
    const requestId = this.#nextId();
    this.#send.push(toRequest(draft, requestId));
    return requestId;
  }

  /** Queues a request that holds back until the disk has caught up; returns its number. */
  requestAfterWrite(draft: Draft): number {
    const requestId = this.#nextId();
    this.#sendAfterWrite.push(toRequest(draft, requestId));
    return requestId;
  }

  /** Queues a snapshot to be sent; returns its request number. */
  sendSnapshot(snapshot: Omit<SendSnapshot, "requestId">): number {
    const requestId = this.#nextId();
    this.#sendSnapshot.push({ requestId, ...snapshot });
    return requestId;
  }

  /** An answer that promises nothing. */
  reply(inboundId: number, message: RaftResponse): void {
    this.#send.push({ kind: "reply", inboundId, message });
  }

  /** An answer that a crash must not make untrue. */
  replyAfterWrite(inboundId: number, message: RaftResponse): void {
    this.#sendAfterWrite.push({ kind: "reply", inboundId, message });
  }

  replyError(inboundId: number, error: string): void {
    this.#send.push({ kind: "reply", inboundId, error });
  }

  /** A request that no correct peer sends. */
  refuseRequest(inboundId: number, refused: RefusedMessage): void {
    this.replyError(inboundId, `refused: ${refused.problem}`);
    this.refused(refused);
  }

  refused(refused: RefusedMessage): void {
    this.#refused.push(refused);
  }

  dropSnapshot(end: SnapshotEnd): void {
    this.#dropSnapshots.push(end);
  }

  receiveSnapshot(receive: ReceiveSnapshot): void {
    this.#receiveSnapshot.push(receive);
  }

  outcome(outcome: Outcome): void {
    this.#outcomes.push(outcome);
  }

  refuse(proposalId: number, reason: RefusalReason): void {
    this.#outcomes.push({ kind: "refused", proposalId, reason });
  }

  installSnapshot(mark: SnapshotMark): void {
    this.#installSnapshot = mark;
  }

  lostFrom(index: LogIndex): void {
    this.#lostFrom = index;
  }

  compactThrough(index: LogIndex): void {
    this.#compactThrough = index;
  }

  /** Everything gathered since the last call. */
  drain(end: StepEnd): Effects {
    // With nothing under way there is nothing to wait for.
    if (!end.isWriting) this.#send.push(...this.#sendAfterWrite.splice(0));
    const effects: Effects = {
      send: take(this.#send),
      write: end.write,
      sendAfterWrite: take(this.#sendAfterWrite),
      receiveSnapshot: take(this.#receiveSnapshot),
      sendSnapshot: take(this.#sendSnapshot),
      dropSnapshots: take(this.#dropSnapshots),
      refused: take(this.#refused),
      installSnapshot: this.#installSnapshot,
      apply: end.apply,
      outcomes: take(this.#outcomes),
      lostFrom: this.#lostFrom,
      leadership: end.leadership,
      compactThrough: this.#compactThrough,
      wakeAtMs: end.wakeAtMs,
    };
    this.#installSnapshot = undefined;
    this.#lostFrom = undefined;
    this.#compactThrough = undefined;
    return effects;
  }

  #nextId(): number {
    this.#requestId += 1;
    return this.#requestId;
  }
}

function toRequest(draft: Draft, requestId: number): Outgoing {
  return {
    kind: "request",
    requestId,
    to: draft.to.id,
    address: draft.to.address,
    lane: draft.lane,
    timeoutMs: draft.timeoutMs,
    message: draft.message,
  };
}
