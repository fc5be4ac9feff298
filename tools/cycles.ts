/**
 * The cycles of a directed graph: one shortest walk `a → … → a` per strongly connected component, for the first
 * node of that component in the order of `graph`. Edges to nodes that `graph` does not list are ignored.
 */
export function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const cycles: (readonly string[])[] = [];
  const reported = new Set<string>();
  for (const node of graph.keys()) {
    if (reported.has(node)) continue;
    const cycle = cycleThrough(graph, node);
    if (cycle === undefined) continue;
    cycles.push(cycle);
    // The others of the component: what this node reaches and what reaches it.
    const below = reachable(graph, node);
    for (const other of below) if (reachable(graph, other).has(node)) reported.add(other);
  }
  return cycles;
}

/** Breadth first, so that the walk found is a shortest one. */
function cycleThrough(
  graph: ReadonlyMap<string, readonly string[]>,
  start: string,
): readonly string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const node of queue) {
    for (const next of graph.get(node) ?? []) {
      if (next === start) return [...walkBack(cameFrom, { from: start, to: node }), start];
      if (!graph.has(next) || cameFrom.has(next)) continue;
      cameFrom.set(next, node);
      queue.push(next);
    }
  }
  return undefined;
}

function walkBack(
  cameFrom: ReadonlyMap<string, string>,
  ends: { readonly from: string; readonly to: string },
): readonly string[] {
  const walk = [ends.to];
  for (let node = ends.to; node !== ends.from;) {
    const before = cameFrom.get(node);
    if (before === undefined) throw new TypeError(`no way back from ${node}`);
    walk.push(before);
    node = before;
  }
  return walk.toReversed();
}

function reachable(graph: ReadonlyMap<string, readonly string[]>, start: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const queue = [...(graph.get(start) ?? [])];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    queue.push(...(graph.get(node) ?? []));
  }
  return seen;
}
