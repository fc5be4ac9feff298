/**
 * One leadership: proposals, commit, configuration changes, reads, transfer and the lease.
 *
 * It lives from the election to the step down and is then thrown away, so nothing of an old
 * leadership can leak into a new one. Source: Ongaro 2014, §3.5–3.6, §3.10, §4, §6.2, §6.4.
 */
import { assert, must } from "../../lib/assert.ts";
import { logIndex, type LogIndex } from "../../lib/log-index.ts";
import type { ConfigurationChange, FollowerStatus, Proposal, RefusalReason } from "./effects.ts";
import { entryType, type ServerId, type SnapshotMark } from "./entry.ts";
import { changedConfiguration } from "./membership.ts";
import type { RaftResponse } from "./messages.ts";
import { reachedByMajority } from "./quorum.ts";
import { ReadBarriers } from "./reads.ts";
import { Replicator } from "./replicator.ts";
import type { RaftState } from "./state.ts";

interface Transfer {
  readonly proposalId: number;
  readonly target: ServerId;
  readonly deadlineMs: number;
  /** The TimeoutNow that went out. */
  requestId: number | undefined;
}

/** A user's snapshot on its way to becoming the state. */
interface Restore {
  readonly proposalId: number;
  readonly mark: SnapshotMark;
}

/** Why a leadership ends of itself. */
export type Resignation = "leaseExpired" | "removed";

const nothing = new Uint8Array(0);
/** Far more than any log holds, and far from where numbers lose their last digit. */
const restoreIndexMax = 2 ** 52;

/** See the file's head. */
export class Leading {
  readonly #state: RaftState;
  readonly #replicator: Replicator;
  readonly #reads = new ReadBarriers();
  /** Index of the noop that began this leadership; once committed, so is everything before it. */
  readonly #termStart: LogIndex;
  #transfer: Transfer | undefined;
  #restore: Restore | undefined;

  constructor(state: RaftState) {
    this.#state = state;
    this.#replicator = new Replicator(state);
    this.#termStart = logIndex(state.log.lastIndex + 1);
    this.#append({ type: entryType.noop, data: nothing });
  }

