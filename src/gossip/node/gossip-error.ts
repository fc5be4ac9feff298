import { ProconsulError } from "../../lib/errors.ts";

/** A request to the gossip pool that could not be met, in the reference's words. */
export class GossipError extends ProconsulError {
  readonly code = "gossip";
}
