/** Gossip as a whole, against neighbours that lie. */
import { Choices, courses } from "./choices.ts";
import { PoolCourse } from "./pool-course.ts";
import { SwimCourse } from "./swim-course.ts";
import type { FuzzTargetPlan } from "./target.ts";

export const poolTargets: readonly FuzzTargetPlan[] = [
  {
    name: "swim-core",
    form: "bytes",
    open: () => ({ seeds: courses(3), run: (input) => new SwimCourse(new Choices(input)).run() }),
  },
  {
    name: "serf-core",
    form: "bytes",
    open: () => ({ seeds: courses(4), run: (input) => new PoolCourse(new Choices(input)).run() }),
  },
];
