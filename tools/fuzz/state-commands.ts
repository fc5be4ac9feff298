/** Makes log commands about the same few names, so that they meet. */
import { commandType } from "../../src/fsm/command.ts";
import { encodeCommand } from "../../src/fsm/encode.ts";
import { list } from "../../src/wire/schema/collections.ts";
import {
  DeregisterRequest,
  HealthCheck,
  Node,
  RegisterRequest,
  type HealthCheck as Check,
  type RegisterRequest as Registration,
} from "../../src/wire/structs/catalog.ts";
import { KVSRequest, TombstoneRequest, type DirEntry } from "../../src/wire/structs/kv.ts";
import { Coordinate } from "../../src/wire/structs/operator.ts";
import { PreparedQuery, PreparedQueryRequest } from "../../src/wire/structs/prepared-query.ts";
import { NodeService, type NodeService as Service } from "../../src/wire/structs/service.ts";
import { Session, SessionRequest } from "../../src/wire/structs/session.ts";
import { TxnOp, TxnRequest, type TxnOp as Operation } from "../../src/wire/structs/txn.ts";
import type { Choices } from "./choices.ts";

const keys = ["a", "a/b", "a/b/c", "b", "", "\u00ff"];
const nodes = ["n1", "n2", "N1", ""];
const services = ["web", "db", ""];
const checks = ["c1", "c2", "serfHealth", ""];
const ids = [1, 2, 3].map((digit) => `00000000-0000-0000-0000-00000000000${digit}`);
const kvOps = ["set", "set", "cas", "delete", "delete-cas", "delete-tree", "lock", "unlock", "nonsense"];
const kvVerbs = [...kvOps, "get", "get-tree", "check-index", "check-session", "check-not-exists"];
const rowVerbs = ["get", "set", "cas", "delete", "delete-cas", "nonsense"];
const coordinates = list(Coordinate);

export class StateCommands {
  readonly #choices: Choices;
  /** About where the log is. */
  #index = 0;

  constructor(choices: Choices) {
    this.#choices = choices;
  }

  make(index: number): Uint8Array {
    this.#index = index;
    const choices = this.#choices;
    switch (choices.below(12)) {
      case 0:
      case 1:
        return encodeCommand(commandType.register, RegisterRequest, this.#registration());
      case 2:
        return this.#deregister();
      case 3:
      case 4:
        return this.#session();
      case 5: {
        const ReapIndex = choices.number(this.#index);
        return encodeCommand(commandType.tombstone, TombstoneRequest, {
          ...TombstoneRequest.zero,
          Op: "reap",
          ReapIndex,
        });
      }
      case 6:
      case 7:
        return this.#txn();
      case 8:
        return this.#query();
      case 9:
        return this.#coordinates();
      default:
        return encodeCommand(commandType.kvs, KVSRequest, {
          ...KVSRequest.zero,
          Op: choices.pick(kvOps),
          DirEnt: this.#entry(),
        });
    }
  }

  #entry(): DirEntry {
    const choices = this.#choices;
    return {
      ...KVSRequest.zero.DirEnt,
      Key: choices.pick(keys),
      Value: choices.chance(1, 6) ? null : choices.bytes(choices.below(4)),
      Flags: BigInt(choices.number(1)),
      Session: choices.chance(1, 3) ? "" : choices.pick(ids),
      ModifyIndex: this.#seen(),
      ExpiresAt: choices.chance(1, 8) ? choices.number(1_000) : 0,
    } as DirEntry;
  }

  /** What a writer may have read before. */
  #seen(): number {
    return this.#choices.chance(1, 3) ? 0 : this.#choices.number(this.#index);
  }

