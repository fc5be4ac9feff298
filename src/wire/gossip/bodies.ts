/**
 * memberlist's message bodies: MessagePack maps, and how they become values and back.
 *
 * Source: protocol reference, gossip-memberlist section 3, and its vectors.
 */
import { assert, unreachable } from "../../lib/assert.ts";
import { DecodeError } from "../../lib/errors.ts";
import { isIpv4, parseIp, renderIp } from "../../lib/ip.ts";
import type { NetAddress } from "../../lib/net.ts";
import { MsgpackReader } from "../msgpack/reader.ts";
import { MsgpackWriter } from "../msgpack/writer.ts";
import type { Codec } from "../schema/codec.ts";
import { bool, bytes, str, uint } from "../schema/scalars.ts";
import { field, struct } from "../schema/struct.ts";
import { messageType } from "./message-type.ts";
import {
  nodeStates,
  type GossipMessage,
  type PingMessage,
  type IndirectPingMessage,
  type PushNodeState,
  type VersionVector,
} from "./messages.ts";

/** An unsigned integer of a width that Go's decoder enforces. */
function unsigned(max: number): Codec<number> {
  return {
    ...uint,
    decode: (reader) => {
      const value = uint.decode(reader);
      if (value > max) throw new DecodeError(`msgpack: ${value} is over ${max}`);
      return value;
    },
  };
}

const u8 = unsigned(0xff);
const u16 = unsigned(0xffff);
const u32 = unsigned(0xffff_ffff);

const source = {
  SourceAddr: field(bytes, { omitEmptyWire: true }),
  SourcePort: field(u16, { omitEmptyWire: true }),
  SourceNode: field(str, { omitEmptyWire: true }),
};
const Ping = struct("ping", { SeqNo: u32, Node: str, ...source });
const IndirectPing = struct("indirectPing", {
  SeqNo: u32,
  Target: bytes,
  Port: u16,
  Node: str,
  Nack: bool,
  ...source,
});
const Ack = struct("ackResp", { SeqNo: u32, Payload: bytes });
const Nack = struct("nackResp", { SeqNo: u32 });
const Suspect = struct("suspect", { Incarnation: u32, Node: str, From: str });
const Alive = struct("alive", {
  Incarnation: u32,
  Node: str,
  Addr: bytes,
  Port: u16,
  Meta: bytes,
  Vsn: bytes,
});
const NodeEntry = struct("pushNodeState", {
  Name: str,
  Addr: bytes,
  Port: u16,
  Meta: bytes,
  Incarnation: u32,
  State: uint,
  Vsn: bytes,
});

/** `{Error}`, the answer to a stream that could not be read. */
export const ErrorBody = struct("errResp", { Error: str });
/** `{Algo, Buf}`, the wrapper of a compressed message. */
export const CompressBody = struct("compress", { Algo: u8, Buf: bytes });
/** What precedes the nodes and the upper layer's bytes of a full exchange. */
export const PushPullHeader = struct("pushPullHeader", { Nodes: uint, UserStateLen: uint, Join: bool });
/** What precedes the upper layer's bytes in a stream. */
export const UserHeader = struct("userMsgHeader", { UserMsgLen: uint });

const noBytes = new Uint8Array(0);
const vsnBytes = 6;

/** A message with its type byte, bare. */
export function encodeMessage(message: GossipMessage): Uint8Array {
  const writer = new MsgpackWriter(64);
  writeMessage(writer, message);
  return writer.take();
}

/** Appends a message with its type byte. */
export function writeMessage(writer: MsgpackWriter, message: GossipMessage): void {
  writer.byte(messageType[message.kind]);
  switch (message.kind) {
    case "ping":
      return Ping.encode(writer, { SeqNo: message.seqNo, Node: message.node, ...sourceFields(message) });
    case "indirectPing":
      return IndirectPing.encode(writer, {
        SeqNo: message.seqNo,
        Target: ipBytes(message.target.host),
        Port: message.target.port,
        Node: message.node,
        Nack: message.nack,
        ...sourceFields(message),
      });
    case "ack":
      return Ack.encode(writer, { SeqNo: message.seqNo, Payload: message.payload });
    case "nack":
      return Nack.encode(writer, { SeqNo: message.seqNo });
    case "suspect":
    case "dead":
      return Suspect.encode(writer, {
        Incarnation: message.incarnation,
        Node: message.node,
        From: message.from,
      });
    case "alive":
      assert(message.vsn.length === vsnBytes, "an alive message says six versions");
      return Alive.encode(writer, {
        Incarnation: message.incarnation,
        Node: message.node,
        Addr: ipBytes(message.address.host),
        Port: message.address.port,
        Meta: message.meta,
        Vsn: Uint8Array.from(message.vsn),
      });
    case "user":
      return writer.raw(message.bytes);
    default:
      return unreachable(message);
  }
}

/**
 * A bare message of a datagram; bytes alias the input, and what follows the body is ignored, as peers do.
 * Throws `DecodeError`; containers are not messages here.
 */
