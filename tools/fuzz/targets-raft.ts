/** Consensus as a whole, against peers that lie. */
import { course } from "./choices.ts";
import { RaftCoreCourse } from "./raft-core-course.ts";
import { RaftNodeCourse } from "./raft-node-course.ts";
import type { FuzzTargetPlan } from "./target.ts";

export const raftTargets: readonly FuzzTargetPlan[] = [
  course("raft-core", () => (choices) => new RaftCoreCourse(choices).run()),
  course("raft-node-inbound", () => (choices) => new RaftNodeCourse(choices).run()),
];
