/** The items in random order, one at a time: mostly only the first few are wanted. */
export function* shuffled<T>(items: readonly T[], random: (limit: number) => number): Generator<T> {
  const order = items.slice();
  for (let index = 0; index < order.length; index += 1) {
    const other = index + random(order.length - index);
    const chosen = order[other] as T;
    order[other] = order[index] as T;
    yield chosen;
  }
}
