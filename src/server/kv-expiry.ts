/**
 * Deletes keys whose time to live is over; runs on the leader.
 *
 * A key's deadline is in the log and so on every server; the leader deletes it by an ordinary command, if it is still
 * the entry that was to expire. A new leader goes on with what it finds. Time is the leader's calendar.
 */
import { commandType } from "../fsm/command.ts";
import { encodeCommand } from "../fsm/encode.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { kvExpired, kvExpiriesTopic, kvNextExpiryMs } from "../state/kv.ts";
import type { StateStore } from "../state/store.ts";
import { WatchSet } from "../state/watch.ts";
import { DirEntry, KVSRequest } from "../wire/structs/kv.ts";
import type { ServerContext } from "./context.ts";
import { proposeCommand } from "./propose.ts";

/** The calendar may be set: it is looked at this often while a key waits. */
const lookMs = 60_000;
/** Keys deleted at once. */
const batchMax = 256;
const retryMs = 1000;

export interface KvExpiryOptions {
  readonly clock: Clock;
  readonly store: StateStore;
  readonly log: Log;
  /** Deletes the entry unless it has changed. Rejections are tried again while this server leads. */
  remove(entry: DirEntry): Promise<void>;
}

/** Deletes an entry that is over, unless it has changed. Rejects as proposals do. */
export async function removeExpired(server: ServerContext, { Key, ModifyIndex }: DirEntry): Promise<void> {
  const DirEnt = DirEntry.make({ Key, ModifyIndex });
  const request = KVSRequest.make({ Datacenter: server.settings.datacenter, Op: "delete-cas", DirEnt });
  await proposeCommand(server, encodeCommand(commandType.kvs, KVSRequest, request), request);
}

/** Deletes what expires until it is stopped. */
export class KvExpiry {
  readonly #options: KvExpiryOptions;
  #timer: Disposable | undefined;
  /** When the timer fires, by the calendar. */
  #dueMs = 0;
  #watching: Disposable | undefined;
  /** Counts starts and stops, so that what one began does not go on in the next. */
  #tenure = 0;

  constructor(options: KvExpiryOptions) {
    this.#options = options;
  }

  start(): void {
    this.stop();
    this.#watch(this.#tenure);
    this.#arm(this.#tenure);
  }

  stop(): void {
    this.#tenure += 1;
    this.#timer?.[Symbol.dispose]();
    this.#watching?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#watching = undefined;
  }

  /** An entry that expires earlier than the next may come at any time. */
  #watch(tenure: number): void {
    const set = new WatchSet();
    set.topic(kvExpiriesTopic);
    this.#watching = this.#options.store.watches.watch(set, () => {
      if (tenure !== this.#tenure) return;
      this.#watch(tenure);
      const nextMs = kvNextExpiryMs(this.#options.store);
      if (this.#timer !== undefined && nextMs !== undefined && nextMs < this.#dueMs) this.#arm(tenure);
    });
  }

  #arm(tenure: number): void {
    const { clock, store } = this.#options;
    this.#timer?.[Symbol.dispose]();
    const nextMs = kvNextExpiryMs(store);
    const nowMs = clock.wallMs();
    const delayMs = nextMs === undefined ? lookMs : Math.min(lookMs, Math.max(0, nextMs - nowMs));
    this.#dueMs = nowMs + delayMs;
    this.#timer = clock.after(delayMs, () => {
      this.#timer = undefined;
      void this.#expire(tenure);
    });
  }

  async #expire(tenure: number): Promise<void> {
    const { clock, store, log, remove } = this.#options;
    const due = kvExpired(store, clock.wallMs(), batchMax);
    const results = await Promise.allSettled(due.map((entry) => remove(entry)));
    if (tenure !== this.#tenure) return;
    const failed = results.find((one) => one.status === "rejected");
    if (failed === undefined) return this.#arm(tenure);
    log.warn("failed to delete expired keys", { error: String(failed.reason) });
    this.#timer = clock.after(retryMs, () => this.#arm(tenure));
  }
}
