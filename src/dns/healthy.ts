/** Which instances an answer may name. */
import type { CheckServiceNode } from "../wire/structs/catalog.ts";

type Instances = readonly CheckServiceNode[];

/** Filters lists of instances; an unchanged list is the same object, so each is read once. */
export class HealthyInstances {
  readonly #passing = new WeakMap<Instances, Instances>();
  readonly #usable = new WeakMap<Instances, Instances>();

  /** Without critical instances; with `onlyPassing` also without those in warning. */
  of(nodes: Instances, onlyPassing: boolean): Instances {
    const known = onlyPassing ? this.#passing : this.#usable;
    const before = known.get(nodes);
    if (before !== undefined) return before;
    const healthy = nodes.filter(({ Checks: checks }) =>
      (checks ?? []).every(({ Status: status }) =>
        onlyPassing ? status === "passing" : status !== "critical",
      ),
    );
    known.set(nodes, healthy);
    return healthy;
  }
}
