/** The numbers of all names of a simulation: its nodes know the same others. */
import { must } from "../../src/lib/assert.ts";
import type { NameSlots } from "../../src/gossip/core/name-slots.ts";

/** A name keeps its number for good. */
export class SharedNameSlots implements NameSlots {
  readonly #slots = new Map<string, number>();
  readonly #names: string[] = [];

  get(name: string): number | undefined {
    return this.#slots.get(name);
  }

  nameOf(slot: number): string {
    return must(this.#names[slot], "numbers come from here");
  }

  take(name: string): number {
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    const slot = this.#names.push(name) - 1;
    this.#slots.set(name, slot);
    return slot;
  }

  /** Others still use it. */
  release(): void {
    return undefined;
  }
}
