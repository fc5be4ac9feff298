/**
 * Clients that watch all keys by blocking reads, as long as a server lets them wait: no change may be missed.
 *
 * A read that nobody wakes shows only by what it never says; so when all is quiet, each watcher must have the state.
 */
import { utf8ByteString } from "../../src/lib/byte-string.ts";
import { millisecondNs } from "../../src/lib/duration.ts";
import type { Rng } from "../../src/lib/rng.ts";
import { kvsList } from "../../src/wire/rpc/methods.ts";
import { KeyRequest, type IndexedDirEntries } from "../../src/wire/structs/kv.ts";
import { Violation } from "../raft/checkers.ts";
import type { SimHost } from "./host.ts";
import type { Scheduler } from "./scheduler.ts";

/** Longer than any run. */
const waitMs = 600_000;
const retryMs = 500;

export interface WatchersParts {
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  readonly servers: readonly SimHost[];
  readonly count: number;
  /** Told of what must never happen. */
  failed(error: Error): void;
}

export class Watchers {
  readonly #parts: WatchersParts;
  /** What each saw last: keys with their indexes. */
  readonly #seen: string[] = [];
  #replyCount = 0;

  constructor(parts: WatchersParts) {
    this.#parts = parts;
    for (let watcher = 0; watcher < parts.count; watcher += 1) {
      this.#seen.push("");
      this.#again(watcher, parts.rng.fork(`watcher ${watcher}`));
    }
  }

  get replyCount(): number {
    return this.#replyCount;
  }

  /** Who has not seen `state`, as `stateOf` gives it; `undefined` when all have. */
  notSeen(state: string): string | undefined {
    const watcher = this.#seen.findIndex((seen) => seen !== state);
    return watcher < 0 ? undefined : `watcher ${watcher} has missed the last changes`;
  }

  #again(watcher: number, rng: Rng): void {
    this.#parts.scheduler.after(1 + rng.below(retryMs), undefined, () => {
      const { servers } = this.#parts;
      const host = servers[rng.below(servers.length)];
      const isStale = rng.chance(1, 2);
      if (host?.core === undefined) return this.#again(watcher, rng);
      this.#ask({ watcher, rng, host, isStale, index: 0 });
    });
  }

  /** Asks and, with what it is told, asks again, until the server fails it or dies. */
  #ask(watch: Watch): void {
    const { scheduler } = this.#parts;
    const { watcher, rng, host, isStale, index } = watch;
    const { life, core } = host;
    if (core === undefined || life === undefined) return this.#again(watcher, rng);
    let isOver = false;
    const giveUp = (): void => {
      if (isOver) return;
      isOver = true;
      this.#again(watcher, rng);
    };
    const watchLife = (): void => {
      if (life.isOver) giveUp();
      else if (!isOver) scheduler.after(retryMs, undefined, watchLife);
    };
    scheduler.after(retryMs, undefined, watchLife);
    const request = KeyRequest.make({
      Datacenter: "dc1",
      Key: utf8ByteString("k/"),
      AllowStale: isStale,
      MinQueryIndex: index,
      MaxQueryTime: waitMs * millisecondNs,
    });
    const answered = (reply: IndexedDirEntries): void => {
      scheduler.after(1, undefined, () => {
        if (isOver) return;
        isOver = true;
        this.#told(watch, reply);
      });
    };
    scheduler.after(1, life, () => void core.rpc.call(kvsList, request).then(answered, giveUp));
  }

  #told(watch: Watch, reply: IndexedDirEntries): void {
    this.#replyCount += 1;
    if (reply.Index < 1) this.#parts.failed(new Violation(`watch: a reply has index ${reply.Index}`));
    this.#seen[watch.watcher] = stateOf(reply.Entries ?? []);
    // From another server, or an older leader, an index may be lower: then everything is asked for anew.
    const index = reply.Index < watch.index ? 0 : reply.Index;
    this.#ask({ ...watch, index });
  }
}

interface Watch {
  readonly watcher: number;
  readonly rng: Rng;
  readonly host: SimHost;
  readonly isStale: boolean;
  readonly index: number;
}

/** Keys and the indexes of their last changes. */
export function stateOf(entries: readonly { readonly Key: string; readonly ModifyIndex: number }[]): string {
  return entries.map(({ Key, ModifyIndex }) => `${Key}@${ModifyIndex}`).join(" ");
}
