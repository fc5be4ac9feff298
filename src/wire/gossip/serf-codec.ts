/**
 * Serf's messages, node tags, query filters and coordinates to bytes and back.
 *
 * Bytes that are decoded alias the input.
 */
import { unreachable } from "../../lib/assert.ts";
import { DecodeError } from "../../lib/errors.ts";
import { MsgpackReader } from "../msgpack/reader.ts";
import { MsgpackWriter } from "../msgpack/writer.ts";
import type { Codec, Infer } from "../schema/codec.ts";
import { list, map, ptr } from "../schema/collections.ts";
import { str } from "../schema/scalars.ts";
import { CoordinatePoint } from "../structs/operator.ts";
import {
  ConflictMember,
  JoinIntent,
  KeyRequest,
  KeyResponse,
  LeaveIntent,
  RelayHeader,
  SerfPushPull,
  SerfQuery,
  SerfQueryResponse,
  SerfUserEvent,
  TagFilter,
  type QueryFilter,
  type SerfMessage,
} from "./serf-messages.ts";

/** What the serf core needs of bytes. Every `decode` throws `DecodeError` and nothing else. */
export interface SerfCodec {
  encode(message: EncodableSerfMessage): Uint8Array;
  decode(bytes: Uint8Array): SerfMessage;
  encodeTags(tags: Readonly<Record<string, string>>): Uint8Array;
  decodeTags(meta: Uint8Array): Readonly<Record<string, string>>;
  encodeFilter(filter: QueryFilter): Uint8Array;
  decodeFilter(bytes: Uint8Array): QueryFilter;
  /** What an ack of a probe carries. */
  encodeCoordinate(coordinate: WireCoordinate): Uint8Array;
  decodeCoordinate(payload: Uint8Array): WireCoordinate;
}

export type EncodableSerfMessage = Exclude<SerfMessage, { kind: "unknown" }>;
export type WireCoordinate = Infer<typeof CoordinatePoint>;

type Kind = EncodableSerfMessage["kind"];

/** By type byte. */
const kinds: readonly Kind[] = [
  "leave",
  "join",
  "pushPull",
  "userEvent",
  "query",
  "queryResponse",
  "conflictResponse",
  "keyRequest",
  "keyResponse",
  "relay",
];
const tagsMagic = 0xff;
const coordinateVersion = 1;
const tags = map(str);
const names = list(str);
const conflict = ptr(ConflictMember);

/** The codec of the protocol versions in use (serf 2…5). */
export const serfCodec: SerfCodec = {
  encode: encodeSerf,
  decode: decodeSerf,
  encodeTags: (value) => prefixed(tagsMagic, tags, value),
  decodeTags,
  encodeFilter: (filter) =>
    filter.kind === "nodes"
      ? prefixed(0, names, filter.nodes)
      : prefixed(1, TagFilter, { Tag: filter.tag, Expr: filter.expression }),
  decodeFilter,
  encodeCoordinate: (value) => prefixed(coordinateVersion, CoordinatePoint, value),
  decodeCoordinate: (payload) => {
    if (payload[0] !== coordinateVersion)
      throw new DecodeError(`Unsupported ping version: ${String(payload[0])}`);
    return CoordinatePoint.decode(new MsgpackReader(payload, 1));
  },
};

function encodeSerf(message: EncodableSerfMessage): Uint8Array {
  const type = kinds.indexOf(message.kind);
  switch (message.kind) {
    case "leave":
      return prefixed(type, LeaveIntent, message.body);
    case "join":
      return prefixed(type, JoinIntent, message.body);
    case "pushPull":
      return prefixed(type, SerfPushPull, message.body);
    case "userEvent":
      return prefixed(type, SerfUserEvent, message.body);
    case "query":
      return prefixed(type, SerfQuery, message.body);
    case "queryResponse":
      return prefixed(type, SerfQueryResponse, message.body);
    case "conflictResponse":
      return prefixed(type, conflict, message.body);
    case "keyRequest":
      return prefixed(type, KeyRequest, message.body);
    case "keyResponse":
      return prefixed(type, KeyResponse, message.body);
    case "relay": {
      const writer = new MsgpackWriter();
      writer.byte(type);
      RelayHeader.encode(writer, message.body);
      writer.raw(message.inner);
      return writer.take();
    }
    default:
      return unreachable(message);
  }
}

function decodeSerf(input: Uint8Array): SerfMessage {
  const type = input[0];
  if (type === undefined) throw new DecodeError("serf: an empty message");
  const kind = kinds[type];
  if (kind === undefined) return { kind: "unknown", type };
  const reader = new MsgpackReader(input, 1);
  switch (kind) {
    case "leave":
      return { kind, body: LeaveIntent.decode(reader) };
    case "join":
      return { kind, body: JoinIntent.decode(reader) };
    case "pushPull":
      return { kind, body: SerfPushPull.decode(reader) };
    case "userEvent":
      return { kind, body: SerfUserEvent.decode(reader) };
    case "query":
      return { kind, body: SerfQuery.decode(reader) };
    case "queryResponse":
      return { kind, body: SerfQueryResponse.decode(reader) };
    case "conflictResponse":
      return { kind, body: conflict.decode(reader) };
    case "keyRequest":
      return { kind, body: KeyRequest.decode(reader) };
    case "keyResponse":
      return { kind, body: KeyResponse.decode(reader) };
    case "relay":
      return { kind, body: RelayHeader.decode(reader), inner: input.subarray(reader.position) };
    default:
      return unreachable(kind);
  }
}

/** Metadata without the magic byte is the role alone, as the oldest peers sent it. */
function decodeTags(meta: Uint8Array): Readonly<Record<string, string>> {
  if (meta[0] !== tagsMagic) return { role: new TextDecoder().decode(meta) };
  return tags.decode(new MsgpackReader(meta, 1)) ?? {};
}

function decodeFilter(input: Uint8Array): QueryFilter {
  const reader = new MsgpackReader(input, 1);
  const type = input[0];
  if (type === 0) return { kind: "nodes", nodes: names.decode(reader) ?? [] };
  if (type !== 1) throw new DecodeError(`query has unrecognized filter type: ${String(type)}`);
  const { Tag, Expr } = TagFilter.decode(reader);
  return { kind: "tag", tag: Tag, expression: Expr };
}

function prefixed<T>(first: number, codec: Codec<T>, value: T): Uint8Array {
  const writer = new MsgpackWriter();
  writer.byte(first);
  codec.encode(writer, value);
  return writer.take();
}
