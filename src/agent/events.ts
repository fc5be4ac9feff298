/**
 * User events: fired by way of a server, heard through the gossip pool, kept for those who list them.
 *
 *     fire ── Internal.EventFire ──▶ a server ── gossip ──▶ every agent: do the filters mean me? keep it
 *
 * Source: protocol reference, gossip-serf section 10; the reference's agent.
 */
import { DecodeError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { LinearRegexp } from "../lib/regexp/linear-regexp.ts";
import type { PoolEvent, UserEventPool } from "../lib/user-events.ts";
import {
  decodeUserEvent,
  deregisterEvent,
  encodeUserEvent,
  newLeaderEvent,
  userEventPrefix,
  type UserEventWire,
} from "../wire/gossip/serf-user-events.ts";
import { noPathToDatacenter } from "../wire/rpc/error-text.ts";
import { internalEventFire } from "../wire/rpc/gossip-methods.ts";
import { RpcError, type Rpc } from "../wire/rpc/method.ts";
import { EventFireRequest } from "../wire/structs/gossip.ts";
import type { NodeService } from "../wire/structs/service.ts";

const eventsMax = 256;
const eventVersion = 1;
/** Events whose names begin so are the product's own or of its users; all others are somebody else's. */
const ownPrefix = "consul:";
/** Asks agents to run a command, which this agent never does. */
const remoteExecName = "_rexec";

/** An event as the HTTP API shows it. LTime: 0 until it was heard. */
export interface UserEvent extends UserEventWire {
  readonly LTime: number;
}

export type EventInput = Pick<UserEvent, "Name" | "Payload" | "NodeFilter" | "ServiceFilter" | "TagFilter">;

/** Where to fire an event. */
export interface EventTarget {
  readonly datacenter: string;
  readonly token: string;
}

/** An event on its way: `payload` is the whole of it as it travels, `name` the user's. */
export type SpreadEvent = (
  event: { readonly name: string; readonly payload: Uint8Array },
  target: EventTarget,
) => Promise<void>;

/** Has a server spread events; any will do, since gossip takes over. */
export function spreadByServer(rpc: Rpc): SpreadEvent {
  return async ({ name, payload }, { datacenter, token }) => {
    const about = { Datacenter: datacenter, Name: name, Payload: payload, Token: token };
    await rpc.call(internalEventFire, EventFireRequest.make({ ...about, AllowStale: true }));
  };
}

/** Spreads events in a pool of this agent alone, which is all of its datacenter. */
export function spreadAlone(pool: Pick<UserEventPool, "userEvent">, ownDatacenter: string): SpreadEvent {
  return async ({ name, payload }, { datacenter }) => {
    if (datacenter !== ownDatacenter) throw new RpcError(noPathToDatacenter);
    pool.userEvent(`${userEventPrefix}${name}`, payload);
  };
}

export interface EventLogDeps {
  readonly nodeName: string;
  readonly uuid: () => string;
  readonly log: Log;
  readonly spread: SpreadEvent;
  /** Services of this agent. */
  readonly services: () => readonly NodeService[];
  /** This agent is told to drop a registration. */
  readonly deregister: (event: UserEvent) => void;
  /** A new leader said so. */
  readonly newLeader: () => void;
}

export class EventLog {
  readonly #deps: EventLogDeps;
  readonly #events: UserEvent[] = [];
  readonly #watchers = new Set<() => void>();

  constructor(deps: EventLogDeps) {
    this.#deps = deps;
  }

  /** Hears the events of a pool, until disposed. */
  follow(pool: Pick<UserEventPool, "onUserEvent">): Disposable {
    return pool.onUserEvent((event) => this.heard(event));
  }

  /** Sends an event to everyone. Answers it as sent: without a time yet. Rejects with `RpcError`. */
  async fire(input: EventInput, target: EventTarget): Promise<UserEvent> {
    assertFilters(input);
    const event = { ...input, ID: this.#deps.uuid(), Version: eventVersion, LTime: 0 };
    await this.#deps.spread({ name: event.Name, payload: encodeUserEvent(event) }, target);
    return event;
  }

  /** Takes an event of the pool: keeps a user's if its filters mean this agent. */
  heard({ name, payload, lamportTime }: PoolEvent): void {
    const { log, newLeader } = this.#deps;
    if (name === newLeaderEvent) {
      log.info("New leader elected", { payload: new TextDecoder().decode(payload) });
      newLeader();
    } else if (name.startsWith(userEventPrefix)) {
      const event = this.#decode(payload);
      // Servers judge an event by the name outside.
      const isDisguised = event?.Name === deregisterEvent && name !== userEventPrefix + deregisterEvent;
      if (event !== undefined && !isDisguised) this.receive({ ...event, LTime: lamportTime });
    } else if (name.startsWith(ownPrefix)) log.warn("Unhandled local event", { event: name });
  }

  /** Keeps a user's event if its filters mean this agent. */
  receive(event: UserEvent): void {
    const { log } = this.#deps;
    const about = { event_name: event.Name, event_id: event.ID };
    if (event.Version > eventVersion)
      log.warn("Event version may have unsupported features", { version: event.Version, event: event.Name });
    if (!this.#isMeant(event)) return;
    if (event.Name === remoteExecName) return log.info("ignoring remote exec event, disabled.", about);
    if (event.Name === deregisterEvent) return this.#deps.deregister(event);
    log.debug("new event", about);
    this.#events.push(event);
    if (this.#events.length > eventsMax) this.#events.shift();
    for (const fn of this.#watchers) fn();
  }

  /** Events of a name, or all for "", oldest first. */
  list(name: string): readonly UserEvent[] {
    return name === "" ? [...this.#events] : this.#events.filter((event) => event.Name === name);
  }

  /** The index of a list of events: that of its last one, or 1. It names the event and does not grow. */
  indexOf(events: readonly UserEvent[]): bigint {
    const last = events.at(-1);
    return last === undefined ? 1n : eventIndex(last.ID);
  }

  /** Calls `fn` after each event that was kept, until disposed. */
  watch(fn: () => void): Disposable {
    this.#watchers.add(fn);
    return { [Symbol.dispose]: () => this.#watchers.delete(fn) };
  }

  #decode(payload: Uint8Array): UserEventWire | undefined {
    try {
      return decodeUserEvent(payload);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#deps.log.error("Failed to decode event", { error: error.message });
      return undefined;
    }
  }

  #isMeant(event: UserEvent): boolean {
    const { NodeFilter, ServiceFilter, TagFilter } = event;
    const node = this.#filter("node", NodeFilter, event);
    const service = this.#filter("service", ServiceFilter, event);
    const tag = this.#filter("tag", TagFilter, event);
    if (node === undefined || service === undefined || tag === undefined) return false;
    if (!node(this.#deps.nodeName)) return false;
    if (ServiceFilter === "") return true;
    return this.#deps
      .services()
      .some(({ ID, Tags }) => service(ID) && (TagFilter === "" || (Tags ?? []).some(tag)));
  }

  /** What a filter of an event lets pass; `undefined` if it is none, so that nobody is meant. */
  #filter(
    what: "node" | "service" | "tag",
    filter: string,
    { Name }: UserEvent,
  ): ((text: string) => boolean) | undefined {
    if (filter === "") return () => true;
    const regexp = LinearRegexp.compile(filter);
    if (!("problem" in regexp)) return (text) => regexp.test(text);
    const about = { filter, event: Name, error: regexp.problem };
    this.#deps.log.error(`Failed to parse ${what} filter for event`, about);
    return undefined;
  }
}

function assertFilters({ Name, NodeFilter, ServiceFilter, TagFilter }: EventInput): void {
  if (Name === "") throw new RpcError("User event missing name");
  if (TagFilter !== "" && ServiceFilter === "")
    throw new RpcError("Cannot provide tag filter without service filter");
  const filters = { node: NodeFilter, service: ServiceFilter, tag: TagFilter };
  for (const [what, pattern] of Object.entries(filters)) {
    const regexp = LinearRegexp.compile(pattern);
    if ("problem" in regexp) throw new RpcError(`Invalid ${what} filter: ${regexp.problem}`);
  }
}

/** Both halves of a UUID, one over the other. An id of a peer that is none counts as all zeros. */
function eventIndex(id: string): bigint {
  const hex = id.replaceAll("-", "");
  if (!/^[0-9a-f]{32}$/i.test(hex)) return 0n;
  return BigInt(`0x${hex.slice(0, 16)}`) ^ BigInt(`0x${hex.slice(16)}`);
}
