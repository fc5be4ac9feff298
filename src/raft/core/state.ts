/**
 * What a server is, whatever role it plays: identity, term, vote, log, configuration, commit index.
 *
 * The parts of the core share this one object; it lives inside the core and nowhere else.
 */
import { assert, must } from "../../lib/assert.ts";
import type { MonotonicMs } from "../../lib/clock.ts";
import { logIndex, term, type LogIndex, type Term } from "../../lib/log-index.ts";
import type { Rng } from "../../lib/rng.ts";
import type { Leader } from "./effects.ts";
import { entryType, type ConfigurationCodec, type Entry, type ServerId, type SnapshotMark } from "./entry.ts";
import { Membership } from "./membership.ts";
import { protocolVersion, type Header } from "./messages.ts";
import type { RaftOptions } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { RaftLog } from "./raft-log.ts";
import { defaultRules, type Rules } from "./rules.ts";
import type { RaftStart } from "./status.ts";

const scanBytesMax = 1_048_576;

/** See the file's head. */
export class RaftState {
  readonly id: ServerId;
  readonly address: string;
  readonly options: RaftOptions;
  readonly rules: Rules;
  readonly rng: Rng;
  readonly codec: ConfigurationCodec;
  readonly commandProblem: (entry: Entry) => string | undefined;
  readonly header: Header;
  readonly log: RaftLog;
  readonly membership: Membership;
  readonly outbox = new Outbox();
  nowMs: MonotonicMs;
  /** Entries that stay in the log behind a snapshot. */
  trailingLogs: number;
  leader: Leader | undefined;
  /** When the leader was last heard or a vote was given. */
  lastContactMs: MonotonicMs | undefined;
  snapshot: SnapshotMark | undefined;
  #term: Term;
  #votedFor: string | undefined;
  #hardStateIsDirty = false;
  #commitIndex: LogIndex;
  #appliedIndex: LogIndex;

  constructor(start: RaftStart) {
    this.id = start.id;
    this.address = start.address;
    this.options = start.options;
    this.rules = start.rules ?? defaultRules;
    this.rng = start.rng;
    this.codec = start.codec;
    this.commandProblem = start.commandProblem ?? (() => undefined);
    this.header = { protocolVersion, id: start.id, address: start.address };
    this.nowMs = start.nowMs;
    this.trailingLogs = start.options.trailingLogs;
    this.snapshot = start.snapshot;
    this.#term = start.hardState.term;
    this.#votedFor = start.hardState.votedFor;
    const markIndex = start.snapshot?.index ?? logIndex(0);
    const markTerm = start.snapshot === undefined ? term(0) : this.rules.snapshotTerm(start.snapshot.term);
    this.log = new RaftLog(start.log, { index: markIndex, term: markTerm }, start.options);
    this.#commitIndex = markIndex;
    this.#appliedIndex = markIndex;
    this.membership = new Membership(this.rules, {
      configuration: start.snapshot?.configuration ?? { servers: [] },
      index: start.snapshot?.configurationIndex ?? logIndex(0),
    });
    this.#scanConfigurations();
    // A received snapshot can outlive the write of the term in which it came: nobody voted in that one.
    if (this.log.lastTerm > this.#term) this.enterTerm(this.log.lastTerm);
  }

  get term(): Term {
    return this.#term;
  }
  get votedFor(): string | undefined {
    return this.#votedFor;
  }
  get commitIndex(): LogIndex {
    return this.#commitIndex;
  }
  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  /** Enters a later term, in which no vote is given yet. */
  enterTerm(next: Term): void {
    assert(next > this.#term, "terms only grow");
    this.#term = next;
    this.#votedFor = undefined;
    this.#hardStateIsDirty = true;
  }

  /** Gives this term's vote. */
  vote(candidate: string): void {
    this.#votedFor = candidate;
    this.#hardStateIsDirty = true;
  }

  /** The hard state if it changed since the last call. */
  takeHardState(): { term: Term; votedFor: string | undefined } | undefined {
    if (!this.#hardStateIsDirty) return undefined;
    this.#hardStateIsDirty = false;
    const votedFor = this.#votedFor === undefined ? undefined : this.rules.voteToPersist(this.#votedFor);
    return { term: this.#term, votedFor };
  }

  get hardStateIsDirty(): boolean {
    return this.#hardStateIsDirty;
  }

  /** Appends an entry; a configuration counts at once. */
  append(entry: Entry): void {
    this.log.append(entry);
    if (entry.type !== entryType.configuration) return;
    this.membership.append({ configuration: this.codec.decode(entry.data), index: entry.index });
  }

  /** Cuts the log, and what its configurations said. */
  truncateFrom(from: LogIndex): void {
    assert(from > this.#commitIndex, "committed entries are never cut");
    this.log.truncateFrom(from);
    this.membership.truncateFrom(from);
  }

  /** Moves the commit index on; never back. */
  commitThrough(index: LogIndex): void {
    if (index <= this.#commitIndex) return;
    assert(index <= this.log.lastIndex, "only entries that are present are committed");
    this.#commitIndex = index;
    this.membership.commit(index);
  }

  /** Stands where a received snapshot ends. */
  jumpTo(mark: SnapshotMark): void {
    assert(mark.index > this.#appliedIndex, "the state machine never goes back");
    this.snapshot = mark;
    this.#appliedIndex = mark.index;
    if (mark.index > this.#commitIndex) this.#commitIndex = mark.index;
    this.outbox.installSnapshot(mark);
  }

  /** Stands where a user's snapshot ends, which the driver has given to the state machine. */
  takeRestored(mark: SnapshotMark): void {
    assert(mark.index > this.log.lastIndex, "a user's snapshot takes the place of no entry");
    assert(this.membership.committed.index === this.membership.latest.index, "no configuration is lost");
    this.log.restart({ index: mark.index, term: this.rules.snapshotTerm(mark.term) });
    this.snapshot = mark;
    this.#commitIndex = mark.index;
    this.#appliedIndex = mark.index;
  }

  /** The next committed entries for the state machine, bounded by the options. */
  takeCommitted(): readonly Entry[] {
    const through = this.rules.applyThrough(this.#commitIndex, this.log.lastIndex);
    if (through <= this.#appliedIndex) return [];
    const from = logIndex(this.#appliedIndex + 1);
    const end = logIndex(Math.min(through, this.#appliedIndex + this.options.applyEntriesMax));
    const entries = this.log.entries(from, end, this.options.applyBytesMax);
    this.#appliedIndex = must(entries.at(-1), "a committed entry is present").index;
    return entries;
  }

  /** Uniform in [ms, 2 ms), as every timer of the reference. */
  jitteredMs(ms: number): number {
    return ms + this.rng.below(ms);
  }

  /** Finds the configurations in the log at start. O(entries after the snapshot). */
  #scanConfigurations(): void {
    const known = this.membership.latest.index;
    let from = logIndex(Math.max(this.log.firstIndex, known + 1, this.#commitIndex + 1));
    while (from <= this.log.lastIndex) {
      const entries = this.log.entries(from, this.log.lastIndex, scanBytesMax);
      for (const entry of entries) {
        if (entry.type !== entryType.configuration) continue;
        this.membership.append({ configuration: this.codec.decode(entry.data), index: entry.index });
      }
      from = logIndex(must(entries.at(-1), "a read of a present entry returns it").index + 1);
    }
  }
}
