import type { FuzzTargetPlan } from "./target.ts";
import { gossipTargets } from "./targets-gossip.ts";
import { poolTargets } from "./targets-pool.ts";
import { raftTargets } from "./targets-raft.ts";
import { serverTargets } from "./targets-server.ts";
import { sessionTargets } from "./targets-sessions.ts";
import { stateTargets } from "./targets-state.ts";
import { textTargets } from "./targets-text.ts";
import { wireTargets } from "./targets-wire.ts";

/** Everything that takes bytes or text from outside. */
export const fuzzTargets: readonly FuzzTargetPlan[] = [
  ...gossipTargets,
  ...wireTargets,
  ...textTargets,
  ...serverTargets,
  ...raftTargets,
  ...poolTargets,
  ...stateTargets,
  ...sessionTargets,
];
