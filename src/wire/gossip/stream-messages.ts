/**
 * What a stream carries, bare: no label, encryption or compression.
 *
 * Every message is a type byte and a MessagePack map; a full exchange goes on with its nodes and the upper layer's
 * bytes, a user message with its bytes. Source: protocol reference, gossip-memberlist section 4.
 */
import { unreachable } from "../../lib/assert.ts";
import { DecodeError } from "../../lib/errors.ts";
import { MsgpackReader } from "../msgpack/reader.ts";
import { MsgpackWriter } from "../msgpack/writer.ts";
import {
  decodeMessage,
  ErrorBody,
  PushPullHeader,
  readNode,
  UserHeader,
  writeMessage,
  writeNode,
} from "./bodies.ts";
import { messageType } from "./message-type.ts";
import type { PushNodeState, PushPullMessage, StreamMessage } from "./messages.ts";

/** A message of a stream, bare, with its type byte. */
export function encodeStreamMessage(message: StreamMessage): Uint8Array {
  const writer = new MsgpackWriter(256);
  switch (message.kind) {
    case "ping":
    case "ack":
      writeMessage(writer, message);
      break;
    case "user":
      writer.byte(messageType.user);
      UserHeader.encode(writer, { UserMsgLen: message.bytes.length });
      writer.raw(message.bytes);
      break;
    case "error":
      writer.byte(messageType.error);
      ErrorBody.encode(writer, { Error: message.text });
      break;
    case "pushPull":
      writer.byte(messageType.pushPull);
      PushPullHeader.encode(writer, {
        Join: message.join,
        Nodes: message.nodes.length,
        UserStateLen: message.userState.length,
      });
      for (const node of message.nodes) writeNode(writer, node);
      writer.raw(message.userState);
      break;
    default:
      unreachable(message);
  }
  return writer.take();
}

/** A message of a stream that is whole; bytes alias the input. Throws `DecodeError`. */
export function decodeStreamMessage(bytes: Uint8Array): StreamMessage {
  const reader = new MsgpackReader(bytes, 1);
  switch (bytes[0]) {
    case messageType.ping:
    case messageType.ack: {
      const message = decodeMessage(bytes);
      if (message.kind === "ping" || message.kind === "ack") return message;
      throw new DecodeError("unreadable ping or ack");
    }
    case messageType.error:
      return { kind: "error", text: ErrorBody.decode(reader).Error };
    case messageType.user: {
      const { UserMsgLen } = UserHeader.decode(reader);
      return { kind: "user", bytes: tail(bytes, reader.position, UserMsgLen) };
    }
    case messageType.pushPull:
      return readPushPull(bytes, reader);
    case undefined:
    default:
      throw new DecodeError(`Received invalid msgType (${bytes[0] ?? "none"})`);
  }
}

function readPushPull(bytes: Uint8Array, reader: MsgpackReader): PushPullMessage {
  const { Join, Nodes, UserStateLen } = PushPullHeader.decode(reader);
  const nodes: PushNodeState[] = [];
  // A lying count runs out of input soon: every node takes bytes.
  for (let index = 0; index < Nodes; index += 1) {
    const node = readNode(reader);
    if (node !== undefined) nodes.push(node);
  }
  return { kind: "pushPull", join: Join, nodes, userState: tail(bytes, reader.position, UserStateLen) };
}

function tail(bytes: Uint8Array, at: number, length: number): Uint8Array {
  if (length > bytes.length - at) throw new DecodeError(`Failed to read ${length} bytes of user state`);
  return bytes.subarray(at, at + length);
}