  #session(): Uint8Array {
    const choices = this.#choices;
    const given = {
      ...Session.zero,
      ID: choices.pick(ids),
      Node: choices.pick(nodes),
      Behavior: choices.pick(["release", "delete", ""]),
      TTL: choices.pick(["", "10s"]),
      LockDelay: choices.pick([0, 15_000_000_000]),
      NodeChecks: choices.chance(1, 2) ? null : [choices.pick(checks)],
      ServiceChecks: choices.chance(3, 4) ? null : [{ ID: choices.pick(checks), Namespace: "" }],
    };
    const Op = choices.pick(["create", "create", "destroy", ""]);
    return encodeCommand(commandType.session, SessionRequest, { ...SessionRequest.zero, Op, Session: given });
  }

  #check(Name: string): Check {
    const choices = this.#choices;
    return {
      ...HealthCheck.zero,
      Node: Name,
      CheckID: choices.pick(checks),
      Status: choices.pick(["passing", "critical", "warning", ""]),
      ServiceID: choices.chance(1, 2) ? "" : choices.pick(services),
      ModifyIndex: this.#seen(),
    };
  }

  #service(): Service {
    const choices = this.#choices;
    const name = choices.pick(services);
    return {
      ...NodeService.zero,
      ID: choices.chance(1, 3) ? `${name}-2` : name,
      Service: name,
      Tags: choices.pick([null, [], ["a"], ["a", "b"]]),
      Port: choices.below(3),
      ModifyIndex: this.#seen(),
    };
  }

  #registration(): Registration {
    const choices = this.#choices;
    const Name = choices.pick(nodes);
    return {
      ...RegisterRequest.zero,
      Node: Name,
      ID: choices.pick(["", "", ...ids, "not a uuid"]),
      Address: choices.pick(["10.0.0.1", "10.0.0.2", ""]),
      NodeMeta: choices.pick([null, { k: "v" }]),
      Service: choices.chance(1, 2) ? this.#service() : null,
      Check: choices.chance(1, 2) ? this.#check(Name) : null,
      Checks: choices.chance(1, 4) ? [this.#check(Name), this.#check(Name)] : null,
      SkipNodeUpdate: choices.chance(1, 6),
    };
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

  #txn(): Uint8Array {
    const Ops = Array.from({ length: 1 + this.#choices.below(4) }, () => this.#operation());
    return encodeCommand(commandType.txn, TxnRequest, { ...TxnRequest.zero, Ops });
  }

  #operation(): Operation {
    const choices = this.#choices;
    const Verb = choices.pick(rowVerbs);
    const Name = choices.pick(nodes);
    switch (choices.below(6)) {
      case 0: {
        const row = {
          ...Node.zero,
          Node: Name,
          ID: choices.pick(["", ...ids]),
          Address: "10.0.0.3",
          ModifyIndex: this.#seen(),
        };
        return { ...TxnOp.zero, Node: { Verb, Node: row } };
      }
      case 1:
        return { ...TxnOp.zero, Service: { Verb, Node: Name, Service: this.#service() } };
      case 2:
        return { ...TxnOp.zero, Check: { Verb, Check: this.#check(Name) } };
      case 3:
        return {
          ...TxnOp.zero,
          Session: { Verb: "delete", Session: { ...Session.zero, ID: choices.pick(ids) } },
        };
      default:
        return { ...TxnOp.zero, KV: { Verb: choices.pick(kvVerbs), DirEnt: this.#entry() } };
    }
  }

  #query(): Uint8Array {
    const choices = this.#choices;
    const Query = {
      ...PreparedQuery.zero,
      ID: choices.pick(ids),
      Name: choices.pick(["q", "Q", "q-", ""]),
      Session: choices.chance(1, 2) ? "" : choices.pick(ids),
      Service: { ...PreparedQuery.zero.Service, Service: choices.pick(services) },
      Template: {
        ...PreparedQuery.zero.Template,
        Type: choices.pick(["", "", "name_prefix_match"]),
        Regexp: choices.pick(["", "^q-(.*)$", "("]),
      },
    };
    const Op = choices.pick(["create", "update", "delete", ""]);
    return encodeCommand(commandType.preparedQuery, PreparedQueryRequest, {
      ...PreparedQueryRequest.zero,
      Op,
      Query,
    });
  }

  #coordinates(): Uint8Array {
    const choices = this.#choices;
    const rows = Array.from({ length: choices.below(3) }, () => ({
      Node: choices.pick(nodes),
      Segment: choices.pick(["", "", "s"]),
      Coord: {
        Vec: choices.pick([null, [0, 1], [0.5]]),
        Error: choices.below(3),
        Adjustment: 0,
        Height: 0.1,
      },
    }));
    return encodeCommand(commandType.coordinateBatch, coordinates, rows);
  }
}
