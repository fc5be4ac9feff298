/**
 * The state machine through one course of log commands, good and spoiled: twice the same log gives twice the same
 * answers and the same snapshot, and a machine restored from a snapshot goes on as the one that wrote it.
 */
import type { Fsm } from "../../src/fsm/fsm.ts";
import { commandType } from "../../src/fsm/command.ts";
import { encodeCommand } from "../../src/fsm/encode.ts";
import { seededRng } from "../../src/lib/rng.ts";
import { stateMachine } from "../../src/main/server-parts.ts";
import { StateStore } from "../../src/state/store.ts";
import { DeregisterRequest, HealthCheck, RegisterRequest } from "../../src/wire/structs/catalog.ts";
import { KVSRequest, TombstoneRequest } from "../../src/wire/structs/kv.ts";
import { NodeService } from "../../src/wire/structs/service.ts";
import { SessionRequest } from "../../src/wire/structs/session.ts";
import type { Choices } from "./choices.ts";
import { makeInput } from "./mutate.ts";
import { refusable } from "./target.ts";

const eventsMax = 150;
const keys = ["a", "a/b", "a/b/c", "b", "", "\u00ff"];
const nodes = ["n1", "n2", "N1", ""];
const services = ["web", "db", ""];
const checks = ["c1", "c2", "serfHealth", ""];
const sessions = [1, 2, 3].map((digit) => `00000000-0000-0000-0000-00000000000${digit}`);
const kvOps = ["set", "set", "cas", "delete", "delete-cas", "delete-tree", "lock", "unlock", "nonsense"];

export class StateCourse {
  readonly #choices: Choices;
  /** Apply the same; the last one is restored anew now and then. */
  readonly #machines: Fsm[] = [fresh(), fresh(), fresh()];
  readonly #recorded: readonly Uint8Array[];
  #index = 0;

  /** `recorded`: commands of other servers; none are needed. */
  constructor(choices: Choices, recorded: readonly Uint8Array[]) {
    this.#choices = choices;
    this.#recorded = recorded;
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
    const command = recorded.length > 0 && choices.chance(1, 3) ? choices.pick(recorded) : this.#made();
    if (!choices.chance(1, 4)) return command;
    return makeInput(seededRng(choices.below(65_536)), { form: "msgpack", seeds: [command], words: [] });
  }

  /** Commands about the same few names, so that they meet. */
  #made(): Uint8Array {
    switch (this.#choices.below(8)) {
      case 0:
      case 1:
        return this.#register();
      case 2:
        return this.#deregister();
      case 3:
        return this.#session();
      case 4: {
        const ReapIndex = this.#choices.number(this.#index);
        return encodeCommand(commandType.tombstone, TombstoneRequest, {
          ...TombstoneRequest.zero,
          Op: "reap",
          ReapIndex,
        });
      }
      default:
        return this.#kv();
    }
  }

  #kv(): Uint8Array {
    const choices = this.#choices;
    const DirEnt = {
      ...KVSRequest.zero.DirEnt,
      Key: choices.pick(keys),
      Value: choices.chance(1, 6) ? null : choices.bytes(choices.below(4)),
      Flags: BigInt(choices.number(1)),
      Session: choices.chance(1, 3) ? "" : choices.pick(sessions),
      ModifyIndex: choices.chance(1, 3) ? 0 : choices.number(this.#index),
      ExpiresAt: choices.chance(1, 8) ? choices.number(1_000) : 0,
    };
    return encodeCommand(commandType.kvs, KVSRequest, {
      ...KVSRequest.zero,
      Op: choices.pick(kvOps),
      DirEnt,
    });
  }

  #session(): Uint8Array {
    const choices = this.#choices;
    const Session = {
      ...SessionRequest.zero.Session,
      ID: choices.pick(sessions),
      Node: choices.pick(nodes),
      Behavior: choices.pick(["release", "delete", ""]),
      TTL: choices.pick(["", "10s"]),
      LockDelay: choices.pick([0, 15_000_000_000]),
      NodeChecks: choices.chance(1, 2) ? null : [choices.pick(checks)],
      ServiceChecks: choices.chance(3, 4) ? null : [{ ID: choices.pick(checks), Namespace: "" }],
    };
    const Op = choices.pick(["create", "create", "destroy", ""]);
    return encodeCommand(commandType.session, SessionRequest, { ...SessionRequest.zero, Op, Session });
  }

  #register(): Uint8Array {
    const choices = this.#choices;
    const Node = choices.pick(nodes);
    const name = choices.pick(services);
    const check = (): Parameters<typeof HealthCheck.encode>[1] => ({
      ...HealthCheck.zero,
      Node,
      CheckID: choices.pick(checks),
      Status: choices.pick(["passing", "critical", "warning", ""]),
      ServiceID: choices.chance(1, 2) ? "" : choices.pick(services),
    });
    const Service = {
      ...NodeService.zero,
      ID: choices.chance(1, 3) ? `${name}-2` : name,
      Service: name,
      Tags: choices.pick([null, [], ["a"], ["a", "b"]]),
      Port: choices.below(3),
    };
    return encodeCommand(commandType.register, RegisterRequest, {
      ...RegisterRequest.zero,
      Node,
      ID: choices.pick(["", "", sessions[0] ?? "", "not a uuid"]),
      Address: choices.pick(["10.0.0.1", "10.0.0.2", ""]),
      NodeMeta: choices.pick([null, { k: "v" }]),
      Service: choices.chance(1, 2) ? Service : null,
      Check: choices.chance(1, 2) ? check() : null,
      Checks: choices.chance(1, 4) ? [check(), check()] : null,
      SkipNodeUpdate: choices.chance(1, 6),
    });
  }

  #deregister(): Uint8Array {
    const choices = this.#choices;
    return encodeCommand(commandType.deregister, DeregisterRequest, {
      ...DeregisterRequest.zero,
      Node: choices.pick(nodes),
      ServiceID: choices.chance(1, 2) ? "" : choices.pick(services),
      CheckID: choices.chance(1, 2) ? "" : choices.pick(checks),
    });
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
