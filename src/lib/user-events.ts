/** User events of a gossip pool, as everything above gossip sees them. */

/** An event that was heard for the first time. */
export interface PoolEvent {
  readonly lamportTime: number;
  readonly name: string;
  readonly payload: Uint8Array;
}

export interface UserEventPool {
  /** Spreads an event to every member, this node included. Throws a `ProconsulError` if it is too large. */
  userEvent(name: string, payload: Uint8Array): void;
  /** Called for each event that is heard, outside of any call; disposing stops it. */
  onUserEvent(listener: (event: PoolEvent) => void): Disposable;
}

/** A pool of one: what is fired is heard here. For an agent without gossip, and tests. */
export class SoloEventPool implements UserEventPool {
  readonly #listeners = new Set<(event: PoolEvent) => void>();
  #time = 1;

  userEvent(name: string, payload: Uint8Array): void {
    this.#time += 1;
    for (const listener of this.#listeners) listener({ lamportTime: this.#time, name, payload });
  }

  onUserEvent(listener: (event: PoolEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }
}
