/**
 * The eyes that see the whole cluster, and so know more than any server: the safety of Raft.
 *
 * Source: Ongaro & Ousterhout 2014, figure 3 (the five properties), plus what clients were promised.
 */
import type { LogIndex, Term } from "../../src/lib/log-index.ts";
import { entryType, type Entry, type ServerId } from "../../src/raft/core/entry.ts";
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

/** One per run; told of everything. Throws `Violation`. */
export class Checkers {
  readonly #leaders = new Map<Term, ServerId>();
  /** By index, from 1: what some server applied first. */
  readonly #applied: Applied[] = [];
  readonly #appliedProposals = new Set<number>();
  readonly #refusedProposals = new Set<number>();
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
    const { term, firstIndex, lastIndex } = core.status();
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== id) throw new Violation(`election safety: ${other} and ${id} lead in term ${term}`);
    this.#leaders.set(term, id);
    for (let index: number = firstIndex; index <= this.#applied.length; index += 1) {
      const entry = this.#applied[index - 1];
      if (entry === undefined || entry.term >= term) break;
      if (index > lastIndex || core.termAt(index as LogIndex) !== entry.term) {
        throw new Violation(`leader completeness: ${id} leads in term ${term} without entry ${index} of term ${entry.term}`);
      }
    }
  }

  /** State machine safety: returns the digest after the entry. `before` is the server's own. */
  applied(o: { id: ServerId; after: number; before: number; entry: Entry }): number {
    const { entry } = o;
    if (entry.index !== o.after + 1) throw new Violation(`order: ${o.id} applied ${entry.index} after ${o.after}`);
    const digest = digestOf(o.before, entry);
    const known = this.#applied[entry.index - 1];
    if (known === undefined) this.#appliedFirst(entry, digest);
    else if (known.digest !== digest || known.term !== entry.term) {
      throw new Violation(`state machine safety: ${o.id} applied another entry ${entry.index} (term ${entry.term}, not ${known.term})`);
    }
    return digest;
  }

  /** A snapshot stands for what was applied. */
  installed(id: ServerId, index: LogIndex, digest: number): void {
    if (this.#applied[index - 1]?.digest !== digest) throw new Violation(`state machine safety: ${id} installed a wrong snapshot at ${index}`);
  }

  acknowledged(index: number): void {
    this.#acknowledgedCount += 1;
    if (index > this.#acknowledged) this.#acknowledged = index;
  }

  refused(proposal: number): void {
    this.#refusedProposals.add(proposal);
    if (this.#appliedProposals.has(proposal)) throw new Violation(`proposal ${proposal} was refused and applied`);
  }

  /** Linearizable reads: everything acknowledged before the read began is seen. */
  verified(o: { id: ServerId; acknowledgedAtStart: number; readIndex: number }): void {
    this.#readCount += 1;
    if (o.readIndex < o.acknowledgedAtStart) {
      throw new Violation(`stale read: ${o.id} reads at ${o.readIndex}, but ${o.acknowledgedAtStart} was acknowledged before`);
    }
  }

  /** Log matching: where two logs have the same term, they agree on everything before. */
  matchLogs(cores: readonly RaftCore[]): void {
    for (const [at, a] of cores.entries()) {
      for (const b of cores.slice(at + 1)) matchPair(a, b);
    }
  }

  #appliedFirst(entry: Entry, digest: number): void {
    if (entry.index !== this.#applied.length + 1) throw new Violation(`order: entry ${entry.index} was applied before ${this.#applied.length + 1}`);
    this.#applied.push({ term: entry.term, digest });
    if (entry.type !== entryType.command) return;
    const proposal = proposalOf(entry);
    if (this.#appliedProposals.has(proposal)) throw new Violation(`proposal ${proposal} was applied twice`);
    if (this.#refusedProposals.has(proposal)) throw new Violation(`proposal ${proposal} was applied and refused`);
    this.#appliedProposals.add(proposal);
  }
}

/** The data of a command: its number, which is never used twice. */
export function commandData(proposal: number): Uint8Array {
  return Uint8Array.of(proposal & 0xff, (proposal >> 8) & 0xff, (proposal >> 16) & 0xff, (proposal >> 24) & 0xff);
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
    if (matches && !same) throw new Violation(`log matching: ${x.id} and ${y.id} differ at ${index} but agree after it`);
    matches = same;
  }
}
