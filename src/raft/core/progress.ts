/**
 * What a leader knows about one follower, and what it may send next.
 *
 *               first success                     log mismatch, lost request
 *     probe ───────────────────▶ pipeline      pipeline ───────────────────▶ probe
 *       │  entry compacted away                snapshot ── answered, lost ──▶ probe
 *       └───────────────────────▶ snapshot
 *
 * In `probe` one request is under way and finds where the logs agree; in `pipeline` several are,
 * each sent as if those before it had succeeded; in `snapshot` no entries are sent at all.
 * Heartbeats run beside this in every mode.
 */
import { assert } from "../../lib/assert.ts";
import type { MonotonicMs } from "../../lib/clock.ts";
import { logIndex, type LogIndex } from "../../lib/log-index.ts";
import type { RaftOptions } from "./options.ts";

export type ProgressMode = "probe" | "pipeline" | "snapshot";

/** One follower under one leadership. */
export class Progress {
  #mode: ProgressMode = "probe";
  #nextIndex: LogIndex;
  #matchIndex: LogIndex = logIndex(0);
  #inflight = 0;
  #epoch = 0;
  #failures = 0;
  #pausedUntilMs: MonotonicMs;
  #sentCommit: LogIndex = logIndex(0);
  /** When it last answered anything in this term. */
  lastContactMs: MonotonicMs;
  /** Newest round of heartbeats (of reads) it has answered. */
  provedRound = 0;
  /** Unanswered heartbeats. */
  heartbeatsInflight = 0;
  heartbeatDueMs: MonotonicMs;
  /** When the next news of the commit index may go without entries. */
  commitDueMs: MonotonicMs;
  /**
   * When the commit index goes again although it was sent: a follower that restarts forgets it, and one that
   * restarts quickly misses no heartbeat that would tell.
   */
  reminderDueMs: MonotonicMs;

  /** Assumes that the follower has all that precedes `nextIndex`; finds out otherwise soon enough. */
  constructor(nextIndex: LogIndex, nowMs: MonotonicMs) {
    this.#nextIndex = nextIndex;
    this.#pausedUntilMs = nowMs;
    this.lastContactMs = nowMs;
    this.heartbeatDueMs = nowMs;
    this.commitDueMs = nowMs;
    this.reminderDueMs = nowMs;
  }

  get mode(): ProgressMode {
    return this.#mode;
  }
  /** First entry to send next. */
  get nextIndex(): LogIndex {
    return this.#nextIndex;
  }
  /** Through here it has stored what the leader has. Never falls. */
  get matchIndex(): LogIndex {
    return this.#matchIndex;
  }
  /** Changes when requests under way stop counting; requests remember theirs. */
  get epoch(): number {
    return this.#epoch;
  }
  get pausedUntilMs(): MonotonicMs {
    return this.#pausedUntilMs;
  }
  /** The newest commit index that was sent and not known to be lost. */
  get sentCommit(): LogIndex {
    return this.#sentCommit;
  }
  get inflight(): number {
    return this.#inflight;
  }

  /** Whether a request with entries may go now. */
  maySend(nowMs: MonotonicMs, inflightMax: number): boolean {
    if (this.#mode === "snapshot" || nowMs < this.#pausedUntilMs) return false;
    return this.#inflight < (this.#mode === "probe" ? 1 : inflightMax);
  }

  /** Entries `nextIndex` … `through` went out (none if `through < nextIndex`), with this commit index. */
  sent(through: LogIndex, commitIndex: LogIndex): void {
    this.#inflight += 1;
    this.#sentCommit = commitIndex;
    // A probe stays where it is until it is answered.
    if (this.#mode === "pipeline" && through >= this.#nextIndex) this.#nextIndex = logIndex(through + 1);
  }

  /** The follower has everything through `match`. */
  succeeded(match: LogIndex, epoch: number): void {
    if (match > this.#matchIndex) this.#matchIndex = match;
    if (match >= this.#nextIndex) this.#nextIndex = logIndex(match + 1);
    if (epoch !== this.#epoch) return;
    this.#inflight -= 1;
    this.#failures = 0;
    if (this.#mode === "probe") {
      this.#mode = "pipeline";
    }
    assert(this.#inflight >= 0, "each request is answered once");
  }

  /** The log did not match at the request's previous entry: go back, at once. */
  mismatched(o: { previous: LogIndex; lastLog: LogIndex; epoch: number }): void {
    if (o.epoch !== this.#epoch) return;
    // `previous` is the nextIndex of that request less one, so this is the reference's rule.
    this.#probeFrom(Math.max(Math.min(o.previous, o.lastLog + 1), 1));
  }

  /** The request was lost, or refused for a reason that needs time. */
  failed(o: { epoch: number; nowMs: MonotonicMs; options: RaftOptions }): void {
    if (o.epoch !== this.#epoch) return;
    this.#failures += 1;
    const doublings = Math.min(Math.max(this.#failures - 2, 0), o.options.backoffDoublingsMax);
    this.#pausedUntilMs = (o.nowMs + o.options.backoffBaseMs * 2 ** doublings) as MonotonicMs;
    this.#probeFrom(this.#mode === "pipeline" ? this.#matchIndex + 1 : this.#nextIndex);
  }

  /** A heartbeat got through: waiting longer is pointless. */
  reachable(nowMs: MonotonicMs): void {
    this.#failures = 0;
    if (this.#pausedUntilMs > nowMs) this.#pausedUntilMs = nowMs;
  }

  /** Finds out anew where the logs agree. */
  startOver(): void {
    this.#probeFrom(this.#matchIndex + 1);
  }

  /** A snapshot goes out. */
  snapshotSent(): void {
    this.#mode = "snapshot";
    this.#epoch += 1;
    this.#inflight = 1;
  }

  /** The follower stands at the snapshot's end. */
  snapshotInstalled(match: LogIndex, epoch: number): void {
    if (match > this.#matchIndex) this.#matchIndex = match;
    if (epoch !== this.#epoch) return;
    this.#failures = 0;
    this.#probeFrom(this.#matchIndex + 1);
  }

  #probeFrom(next: number): void {
    this.#mode = "probe";
    this.#epoch += 1;
    this.#inflight = 0;
    this.#sentCommit = logIndex(0);
    this.#nextIndex = logIndex(next);
  }
}
