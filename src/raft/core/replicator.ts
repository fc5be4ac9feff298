/**
 * The leader's side of replication: which requests go to which follower, and what answers mean.
 *
 * Source: protocol/raft.md §3; Ongaro 2014, §3.5, §5, §10.2.
 */
import { must } from "../../lib/assert.ts";
import type { MonotonicMs } from "../../lib/clock.ts";
import { logIndex, term, type LogIndex } from "../../lib/log-index.ts";
import type { FollowerStatus } from "./effects.ts";
import type { Entry, Server, ServerId } from "./entry.ts";
import type { AppendEntriesRequest, AppendEntriesResponse, RaftResponse } from "./messages.ts";
import type { RaftOptions } from "./options.ts";
import { Progress } from "./progress.ts";
import type { RaftState } from "./state.ts";

type Sent = {
  readonly to: ServerId;
  readonly progress: Progress;
  readonly epoch: number;
  readonly round: number;
} & (
  | { readonly kind: "append"; readonly previous: LogIndex; readonly count: number }
  | { readonly kind: "heartbeat" }
  | { readonly kind: "snapshot"; readonly index: LogIndex }
);

/**
 * Least pause between heartbeats. However long the timeouts, operators' tools call a follower healthy only if it
 * heard its leader within 200 ms, as it does under HashiCorp's leaders, which send something every commit timeout.
 */
function heartbeatIntervalMs({ heartbeatTimeoutMs, commitTimeoutMs }: RaftOptions): number {
  return Math.max(1, Math.min(Math.floor(heartbeatTimeoutMs / 10), commitTimeoutMs));
}

/** All followers under one leadership. */
export class Replicator {
  readonly #state: RaftState;
  readonly #progress = new Map<ServerId, Progress>();
  readonly #sent = new Map<number, Sent>();

  constructor(state: RaftState) {
    this.#state = state;
    this.followConfiguration();
  }

  /** Starts and stops replication as the configuration in use says. */
  followConfiguration(): void {
    const { servers } = this.#state.membership.latest.configuration;
    const ids = new Set(servers.map((server) => server.id));
    for (const [id, progress] of this.#progress) {
      if (ids.has(id)) continue;
      this.#progress.delete(id);
      this.#tellRemoved(id, progress);
    }
    for (const { id } of servers) {
      if (id === this.#state.id || this.#progress.has(id)) continue;
      this.#progress.set(id, new Progress(logIndex(this.#state.log.lastIndex + 1), this.#state.nowMs));
    }
  }

  /** The log was replaced by a snapshot: what is under way proves nothing any more. */
  startOver(): void {
    for (const progress of this.#progress.values()) progress.startOver();
  }

  /** Through where `id` has stored the log; 0 if it is no follower. */
  matchIndex(id: ServerId): LogIndex {
    return this.#progress.get(id)?.matchIndex ?? logIndex(0);
  }

  /** One value per voter: `own` for this server, `of` for the others. */
  perVoter(own: number, of: (progress: Progress) => number): number[] {
    return this.#state.membership.voters.map((id) => {
      if (id === this.#state.id) return own;
      const progress = this.#progress.get(id);
      return progress === undefined ? 0 : of(progress);
    });
  }

  /** Takes an answer; false if it belongs to no request of this leadership. */
  receive(requestId: number, message: RaftResponse): boolean {
    const sent = this.#take(requestId);
    if (sent === undefined) return false;
    if (message.kind === "appendEntriesResponse") this.#appendAnswered(sent, message);
    else if (message.kind === "installSnapshotResponse") this.#snapshotAnswered(sent, message.success);
    else this.fail(requestId);
    return true;
  }

  /** A request was lost; false if it is none of this leadership. */
  fail(requestId: number): boolean {
    const sent = this.#take(requestId);
    if (sent === undefined) return false;
    this.#failed(sent);
    return true;
  }

  /** Sends heartbeats that are due, or all at once, proving read round `round`. */
  sendHeartbeats(round: number, all: boolean): void {
    const { nowMs, options } = this.#state;
    for (const [id, progress] of this.#progress) {
      if (!all && nowMs < progress.heartbeatDueMs) continue;
      const interval = heartbeatIntervalMs(options);
      progress.heartbeatDueMs = (nowMs + this.#state.jitteredMs(interval)) as MonotonicMs;
      if (progress.heartbeatsInflight >= options.heartbeatInflightMax) continue;
      progress.heartbeatsInflight += 1;
      const requestId = this.#state.outbox.request({
        to: this.#server(id),
        lane: "heartbeat",
        timeoutMs: options.heartbeatTimeoutMs,
        message: this.#appendRequest({ previous: logIndex(0), entries: [], isHeartbeat: true }),
      });
      this.#sent.set(requestId, { kind: "heartbeat", to: id, progress, epoch: progress.epoch, round });
    }
  }

