/**
 * Carries out what serf wants: tells listeners, sends answers, keeps files and keys, and settles what callers wait
 * for.
 */
import { unreachable } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import type { KeyOperationKind, KeyringAnswer } from "../../lib/keyring-pool.ts";
import type { Log } from "../../lib/log.ts";
import type { MemberEvent } from "../../lib/members.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type {
  HeardQuery,
  HeardUserEvent,
  KeyringRequest,
  QueryRequest,
  SerfEffect,
} from "../core/serf-effects.ts";
import type { Cores } from "./cores.ts";
import { GossipError } from "./gossip-error.ts";
import type { SnapshotFile } from "./gossip-files.ts";
import type { Joiner } from "./joiner.ts";
import type { KeyringHolder } from "./keyring-holder.ts";
import { Listeners } from "./listeners.ts";
import { Pending } from "./pending.ts";

/** A query of the pool that this node may answer. */
export interface AskedQuery {
  readonly query: HeardQuery;
  /** Answers it, once. Throws `GossipError` if it is too late or the answer too large. */
  respond(payload: Uint8Array): void;
}

/** What the pool said to a query of this node. */
export interface QueryResult {
  /** Nodes that acknowledged it, if that was asked for. */
  readonly acks: readonly string[];
  readonly responses: readonly { readonly from: string; readonly payload: Uint8Array }[];
}

export interface SerfCarrierParts {
  readonly cores: () => Cores;
  readonly clock: Clock;
  readonly joiner: Joiner;
  readonly keys: KeyringHolder;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly snapshotFile: SnapshotFile | undefined;
  readonly stop: () => void;
}

/** How long new tags may take to reach the others before the caller is told that they may not have. */
const updateTimeoutMs = 5_000;
/** How long SWIM may take to tell that this node leaves; then the leave goes on. */
const leaveTimeoutMs = 5_000;

/** Why there is no answer, in the reference's words where it has any. */
interface Refusal {
  readonly refusal: string;
}

interface Collected {
  readonly acks: string[];
  readonly responses: { readonly from: string; readonly payload: Uint8Array }[];
}

export class SerfCarrier {
  readonly memberListeners: Listeners<MemberEvent>;
  readonly eventListeners: Listeners<HeardUserEvent>;
  readonly queryListeners: Listeners<AskedQuery>;
  readonly shutdownListeners: Listeners<void>;
  readonly #parts: SerfCarrierParts;
  readonly #collected = new Map<number, Collected>();
  readonly #queries = new Pending<QueryResult | Refusal>();
  readonly #keyrings = new Pending<KeyringAnswer | Refusal>();
  /** The others are answered with a problem, or `undefined`. */
  readonly #forced = new Pending<string | undefined>();
  readonly #leaves = new Pending<string | undefined>();
  readonly #updates = new Pending<string | undefined>();
  /** Changes of tags whose `announceMeta` is still to come, in their order. */
  readonly #announcing: number[] = [];
  #leaveId: number | undefined;
  /** The limit of SWIM's leave, while that is under way. */
  #swimLeave: Disposable | undefined;

  constructor(parts: SerfCarrierParts) {
    this.#parts = parts;
    this.memberListeners = new Listeners(parts.log);
    this.eventListeners = new Listeners(parts.log);
    this.queryListeners = new Listeners(parts.log);
    this.shutdownListeners = new Listeners(parts.log);
  }

