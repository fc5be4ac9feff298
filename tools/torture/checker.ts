/**
 * Whether a history of concurrent operations on one object can be explained one operation at a time.
 *
 * The search of Wing & Gong with Lowe's memory: at every point, any operation may be next that had begun before
 * the first of the remaining ones ended; a point that was visited before is not visited again. Operations
 * whose outcome nobody knows may come at any time after their beginning, or never. So a point with fewer of
 * them used up is worth at least as much as one with more, all else equal: if it was visited, the other is not.
 *
 * Sources: Wing & Gong, "Testing and verifying concurrent objects" (1993); Lowe, "Testing for linearizability"
 * (2017); Porcupine's treatment of pending operations.
 */

/** An operation and the time in which it took effect. */
export interface Call<Op> {
  readonly op: Op;
  readonly start: number;
  /** Undefined: nobody knows whether it took effect, nor when. */
  readonly end: number | undefined;
}

/** What an object does. States are texts, so that equal states are known as such. */
export interface Model<Op> {
  readonly initial: string;
  /** The state after `op` with the result that it had; undefined if it cannot have had it in this state. */
  step(state: string, op: Op): string | undefined;
  /** Operations with the same label do the same in every state: of those that are pending, any stands for all. */
  twin(op: Op): string | undefined;
}

/** What the search found out. */
export type Finding<Op> =
  | { readonly kind: "linearizable" }
  | {
      readonly kind: "impossible";
      /** How many operations could be explained at most, and the state after them. */
      readonly explained: number;
      readonly state: string;
      /** Of which none could come next. */
      readonly stuck: readonly Call<Op>[];
    }
  /** The search took more points than it may. */
  | { readonly kind: "undecided"; readonly visited: number };

/** A search never visits more points than this unless told otherwise: some 500 MB at worst. */
const visitedMaxDefault = 1_000_000;

/** Searches for an order. `visitedMax` bounds time and memory. */
export function checkLinearizable<Op>(
  model: Model<Op>,
  calls: readonly Call<Op>[],
  visitedMax = visitedMaxDefault,
): Finding<Op> {
  return new Search(model, calls).run(visitedMax);
}

/** A point of the search: what has come so far, and the state after it. */
interface Point {
  /** Known operations before this one have all come. */
  readonly base: number;
  /** Those behind `base` that have come: bit 0 is `base` itself, which has not. */
  readonly ahead: bigint;
  /** Pending operations that have come. */
  readonly used: bigint;
  readonly state: string;
  readonly explained: number;
}

class Search<Op> {
  readonly #model: Model<Op>;
  readonly #known: readonly (Call<Op> & { readonly end: number })[];
  readonly #pending: readonly Call<Op>[];
  /** By everything but the pending operations: the sets of those with which the point was visited. */
  readonly #visited = new Map<string, bigint[]>();
  #visitedCount = 0;

  constructor(model: Model<Op>, calls: readonly Call<Op>[]) {
    this.#model = model;
    const byStart = calls.toSorted((a, b) => a.start - b.start);
    this.#known = byStart.flatMap(({ end, ...call }) => (end === undefined ? [] : [{ ...call, end }]));
    this.#pending = byStart.filter(({ end }) => end === undefined);
  }

  run(visitedMax: number): Finding<Op> {
    const first = { base: 0, ahead: 0n, used: 0n, state: this.#model.initial, explained: 0 };
    let deepest: Point = first;
    // The last one is looked at next.
    const open: Point[] = [first];
    for (let point = open.pop(); point !== undefined; point = open.pop()) {
      if (!this.#isNew(point)) continue;
      if (this.#visitedCount > visitedMax) return { kind: "undecided", visited: visitedMax };
      if (point.base === this.#known.length) return { kind: "linearizable" };
      if (point.explained > deepest.explained) deepest = point;
      open.push(...this.#next(point).toReversed());
    }
    const { explained, state } = deepest;
    return { kind: "impossible", explained, state, stuck: this.#candidates(deepest) };
  }

  #isNew({ base, ahead, used, state }: Point): boolean {
    const key = `${base} ${ahead.toString(36)} ${state}`;
    const sets = this.#visited.get(key);
    if (sets?.some((one) => (one & used) === one) === true) return false;
    this.#visitedCount += 1;
    if (sets === undefined) this.#visited.set(key, [used]);
    else sets.push(used);
    return true;
  }

  /** Known operations first: pending ones are there to explain what cannot be explained without. */
  #next(point: Point): readonly Point[] {
    const points: Point[] = [];
    const { limit, indexes } = this.#window(point);
    for (const index of indexes) {
      const state = this.#step(point, this.#known[index]);
      if (state !== undefined) points.push(this.#came(point, index, state));
    }
    const labels = new Set<string>();
    for (const [index, call] of this.#pending.entries()) {
      if (call.start > limit) break;
      const bit = 1n << BigInt(index);
      if ((point.used & bit) !== 0n) continue;
      const label = this.#model.twin(call.op);
      if (label !== undefined && labels.has(label)) continue;
      if (label !== undefined) labels.add(label);
      const state = this.#step(point, call);
      // Without an effect it need not have come.
      if (state !== undefined && state !== point.state) {
        points.push({ ...point, used: point.used | bit, state });
      }
    }
    return points;
  }

  #step({ state }: Point, call: Call<Op> | undefined): string | undefined {
    return call === undefined ? undefined : this.#model.step(state, call.op);
  }

  #came(point: Point, index: number, state: string): Point {
    let { base } = point;
    let ahead = point.ahead | (1n << BigInt(index - base));
    while ((ahead & 1n) === 1n) {
      ahead >>= 1n;
      base += 1;
    }
    return { base, ahead, used: point.used, state, explained: point.explained + 1 };
  }

  /** Known operations that may be next, and the time before which a pending one must have begun. */
  #window({ base, ahead }: Point): { readonly limit: number; readonly indexes: readonly number[] } {
    let limit = Number.POSITIVE_INFINITY;
    const indexes: number[] = [];
    // Starts only grow: once one lies behind the limit, all the following do.
    for (let index = base; index < this.#known.length; index += 1) {
      const call = this.#known[index];
      if (call === undefined || call.start > limit) break;
      if (((ahead >> BigInt(index - base)) & 1n) === 1n) continue;
      limit = Math.min(limit, call.end);
      indexes.push(index);
    }
    return { limit, indexes };
  }

  #candidates(point: Point): readonly Call<Op>[] {
    return this.#window(point).indexes.flatMap((index) => this.#known[index] ?? []);
  }
}