  /** Sends whatever each follower may get now. */
  sendEntries(round: number): void {
    for (const [id, progress] of this.#progress) {
      while (this.#sendNext(id, progress, round));
    }
  }

  /** When the next heartbeat, retry or news of the commit index is due. */
  wakeAtMs(): number {
    const { nowMs, log, commitIndex, options } = this.#state;
    let wake = Infinity;
    for (const progress of this.#progress.values()) {
      wake = Math.min(wake, progress.heartbeatDueMs);
      if (progress.pausedUntilMs > nowMs) wake = Math.min(wake, progress.pausedUntilMs);
      if (progress.nextIndex <= log.lastIndex || !progress.maySend(nowMs, options.appendInflightMax))
        continue;
      wake = Math.min(
        wake,
        progress.sentCommit < commitIndex ? progress.commitDueMs : progress.reminderDueMs,
      );
    }
    return wake;
  }

  followers(): readonly FollowerStatus[] {
    return [...this.#progress].map(([id, progress]) => ({
      ...this.#server(id),
      matchIndex: progress.matchIndex,
      nextIndex: progress.nextIndex,
      lastContactMs: progress.lastContactMs,
    }));
  }

  /** Problems of the structure itself, for tests. */
  problems(): readonly string[] {
    const found: string[] = [];
    for (const [id, progress] of this.#progress) {
      if (progress.matchIndex > this.#state.log.lastIndex)
        found.push(`${id} matches beyond the leader's log`);
      if (progress.inflight > this.#state.options.appendInflightMax)
        found.push(`${id} has too many requests under way`);
    }
    return found;
  }

  /**
   * The entry that removes a server goes to it too, once, unless it is far behind: a server that leaves sees that
   * it may go. Nothing depends on it, so the answer does not count.
   */
  #tellRemoved(id: ServerId, progress: Progress): void {
    const { membership, log, options, outbox } = this.#state;
    const to = membership.committed.configuration.servers.find((server) => server.id === id);
    const previous = logIndex(progress.nextIndex - 1);
    if (to === undefined || progress.mode !== "pipeline" || log.termAt(previous) === undefined) return;
    const through = logIndex(Math.min(log.lastIndex, previous + options.appendEntriesMax));
    const entries = log.entries(progress.nextIndex, through, options.appendBytesMax);
    outbox.request({
      to,
      lane: "replicate",
      timeoutMs: options.requestTimeoutMs,
      message: this.#appendRequest({ previous, entries, isHeartbeat: false }),
    });
  }

  #server(id: ServerId): Server {
    return must(this.#state.membership.find(id), "followers are members");
  }

  /** The request, if its follower is still the same member. */
  #take(requestId: number): Sent | undefined {
    const sent = this.#sent.get(requestId);
    if (sent === undefined) return undefined;
    this.#sent.delete(requestId);
    if (sent.kind === "heartbeat") sent.progress.heartbeatsInflight -= 1;
    return this.#progress.get(sent.to) === sent.progress ? sent : undefined;
  }

  #appendAnswered(sent: Sent, message: AppendEntriesResponse): void {
    const { progress } = sent;
    const { nowMs } = this.#state;
    // An answer of an earlier term is no answer to this leadership, whatever it says.
    if (message.term !== this.#state.term) return this.#failed(sent);
    progress.lastContactMs = nowMs;
    if (sent.round > progress.provedRound) progress.provedRound = sent.round;
    if (sent.kind === "heartbeat") return progress.reachable(nowMs);
    if (sent.kind !== "append") return;
    if (message.success) {
      progress.succeeded(logIndex(sent.previous + sent.count), sent.epoch);
    } else if (message.noRetryBackoff && sent.previous > 0) {
      progress.mismatched({ previous: sent.previous, lastLog: message.lastLog, epoch: sent.epoch });
    } else {
      // A mismatch before the first entry among them: no log can say that, and who does is not asked again at once.
      this.#failed(sent);
    }
  }

  #snapshotAnswered(sent: Sent, success: boolean): void {
    if (sent.kind !== "snapshot" || !success) return this.#failed(sent);
    sent.progress.lastContactMs = this.#state.nowMs;
    sent.progress.snapshotInstalled(sent.index, sent.epoch);
  }

  #failed(sent: Sent): void {
    if (sent.kind === "heartbeat") return;
    sent.progress.failed({ epoch: sent.epoch, nowMs: this.#state.nowMs, options: this.#state.options });
  }

  #sendNext(id: ServerId, progress: Progress, round: number): boolean {
    const { log, nowMs, options, commitIndex } = this.#state;
    if (!progress.maySend(nowMs, options.appendInflightMax)) return false;
    const previous = logIndex(progress.nextIndex - 1);
    const isEmpty = progress.nextIndex > log.lastIndex;
    const mustFindMatch = progress.mode === "probe" && progress.matchIndex < previous;
    const isNews = progress.sentCommit < commitIndex;
    const hasNews = nowMs >= (isNews ? progress.commitDueMs : progress.reminderDueMs);
    if (isEmpty && !mustFindMatch && !hasNews) return false;
    if (log.termAt(previous) === undefined || progress.nextIndex < log.firstIndex)
      return this.#sendSnapshot(id, progress);
    const through = logIndex(Math.min(log.lastIndex, previous + options.appendEntriesMax));
    const entries = isEmpty ? [] : log.entries(progress.nextIndex, through, options.appendBytesMax);
    const requestId = this.#state.outbox.request({
      to: this.#server(id),
      lane: "replicate",
      timeoutMs: options.requestTimeoutMs,
      message: this.#appendRequest({ previous, entries, isHeartbeat: false }),
    });
    const { epoch } = progress;
    this.#sent.set(requestId, {
      kind: "append",
      to: id,
      progress,
      epoch,
      round,
      previous,
      count: entries.length,
    });
    progress.sent(logIndex(previous + entries.length), commitIndex);
    progress.commitDueMs = (nowMs + this.#state.jitteredMs(options.commitTimeoutMs)) as MonotonicMs;
    progress.reminderDueMs = (nowMs + options.heartbeatTimeoutMs) as MonotonicMs;
    return true;
  }

  #appendRequest(o: {
    previous: LogIndex;
    entries: readonly Entry[];
    isHeartbeat: boolean;
  }): AppendEntriesRequest {
    const { header, address, log, commitIndex, term: current } = this.#state;
    return {
      kind: "appendEntries",
      header,
      term: current,
      leader: address,
      prevLogIndex: o.previous,
      prevLogTerm: log.termAt(o.previous) ?? term(0),
      entries: o.entries,
      leaderCommit: o.isHeartbeat ? logIndex(0) : commitIndex,
    };
  }

  /** Returns false: nothing more can go until the snapshot is answered. */
  #sendSnapshot(id: ServerId, progress: Progress): boolean {
    const { header, address, term: current } = this.#state;
    const snapshot = must(this.#state.snapshot, "entries are compacted under a snapshot only");
    const server = this.#server(id);
    progress.snapshotSent();
    const requestId = this.#state.outbox.sendSnapshot({
      to: id,
      address: server.address,
      message: {
        kind: "installSnapshot",
        header,
        term: current,
        leader: address,
        lastLogIndex: snapshot.index,
        lastLogTerm: snapshot.term,
        configuration: snapshot.configuration,
        configurationIndex: snapshot.configurationIndex,
        sizeBytes: 0,
      },
    });
    this.#sent.set(requestId, {
      kind: "snapshot",
      to: id,
      progress,
      epoch: progress.epoch,
      round: 0,
      index: snapshot.index,
    });
    return false;
  }
}
