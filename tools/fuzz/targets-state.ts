/** The replicated state as a whole. */
import { course } from "./choices.ts";
import { StateCourse } from "./state-course.ts";
import type { FuzzTargetPlan } from "./target.ts";
import { vectorBytes } from "./vectors.ts";

export const stateTargets: readonly FuzzTargetPlan[] = [
  course("state", () => {
    const recorded = vectorBytes("fsm_log.json", /data_hex/);
    return (choices) => new StateCourse(choices, recorded).run();
  }),
];
