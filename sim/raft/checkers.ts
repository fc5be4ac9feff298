/**
 * The eyes that see the whole cluster, and so know more than any server: the safety of Raft.
 *
 * Source: Ongaro & Ousterhout 2014, figure 3 (the five properties), plus what clients were promised.
 */
import type { LogIndex, Term } from "../../src/lib/log-index.ts";
import { entryType, type Entry, type HardState, type ServerId } from "../../src/raft/core/entry.ts";
import type { RaftCore } from "../../src/raft/core/core.ts";

/** The cluster did what it must never do. */
export class Violation extends Error {
  override readonly name = "Violation";
}

interface Applied {
  readonly term: Term;
  readonly digest: number;
}

/** What a state machine makes of an entry: a digest of everything applied so far. */
export function digestOf(before: number, entry: Entry): number {
  let hash = before ^ entry.type;
  hash = Math.imul(hash ^ entry.term, 0x01000193);
  for (const byte of entry.data) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** What a leader looked like before a step. */
export interface LeaderBefore {
  readonly term: Term;
  readonly commitIndex: LogIndex;
  readonly configurationIndex: LogIndex;
}

/** One per run; told of everything. Throws `Violation`. */
export class Checkers {
  readonly #leaders = new Map<Term, ServerId>();
  /** By index, from 1: what some server applied first. */
  readonly #applied: Applied[] = [];
  readonly #appliedProposals = new Set<number>();
  readonly #refusedProposals = new Set<number>();
  #restored: number | undefined;
  #acknowledged = 0;
  #readCount = 0;
  #acknowledgedCount = 0;

  /** The highest index whose proposer was told that it is there to stay. */
  get acknowledgedIndex(): number {
    return this.#acknowledged;
  }
  get appliedIndex(): number {
    return this.#applied.length;
  }
  /** Where a user's snapshot was taken over, if one was. */
  get restoredIndex(): number | undefined {
    return this.#restored;
  }
  get leaderCount(): number {
    return this.#leaders.size;
  }
  get readCount(): number {
    return this.#readCount;
  }
  get acknowledgedCount(): number {
    return this.#acknowledgedCount;
  }

  /** Election safety, and leader completeness for what has been applied anywhere. */
  becameLeader(id: ServerId, core: RaftCore): void {
    const { term, firstIndex, lastIndex, configuration, committedConfiguration } = core.status();
    if (
      ![...configuration.servers, ...committedConfiguration.servers].some(
        (s) => s.id === id && s.suffrage === "voter",
      )
    ) {
      throw new Violation(`membership: ${id} leads and is no voter`);
    }
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== id)
      throw new Violation(`election safety: ${other} and ${id} lead in term ${term}`);
    this.#leaders.set(term, id);
    for (let index: number = firstIndex; index <= this.#applied.length; index += 1) {
      const entry = this.#applied[index - 1];
      if (entry === undefined || entry.term >= term) break;
      if (index > lastIndex || core.termAt(index as LogIndex) !== entry.term) {
        throw new Violation(
          `leader completeness: ${id} leads in term ${term} without entry ${index} of term ${entry.term}`,
        );
      }
    }
  }

  /** State machine safety: returns the digest after the entry. `before` is the server's own. */
  applied(o: { id: ServerId; after: number; before: number; entry: Entry }): number {
    const { entry } = o;
    if (entry.index !== o.after + 1)
      throw new Violation(`order: ${o.id} applied ${entry.index} after ${o.after}`);
    const digest = digestOf(o.before, entry);
    const known = this.#applied[entry.index - 1];
    if (known === undefined) this.#appliedFirst(entry, digest);
    else if (known.digest !== digest || known.term !== entry.term) {
      throw new Violation(
        `state machine safety: ${o.id} applied another entry ${entry.index} (term ${entry.term}, not ${known.term})`,
      );
    }
    return digest;
  }

  /** A user's snapshot takes the place behind everything that was applied; only in a cluster that is at rest. */
  restored(o: { index: LogIndex; term: Term; digest: number }): void {
    if (o.index !== this.#applied.length + 1)
      throw new Violation(`order: restored at ${o.index}, behind ${this.#applied.length}`);
    this.#applied.push({ term: o.term, digest: o.digest });
    this.#restored = o.index;
  }

  /** A snapshot stands for what was applied. */
  installed(id: ServerId, index: LogIndex, digest: number): void {
    if (this.#applied[index - 1]?.digest !== digest)
      throw new Violation(`state machine safety: ${id} installed a wrong snapshot at ${index}`);
  }

  /**
   * What a leader did in a step in which it led throughout: commits by counting end in its own term,
   * and configurations change only after such a commit and one at a time.
   */
  led(before: LeaderBefore, core: RaftCore): void {
    const s = core.status();
    if (s.role !== "leader" || s.term !== before.term) return;
    if (s.commitIndex > before.commitIndex && core.termAt(s.commitIndex) !== s.term) {
      throw new Violation(`commit: ${s.id} committed ${s.commitIndex} of an earlier term by counting`);
    }
    if (s.configurationIndex === before.configurationIndex) return;
    if (core.termAt(s.commitIndex) !== s.term)
      throw new Violation(`membership: ${s.id} changed it before a commit of its term`);
    if (s.commitIndex < before.configurationIndex)
      throw new Violation(`membership: ${s.id} has two changes under way`);
  }

  /** A vote that leaves the server is on its disk. */
  voted(o: { id: ServerId; term: Term; candidate: string; disk: HardState }): void {
    const { term, votedFor } = o.disk;
    if (term > o.term || (term === o.term && votedFor === o.candidate)) return;
    throw new Violation(
      `durability: ${o.id} votes for ${o.candidate} in term ${o.term}, its disk says ${votedFor} in ${term}`,
    );
  }

  /** Durability: an acknowledged entry is on the disks of a majority, not only in memories. */
  acknowledgedOnDisks(o: { entry: Entry; core: RaftCore; holds: (id: ServerId) => boolean }): void {
    const { configuration, configurationIndex, id } = o.core.status();
    // A later configuration says nothing about the majority that committed the entry.
    if (configurationIndex >= o.entry.index) return;
    const voters = configuration.servers.filter((server) => server.suffrage === "voter");
    const holders = voters.filter((server) => o.holds(server.id)).length;
    if (holders * 2 > voters.length) return;
    throw new Violation(
      `durability: ${id} acknowledged ${o.entry.index}, which ${holders} of ${voters.length} disks hold`,
    );
  }

  acknowledged(index: number): void {
    this.#acknowledgedCount += 1;
    if (index > this.#acknowledged) this.#acknowledged = index;
  }

  refused(proposal: number): void {
    this.#refusedProposals.add(proposal);
    if (this.#appliedProposals.has(proposal))
      throw new Violation(`proposal ${proposal} was refused and applied`);
  }

  /** Linearizable reads: everything acknowledged before the read began is seen. */
  verified(o: { id: ServerId; acknowledgedAtStart: number; readIndex: number }): void {
    this.#readCount += 1;
    if (o.readIndex < o.acknowledgedAtStart) {
      throw new Violation(
        `stale read: ${o.id} reads at ${o.readIndex}, but ${o.acknowledgedAtStart} was acknowledged before`,
      );
    }
  }

  /** Reads ask a majority: `answered` says who has answered a request that was sent after the read began. */
  provedByMajority(core: RaftCore, answered: (id: ServerId) => boolean): void {
    const { configuration, id } = core.status();
    const voters = configuration.servers.filter((server) => server.suffrage === "voter");
    const proofs = voters.filter((server) => server.id === id || answered(server.id)).length;
    if (proofs * 2 <= voters.length)
      throw new Violation(`read: ${id} proved one by ${proofs} of ${voters.length} voters`);
  }

  /** Log matching: where two logs have the same term, they agree on everything before. */
  matchLogs(cores: readonly RaftCore[]): void {
    for (const [at, a] of cores.entries()) {
      for (const b of cores.slice(at + 1)) matchPair(a, b);
    }
  }

  #appliedFirst(entry: Entry, digest: number): void {
    if (entry.index !== this.#applied.length + 1)
      throw new Violation(`order: entry ${entry.index} was applied before ${this.#applied.length + 1}`);
    this.#applied.push({ term: entry.term, digest });
    if (entry.type !== entryType.command) return;
    const proposal = proposalOf(entry);
    if (this.#appliedProposals.has(proposal)) throw new Violation(`proposal ${proposal} was applied twice`);
    if (this.#refusedProposals.has(proposal))
      throw new Violation(`proposal ${proposal} was applied and refused`);
    this.#appliedProposals.add(proposal);
  }
}

/** The data of a command: its number, which is never used twice. */
export function commandData(proposal: number): Uint8Array {
  return Uint8Array.of(
    proposal & 0xff,
    (proposal >> 8) & 0xff,
    (proposal >> 16) & 0xff,
    (proposal >> 24) & 0xff,
  );
}

function proposalOf(entry: Entry): number {
  return entry.data.reduce((value, byte, at) => value | (byte << (8 * at)), 0);
}

function matchPair(a: RaftCore, b: RaftCore): void {
  const [x, y] = [a.status(), b.status()];
  const first = Math.max(x.firstIndex, y.firstIndex);
  let matches = false;
  for (let index = Math.min(x.lastIndex, y.lastIndex); index >= first; index -= 1) {
    const same = a.termAt(index as LogIndex) === b.termAt(index as LogIndex);
    if (matches && !same)
      throw new Violation(`log matching: ${x.id} and ${y.id} differ at ${index} but agree after it`);
    matches = same;
  }
}
