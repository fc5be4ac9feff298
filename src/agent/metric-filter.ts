/** Which metrics are kept: the rule with the longest prefix decides. Source: the reference's prefix_filter. */

export interface FilterRules {
  /** Prefixes of whole names, such as "consul.raft.". */
  readonly allowed: readonly string[];
  /** Decide where both lists have the same prefix. */
  readonly blocked: readonly string[];
  /** For names that no rule fits. */
  readonly isDefaultAllowed: boolean;
}

/** Every metric. */
export const keepEverything: FilterRules = { allowed: [], blocked: [], isDefaultAllowed: true };

/** Whether a metric is kept. */
export function isKept(name: string, { allowed, blocked, isDefaultAllowed }: FilterRules): boolean {
  const longest = (prefixes: readonly string[]): number =>
    prefixes.reduce((best, prefix) => (name.startsWith(prefix) ? Math.max(best, prefix.length) : best), -1);
  const [yes, no] = [longest(allowed), longest(blocked)];
  if (yes < 0 && no < 0) return isDefaultAllowed;
  return yes > no;
}
