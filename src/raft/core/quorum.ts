/** Arithmetic of majorities. */

/** How many of `voters` make a majority; 1 for none, so that nothing is ever agreed by nobody. */
export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/**
 * The highest value that a majority has reached; -Infinity when there are no voters.
 *
 * With match indexes it is what may be committed, with contact times it is when a quorum was last
 * heard, with round numbers it is the newest round that a quorum has confirmed. O(n log n).
 */
export function reachedByMajority(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => b - a);
  return sorted[majority(sorted.length) - 1] ?? -Infinity;
}
