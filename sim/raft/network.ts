/** What the network does to messages: delay, loss, copies, cut links, and order or none. */
import type { Rng } from "../../src/lib/rng.ts";
import type { Plan } from "./plan.ts";
import type { Rpc, SimServer } from "./sim-server.ts";

const longDelayMs = 150;

/** Rates, in 1,000, that fall to 0 when the world heals. */
export interface FaultRates {
  lossRate: number;
  duplicateRate: number;
  longDelayRate: number;
  crashAfterVoteRate: number;
}

/** One per world; draws from the world's stream. */
export class Network {
  readonly rates: FaultRates;
  readonly #plan: Plan;
  readonly #rng: Rng;
  readonly #cut = new Set<number>();
  readonly #lastArrivalMs = new Map<string, number>();

  constructor(plan: Plan, rng: Rng) {
    const { lossRate, duplicateRate, longDelayRate, crashAfterVoteRate } = plan;
    this.rates = { lossRate, duplicateRate, longDelayRate, crashAfterVoteRate };
    this.#plan = plan;
    this.#rng = rng;
  }

  /** Nothing gets from `from` to `to` any more. */
  cut(from: SimServer, to: SimServer): void {
    this.#cut.add(linkOf(from, to));
  }

  healLinks(): void {
    this.#cut.clear();
  }

  isCut(from: SimServer, to: SimServer): boolean {
    return this.#cut.has(linkOf(from, to));
  }

  /** Whether what is sent now never arrives. */
  loses(from: SimServer, to: SimServer): boolean {
    return this.isCut(from, to) || this.#rng.chance(this.rates.lossRate, 1000);
  }

  /** Whether what is sent now arrives twice. */
  copies(): boolean {
    return this.#rng.chance(this.rates.duplicateRate, 1000);
  }

  delayMs(): number {
    const isLong = this.rates.longDelayRate > 0 && this.#rng.chance(this.rates.longDelayRate, 1000);
    return (isLong ? this.#rng.below(longDelayMs) : 0) + this.#rng.below(this.#plan.delayMs + 1);
  }

  /** When what `sender` says in this exchange gets to the other side. */
  arrivalMs(o: { sender: SimServer; rpc: Rpc; nowMs: number }): number {
    const atMs = o.nowMs + this.delayMs();
    if (!this.#plan.keepsOrder) return atMs;
    const lane = `${o.rpc.from.id} ${o.rpc.to.id} ${o.rpc.lane} ${o.sender.id}`;
    const inOrderMs = Math.max(atMs, this.#lastArrivalMs.get(lane) ?? 0);
    this.#lastArrivalMs.set(lane, inOrderMs);
    return inOrderMs;
  }
}

function linkOf(from: SimServer, to: SimServer): number {
  return from.index * 16 + to.index;
}
