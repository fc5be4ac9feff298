/**
 * The broadcasts of a queue, column by column: what is known of one stands at its number in each.
 *
 *     number     0    1    2 …
 *     bytes    [ ▪  , ▪  ,      ]     free numbers are given again
 *     order    [ 17 , 3  ,      ]
 *     …
 *
 * Plain numbers, since after a mass join each node has thousands to tell: a simulated pool then queues tens of
 * millions, and objects would cost the collector more time than all the rest.
 */
import { must } from "../../lib/assert.ts";

/** Stands for no number. */
export const nobody = -1;

const capacityMin = 16;

/** Owned by one queue, which fills in what it adds. */
export class BroadcastColumns {
  readonly #bytes: (Uint8Array | undefined)[] = [];
  readonly #free: number[] = [];
  /** Grows with each broadcast of the queue. */
  order = new Float64Array(capacityMin);
  /** How often each was sent. */
  transmits = new Uint16Array(capacityMin);
  /** The slot of its name. */
  name = new Int32Array(capacityMin);
  /** Its neighbours in the list that it waits in. */
  newer = new Int32Array(capacityMin);
  older = new Int32Array(capacityMin);

  /** Gives a number to a broadcast. */
  take(bytes: Uint8Array): number {
    const entry = this.#free.pop() ?? this.#bytes.length;
    if (entry === this.order.length) this.#grow();
    this.#bytes[entry] = bytes;
    return entry;
  }

  /** The broadcast is over. */
  release(entry: number): void {
    this.#bytes[entry] = undefined;
    this.#free.push(entry);
  }

  bytes(entry: number): Uint8Array {
    return must(this.#bytes[entry], "a broadcast in use has bytes");
  }

  #grow(): void {
    const capacity = Math.ceil(this.order.length * 1.5);
    this.order = copied(this.order, new Float64Array(capacity));
    this.transmits = copied(this.transmits, new Uint16Array(capacity));
    this.name = copied(this.name, new Int32Array(capacity));
    this.newer = copied(this.newer, new Int32Array(capacity));
    this.older = copied(this.older, new Int32Array(capacity));
  }
}

function copied<Column extends Float64Array | Uint16Array | Int32Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
