/** The numbers of all names of a simulation: its nodes know the same others. */
import type { NameSlots } from "../../src/gossip/core/name-slots.ts";

/** A name keeps its number for good. */
export class SharedNameSlots implements NameSlots {
  readonly #slots = new Map<string, number>();

  get(name: string): number | undefined {
    return this.#slots.get(name);
  }

  take(name: string): number {
    const slot = this.#slots.get(name) ?? this.#slots.size;
    this.#slots.set(name, slot);
    return slot;
  }

  /** Others still use it. */
  release(): void {
    return undefined;
  }
}
