/** `/v1/event`: fire user events, list those that were heard. */
import type { Agent } from "../agent/agent.ts";
import type { Infer } from "../wire/schema/codec.ts";
import { list } from "../wire/schema/collections.ts";
import { bytes, int, str, uint } from "../wire/schema/scalars.ts";
import { struct } from "../wire/schema/struct.ts";
import { restOf } from "./agent-path.ts";
import { datacenterOf, waitParams, tokenOf } from "./read-params.ts";
import { jsonResponse } from "./respond.ts";
import { HttpError, type HttpContext, type HttpResponse, type Route, type RoutedRequest } from "./types.ts";

/** Gossip carries small payloads only; this is what fits. */
const payloadBytesMax = 512 * 1024;
const millisecondNs = 1e6;
const waitMaxMs = 600_000;

const UserEvent = struct("UserEvent", {
  ID: str,
  Name: str,
  Payload: bytes,
  NodeFilter: str,
  ServiceFilter: str,
  TagFilter: str,
  Version: int,
  LTime: uint,
});

/** A user event as JSON. */
export function userEventJson(event: Infer<typeof UserEvent>): string {
  return UserEvent.json(event);
}

/** The routes of one agent's events. */
export function createEventRoutes(agent: Agent): readonly Route[] {
  return [
    {
      pattern: "/v1/event/fire/",
      methods: ["PUT"],
      handle: (request, context) => fire(agent, request, context),
    },
    {
      pattern: "/v1/event/list",
      methods: ["GET"],
      handle: (request) => listEvents(agent, request),
    },
  ];
}

async function fire(agent: Agent, request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const name = restOf(request);
  if (name === "") throw new HttpError(400, "Missing name");
  const payload = await request.body(payloadBytesMax);
  const event = await agent.events.fire(
    {
      Name: name,
      Payload: payload.length === 0 ? null : payload,
      NodeFilter: request.query.get("node"),
      ServiceFilter: request.query.get("service"),
      TagFilter: request.query.get("tag"),
    },
    { datacenter: datacenterOf(request, context), token: tokenOf(request) },
  );
  return jsonResponse(request, UserEvent.json(event));
}

/** The index names the last event and does not grow: a caller waits while it is the very same. */
async function listEvents(agent: Agent, request: RoutedRequest): Promise<HttpResponse> {
  const askedMs = waitParams(request).MaxQueryTime / millisecondNs;
  const knownText = request.query.get("index");
  const known = knownText === "" ? 0n : BigInt(knownText);
  const deadlineMs = agent.clock.monotonicMs() + (askedMs > 0 ? Math.min(askedMs, waitMaxMs) : waitMaxMs);
  for (;;) {
    const events = agent.events.list(request.query.get("name"));
    const index = agent.events.indexOf(events);
    const leftMs = deadlineMs - agent.clock.monotonicMs();
    if (known === 0n || index !== known || leftMs <= 0 || request.signal.aborted) {
      return jsonResponse(request, list(UserEvent).json(events), { "X-Consul-Index": String(index) });
    }
    await nextEvent(agent, leftMs, request.signal);
  }
}

function nextEvent(agent: Agent, leftMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      watch[Symbol.dispose]();
      timer[Symbol.dispose]();
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const watch = agent.events.watch(wake);
    const timer = agent.clock.after(leftMs, wake);
    signal.addEventListener("abort", wake);
  });
}
