/**
 * Clients that read and write a few keys at once, and clients that fight for locks.
 *
 * Keys are left for new ones after some operations, so that the history of each stays short enough to be judged.
 * Every value is written once: it names its writer.
 */
import type { Rng } from "../../src/lib/rng.ts";
import type { Action, Operation, ReadMode } from "./history.ts";
import { exchange } from "./http.ts";
import { lockPrefix } from "./judge.ts";
import type { Endpoint, Recorder } from "./recorder.ts";

const httpPort = 8500;
const keysAtOnce = 4;
const operationsPerKey = 120;
const operationsPerLock = 80;
const thinkMs = 8;
const holdMs = 20;
const sessionTimeoutMs = 3_000;
/** A server that refuses at once must not be asked in a tight loop. */
const refusedMs = 50;

export interface WorkloadParts {
  readonly recorder: Recorder;
  readonly rng: Rng;
  readonly clients: number;
  readonly lockClients: number;
  /** Where a client may ask; the choice is the workload's. */
  endpoints(): readonly Endpoint[];
}

/** The node that sessions are on. */
const lockNode = "torture";

/** Makes the node that the locks need. Rejects when `endpoint` will not. */
export async function registerLockNode({ address }: Endpoint): Promise<void> {
  const body = JSON.stringify({ Node: lockNode, Address: "192.0.2.1" });
  const request = { method: "PUT", path: "/v1/catalog/register", body } as const;
  const outcome = await exchange({ address, port: httpPort }, request, sessionTimeoutMs);
  if (outcome.kind !== "answer" || outcome.status !== 200)
    throw new Error(`the node of the locks could not be registered: ${JSON.stringify(outcome)}`);
}

/** Runs until it is stopped. */
export interface Workload {
  /** Lets every client end its operation. */
  stop(): Promise<void>;
}

/** Sets the clients off. */
export function startWorkload(parts: WorkloadParts): Workload {
  const state = { isStopped: false };
  const keys = new KeySpace("k/", operationsPerKey);
  const locks = new KeySpace(lockPrefix, operationsPerLock);
  const running: Promise<void>[] = [];
  for (let client = 1; client <= parts.clients; client += 1) {
    const one = new KeyClient(parts, { client, keys });
    running.push(repeat(state, () => one.step()));
  }
  for (let n = 1; n <= parts.lockClients; n += 1) {
    const one = new LockClient(parts, { client: parts.clients + n, keys: locks });
    running.push(repeat(state, () => one.step()));
  }
  return {
    stop: async () => {
      state.isStopped = true;
      await Promise.all(running);
    },
  };
}

async function repeat(state: { readonly isStopped: boolean }, step: () => Promise<void>): Promise<void> {
  while (!state.isStopped) await step();
}

/** The keys in use, each replaced when it was used often enough. */
class KeySpace {
  readonly #prefix: string;
  readonly #usesMax: number;
  readonly #slots: { key: string; uses: number }[] = [];
  #made = 0;

  constructor(prefix: string, usesMax: number) {
    this.#prefix = prefix;
    this.#usesMax = usesMax;
  }

  /** A key for one more operation. */
  use(slot: number): string {
    const found = this.#slots[slot];
    if (found !== undefined && found.uses < this.#usesMax) {
      found.uses += 1;
      return found.key;
    }
    this.#made += 1;
    const made = { key: `${this.#prefix}${this.#made}`, uses: 1 };
    this.#slots[slot] = made;
    return made.key;
  }
}

interface Identity {
  readonly client: number;
  readonly keys: KeySpace;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Reads in every mode; writes plainly and on condition. */
class KeyClient {
  readonly #parts: WorkloadParts;
  readonly #me: Identity;
  readonly #rng: Rng;
  /** The newest index it saw, by key. */
  readonly #seen = new Map<string, number>();
  #writes = 0;

  constructor(parts: WorkloadParts, me: Identity) {
    this.#parts = parts;
    this.#me = me;
    this.#rng = parts.rng.fork(`client ${me.client}`);
  }

