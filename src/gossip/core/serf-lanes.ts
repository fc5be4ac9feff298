/**
 * The three queues of what serf spreads by gossip: intents before queries before events.
 *
 * Intents are few and keep the pool honest, so they may never wait behind a flood of events.
 */
import { BroadcastQueue } from "./broadcast-queue.ts";
import { retransmitLimit } from "./scaling.ts";
import type { SerfContext } from "./serf-context.ts";

export type SerfLane = "intent" | "query" | "event";

/** In the order in which packets are filled. */
const lanes: readonly SerfLane[] = ["intent", "query", "event"];
const metricNames: Readonly<Record<SerfLane, string>> = { intent: "Intent", query: "Query", event: "Event" };

export class SerfLanes {
  readonly #context: SerfContext;
  readonly #queues: Readonly<Record<SerfLane, BroadcastQueue>> = {
    intent: new BroadcastQueue(),
    query: new BroadcastQueue(),
    event: new BroadcastQueue(),
  };

  constructor(context: SerfContext) {
    this.#context = context;
  }

  /** Messages that wait in a lane. */
  size(lane: SerfLane): number {
    return this.#queues[lane].size;
  }

  /** Queues a message, whose bytes must not change afterwards. `token` is reported when it was told often enough. */
  add(lane: SerfLane, bytes: Uint8Array, token?: number): void {
    this.#queues[lane].add(bytes, token === undefined ? {} : { token });
  }

  /** The messages for one packet. */
  take(
    limits: { readonly overheadBytes: number; readonly bytesMax: number },
    memberCount: number,
  ): readonly Uint8Array[] {
    const { overheadBytes, bytesMax } = limits;
    const transmitsMax = retransmitLimit(this.#context.options.retransmitMult, memberCount);
    const taken: Uint8Array[] = [];
    let left = bytesMax;
    for (const lane of lanes) {
      const queue = this.#queues[lane];
      if (queue.size === 0) continue;
      for (const bytes of queue.take({ overheadBytes, bytesMax: left, transmitsMax })) {
        taken.push(bytes);
        left -= bytes.length + overheadBytes;
        this.#context.sample("msgs.sent", bytes.length);
      }
    }
    return taken;
  }

  /** Tokens of messages that are done. Only intents carry any. */
  takeFinished(): readonly number[] {
    return this.#queues.intent.takeFinished();
  }

  /** Measures the queues and cuts what is too long from the most told end. */
  check(memberCount: number): void {
    const { queueDepthMin, queueDepthWarning } = this.#context.options;
    const sizeMax = Math.max(2 * memberCount, queueDepthMin);
    for (const lane of lanes) {
      const { size } = this.#queues[lane];
      const name = metricNames[lane];
      this.#context.sample(`queue.${name}`, size);
      if (size >= queueDepthWarning) this.#context.log("warn", `${name} queue depth: ${size}`);
      if (size <= sizeMax) continue;
      this.#context.log(
        "warn",
        `${name} queue depth (${size}) exceeds limit (${sizeMax}), dropping messages!`,
      );
      this.#queues[lane].prune(sizeMax);
    }
  }
}
