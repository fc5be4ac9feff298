/**
 * Clients of the key-value store: what they asked for and what came of it, for the judge of `tools/torture`.
 *
 * They ask servers as the HTTP door does. Values are written once: each names its writer. Keys are left for new ones
 * after some operations, so that the history of each stays short enough to be judged.
 */
import { utf8ByteString } from "../../src/lib/byte-string.ts";
import { noLeaderText } from "../../src/lib/consensus.ts";
import type { Rng } from "../../src/lib/rng.ts";
import { kvsApply, kvsGet } from "../../src/wire/rpc/methods.ts";
import type { Rpc } from "../../src/wire/rpc/method.ts";
import { DirEntry, KeyRequest, type IndexedDirEntries, type KvOp } from "../../src/wire/structs/kv.ts";
import type { Action, Operation, ReadMode, Result } from "../../tools/torture/history.ts";
import type { SimHost } from "./host.ts";
import type { Scheduler } from "./scheduler.ts";

const keysAtOnce = 3;
const operationsPerKey = 60;
/** A client gives up after this, and never knows. */
const timeoutMs = 12_000;
const refusedMs = 200;
const datacenter = "dc1";

export interface KvClientsParts {
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  readonly servers: readonly SimHost[];
  readonly count: number;
  readonly thinkMs: number;
  /** A bug on purpose: this server answers default reads from its own state. */
  answersByItself(host: SimHost): boolean;
  readonly log: (line: string) => void;
}

/** All clients of a run. */
export class KvClients {
  readonly operations: Operation[] = [];
  readonly #parts: KvClientsParts;
  readonly #keys: { key: string; uses: number }[] = [];
  #keyCount = 0;
  #writeCount = 0;
  #isStopped = false;
  #busyCount = 0;

  constructor(parts: KvClientsParts) {
    this.#parts = parts;
    for (let client = 0; client < parts.count; client += 1) {
      const rng = parts.rng.fork(`client ${client}`);
      this.#next({ client, rng, seen: new Map() }, rng.below(1_000));
    }
  }

  /** Nothing more is asked for; what is under way ends. */
  stop(): void {
    this.#isStopped = true;
  }

  get isIdle(): boolean {
    return this.#isStopped && this.#busyCount === 0;
  }

  #next(me: Client, delayMs: number): void {
    this.#parts.scheduler.after(1 + delayMs, undefined, () => {
      if (!this.#isStopped) this.#operate(me);
    });
  }

  #operate(me: Client): void {
    const { scheduler, servers, thinkMs } = this.#parts;
    const { client, rng, seen } = me;
    const host = servers[rng.chance(4, 5) ? client % servers.length : rng.below(servers.length)];
    const key = this.#key(rng.below(keysAtOnce));
    const action = this.#action(rng, seen.get(key));
    const startUs = scheduler.nowMs * 1_000;
    const incarnation = host?.incarnation ?? 0;
    this.#busyCount += 1;
    let isOver = false;
    const done = (result: Result): void => {
      if (isOver) return;
      isOver = true;
      this.#busyCount -= 1;
      const endUs = scheduler.nowMs * 1_000;
      const server = (host?.index ?? 0) + 1;
      const operation = {
        kind: "operation",
        client,
        server,
        incarnation,
        key,
        action,
        startUs,
        endUs,
        result,
      } as const;
      this.operations.push(operation);
      this.#parts.log(
        `client ${client} at ${server}: ${key} ${JSON.stringify(action)} → ${JSON.stringify(result)}`,
      );
      if (result.kind === "read") seen.set(key, result.seen?.modifyIndex ?? 0);
      this.#next(me, result.kind === "failed" ? refusedMs : rng.below(thinkMs));
    };
    scheduler.after(timeoutMs, undefined, () => done({ kind: "unknown", why: "no answer in time" }));
    const rpc = host?.core?.rpc;
    if (host === undefined || rpc === undefined)
      return scheduler.after(1, undefined, () => done({ kind: "failed", why: "connection refused" }));
    scheduler.after(1, host.life, () => {
      const isDirty = this.#parts.answersByItself(host);
      const answer = ask(rpc, { key, action, isDirty });
      // The answer leaves the host at once, whatever becomes of it then.
      const answered = (result: Result): void => scheduler.after(1, undefined, () => done(result));
      answer.then(answered, (error: unknown) => answered(toFailure(error)));
    });
  }

  #key(slot: number): string {
    const found = this.#keys[slot];
    if (found !== undefined && found.uses < operationsPerKey) {
      found.uses += 1;
      return found.key;
    }
    this.#keyCount += 1;
    const made = { key: `k/${this.#keyCount}`, uses: 1 };
    this.#keys[slot] = made;
    return made.key;
  }

  #action(rng: Rng, index: number | undefined): Action {
    const die = rng.below(100);
    if (die < 45) return { kind: "get", mode: modeOf(rng) };
    if (die < 49) return { kind: "delete" };
    if (die < 53 && index !== undefined && index > 0) return { kind: "delete-cas", index };
    this.#writeCount += 1;
    const value = String(this.#writeCount);
    if (die < 78 && index !== undefined) return { kind: "cas", value, index };
    return { kind: "put", value };
  }
}

interface Question {
  readonly key: string;
  readonly action: Action;
  readonly isDirty: boolean;
}

async function ask(rpc: Rpc, { key, action, isDirty }: Question): Promise<Result> {
  const Key = utf8ByteString(key);
  if (action.kind === "get") {
    const request = KeyRequest.make({
      Datacenter: datacenter,
      Key,
      AllowStale: action.mode === "stale" || (action.mode === "default" && isDirty),
      RequireConsistent: action.mode === "consistent",
    });
    return toRead(rpc.callNow?.(kvsGet, request) ?? (await rpc.call(kvsGet, request)));
  }
  const Value = "value" in action ? new TextEncoder().encode(action.value) : null;
  const ModifyIndex = "index" in action ? action.index : 0;
  const Op = opOf(action);
  const DirEnt = DirEntry.make({ Key, Value, ModifyIndex });
  const applied = await rpc.call(kvsApply, { Datacenter: datacenter, Op, DirEnt, Token: "", TTL: 0 });
  return { kind: "written", succeeded: Op === "set" || Op === "delete" || applied };
}

interface Client {
  readonly client: number;
  readonly rng: Rng;
  /** The newest index it saw, by key. */
  readonly seen: Map<string, number>;
}

function modeOf(rng: Rng): ReadMode {
  const die = rng.below(10);
  if (die < 3) return "consistent";
  return die < 8 ? "default" : "stale";
}

function opOf({ kind }: Action): KvOp {
  return kind === "cas" || kind === "delete" || kind === "delete-cas" ? kind : "set";
}

function toRead({ Entries }: IndexedDirEntries): Result {
  const row = Entries?.[0];
  if (row === undefined) return { kind: "read" };
  return {
    kind: "read",
    seen: {
      value: new TextDecoder().decode(row.Value ?? new Uint8Array()),
      modifyIndex: row.ModifyIndex,
      createIndex: row.CreateIndex,
      lockIndex: row.LockIndex,
      session: row.Session,
    },
  };
}

/** Said before anything was proposed: only this refusal; every other may have come afterwards. */
function toFailure(error: unknown): Result {
  const why = error instanceof Error ? error.message : String(error);
  return { kind: why === noLeaderText ? "failed" : "unknown", why };
}
