/** Raised when a claim that the program relies on is false: a bug here, never the caller's fault. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Throws `AssertionError` unless `condition` holds. `claim` says, positively, what must be true. */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionError(`broken claim: ${claim}`);
}

/** Returns `value`, which the caller has just proved to be present. `claim` says why it is. */
export function must<T>(value: T | undefined | null, claim: string): T {
  if (value === undefined || value === null) throw new AssertionError(`broken claim: ${claim}`);
  return value;
}

/** Marks the end of an exhaustive `switch`: a case left out does not compile. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable value: ${JSON.stringify(value)}`);
}
