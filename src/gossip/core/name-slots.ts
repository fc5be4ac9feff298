/**
 * Small numbers for names, so that what is known of a node lies in an array.
 *
 * Each pool has its own; a simulation lets all its nodes share one, and no name is then held more than once.
 */
import { assert, must } from "../../lib/assert.ts";

/** Numbers from 0 on, with few gaps. */
export interface NameSlots {
  /** The number of a name that has one. */
  get(name: string): number | undefined;
  /** The name that has a number. */
  nameOf(slot: number): string;
  /** Gives a number to a name. */
  take(name: string): number;
  /** The name needs its number no longer. */
  release(name: string): void;
}

/** The numbers of one node's table: those that are released are given again. */
export class OwnNameSlots implements NameSlots {
  readonly #slots = new Map<string, number>();
  readonly #names: (string | undefined)[] = [];
  readonly #free: number[] = [];

  get(name: string): number | undefined {
    return this.#slots.get(name);
  }

  nameOf(slot: number): string {
    return must(this.#names[slot], "a number that is in use has a name");
  }

  take(name: string): number {
    assert(!this.#slots.has(name), "a name has one number");
    const slot = this.#free.pop() ?? this.#slots.size;
    this.#slots.set(name, slot);
    this.#names[slot] = name;
    return slot;
  }

  release(name: string): void {
    const slot = this.#slots.get(name);
    assert(slot !== undefined, "a released name had a number");
    this.#slots.delete(name);
    this.#names[slot] = undefined;
    this.#free.push(slot);
  }
}
