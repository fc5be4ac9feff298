/**
 * Removals that stick: an agent is told by a user event to drop a registration, so that its next sync does not put
 * back what was taken out of the catalog.
 *
 * The event is meant for one node by its filter; agents of the reference hear it as an event of a user and keep it.
 * An agent that is away hears of it when it comes back, as long as the pool remembers the event.
 */
import { DecodeError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { deregisterEvent } from "../wire/gossip/serf-user-events.ts";
import type { EventInput, UserEvent } from "./events.ts";

/** What is to go: a service with its checks, or a check. */
export interface Gone {
  readonly Node: string;
  readonly ServiceID: string;
  readonly CheckID: string;
}

/** The event that tells a node's agent. Throws `RpcError` for a whole node: a living agent has one always. */
export function eventOfGone({ Node, ServiceID, CheckID }: Gone): EventInput {
  if (ServiceID === "" && CheckID === "")
    throw new RpcError(
      "A node cannot be deregistered for good while its agent lives: name a service or a check",
    );
  return {
    Name: deregisterEvent,
    Payload: new TextEncoder().encode(JSON.stringify({ ServiceID, CheckID })),
    NodeFilter: `^${Node.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}$`,
    ServiceFilter: "",
    TagFilter: "",
  };
}

/** Reads what is to go. Throws `DecodeError`. */
function goneOf(payload: Uint8Array | null): Omit<Gone, "Node"> {
  let given: unknown;
  try {
    given = JSON.parse(new TextDecoder().decode(payload ?? new Uint8Array()));
  } catch (error) {
    throw new DecodeError("invalid JSON", { cause: error });
  }
  if (typeof given !== "object" || given === null) throw new DecodeError("not an object");
  const { ServiceID = "", CheckID = "" } = given as Record<string, unknown>;
  if (typeof ServiceID !== "string" || typeof CheckID !== "string") throw new DecodeError("ids are texts");
  return { ServiceID, CheckID };
}

/** Where registrations are dropped. */
export interface Registrations {
  removeService(id: string): Promise<void>;
  removeCheck(id: string): Promise<void>;
}

/** Drops what the event names, if it is there. Never rejects. */
export async function obeyDeregister(
  own: Registrations,
  log: Log,
  { Payload, ID }: UserEvent,
): Promise<void> {
  const about = { event_id: ID };
  try {
    const { ServiceID, CheckID } = goneOf(Payload);
    log.info("deregistering by an event", { ...about, service: ServiceID, check: CheckID });
    if (ServiceID !== "") await own.removeService(ServiceID);
    else if (CheckID !== "") await own.removeCheck(CheckID);
  } catch (error) {
    log.error("failed to deregister by an event", { ...about, error: String(error) });
  }
}
