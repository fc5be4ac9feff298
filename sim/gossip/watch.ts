/** What a pool's nodes believe of each other, counted as it changes: so convergence costs nothing to see. */
import { must } from "../../src/lib/assert.ts";
import type { Pool, PoolWatcher } from "./pool.ts";

/** What became known of one death. Times in simulated milliseconds. */
export interface DeathRecord {
  readonly diedMs: number;
  firstSuspectedMs: number | undefined;
  firstBuriedMs: number | undefined;
  lastBuriedMs: number | undefined;
  knownBy: number;
}

export class Watch implements PoolWatcher {
  /** Per observer, how many it believes alive. */
  readonly #believed: Int32Array;
  /** How many observers believe in exactly that many: the wanted number. */
  #agreeing = 0;
  readonly #wanted: number;
  readonly deaths = new Map<string, DeathRecord>();
  /** Accusations of nodes that live. */
  falseSuspicions = 0;
  /** Burials of nodes that live, each observer counted. */
  falseBurials = 0;
  /** Different living nodes that somebody buried. */
  readonly wronged = new Set<string>();
  #pool: Pool | undefined;

  /** Nodes agree when all of them believe in `wanted` living ones. */
  constructor(nodeCount: number, wanted: number) {
    this.#believed = new Int32Array(nodeCount);
    this.#wanted = wanted;
  }

  /** The pool to be watched; needed for the time. */
  attach(pool: Pool): void {
    this.#pool = pool;
  }

  /** Observers that believe in exactly the wanted number of living nodes. */
  get agreeing(): number {
    return this.#agreeing;
  }

  died(name: string): void {
    this.deaths.set(name, {
      diedMs: this.#nowMs(),
      firstSuspectedMs: undefined,
      firstBuriedMs: undefined,
      lastBuriedMs: undefined,
      knownBy: 0,
    });
  }

  joined(observer: number): void {
    this.#change(observer, 1);
  }

  gone(observer: number, name: string): void {
    this.#change(observer, -1);
    const death = this.deaths.get(name);
    if (death === undefined) {
      this.falseBurials += 1;
      this.wronged.add(name);
      return;
    }
    death.firstBuriedMs ??= this.#nowMs();
    death.lastBuriedMs = this.#nowMs();
    death.knownBy += 1;
  }

  suspected(_observer: number, name: string): void {
    const death = this.deaths.get(name);
    if (death === undefined) this.falseSuspicions += 1;
    else death.firstSuspectedMs ??= this.#nowMs();
  }

  #change(observer: number, by: number): void {
    const before = must(this.#believed[observer], "observers are nodes");
    this.#believed[observer] = before + by;
    if (before === this.#wanted) this.#agreeing -= 1;
    if (before + by === this.#wanted) this.#agreeing += 1;
  }

  #nowMs(): number {
    return this.#pool?.nowMs ?? 0;
  }
}
