/**
 * The state machine through one course of log commands, good and spoiled: twice the same log gives twice the same
 * answers and the same snapshot, and a machine restored from a snapshot goes on as the one that wrote it.
 */
import type { Fsm } from "../../src/fsm/fsm.ts";
import { seededRng } from "../../src/lib/rng.ts";
import { stateMachine } from "../../src/main/server-parts.ts";
import { StateStore } from "../../src/state/store.ts";
import type { Choices } from "./choices.ts";
import { makeInput } from "./mutate.ts";
import { StateCommands } from "./state-commands.ts";
import { refusable } from "./target.ts";

const eventsMax = 150;
export class StateCourse {
  readonly #choices: Choices;
  /** Apply the same; the last one is restored anew now and then. */
  readonly #machines: Fsm[] = [fresh(), fresh(), fresh()];
  readonly #recorded: readonly Uint8Array[];
  readonly #commands: StateCommands;
  #index = 0;

  /** `recorded`: commands of other servers; none are needed. */
  constructor(choices: Choices, recorded: readonly Uint8Array[]) {
    this.#choices = choices;
    this.#recorded = recorded;
    this.#commands = new StateCommands(choices);
  }

  /** Throws if something does not hold. */
  run(): void {
    for (let event = 0; event < eventsMax && !this.#choices.isOver; event += 1) {
      if (this.#choices.chance(1, 25)) this.#restore();
      else this.#apply(this.#command());
    }
    this.#restore();
    this.#apply(this.#command());
    this.#compare();
  }

  #apply(command: Uint8Array): void {
    this.#index += 1 + this.#choices.below(3);
    const answers = this.#machines.map((machine) =>
      outcome(() => machine.apply(this.#index, command.slice())),
    );
    const [first] = answers;
    for (const other of answers) expect(Bun.deepEquals(first, other), "the same command has the same answer");
  }

  /** The last machine begins anew from the first one's snapshot; one that is spoiled changes nothing. */
  #restore(): void {
    const choices = this.#choices;
    const snapshot = this.#compare();
    if (choices.chance(1, 2)) {
      const spoiled = makeInput(seededRng(choices.below(65_536)), {
        form: "msgpack",
        seeds: [snapshot],
        words: [],
      });
      const [machine] = this.#machines;
      refusable(() => machine?.prepare(spoiled));
      expect(same(this.#compare(), snapshot), "what is only prepared changes nothing");
      const other = fresh();
      if (refusable(() => (other.restore(spoiled), true)) === true) fresh().restore(bytesOf(other));
    }
    const restored = fresh();
    restored.restore(snapshot);
    expect(same(bytesOf(restored), snapshot), "a restored state has the same snapshot");
    this.#machines[2] = restored;
  }

  /** All machines have the same snapshot. */
  #compare(): Uint8Array {
    const [first = new Uint8Array(0), ...others] = this.#machines.map(bytesOf);
    for (const other of others) expect(same(first, other), "the same log gives the same snapshot");
    return first;
  }

  #command(): Uint8Array {
    const choices = this.#choices;
    const recorded = this.#recorded;
    const command =
      recorded.length > 0 && choices.chance(1, 3) ? choices.pick(recorded) : this.#commands.make(this.#index);
    if (!choices.chance(1, 4)) return command;
    return makeInput(seededRng(choices.below(65_536)), { form: "msgpack", seeds: [command], words: [] });
  }
}

function fresh(): Fsm {
  return stateMachine(new StateStore());
}

function bytesOf(machine: Fsm): Uint8Array {
  return new Uint8Array(Buffer.concat([...machine.snapshot()]));
}

/** What came back, or what was refused: both must be the same everywhere. */
function outcome(act: () => unknown): unknown {
  let answer: unknown = "refused";
  refusable(() => (answer = act()));
  return answer;
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function expect(holds: boolean, claim: string): void {
  if (!holds) throw new Error(claim);
}
