/**
 * For tests: what a promise was rejected with, as a function that throws it.
 *
 *     expect(await rejection(node.propose(x))).toThrow(NotLeaderError);
 *
 * In place of `expect(promise).rejects`, which runs the event loop within itself until the promise settles: with a
 * socket open somewhere in the process, each turn of that loop then waits for the next timer.
 */
export async function rejection(promise: Promise<unknown>): Promise<() => void> {
  try {
    await promise;
  } catch (error) {
    return () => {
      throw error;
    };
  }
  return () => undefined;
}