export function decodeMessage(input: Uint8Array): GossipMessage {
  const reader = new MsgpackReader(input, 1);
  switch (input[0]) {
    case messageType.ping:
      return readPing(reader);
    case messageType.indirectPing:
      return readIndirectPing(reader);
    case messageType.ack: {
      const { SeqNo, Payload } = Ack.decode(reader);
      return { kind: "ack", seqNo: SeqNo, payload: Payload };
    }
    case messageType.nack:
      return { kind: "nack", seqNo: Nack.decode(reader).SeqNo };
    case messageType.suspect:
    case messageType.dead: {
      const { Incarnation, Node, From } = Suspect.decode(reader);
      const kind = input[0] === messageType.dead ? "dead" : "suspect";
      return { kind, incarnation: Incarnation, node: Node, from: From };
    }
    case messageType.alive: {
      const { Incarnation, Node, Addr, Port, Meta, Vsn } = Alive.decode(reader);
      return {
        kind: "alive",
        incarnation: Incarnation,
        node: Node,
        address: addressOf(Addr, Port),
        meta: Meta ?? noBytes,
        vsn: versions(Node, Vsn),
      };
    }
    case messageType.user:
      return { kind: "user", bytes: input.subarray(1) };
    case undefined:
      throw new DecodeError("missing message type byte");
    default:
      throw new DecodeError(`msg type (${input[0]}) not supported`);
  }
}

function readPing(reader: MsgpackReader): PingMessage {
  const body = Ping.decode(reader);
  return { kind: "ping", seqNo: body.SeqNo, node: body.Node, ...sourceOf(body) };
}

function readIndirectPing(reader: MsgpackReader): IndirectPingMessage {
  const body = IndirectPing.decode(reader);
  return {
    kind: "indirectPing",
    seqNo: body.SeqNo,
    node: body.Node,
    target: addressOf(body.Target, body.Port),
    nack: body.Nack,
    ...sourceOf(body),
  };
}

/** Appends one node of a full exchange. */
export function writeNode(writer: MsgpackWriter, node: PushNodeState): void {
  assert(node.vsn.length === vsnBytes, "a node of an exchange says six versions");
  NodeEntry.encode(writer, {
    Name: node.name,
    Addr: ipBytes(node.address.host),
    Port: node.address.port,
    Meta: node.meta,
    Incarnation: node.incarnation,
    State: nodeStates.indexOf(node.state),
    Vsn: Uint8Array.from(node.vsn),
  });
}

/**
 * One node of a full exchange; `undefined` if its state is one that nobody knows, which peers skip. Throws
 * `DecodeError`.
 */
export function readNode(reader: MsgpackReader): PushNodeState | undefined {
  const { Name, Addr, Port, Meta, Incarnation, State, Vsn } = NodeEntry.decode(reader);
  const state = nodeStates[State];
  const vsn = versions(Name, Vsn);
  const address = addressOf(Addr, Port);
  if (state === undefined) return undefined;
  return { name: Name, address, meta: Meta ?? noBytes, incarnation: Incarnation, state, vsn };
}

/** Fewer than six cannot be told on: peers ignore them, or worse. More are of a version nobody knows. */
function versions(node: string, bytesOrNil: Uint8Array | null): VersionVector {
  const vsn = [...(bytesOrNil ?? noBytes)];
  if (vsn.length >= vsnBytes) return vsn.slice(0, vsnBytes);
  throw new DecodeError(`node ${node} says ${vsn.length} of ${vsnBytes} versions`);
}

interface SourceFields {
  readonly SourceAddr: Uint8Array | null;
  readonly SourcePort: number;
  readonly SourceNode: string;
}

function sourceFields(message: PingMessage | IndirectPingMessage): SourceFields {
  return {
    SourceAddr: message.source === undefined ? null : ipBytes(message.source.host),
    SourcePort: message.source?.port ?? 0,
    SourceNode: message.sourceNode ?? "",
  };
}

/** A source counts only with both address and port; peers fall back to the sender of the packet otherwise. */
function sourceOf(body: SourceFields): Pick<PingMessage, "source" | "sourceNode"> {
  const hasAddress = body.SourceAddr !== null && body.SourceAddr.length > 0 && body.SourcePort > 0;
  return {
    ...(hasAddress ? { source: addressOf(body.SourceAddr, body.SourcePort) } : {}),
    ...(body.SourceNode === "" ? {} : { sourceNode: body.SourceNode }),
  };
}

function ipBytes(host: string): Uint8Array {
  const ip = parseIp(host);
  assert(ip !== undefined, "an address on the wire is an IP address");
  return isIpv4(ip) ? ip.subarray(12) : ip;
}

function addressOf(address: Uint8Array | null, port: number): NetAddress {
  if (address?.length === 4) return { host: address.join("."), port };
  if (address?.length === 16) return { host: renderIp(address), port };
  throw new DecodeError(`an IP address of ${address?.length ?? 0} bytes`);
}
