/** Gossip as a whole, against neighbours that lie. */
import { course } from "./choices.ts";
import { recordedGossip } from "./lying-gossip.ts";
import { PoolCourse } from "./pool-course.ts";
import { SwimCourse } from "./swim-course.ts";
import type { FuzzTargetPlan } from "./target.ts";

export const poolTargets: readonly FuzzTargetPlan[] = [
  course("swim-core", () => {
    const recorded = recordedGossip();
    return (choices) => new SwimCourse(choices, recorded).run();
  }),
  course("serf-core", () => {
    const recorded = recordedGossip();
    return (choices) => new PoolCourse(choices, recorded).run();
  }),
];
