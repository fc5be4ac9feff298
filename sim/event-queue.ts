/** Future events in order of time; those of one moment in the order in which they were added. */
interface Item<Event> {
  readonly atMs: number;
  readonly order: number;
  readonly event: Event;
}

/** A binary heap. Adding and taking are O(log n). */
export class EventQueue<Event> {
  readonly #heap: Item<Event>[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(atMs: number, event: Event): void {
    const heap = this.#heap;
    this.#order += 1;
    const item = { atMs, order: this.#order, event };
    let at = heap.length;
    heap.push(item);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as Item<Event>;
      if (isBefore(parent, item)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = item;
  }

  /** The next event and its time, or undefined when there is none at or before `untilMs`. */
  take(untilMs: number): { readonly atMs: number; readonly event: Event } | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.atMs > untilMs) return undefined;
    const last = heap.pop() as Item<Event>;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && isBefore(heap[right] as Item<Event>, heap[child] as Item<Event>))
        child = right;
      if (isBefore(last, heap[child] as Item<Event>)) break;
      heap[at] = heap[child] as Item<Event>;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore<Event>(a: Item<Event>, b: Item<Event>): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order;
}
