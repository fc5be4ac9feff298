/** What must hold of serf between any two calls; the numbers are those of docs/internals/serf.md. */
import type { Serf } from "./serf.ts";

const metaBytesMax = 512;

/** Every broken invariant as a sentence; empty when all is well. For tests and simulation: O(n). */
export function checkSerfInvariants(serf: Serf): readonly string[] {
  const { members, meta } = serf.inside();
  const found = members.problems().map((problem) => `S1: ${problem}`);
  const { memberTime } = serf.stats();
  for (const [name, time] of Object.entries(members.statusTimes()))
    if (time > memberTime) found.push(`S2: the clock has not witnessed the status of ${name}`);
  const own = serf.localMember();
  if (serf.state === "running" && own !== undefined && own.status !== "alive")
    found.push(`S3: this node is ${own.status} although it runs`);
  if (meta.length > metaBytesMax) found.push("S4: the tags do not fit into the metadata");
  return found;
}