  /** Collects what the pool says to a query. Rejects with `GossipError`. */
  async query(request: Omit<QueryRequest, "queryId">): Promise<QueryResult> {
    return accepted(
      await this.#queries.open((queryId) => {
        this.#collected.set(queryId, { acks: [], responses: [] });
        const problem = this.#parts.cores().serf((serf) => serf.query({ ...request, queryId }));
        if (problem !== undefined) this.#endQuery(queryId, { refusal: problem });
      }),
    );
  }

  /** One key operation on every node. Rejects with `GossipError` if it cannot be asked for. */
  async keyring(request: Omit<KeyringRequest, "requestId">): Promise<KeyringAnswer> {
    return accepted(
      await this.#keyrings.open((requestId) => {
        const problem = this.#parts.cores().serf((serf) => serf.keyring({ ...request, requestId }));
        if (problem !== undefined) this.#keyrings.settle(requestId, { refusal: problem });
      }),
    );
  }

  /** Settles once the leave has been told. Rejects with `GossipError`. */
  async leave(): Promise<void> {
    refuse(
      await this.#leaves.open((id) => {
        this.#leaveId = id;
        const problem = this.#parts.cores().serf((serf) => serf.beginLeave());
        if (problem !== undefined) this.#leaves.settle(id, problem);
      }),
    );
  }

  /** Settles once the forced leave has been told. Rejects with `GossipError`. */
  async forceLeave(node: string, prune: boolean): Promise<void> {
    refuse(
      await this.#forced.open((requestId) =>
        this.#parts.cores().serf((serf) => serf.forceLeave({ requestId, node, prune })),
      ),
    );
  }

  /** Settles once the new tags have been told. Rejects with `GossipError`. */
  async setTags(tags: Readonly<Record<string, string>>): Promise<void> {
    const { cores, clock } = this.#parts;
    let timer: Disposable | undefined;
    const problem = await this.#updates.open((id) => {
      this.#announcing.push(id);
      const refused = cores().serf((serf) => serf.setTags(tags));
      timer = clock.after(updateTimeoutMs, () =>
        this.#updates.settle(id, "timeout waiting for update broadcast"),
      );
      if (refused === undefined) return;
      this.#announcing.pop();
      this.#updates.settle(id, refused);
    });
    timer?.[Symbol.dispose]();
    refuse(problem);
  }

  /** SWIM has told new tags. */
  updated(updateId: number): void {
    this.#updates.settle(updateId, undefined);
  }

  /** SWIM has told that this node leaves, or had enough time for it. */
  swimHasLeft(): void {
    if (this.#swimLeave === undefined) return;
    this.#swimLeave[Symbol.dispose]();
    this.#swimLeave = undefined;
    this.#parts.cores().serf((serf) => serf.swimHasLeft());
  }

  /** Refuses everything that is still waited for, and whatever is asked for later. */
  close(problem: string): void {
    this.#queries.close({ refusal: problem });
    this.#keyrings.close({ refusal: problem });
    this.#forced.close(problem);
    this.#leaves.close(problem);
    this.#updates.close(problem);
    this.#collected.clear();
    this.#swimLeave?.[Symbol.dispose]();
    this.#swimLeave = undefined;
  }

  /** Nothing here waits: what takes time comes back as a call of serf. */
  carryOut(effect: SerfEffect): void {
    const { cores, joiner, log, metrics, snapshotFile } = this.#parts;
    switch (effect.kind) {
      case "member":
        return this.memberListeners.tell(effect.event);
      case "userEvent":
        return this.eventListeners.tell(effect.event);
      case "query":
        return this.#ask(effect.query);
      case "queryAck":
        return void this.#collected.get(effect.queryId)?.acks.push(effect.from);
      case "queryResponse": {
        const { from, payload } = effect;
        return void this.#collected.get(effect.queryId)?.responses.push({ from, payload });
      }
      case "queryDone":
        return this.#endQuery(effect.queryId, this.#collected.get(effect.queryId) ?? { refusal: "" });
      case "send":
        return cores().input({ kind: "sendUser", to: effect.to, node: effect.node, bytes: effect.bytes });
      case "reconnect":
        return void joiner.joinAll([effect.address]);
      case "announceMeta":
        return cores().input({ kind: "updateMeta", updateId: this.#announcing.shift() ?? 0 });
      case "keyOperation":
        return void this.#operate(effect.operationId, effect.operation, effect.key);
      case "keyringAnswered":
        return this.#keyrings.settle(effect.requestId, effect.answer);
      case "forceLeft":
        return this.#forced.settle(effect.requestId, effect.problem);
      case "leaveSwim":
        return this.#leaveSwim();
      case "left":
        return this.#leaves.settle(this.#leaveId ?? 0, undefined);
      case "shutdown":
        this.#parts.stop();
        return this.shutdownListeners.tell();
      case "snapshotAppend":
        return snapshotFile?.append(effect.text);
      case "snapshotReplace":
        return snapshotFile?.replace(effect.text);
      case "log":
        return log[effect.level](effect.message);
      case "count":
        return metrics.count(effect.name);
      case "sample":
        return metrics.timer(effect.name, effect.value);
      default:
        return unreachable(effect);
    }
  }

  #leaveSwim(): void {
    const { cores, clock, log } = this.#parts;
    this.#swimLeave = clock.after(leaveTimeoutMs, () => {
      log.warn("serf: timeout waiting for leave broadcast");
      this.swimHasLeft();
    });
    cores().input({ kind: "leave" });
  }

  #ask(query: HeardQuery): void {
    this.queryListeners.tell({
      query,
      respond: (payload) => refuse(this.#parts.cores().serf((serf) => serf.respond(query, payload))),
    });
  }

  #endQuery(queryId: number, answer: QueryResult | Refusal): void {
    this.#collected.delete(queryId);
    this.#queries.settle(queryId, answer);
  }

  async #operate(operationId: number, operation: KeyOperationKind, key: Uint8Array): Promise<void> {
    const result = await this.#parts.keys.operate(operation, key);
    this.#parts.cores().serf((serf) => serf.keyOperationDone(operationId, result));
  }
}

function accepted<T extends object>(answer: T | Refusal): T {
  if ("refusal" in answer) throw new GossipError(answer.refusal);
  return answer;
}

function refuse(problem: string | undefined): void {
  if (problem !== undefined) throw new GossipError(problem);
}
