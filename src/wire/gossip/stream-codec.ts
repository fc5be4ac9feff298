/**
 * Streams: one message a direction, wrapped as `label → encryption → compress → message`.
 *
 * The dialler writes the label, the answer has none; both authenticate it. `StreamAssembler` is fed whatever arrives
 * and says when the message is whole; what a peer claims about lengths is checked before anything is kept for it.
 * Source: protocol reference, gossip-memberlist section 4.
 */
import { DecodeError } from "../../lib/errors.ts";
import { MsgpackReader } from "../msgpack/reader.ts";
import { PushPullHeader, UserHeader } from "./bodies.ts";
import { decodeCompressed, encodeCompressed } from "./containers.ts";
import { decrypt, encrypt, encryptionOverheadBytes } from "./encryption.ts";
import { labelBytes, labelHeader, takeLabel } from "./label.ts";
import { LzwEncoder } from "./lzw.ts";
import { messageType } from "./message-type.ts";
import type { StreamMessage } from "./messages.ts";
import { MsgpackScanner } from "./msgpack-scanner.ts";
import type { GossipSecurity } from "./packet-codec.ts";
import { decodeStreamMessage, encodeStreamMessage } from "./stream-messages.ts";

/** Bytes of one stream message as it arrives; the limit that peers have for encrypted ones. */
export const streamBytesMax = 20 * 1024 * 1024;
/** Bytes that a compressed stream message may unpack to; the limit of newer peers. */
const unpackedBytesMax = 40 * 1024 * 1024;
/** Nodes in one exchange; the limit of newer peers. */
const nodeCountMax = 1024 * 1024;

const encryptHeaderBytes = 5;

/** What may start a stream that is not encrypted. */
const plainTypes: ReadonlySet<number> = new Set([
  messageType.ping,
  messageType.ack,
  messageType.pushPull,
  messageType.user,
  messageType.compress,
  messageType.error,
]);

/** Who speaks: the dialler of the connection, or the listener answering on it. */
export type StreamSide = "dialler" | "listener";

/** The bytes of a message on a stream. */
export function encodeStream(security: GossipSecurity, message: StreamMessage, from: StreamSide): Uint8Array {
  const { encryption, verifyOutgoing, label, compression } = security;
  let bytes = encodeStreamMessage(message);
  if (compression) bytes = encodeCompressed(new LzwEncoder(), bytes);
  if (encryption !== undefined && verifyOutgoing) {
    const header = new Uint8Array(encryptHeaderBytes);
    header[0] = messageType.encrypt;
    new DataView(header.buffer).setUint32(1, bytes.length + encryptionOverheadBytes);
    const aad = concat(header, labelBytes(label));
    bytes = concat(header, encrypt(encryption, bytes, { aad }));
  }
  return from === "dialler" ? concat(labelHeader(label), bytes) : bytes;
}

/** Where an assembler is. */
export type StreamProgress =
  | { readonly kind: "needMore" }
  | { readonly kind: "message"; readonly message: StreamMessage }
  /** `reply`: the wrapping could not be read, and a listener tells the peer so. */
  | { readonly kind: "failed"; readonly text: string; readonly reply: boolean };

const needMore: StreamProgress = { kind: "needMore" };

/** A failure that a listener answers with. */
class WrappingError extends DecodeError {}

/** What is known of the message so far; each stage knows how to tell that it is complete. */
type Stage =
  | { readonly kind: "label" }
  | { readonly kind: "start" }
  | { readonly kind: "encrypted"; readonly bytes: number }
  | { readonly kind: "values"; readonly scanner: MsgpackScanner; readonly of: "header" | "nodes" | "body" }
  | { readonly kind: "tail"; readonly end: number };

/** Puts one message together. After `message` or `failed` it takes no more. */
export class StreamAssembler {
  readonly #security: GossipSecurity;
  #buffer = new Uint8Array(2048);
  #length = 0;
  #stage: Stage;
  #userBytes = 0;

  /** `from`: who sent what will be fed. */
  constructor(security: GossipSecurity, from: StreamSide) {
    this.#security = security;
    this.#stage = { kind: from === "dialler" ? "label" : "start" };
  }