  propose(proposalId: number, entries: readonly Proposal[]): void {
    const { log, commitIndex, options, outbox, term } = this.#state;
    if (this.#transfer !== undefined) return outbox.refuse(proposalId, "transferInProgress");
    if (this.#restore !== undefined) return outbox.refuse(proposalId, "restoreInProgress");
    const uncommitted = log.lastIndex - commitIndex;
    if (uncommitted + entries.length > options.uncommittedEntriesMax)
      return outbox.refuse(proposalId, "overloaded");
    const firstIndex = logIndex(log.lastIndex + 1);
    for (const entry of entries) {
      assert(entry.type !== entryType.configuration, "configurations change by their own input");
      this.#append(entry);
    }
    outbox.outcome({ kind: "proposed", proposalId, firstIndex, count: entries.length, term });
  }

  changeConfiguration(o: { proposalId: number; change: ConfigurationChange; prevIndex?: LogIndex }): void {
    const { membership, commitIndex, rules, outbox, codec, log, term } = this.#state;
    const { latest } = membership;
    if (this.#transfer !== undefined) return outbox.refuse(o.proposalId, "transferInProgress");
    if (this.#restore !== undefined) return outbox.refuse(o.proposalId, "changePending");
    if (o.prevIndex !== undefined && o.prevIndex !== latest.index)
      return outbox.refuse(o.proposalId, "changeInvalid");
    const may = { commitIndex, configurationIndex: latest.index, termStart: this.#termStart };
    if (!rules.mayChangeConfiguration(may)) return outbox.refuse(o.proposalId, "changePending");
    const next = changedConfiguration(latest.configuration, o.change);
    if (next === undefined) return outbox.refuse(o.proposalId, "changeInvalid");
    const firstIndex = logIndex(log.lastIndex + 1);
    this.#append({ type: entryType.configuration, data: codec.encode(next) });
    this.#replicator.followConfiguration();
    outbox.outcome({ kind: "proposed", proposalId: o.proposalId, firstIndex, count: 1, term });
  }

  verify(proposalId: number): void {
    // Before the noop is committed, the commit index may lag behind what an earlier leader acknowledged.
    const readIndex = logIndex(Math.max(this.#state.commitIndex, this.#termStart));
    this.#reads.add({ proposalId, readIndex });
  }

  transferLeadership(proposalId: number, to: ServerId | undefined): void {
    const { outbox, nowMs, options } = this.#state;
    if (this.#transfer !== undefined) return outbox.refuse(proposalId, "transferInProgress");
    if (this.#restore !== undefined) return outbox.refuse(proposalId, "restoreInProgress");
    const target = this.#transferTarget(to);
    if (target === undefined) return outbox.refuse(proposalId, "targetInvalid");
    this.#transfer = {
      proposalId,
      target,
      deadlineMs: nowMs + options.electionTimeoutMs,
      requestId: undefined,
    };
  }

  /** The plan in force; undefined without one. */
  get restoringId(): number | undefined {
    return this.#restore?.proposalId;
  }

  /**
   * Makes place for a user's snapshot behind everything in the log and behind its own index.
   *
   * No log has an entry at that place, so whoever lacks the snapshot cannot be brought past it but by the
   * snapshot itself. Source: hashicorp/raft, restoreUserSnapshot.
   */
  planRestore(proposalId: number, index: LogIndex): void {
    const { outbox, membership, log, term, commitIndex } = this.#state;
    if (this.#transfer !== undefined) return outbox.refuse(proposalId, "transferInProgress");
    if (this.#restore !== undefined) return outbox.refuse(proposalId, "restoreInProgress");
    if (index > restoreIndexMax) return outbox.refuse(proposalId, "changeInvalid");
    const { latest, committed } = membership;
    // A snapshot says nothing of a configuration that is not committed.
    if (latest.index !== committed.index || commitIndex < this.#termStart)
      return outbox.refuse(proposalId, "changePending");
    const mark = {
      index: logIndex(Math.max(log.lastIndex, index) + 1),
      term,
      configuration: latest.configuration,
      configurationIndex: latest.index,
    };
    this.#restore = { proposalId, mark };
    outbox.outcome({ kind: "restorePlanned", proposalId, mark });
  }

  /** The snapshot is the state: the log begins behind it, and whoever follows needs it. */
  takeRestored(): void {
    const { proposalId, mark } = must(this.#restore, "a plan is in force");
    this.#restore = undefined;
    this.#state.takeRestored(mark);
    this.#replicator.startOver();
    const firstIndex = logIndex(mark.index + 1);
    // Once it is committed, a majority has taken the snapshot over.
    this.#append({ type: entryType.noop, data: nothing });
    this.#state.outbox.outcome({ kind: "proposed", proposalId, firstIndex, count: 1, term: mark.term });
  }

  abandonRestore(proposalId: number): void {
    if (this.#restore?.proposalId === proposalId) this.#restore = undefined;
  }

  /** An answer without a newer term. */
  receive(requestId: number, message: RaftResponse): void {
    this.#replicator.receive(requestId, message);
  }

  fail(requestId: number): void {
    if (this.#transfer?.requestId === requestId) return this.#endTransfer("transferTimedOut");
    this.#replicator.fail(requestId);
  }

  /** Draws the conclusions of a step: commits, proves reads, sends. Returns why leadership must end, if it must. */
  conclude(): Resignation | undefined {
    const { membership, id } = this.#state;
    this.#commit();
    if (membership.committed.index === membership.latest.index && !membership.isVoter(id)) return "removed";
    if (!this.#leaseHolds()) return "leaseExpired";
    this.#advanceTransfer();
    this.#proveReads();
    const startsRound = this.#reads.startRound();
    this.#replicator.sendHeartbeats(this.#reads.round, startsRound);
    // A sole voter needs no answer to prove its round.
    if (startsRound) this.#proveReads();
    this.#replicator.sendEntries(this.#reads.round);
    return undefined;
  }

  /** Leadership is over; `newerTerm` when another server has started one. */
  end(newerTerm: boolean): void {
    const { outbox, commitIndex } = this.#state;
    for (const read of this.#reads.takeAll()) outbox.refuse(read.proposalId, "leadershipLost");
    const transfer = this.#transfer;
    this.#transfer = undefined;
    if (transfer !== undefined && newerTerm && transfer.requestId !== undefined) {
      outbox.outcome({ kind: "transferred", proposalId: transfer.proposalId });
    } else if (transfer !== undefined) {
      outbox.refuse(transfer.proposalId, "leadershipLost");
    }
    outbox.lostFrom(logIndex(commitIndex + 1));
  }

  /** When a timer of the leader fires next. */
  wakeAtMs(): number {
    const { nowMs, options } = this.#state;
    const leaseEndMs = reachedByMajority(this.#contacts(nowMs)) + options.leaderLeaseTimeoutMs + 1;
    return Math.min(this.#replicator.wakeAtMs(), this.#transfer?.deadlineMs ?? Infinity, leaseEndMs);
  }

  followers(): readonly FollowerStatus[] {
    return this.#replicator.followers();
  }

  /** Problems of the structure itself, for tests. */
  problems(): readonly string[] {
    const found = [...this.#replicator.problems()];
    const { nowMs, options } = this.#state;
    if (nowMs - reachedByMajority(this.#contacts(nowMs)) > options.leaderLeaseTimeoutMs)
      found.push("leads without its lease");
    return found;
  }

  #append(proposal: Proposal): void {
    const { log, term } = this.#state;
    this.#state.append({ ...proposal, index: logIndex(log.lastIndex + 1), term });
  }

  #contacts(own: number): number[] {
    return this.#replicator.perVoter(own, (progress) => progress.lastContactMs);
  }

  #leaseHolds(): boolean {
    const { nowMs, rules, options } = this.#state;
    return rules.leaseHolds({
      contacts: this.#contacts(nowMs),
      nowMs,
      leaseMs: options.leaderLeaseTimeoutMs,
    });
  }

  #commit(): void {
    const { rules, log, commitIndex, term } = this.#state;
    const own = rules.leaderMatch(log.durableIndex, log.lastIndex);
    const stored = rules.storedByMajority(this.#replicator.perVoter(own, (progress) => progress.matchIndex));
    if (stored <= commitIndex) return;
    const index = logIndex(stored);
    if (rules.mayCommitByCounting(log.termAt(index), term)) this.#state.commitThrough(index);
  }

  #proveReads(): void {
    const { rules, outbox, commitIndex } = this.#state;
    if (!this.#reads.isRoundUnderWay || commitIndex < this.#termStart) return;
    const { round } = this.#reads;
    const proved = this.#replicator.perVoter(round, (progress) => progress.provedRound);
    if (!rules.readIsProved(proved, round)) return;
    for (const read of this.#reads.takeProved()) {
      outbox.outcome({ kind: "verified", proposalId: read.proposalId, readIndex: read.readIndex });
    }
  }

  #transferTarget(to: ServerId | undefined): ServerId | undefined {
    const { membership, id } = this.#state;
    const others = membership.voters.filter((voter) => voter !== id);
    if (to !== undefined) return others.includes(to) ? to : undefined;
    return others.toSorted((a, b) => this.#replicator.matchIndex(b) - this.#replicator.matchIndex(a))[0];
  }

  #advanceTransfer(): void {
    const transfer = this.#transfer;
    if (transfer === undefined) return;
    const { nowMs, log, membership, outbox, header, options } = this.#state;
    const target = membership.find(transfer.target);
    if (nowMs >= transfer.deadlineMs || target === undefined) return this.#endTransfer("transferTimedOut");
    if (transfer.requestId !== undefined || this.#replicator.matchIndex(target.id) < log.lastIndex) return;
    transfer.requestId = outbox.request({
      to: target,
      lane: "control",
      timeoutMs: options.requestTimeoutMs,
      message: { kind: "timeoutNow", header },
    });
  }

  #endTransfer(reason: RefusalReason): void {
    if (this.#transfer !== undefined) this.#state.outbox.refuse(this.#transfer.proposalId, reason);
    this.#transfer = undefined;
  }
}
