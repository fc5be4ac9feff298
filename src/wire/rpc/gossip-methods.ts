/** Methods about gossip, by the wire's names. Source: protocol reference, RPC section 8. */
import {
  EventFireRequest,
  EventFireResponse,
  KeyringOperationRequest,
  KeyringResponses,
} from "../structs/gossip.ts";
import { method } from "./method.ts";

export const internalEventFire = method("Internal.EventFire", EventFireRequest, EventFireResponse);
export const internalKeyringOperation = method(
  "Internal.KeyringOperation",
  KeyringOperationRequest,
  KeyringResponses,
);
