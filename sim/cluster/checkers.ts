/**
 * The eyes that see the whole cluster, and so know more than any server: what must hold at every moment.
 *
 * Sources: the safety properties of Raft (Ongaro & Ousterhout 2014, figure 3), at the level of servers; what the
 * state machine promises (the same log, the same state); what autopilot promises (it removes only the dead).
 */
import { createHash } from "node:crypto";
import type { StateMachine } from "../../src/lib/consensus.ts";
import { Violation } from "../raft/checkers.ts";
import type { SimHost } from "./host.ts";

/** Whole states are compared at multiples of this index: that costs more than looking at one command. */
const digestEvery = 32;
/** A server that was well for so long must not be taken for dead. */
const wellMs = 20_000;

/** One per run; told of everything. Throws `Violation`. */
export class ClusterCheckers {
  readonly #leaders = new Map<number, string>();
  /** By index: what some server applied first. */
  readonly #commands = new Map<number, string>();
  readonly #digests = new Map<number, { readonly host: string; readonly digest: string }>();
  readonly #configurations = new Map<number, readonly string[]>();
  #appliedIndex = 0;
  #appliedCount = 0;
  #digestCount = 0;

  get appliedIndex(): number {
    return this.#appliedIndex;
  }
  get appliedCount(): number {
    return this.#appliedCount;
  }
  get digestCount(): number {
    return this.#digestCount;
  }
  get leaderCount(): number {
    return this.#leaders.size;
  }

  /** Election safety and, as far as anybody has applied, leader completeness. */
  becameLeader(host: SimHost, term: number): void {
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== host.name)
      throw new Violation(`election safety: ${other} and ${host.name} lead in term ${term}`);
    this.#leaders.set(term, host.name);
    const lastIndex = host.core?.consensus?.status().lastIndex;
    if (lastIndex !== undefined && lastIndex < this.#appliedIndex)
      throw new Violation(
        `leader completeness: ${host.name} leads in term ${term} with a log through ${lastIndex}, but ${this.#appliedIndex} was applied`,
      );
  }

  /** The machine, watched: every server applies the same commands and comes to the same states. */
  watch(host: SimHost, machine: StateMachine): StateMachine {
    let before = 0;
    return {
      apply: (index, command, decoded) => {
        if (index <= before) throw new Violation(`order: ${host.name} applies ${index} after ${before}`);
        before = index;
        this.#applied(host, index, command);
        const answer = machine.apply(index, command, decoded);
        if (index % digestEvery === 0) this.#compare(host, index, machine);
        return answer;
      },
      decode: (command) => machine.decode(command),
      snapshot: () => machine.snapshot(),
      prepare: (state) => {
        const replace = machine.prepare(state);
        return () => {
          replace();
          before = 0;
        };
      },
    };
  }

  #applied(host: SimHost, index: number, command: Uint8Array): void {
    const text = Buffer.from(command).toString("latin1");
    const known = this.#commands.get(index);
    if (known === undefined) this.#commands.set(index, text);
    else if (known !== text)
      throw new Violation(`state machine safety: ${host.name} applies another command at ${index}`);
    this.#appliedIndex = Math.max(this.#appliedIndex, index);
    this.#appliedCount += 1;
  }

  #compare(host: SimHost, index: number, machine: StateMachine): void {
    const digest = digestOf(machine);
    const known = this.#digests.get(index);
    this.#digestCount += 1;
    if (known === undefined) this.#digests.set(index, { host: host.name, digest });
    else if (known.digest !== digest)
      throw new Violation(`state: ${host.name} and ${known.host} differ after command ${index}`);
  }

  /** A leader's configuration lost a member: it must have been dead, or gone on purpose. */
  configured(
    leader: SimHost,
    o: {
      readonly servers: readonly string[];
      readonly hosts: readonly SimHost[];
      wellMs(host: SimHost): number;
    },
  ): void {
    const status = leader.core?.consensus?.status();
    if (status === undefined) return;
    const before = this.#configurations.get(leader.index);
    this.#configurations.set(leader.index, o.servers);
    if (before === undefined) return;
    for (const id of before) {
      if (o.servers.includes(id)) continue;
      const host = o.hosts.find((one) => one.id === id);
      if (host !== undefined && o.wellMs(host) > wellMs)
        throw new Violation(
          `autopilot: ${leader.name} removed ${host.name}, which has been well for ${o.wellMs(host)} ms`,
        );
    }
  }

  /** It leads no more, or is gone: what it knew is old. */
  forgetConfiguration(host: SimHost): void {
    this.#configurations.delete(host.index);
  }
}

/** Of everything that a snapshot would hold. */
export function digestOf(machine: Pick<StateMachine, "snapshot">): string {
  const hash = createHash("sha1");
  for (const chunk of machine.snapshot()) hash.update(chunk);
  return hash.digest("base64");
}
