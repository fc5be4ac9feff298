/**
 * A lock on one key: whoever has acquired the key with a session holds it.
 *
 * The key carries flags that tell locks from semaphores and from other uses.
 * Source: the reference's Go client, `api.Lock`.
 */
import type { ReadOptions } from "./http-client.ts";
import { kvDelete, kvPut, kvRead, type KvCondition } from "./kv.ts";
import { LockHold } from "./lock-hold.ts";
import { KeptSession } from "./session.ts";
import {
  contend,
  during,
  LockError,
  lockSession,
  type Attempt,
  type LockOptions,
  type SharedLock,
} from "./shared-lock.ts";

/** Flags of a key that is a lock. */
export const keyLockFlags = 0x2ddc_cbc0_58a5_0c18n;

const notHeld = "Lock not held";
const conflict = "Existing key does not match lock use";

/** A lock at `key`. */
export class KeyLock implements SharedLock {
  readonly #key: string;
  readonly #options: LockOptions;
  #hold: LockHold | undefined;

  constructor(key: string, options: LockOptions) {
    this.#key = key;
    this.#options = options;
  }

  async acquire(stop: AbortSignal): Promise<AbortSignal | undefined> {
    if (this.#hold !== undefined) throw new LockError("Lock already held");
    const options = this.#options;
    const session = await during("failed to create session", KeptSession.open(options, lockSession(options)));
    let isHeld = false;
    try {
      isHeld = await contend(options, stop, (reading) => this.#attempt(session.id, reading));
    } finally {
      if (!isHeld) await session.end();
    }
    if (!isHeld) return undefined;
    this.#hold = new LockHold(options, session, async (reading) => {
      const { found, index } = await kvRead(options.client, this.#key, reading);
      return { holds: found?.Session === session.id, index };
    });
    return this.#hold.lost;
  }

  async release(): Promise<void> {
    const hold = this.#hold;
    if (hold === undefined) throw new LockError(notHeld);
    this.#hold = undefined;
    await hold.stopWatching();
    try {
      const condition = { kind: "release", session: hold.session.id } as const;
      await during("failed to release lock", this.#put(condition));
    } finally {
      await hold.session.end();
    }
  }

  async destroy(): Promise<"removed" | "in-use"> {
    if (this.#hold !== undefined) throw new LockError("Lock already held");
    const { client } = this.#options;
    const { found } = await during("failed to read lock", kvRead(client, this.#key));
    if (found === undefined) return "removed";
    if (found.Flags !== keyLockFlags) throw new LockError(conflict);
    if (found.Session !== "") return "in-use";
    const deletion = { kind: "cas", key: this.#key, modifyIndex: BigInt(found.ModifyIndex) } as const;
    return (await during("failed to remove lock", kvDelete(client, deletion))) ? "removed" : "in-use";
  }

  async #attempt(session: string, reading: ReadOptions): Promise<Attempt> {
    const { client } = this.#options;
    const { found, index } = await during("failed to read lock", kvRead(client, this.#key, reading));
    if (found !== undefined && found.Flags !== keyLockFlags) throw new LockError(conflict);
    if (found?.Session === session) return { kind: "held" };
    if (found !== undefined && found.Session !== "") return { kind: "taken", index };
    const isHeld = await during("failed to acquire lock", this.#put({ kind: "acquire", session }));
    if (isHeld) return { kind: "held" };
    const after = await kvRead(client, this.#key);
    // Without a holder it is a lock delay that stands in the way.
    return after.found !== undefined && after.found.Session !== ""
      ? { kind: "taken", index: after.index }
      : { kind: "refused", retry: "later" };
  }

  #put(condition: KvCondition): Promise<boolean> {
    const value = new Uint8Array(0);
    return kvPut(this.#options.client, { key: this.#key, value, flags: keyLockFlags, condition });
  }
}
