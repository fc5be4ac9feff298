/** Topics of a stream as users write them, and their rows as subscribers see them. */
import type { Authorizer } from "../acl/authorizer.ts";
import { displayText, type ByteString } from "../lib/byte-string.ts";
import type { Topic, TopicEvent, TopicRow } from "../state/change-events.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { quoteJson } from "../wire/schema/json-text.ts";
import { byteStr } from "../wire/schema/scalars.ts";
import { CheckServiceNode, Node } from "../wire/structs/catalog.ts";
import { DirEntry } from "../wire/structs/kv.ts";
import { NodeService } from "../wire/structs/service.ts";
import { Session } from "../wire/structs/session.ts";
import type { StreamEvent } from "../wire/structs/stream.ts";

/** Topics of one stream. */
const topicsMax = 64;

/** A topic with the text that asked for it. */
export interface NamedTopic {
  readonly text: ByteString;
  readonly topic: Topic;
}

/** An event with who may see it. */
export interface SeenEvent {
  readonly event: StreamEvent;
  mayBeSeen(authorizer: Authorizer): boolean;
}

/** Reads topics. Throws `RpcError` with a text for users. */
export function parseTopics(texts: readonly ByteString[]): readonly NamedTopic[] {
  if (texts.length === 0) throw new RpcError("Missing topic");
  if (texts.length > topicsMax) throw new RpcError(`Too many topics: at most ${topicsMax} in one stream`);
  return texts.map((text) => ({ text, topic: parseTopic(text) }));
}

function parseTopic(text: ByteString): Topic {
  if (text === "catalog") return { kind: "catalog" };
  if (text === "sessions") return { kind: "sessions" };
  const colon = text.indexOf(":");
  const rest = text.slice(colon + 1);
  if (text.startsWith("kv:")) return { kind: "kv", prefix: rest };
  if (text.startsWith("health:") && rest !== "")
    return { kind: "health", service: displayText(rest as ByteString) };
  throw new RpcError(
    `Unknown topic ${quoteJson(displayText(text))}: want kv:PREFIX, health:SERVICE, catalog, sessions or events`,
  );
}

/** An event of a topic, as JSON. */
export function seenEvent(
  { index, changed }: TopicEvent,
  { text, isSnapshot }: { readonly text: ByteString; readonly isSnapshot: boolean },
): SeenEvent {
  const Op = changed.row === undefined ? "delete" : "put";
  const parts = [
    `"op":"${Op}"`,
    `"topic":${byteStr.json(text)}`,
    `"index":${index}`,
    `"snapshot":${isSnapshot}`,
    `"kind":"${changed.kind}"`,
    `"key":${changed.kind === "key" ? byteStr.json(changed.key as ByteString) : quoteJson(changed.key)}`,
  ];
  if (changed.kind !== "key") parts.push(`"node":${quoteJson(changed.node)}`);
  const row = rowJson(changed);
  if (row !== undefined) parts.push(`"row":${row}`);
  const event = { Index: index, Op, Data: `{${parts.join(",")}}` };
  return { event, mayBeSeen: (authorizer) => mayBeSeen(authorizer, changed) };
}

/** The row in the form that the HTTP API has for it. */
function rowJson(changed: TopicRow): string | undefined {
  if (changed.row === undefined) return undefined;
  switch (changed.kind) {
    case "key":
      return DirEntry.json(changed.row);
    case "session":
      return Session.json(changed.row);
    case "node":
      return Node.json(changed.row);
    case "service":
      return NodeService.json(changed.row);
    case "instance":
      return CheckServiceNode.json(changed.row);
  }
}

function mayBeSeen(authorizer: Authorizer, changed: TopicRow): boolean {
  switch (changed.kind) {
    case "key":
      return authorizer.keyRead(changed.key);
    case "session":
      return authorizer.sessionRead(changed.node);
    case "node":
      return authorizer.nodeRead(changed.node);
    case "service":
    case "instance":
      return authorizer.nodeRead(changed.node) && authorizer.serviceRead(changed.service);
  }
}
