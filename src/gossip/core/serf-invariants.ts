/** What must hold of serf between any two calls. For tests and simulation: O(n). */
import type { Serf } from "./serf.ts";

/** Every broken invariant as a sentence; empty when all is well. */
export function checkSerfInvariants(serf: Serf): readonly string[] {
  const { members, context, meta } = serf.inside();
  const found = [...members.problems()];
  const { memberTime } = serf.stats();
  for (const [name, time] of Object.entries(members.statusTimes()))
    if (time > memberTime) found.push(`the clock has not witnessed the status of ${name}`);
  const own = serf.localMember();
  if (serf.state === "running" && own !== undefined && own.status !== "alive")
    found.push(`this node is ${own.status} although it runs`);
  if (meta.length > 512) found.push("the tags do not fit into the metadata");
  if (context.nowMs < 0) found.push("the time is before its origin");
  return found;
}
