/**
 * Future events by whole milliseconds: adding and taking are O(1), however many wait.
 *
 * A pool of thousands of nodes has hundreds of thousands of packets and timers pending, and time moves on
 * millisecond by millisecond anyway, so a heap would only cost. Events of one millisecond come in the order in which
 * they were added.
 */
export class Calendar<Event> {
  readonly #days = new Map<number, Event[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(atMs: number, event: Event): void {
    this.#size += 1;
    const day = this.#days.get(atMs);
    if (day === undefined) this.#days.set(atMs, [event]);
    else day.push(event);
  }

  /** Hands out every event of this millisecond, also those added meanwhile. */
  take(atMs: number, each: (event: Event) => void): void {
    const day = this.#days.get(atMs);
    if (day === undefined) return;
    for (const event of day) each(event);
    this.#size -= day.length;
    this.#days.delete(atMs);
  }
}
