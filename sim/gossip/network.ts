/** The network between simulated nodes: delay, loss, copies, and who can reach whom. */
import type { Rng } from "../../src/lib/rng.ts";

/** How the network behaves. */
export interface NetworkPlan {
  /** One way, uniform between the two. Whole milliseconds, at least 1. */
  readonly delayMinMs: number;
  readonly delayMaxMs: number;
  /** Of 1,000 datagrams, how many are lost. */
  readonly lossPermille: number;
  /** Of 1,000 datagrams, how many arrive twice. */
  readonly copyPermille: number;
}

/** Lost segments of a stream are sent again after this long, as TCP does at least. */
const retransmitMs = 200;

export class SimNetwork {
  readonly #rng: Rng;
  readonly plan: NetworkPlan;
  /** Nodes reach only those on their own side. */
  readonly #sides: Uint8Array;

  constructor(rng: Rng, plan: NetworkPlan, nodeCount: number) {
    this.#rng = rng;
    this.plan = plan;
    this.#sides = new Uint8Array(nodeCount);
  }

  /** Puts a node on a side; all begin on side 0. */
  place(node: number, side: number): void {
    this.#sides[node] = side;
  }

  reaches(a: number, b: number): boolean {
    return this.#sides[a] === this.#sides[b];
  }

  /** When each copy of a datagram arrives, from now; empty if it is lost. */
  datagramDelays(): readonly number[] {
    const { lossPermille, copyPermille } = this.plan;
    if (lossPermille > 0 && this.#rng.chance(lossPermille, 1_000)) return [];
    const first = this.#delayMs();
    if (copyPermille === 0 || !this.#rng.chance(copyPermille, 1_000)) return [first];
    return [first, this.#delayMs()];
  }

  /** When the next message on a stream arrives, from now: what is lost is sent again. */
  streamDelayMs(): number {
    let delayMs = this.#delayMs();
    for (let wait = retransmitMs; this.#rng.chance(this.plan.lossPermille, 1_000); wait *= 2) delayMs += wait;
    return delayMs;
  }

  #delayMs(): number {
    const { delayMinMs, delayMaxMs } = this.plan;
    return delayMinMs + this.#rng.below(delayMaxMs - delayMinMs + 1);
  }
}
