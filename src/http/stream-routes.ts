/**
 * `GET /v1/stream`: changes of several topics over one connection, as server-sent events. An addition of Proconsul.
 *
 *     ── snapshot-begin ── put … put ── snapshot-end ── put, delete … ── heartbeat ── …
 *
 * Every event that a client may resume from carries an id; events of one commit carry it on the last of them, so
 * that nobody resumes in its middle. The parts of an answer are made when the socket takes them: a subscriber that
 * is slow costs the last part only, and falls behind the log of changes, which ends its stream with an error.
 */
import type { Agent } from "../agent/agent.ts";
import { utf8ByteString } from "../lib/byte-string.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { streamRead } from "../wire/rpc/stream-methods.ts";
import { StreamRequest, type StreamReply } from "../wire/structs/stream.ts";
import { datacenterOf, tokenOf } from "./read-params.ts";
import { metaHeaders } from "./respond.ts";
import { sseHeaders } from "./sse.ts";
import { parsePosition, type StreamPosition } from "./stream-position.ts";
import { StreamSubscriber } from "./stream-subscriber.ts";
import { HttpError, type HttpContext, type HttpResponse, type Route, type RoutedRequest } from "./types.ts";

/** The route of one agent's stream. */
export function createStreamRoutes(agent: Agent): readonly Route[] {
  return [
    {
      pattern: "/v1/stream",
      methods: ["GET"],
      handle: (request, context) => stream(agent, request, context),
    },
  ];
}

async function stream(agent: Agent, request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const all = request.query.all("topic").filter((topic) => topic !== "");
  if (all.length === 0) throw new HttpError(400, "Missing topic");
  const names = all.filter(isEvents).map((topic) => topic.slice("events:".length));
  const topics = all.filter((topic) => !isEvents(topic)).map(utf8ByteString);
  const about = { Datacenter: datacenterOf(request, context), Token: tokenOf(request) };
  const read = async (options: Partial<StreamRequest>): Promise<StreamReply> =>
    context.rpc.call(
      streamRead,
      StreamRequest.make({ ...about, Topics: topics, ...options }),
      request.signal,
    );
  const subscriber = new StreamSubscriber({
    clock: agent.clock,
    read: topics.length === 0 ? undefined : read,
    events: names.length === 0 ? undefined : { log: agent.events, names: new Set(names) },
    start: startOf(request),
    signal: request.signal,
  });
  const first = await subscriber.begin().catch((error: unknown) => {
    throw refusal(error);
  });
  const meta = first === undefined ? {} : metaHeaders(first);
  return { status: 200, headers: { ...sseHeaders, ...meta }, body: subscriber.parts(first) };
}

function isEvents(topic: string): boolean {
  return topic === "events" || topic.startsWith("events:");
}

/** Browsers send the id of the last event; others may say it in the address. */
function startOf(request: RoutedRequest): StreamPosition | undefined {
  const text = request.header("last-event-id") ?? request.query.get("index");
  if (text === "") return undefined;
  const position = parsePosition(text);
  if (position === undefined) throw new HttpError(400, "Invalid index");
  return position;
}

function refusal(error: unknown): unknown {
  if (!(error instanceof RpcError)) return error;
  if (/can't find (?:service|method)/.test(error.message))
    return new HttpError(501, "Streams need servers that are Proconsul's: the one that was asked is not");
  return /topic/i.test(error.message) ? new HttpError(400, error.message) : error;
}
