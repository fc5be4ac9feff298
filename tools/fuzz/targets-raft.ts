/** Consensus as a whole, against peers that lie. */
import { Choices, courses } from "./choices.ts";
import { RaftCoreCourse } from "./raft-core-course.ts";
import { RaftNodeCourse } from "./raft-node-course.ts";
import type { FuzzTargetPlan } from "./target.ts";

export const raftTargets: readonly FuzzTargetPlan[] = [
  {
    name: "raft-core",
    form: "bytes",
    open: () => ({ seeds: courses(1), run: (input) => new RaftCoreCourse(new Choices(input)).run() }),
  },
  {
    name: "raft-node-inbound",
    form: "bytes",
    open: () => ({ seeds: courses(2), run: (input) => new RaftNodeCourse(new Choices(input)).run() }),
  },
];