  async step(): Promise<void> {
    const key = this.#me.keys.use(this.#rng.below(keysAtOnce));
    const { client } = this.#me;
    const { recorder } = this.#parts;
    const operation = await recorder.operate(pick(this.#parts, this.#rng, this.#me.client), {
      client,
      key,
      action: this.#action(key),
    });
    if (operation.result.kind === "read") this.#remember(key, operation);
    await pause(operation.result.kind === "failed" ? refusedMs : this.#rng.below(thinkMs));
  }

  #remember(key: string, { result }: Operation): void {
    if (result.kind !== "read") return;
    if (this.#seen.size > 4 * keysAtOnce) this.#seen.clear();
    this.#seen.set(key, result.seen?.modifyIndex ?? 0);
  }

  #action(key: string): Action {
    const die = this.#rng.below(100);
    const index = this.#seen.get(key);
    if (die < 42) return { kind: "get", mode: this.#mode() };
    if (die < 46) return { kind: "delete" };
    if (die < 50 && index !== undefined && index > 0) return { kind: "delete-cas", index };
    if (die < 75 && index !== undefined) return { kind: "cas", value: this.#value(), index };
    return { kind: "put", value: this.#value() };
  }

  #mode(): ReadMode {
    const die = this.#rng.below(10);
    if (die < 4) return "consistent";
    return die < 8 ? "default" : "stale";
  }

  #value(): string {
    this.#writes += 1;
    return `${this.#me.client}.${this.#writes}`;
  }
}

/** Takes a lock, holds it for a moment, leaves it, by releasing or by ending its session. */
class LockClient {
  readonly #parts: WorkloadParts;
  readonly #me: Identity;
  readonly #rng: Rng;
  #held: { readonly key: string; readonly session: string } | undefined;
  #count = 0;

  constructor(parts: WorkloadParts, me: Identity) {
    this.#parts = parts;
    this.#me = me;
    this.#rng = parts.rng.fork(`client ${me.client}`);
  }

  async step(): Promise<void> {
    const key = this.#me.keys.use(0);
    if (this.#held?.key !== key) this.#held = await this.#openSession(key);
    if (this.#held === undefined) return pause(refusedMs);
    const { session } = this.#held;
    const taken = await this.#operate(key, { kind: "acquire", session, value: this.#value() });
    if (this.#rng.chance(1, 3)) await this.#operate(key, { kind: "get", mode: "consistent" });
    if (taken.kind === "unknown") {
      // Nobody knows who holds it now; ending the session settles that.
      this.#held = undefined;
      await this.#operate(key, { kind: "destroy", session });
    } else if (taken.kind === "written" && taken.succeeded) {
      await pause(this.#rng.below(holdMs));
      if (this.#rng.chance(1, 10)) {
        this.#held = undefined;
        await this.#operate(key, { kind: "destroy", session });
      } else {
        await this.#operate(key, { kind: "release", session, value: this.#value() });
      }
    }
    await pause(taken.kind === "failed" ? refusedMs : this.#rng.below(holdMs));
  }

  async #operate(key: string, action: Action): Promise<Operation["result"]> {
    const { recorder } = this.#parts;
    const asked = { client: this.#me.client, key, action };
    return (await recorder.operate(pick(this.#parts, this.#rng, this.#me.client), asked)).result;
  }

  /**
   * A session of no check, on a node that is no member, so that only its owner ends it: autopilot removes a server
   * that stays away, and with its node go the sessions on it.
   */
  async #openSession(key: string): Promise<{ readonly key: string; readonly session: string } | undefined> {
    const { address } = pick(this.#parts, this.#rng, this.#me.client);
    const body = JSON.stringify({ Name: key, Node: lockNode, NodeChecks: [], LockDelay: "0s" });
    const request = { method: "PUT", path: "/v1/session/create", body } as const;
    const outcome = await exchange({ address, port: httpPort }, request, sessionTimeoutMs);
    if (outcome.kind !== "answer" || outcome.status !== 200) return undefined;
    return { key, session: (JSON.parse(outcome.body) as { readonly ID: string }).ID };
  }

  #value(): string {
    this.#count += 1;
    return `${this.#me.client}.${this.#count}`;
  }
}

/** Mostly the client's own server: in a partition some then live on either side, and do not wait on the other. */
function pick({ endpoints }: WorkloadParts, rng: Rng, client: number): Endpoint {
  const all = endpoints();
  const one = all[rng.chance(4, 5) ? client % all.length : rng.below(all.length)];
  if (one === undefined) throw new Error("there is no server to ask");
  return one;
}
