/**
 * A lock that up to `limit` may hold at once.
 *
 *     PREFIX/SESSION   one key for each that wants or has a place, acquired with its session
 *     PREFIX/.lock     {"Limit":2,"Holders":{"SESSION":true}}: who has one, changed by check-and-set
 *
 * A holder whose own key is gone, because its session ended, no longer counts.
 * Source: the reference's Go client, `api.Semaphore`.
 */
import { ProconsulError } from "../lib/errors.ts";
import type { ReadOptions } from "./http-client.ts";
import { kvDelete, kvPut, kvRead, kvReadTree, type KvPair } from "./kv.ts";
import { LockHold } from "./lock-hold.ts";
import { KeptSession } from "./session.ts";
import { numberField, toRecord } from "./shape.ts";
import {
  contend,
  during,
  joinKey,
  LockError,
  lockKeyName,
  lockSession,
  type Attempt,
  type LockOptions,
  type SharedLock,
} from "./shared-lock.ts";

/** Flags of the keys of a semaphore. */
export const semaphoreFlags = 0xe0f6_9a2b_aa41_4de0n;

interface State {
  readonly limit: number;
  readonly holders: ReadonlySet<string>;
  /** Of the key that holds it; 0 if there is none. */
  readonly modifyIndex: number;
}

/** One place of the semaphore at `prefix`. */
export class Semaphore implements SharedLock {
  readonly #prefix: string;
  readonly #limit: number;
  readonly #options: LockOptions;
  #hold: LockHold | undefined;

  constructor(place: { readonly prefix: string; readonly limit: number }, options: LockOptions) {
    if (place.prefix === "") throw new LockError("missing prefix");
    if (place.limit <= 0) throw new LockError("semaphore limit must be positive");
    this.#prefix = place.prefix;
    this.#limit = place.limit;
    this.#options = options;
  }

  async acquire(stop: AbortSignal): Promise<AbortSignal | undefined> {
    if (this.#hold !== undefined) throw new LockError("Semaphore already held");
    const options = this.#options;
    const open = KeptSession.open(options, { ...lockSession(options), behavior: "delete" });
    const session = await during("failed to create session", open);
    let isHeld = false;
    try {
      await this.#enter(session.id);
      isHeld = await contend(options, stop, (reading) => this.#attempt(session.id, reading));
    } finally {
      if (!isHeld) await session.end();
    }
    if (!isHeld) return undefined;
    this.#hold = new LockHold(options, session, async (reading) => {
      const { found, index } = await kvReadTree(options.client, this.#prefix, reading);
      return { holds: this.#state(found).holders.has(session.id), index };
    });
    return this.#hold.lost;
  }

  async release(): Promise<void> {
    const hold = this.#hold;
    if (hold === undefined) throw new LockError("Semaphore not held");
    this.#hold = undefined;
    await hold.stopWatching();
    const { id } = hold.session;
    try {
      while (!(await this.#withdraw(id)));
      await kvDelete(this.#options.client, { kind: "key", key: joinKey(this.#prefix, id) });
    } finally {
      await hold.session.end();
    }
  }

  async destroy(): Promise<"removed" | "in-use"> {
    if (this.#hold !== undefined) throw new LockError("Semaphore already held");
    const { client } = this.#options;
    const { found } = await during("failed to read prefix", kvReadTree(client, this.#prefix));
    const state = this.#state(found);
    if (state.modifyIndex === 0) return "removed";
    if (state.holders.size > 0) return "in-use";
    const deletion = { kind: "cas", key: this.#key(), modifyIndex: BigInt(state.modifyIndex) } as const;
    return (await during("failed to remove semaphore", kvDelete(client, deletion))) ? "removed" : "in-use";
  }

  #key(): string {
    return joinKey(this.#prefix, lockKeyName);
  }

  async #enter(session: string): Promise<void> {
    const entry = {
      key: joinKey(this.#prefix, session),
      value: new Uint8Array(0),
      flags: semaphoreFlags,
      condition: { kind: "acquire", session },
    } as const;
    const what = "failed to make contender entry";
    const isMade = await during(what, kvPut(this.#options.client, entry));
    if (!isMade) throw new LockError(`${what}: <nil>`);
  }

  async #attempt(session: string, reading: ReadOptions): Promise<Attempt> {
    const read = kvReadTree(this.#options.client, this.#prefix, reading);
    const { found, index } = await during("failed to read prefix", read);
    const state = this.#state(found);
    if (state.limit !== this.#limit) {
      throw new LockError(`semaphore limit conflict (lock: ${state.limit}, local: ${this.#limit})`);
    }
    if (state.holders.size >= state.limit) return { kind: "taken", index };
    const isSet = await this.#write({ ...state, holders: new Set([...state.holders, session]) });
    return isSet ? { kind: "held" } : { kind: "refused", retry: "at-once" };
  }

  /** Takes `session` off the list; false if the list changed meanwhile. */
  async #withdraw(session: string): Promise<boolean> {
    const { found } = await kvRead(this.#options.client, this.#key());
    const state = decode(found, this.#limit);
    if (!state.holders.has(session)) return true;
    return this.#write({ ...state, holders: new Set([...state.holders].filter((id) => id !== session)) });
  }

  #write({ limit, holders, modifyIndex }: State): Promise<boolean> {
    const sorted = [...holders].sort();
    const text = JSON.stringify({
      Limit: limit,
      Holders: Object.fromEntries(sorted.map((id) => [id, true])),
    });
    const write = kvPut(this.#options.client, {
      key: this.#key(),
      value: new TextEncoder().encode(text),
      flags: semaphoreFlags,
      condition: { kind: "cas", modifyIndex: BigInt(modifyIndex) },
    });
    return during("failed to update lock", write);
  }

  /** The semaphore among the keys below its prefix, without holders that are gone. */
  #state(pairs: readonly KvPair[]): State {
    const found = pairs.find(({ Key }) => Key === this.#key());
    if (found !== undefined && found.Flags !== semaphoreFlags) {
      throw new LockError("Existing key does not match semaphore use");
    }
    const state = decode(found, this.#limit);
    const alive = new Set(pairs.map(({ Session }) => Session));
    return { ...state, holders: new Set([...state.holders].filter((id) => alive.has(id))) };
  }
}

function decode(pair: KvPair | undefined, limit: number): State {
  const modifyIndex = pair?.ModifyIndex ?? 0;
  if (pair === undefined || pair.Value.length === 0) return { limit, holders: new Set(), modifyIndex };
  try {
    const record = toRecord(JSON.parse(new TextDecoder().decode(pair.Value)));
    const ids = Object.keys(toRecord(record["Holders"], "Holders"));
    return { limit: numberField(record, "Limit"), holders: new Set(ids), modifyIndex };
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof ProconsulError)) throw error;
    throw new LockError(`lock decoding failed: ${error.message}`, { cause: error });
  }
}
