/** What an answer was made of, so that it can be made again without looking anything up. */
import type { KeptReply, Rpc, RpcMethod } from "../wire/rpc/method.ts";
import type { CheckServiceNode } from "../wire/structs/catalog.ts";
import type { RecordContext } from "./records.ts";

/** Instances of which each answer picks some at random. */
export interface Choice {
  readonly nodes: readonly CheckServiceNode[];
  readonly context: RecordContext;
}

export class Sources implements Disposable {
  /** Set if the answer is one of many. */
  choice: Choice | undefined;
  readonly #rpc: Rpc;
  readonly #kept: KeptReply<unknown>[] = [];
  #isComplete = true;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  /** The reply to a read that can be answered and kept at once. */
  read<Q, R>(method: RpcMethod<Q, R>, request: Q): R | undefined {
    const kept = this.#isComplete ? this.#rpc.keep?.(method, request) : undefined;
    if (kept === undefined) return undefined;
    this.#kept.push(kept);
    return kept.reply;
  }

  /** The reply to a read that was just answered; if it cannot be kept, the answer cannot either. */
  adopt<Q, R>(method: RpcMethod<Q, R>, request: Q): R | undefined {
    const reply = this.read(method, request);
    if (reply === undefined) this.spoil();
    return reply;
  }

  /** The answer must not be given again: something else went into it, or it is no longer true. Final. */
  spoil(): void {
    this.#isComplete = false;
    this[Symbol.dispose]();
  }

  /** Whether the same question would get the same answer. */
  isCurrent(): boolean {
    if (!this.#isComplete) return false;
    for (const kept of this.#kept) if (!kept.isCurrent()) return false;
    return true;
  }

  /** Whether only asking again tells if the answer is the same. */
  get isRefreshable(): boolean {
    return this.#isComplete && this.#kept.some(({ refresh }) => refresh !== undefined);
  }

  /** Asks again where that is needed. Rejects as calls do. */
  async refresh(): Promise<void> {
    await Promise.all(this.#kept.flatMap((kept) => kept.refresh?.() ?? []));
  }

  /** How far a reply may have been behind when it was given; `undefined` if none was. */
  get lastContactMs(): number | undefined {
    const all = this.#kept.flatMap(({ lastContactMs }) =>
      lastContactMs === undefined ? [] : [lastContactMs],
    );
    return all.length === 0 ? undefined : Math.max(...all);
  }

  [Symbol.dispose](): void {
    for (const kept of this.#kept.splice(0)) kept[Symbol.dispose]();
  }
}
