/** The replicated state as a whole. */
import { Choices, courses } from "./choices.ts";
import { StateCourse } from "./state-course.ts";
import type { FuzzTargetPlan } from "./target.ts";
import { vectorBytes } from "./vectors.ts";

export const stateTargets: readonly FuzzTargetPlan[] = [
  {
    name: "state",
    form: "bytes",
    open: () => {
      const recorded = vectorBytes("fsm_log.json", /data_hex/);
      return { seeds: courses(6), run: (input) => new StateCourse(new Choices(input), recorded).run() };
    },
  },
];
