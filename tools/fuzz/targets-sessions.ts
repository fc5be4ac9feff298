/** Conversations as a whole: one client's, from its first byte to the end. */
import { Choices, courses } from "./choices.ts";
import { RpcCourse } from "./rpc-course.ts";
import type { FuzzTargetPlan } from "./target.ts";

export const sessionTargets: readonly FuzzTargetPlan[] = [
  {
    name: "rpc-session",
    form: "bytes",
    open: () => ({ seeds: courses(5), run: (input) => new RpcCourse(new Choices(input)).run() }),
  },
];