  /** Whether nothing was fed yet. */
  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Takes what arrived; the chunk is copied. Never throws for its content. */
  feed(chunk: Uint8Array): StreamProgress {
    try {
      this.#append(chunk);
      for (;;) {
        const answer = this.#step();
        if (answer !== undefined) return answer;
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return { kind: "failed", text: error.message, reply: error instanceof WrappingError };
    }
  }

  #append(chunk: Uint8Array): void {
    const end = this.#length + chunk.length;
    if (end > streamBytesMax + encryptHeaderBytes) {
      throw new DecodeError(`Remote node state is larger than limit (${end})`);
    }
    if (end > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(end, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = end;
  }

  /** One step; `undefined` if there may be another right away. */
  #step(): StreamProgress | undefined {
    const stage = this.#stage;
    const bytes = this.#buffer.subarray(0, this.#length);
    switch (stage.kind) {
      case "label":
        return this.#takeLabel(bytes);
      case "start":
        return this.#start(bytes);
      case "encrypted":
        if (bytes.length < encryptHeaderBytes + stage.bytes) return needMore;
        return done(unwrapped(this.#opened(bytes.subarray(0, encryptHeaderBytes + stage.bytes))));
      case "values": {
        const end = stage.scanner.scan(bytes);
        if (end === undefined) return needMore;
        return this.#afterValues(stage.of, end);
      }
      case "tail":
        if (bytes.length < stage.end) return needMore;
        return done(unwrapped(bytes.subarray(0, stage.end)));
    }
  }

  #takeLabel(bytes: Uint8Array): StreamProgress | undefined {
    const found = takeLabel(bytes);
    if (found === undefined) return needMore;
    if (found.label !== this.#security.label) {
      throw new DecodeError(`discarding stream with unacceptable label ${JSON.stringify(found.label)}`);
    }
    this.#buffer = this.#buffer.slice(found.bytes);
    this.#length -= found.bytes;
    this.#stage = { kind: "start" };
    return undefined;
  }

  #start(bytes: Uint8Array): StreamProgress | undefined {
    const type = bytes[0];
    if (type === undefined) return needMore;
    const { encryption, verifyIncoming } = this.#security;
    if (type === messageType.encrypt) {
      if (encryption === undefined) {
        throw new WrappingError("Remote state is encrypted and encryption is not configured");
      }
      if (bytes.length < encryptHeaderBytes) return needMore;
      const claimed = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
      if (claimed > streamBytesMax) {
        throw new WrappingError(`Remote node state is larger than limit (${claimed})`);
      }
      this.#stage = { kind: "encrypted", bytes: claimed };
      return undefined;
    }
    if (encryption !== undefined && verifyIncoming) {
      throw new WrappingError("Encryption is configured but remote state is not encrypted");
    }
    if (!plainTypes.has(type)) throw new DecodeError(`Received invalid msgType (${type})`);
    const isLong = type === messageType.pushPull || type === messageType.user;
    this.#stage = { kind: "values", scanner: new MsgpackScanner(1, 1), of: isLong ? "header" : "body" };
    return undefined;
  }

  #afterValues(of: "header" | "nodes" | "body", end: number): StreamProgress | undefined {
    if (of === "header") {
      const claims = headerClaims(this.#buffer.subarray(0, end));
      this.#userBytes = claims.userBytes;
      this.#stage = { kind: "values", scanner: new MsgpackScanner(end, claims.nodes), of: "nodes" };
      return undefined;
    }
    this.#stage = { kind: "tail", end: end + this.#userBytes };
    return undefined;
  }

  /** The plaintext of an encrypted wrapper. */
  #opened(wrapper: Uint8Array): Uint8Array {
    const { encryption, label } = this.#security;
    if (encryption === undefined) throw new WrappingError("encryption is not configured");
    const aad = concat(wrapper.subarray(0, encryptHeaderBytes), labelBytes(label));
    return wrapping(() => decrypt(encryption, wrapper.subarray(encryptHeaderBytes), aad));
  }
}

/** What a header says will follow, if that is within limits. */
function headerClaims(bytes: Uint8Array): { readonly nodes: number; readonly userBytes: number } {
  const reader = new MsgpackReader(bytes, 1);
  if (bytes[0] === messageType.user) {
    const { UserMsgLen } = UserHeader.decode(reader);
    if (UserMsgLen > streamBytesMax) throw new DecodeError(`a user message of ${UserMsgLen} bytes`);
    return { nodes: 0, userBytes: UserMsgLen };
  }
  const { Nodes, UserStateLen } = PushPullHeader.decode(reader);
  if (Nodes > nodeCountMax) throw new DecodeError(`an exchange of ${Nodes} nodes`);
  if (UserStateLen > streamBytesMax)
    throw new DecodeError(`an exchange with ${UserStateLen} bytes of user state`);
  return { nodes: Nodes, userBytes: UserStateLen };
}

/** The message inside a compress wrapper, if there is one. */
function unwrapped(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== messageType.compress) return bytes;
  return wrapping(() => decodeCompressed(bytes, unpackedBytesMax));
}

function done(bytes: Uint8Array): StreamProgress {
  return { kind: "message", message: decodeStreamMessage(bytes) };
}

/** Failures within count as failures of the wrapping. */
function wrapping<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof DecodeError) throw new WrappingError(cause.message, { cause });
    throw cause;
  }
}

function concat(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return bytes;
}
