/**
 * Commands of a leader, read when they come and not only when they are applied: one that cannot be read is refused
 * before it is in the log, where it would stop every server that has to apply it.
 *
 * What was read is kept until it is applied, so nothing is read twice.
 */
import type { StateMachine } from "../../lib/consensus.ts";
import { DecodeError } from "../../lib/errors.ts";
import type { Entry } from "../core/entry.ts";

/** One per node. */
export class Commands {
  readonly #machine: StateMachine;
  /** An entry that is never applied takes what was read with it. */
  readonly #read = new WeakMap<Entry, unknown>();

  constructor(machine: StateMachine) {
    this.#machine = machine;
  }

  /** Why the entry's command cannot be read; undefined if it can. */
  readonly problem = (entry: Entry): string | undefined => {
    try {
      const decoded = this.#machine.decode(entry.data);
      if (decoded !== undefined) this.#read.set(entry, decoded);
      return undefined;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return `no command: ${error.message}`;
    }
  };

  /** What was read of this entry's command, once; undefined if nothing was. */
  take(entry: Entry): unknown {
    const decoded = this.#read.get(entry);
    this.#read.delete(entry);
    return decoded;
  }
}
