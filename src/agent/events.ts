/**
 * User events: fired here, kept for those who list them.
 *
 * With one node the pool is this agent; another transport hands over what it heard by `receive`.
 */
import { RpcError } from "../wire/rpc/method.ts";
import type { NodeService } from "../wire/structs/service.ts";

const eventsMax = 256;
const eventVersion = 1;

/** An event as the HTTP API shows it. Payload: bytes, or `null`. LTime: 0 until it was heard. */
export interface UserEvent {
  readonly ID: string;
  readonly Name: string;
  readonly Payload: Uint8Array | null;
  readonly NodeFilter: string;
  readonly ServiceFilter: string;
  readonly TagFilter: string;
  readonly Version: number;
  readonly LTime: number;
}

export type EventInput = Pick<UserEvent, "Name" | "Payload" | "NodeFilter" | "ServiceFilter" | "TagFilter">;

export interface EventLogDeps {
  readonly nodeName: string;
  readonly uuid: () => string;
  readonly services: () => readonly NodeService[];
}

export class EventLog {
  readonly #deps: EventLogDeps;
  readonly #events: UserEvent[] = [];
  readonly #watchers = new Set<() => void>();
  #lamportTime = 1;

  constructor(deps: EventLogDeps) {
    this.#deps = deps;
  }

  /** Sends an event to everyone. Answers it as sent: without a time yet. Throws `RpcError`. */
  fire(input: EventInput): UserEvent {
    assertFilters(input);
    const event = { ...input, ID: this.#deps.uuid(), Version: eventVersion, LTime: 0 };
    this.#lamportTime += 1;
    this.receive({ ...event, LTime: this.#lamportTime });
    return event;
  }

  /** Keeps an event if its filters mean this agent. */
  receive(event: UserEvent): void {
    this.#lamportTime = Math.max(this.#lamportTime, event.LTime);
    if (!this.#isMeant(event)) return;
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

  #isMeant({ NodeFilter, ServiceFilter, TagFilter }: UserEvent): boolean {
    if (NodeFilter !== "" && !new RegExp(NodeFilter).test(this.#deps.nodeName)) return false;
    if (ServiceFilter === "") return true;
    const service = new RegExp(ServiceFilter);
    const tag = TagFilter === "" ? undefined : new RegExp(TagFilter);
    return this.#deps
      .services()
      .some(
        ({ ID, Tags }) =>
          service.test(ID) && (tag === undefined || (Tags ?? []).some((one) => tag.test(one))),
      );
  }
}

function assertFilters({ Name, NodeFilter, ServiceFilter, TagFilter }: EventInput): void {
  if (Name === "") throw new RpcError("User event missing name");
  if (TagFilter !== "" && ServiceFilter === "")
    throw new RpcError("Cannot provide tag filter without service filter");
  const filters = { node: NodeFilter, service: ServiceFilter, tag: TagFilter };
  for (const [what, pattern] of Object.entries(filters)) {
    try {
      new RegExp(pattern);
    } catch (error) {
      throw new RpcError(`Invalid ${what} filter: error parsing regexp: ${pattern}`, { cause: error });
    }
  }
}

/** Both halves of a UUID, one over the other. */
function eventIndex(id: string): bigint {
  const hex = id.replaceAll("-", "");
  return BigInt(`0x${hex.slice(0, 16)}`) ^ BigInt(`0x${hex.slice(16)}`);
}
