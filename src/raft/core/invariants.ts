/** What must hold of one core between any two steps; the numbers are those of docs/internals/raft.md. */
import type { RaftCore } from "./core.ts";

/** Every broken invariant as a sentence; empty when all is well. For tests and simulation: not cheap. */
export function checkInvariants(core: RaftCore): readonly string[] {
  const s = core.status();
  const found = [...core.problems()];
  const claim = (holds: boolean, text: string): void => {
    if (!holds) found.push(text);
  };
  claim(s.appliedIndex <= s.commitIndex, `R7: applied ${s.appliedIndex} beyond commit ${s.commitIndex}`);
  claim(s.commitIndex <= s.lastIndex, `R6: commit ${s.commitIndex} beyond the log's end ${s.lastIndex}`);
  claim(
    s.snapshotIndex <= s.appliedIndex,
    `R9: snapshot ${s.snapshotIndex} beyond applied ${s.appliedIndex}`,
  );
  claim(s.lastTerm <= s.term, `R1: the log ends in term ${s.lastTerm}, later than ${s.term}`);
  claim(s.role !== "leader" || s.leader?.id === s.id, "R2: a leader knows itself as leader");
  claim(
    s.committedConfigurationIndex <= s.configurationIndex,
    "R10: the committed configuration is the older one",
  );
  claim(
    s.committedConfigurationIndex === s.configurationIndex || s.configurationIndex > s.commitIndex,
    "R10: a configuration is committed with its entry",
  );
  claim(s.role !== "leader" || s.lastTerm === s.term, "R4: a leader's log ends in its own term");
  for (const follower of s.followers) {
    claim(follower.nextIndex >= 1, `R5: ${follower.id} is sent entries from 1 on`);
  }
  return found;
}
