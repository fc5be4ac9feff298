/**
 * Datagrams: messages ⇄ bytes.
 *
 *     label → encryption → CRC → compress → compound → message
 *
 * from the outside in, each layer optional. Reading is strict about secrecy and lenient about content: one bad part
 * does not lose the others. Source: protocol reference, gossip-memberlist section 2.
 */
import { assert } from "../../lib/assert.ts";
import { DecodeError } from "../../lib/errors.ts";
import { decodeMessage } from "./bodies.ts";
import {
  decodeCompound,
  decodeCompressed,
  decodeCrc,
  encodeCompound,
  encodeCompressed,
  encodeCrc,
} from "./containers.ts";
import { decrypt, encrypt, type Encryption } from "./encryption.ts";
import { labelBytes, labelHeader, takeLabel } from "./label.ts";
import { LzwEncoder } from "./lzw.ts";
import { messageType } from "./message-type.ts";
import type { GossipMessage } from "./messages.ts";

/** How a pool's packets and streams are wrapped. */
export interface GossipSecurity {
  /** `undefined`: nothing is encrypted. */
  readonly encryption: Encryption | undefined;
  /** Refuse what is not encrypted although there are keys (`encrypt_verify_incoming`). */
  readonly verifyIncoming: boolean;
  /** Encrypt what is sent if there are keys (`encrypt_verify_outgoing`). */
  readonly verifyOutgoing: boolean;
  /** "" for none, as in Consul's open edition. */
  readonly label: string;
  readonly compression: boolean;
}

/** Why something was not read; also the label of the counter. */
export type PacketDropReason = "label" | "decrypt" | "crc" | "compound" | "compress" | "message";

/** One thing that was not read. */
export interface PacketDrop {
  readonly reason: PacketDropReason;
  /** For the log. */
  readonly text: string;
}

/** What a datagram holds, in order, and what of it was lost. */
export interface PacketContent {
  readonly messages: readonly GossipMessage[];
  readonly drops: readonly PacketDrop[];
}

/**
 * Bytes that one packet may unpack to, all its compressed parts together; honest ones hold at most a datagram's
 * worth.
 */
const unpackedBytesMax = 256 * 1024;
/** Containers in containers; honest senders use two. */
const nestingMax = 8;

/** Encodes and decodes datagrams of one pool. Keys may change at any time; they are asked for with each packet. */
export class PacketCodec {
  readonly #security: () => GossipSecurity;
  readonly #lzw = new LzwEncoder();

  constructor(security: () => GossipSecurity) {
    this.#security = security;
  }

  /**
   * The datagram of encoded messages (each with its type byte; one to 127). Compressed where that makes it shorter.
   * `crc`: the receiver is known and reads checksums (its protocolMax is 5 or more).
   */
  encode(parts: readonly Uint8Array[], { crc }: { readonly crc: boolean }): Uint8Array {
    const [first] = parts;
    assert(first !== undefined, "a packet holds at least one message");
    const { encryption, verifyOutgoing, label, compression } = this.#security();
    let bytes = parts.length === 1 ? first : encodeCompound(parts);
    if (compression) {
      const compressed = encodeCompressed(this.#lzw, bytes);
      if (compressed.length < bytes.length) bytes = compressed;
    }
    if (crc) bytes = encodeCrc(bytes);
    if (encryption !== undefined && verifyOutgoing)
      bytes = encrypt(encryption, bytes, { aad: labelBytes(label) });
    return label === "" ? bytes : joined(labelHeader(label), bytes);
  }

  /** What a datagram holds. Never throws; bytes of messages may alias the input. */
  decode(packet: Uint8Array): PacketContent {
    const messages: GossipMessage[] = [];
    const drops: PacketDrop[] = [];
    const drop = (reason: PacketDropReason, text: string): PacketContent => {
      drops.push({ reason, text });
      return { messages, drops };
    };
    const security = this.#security();
    const unlabelled = withoutLabel(packet, security.label);
    if (typeof unlabelled === "string") return drop("label", unlabelled);
    const plain = decrypted(unlabelled, security);
    if (typeof plain === "string") return drop("decrypt", `Decrypt packet failed: ${plain}`);
    const checked = decodeCrc(plain);
    if (checked === undefined) return drop("crc", "Got invalid checksum for UDP packet");
    new Unpacker({ messages, drops }).unpack(checked, 0);
    return { messages, drops };
  }
}

function withoutLabel(packet: Uint8Array, label: string): Uint8Array | string {
  try {
    const found = takeLabel(packet);
    if (found === undefined) {
      return packet.length === 0
        ? "missing message type byte"
        : "cannot decode label; packet has been truncated";
    }
    if (found.label !== label)
      return `discarding packet with unacceptable label ${JSON.stringify(found.label)}`;
    return packet.subarray(found.bytes);
  } catch (error) {
    return textOf(error);
  }
}

function decrypted(bytes: Uint8Array, security: GossipSecurity): Uint8Array | string {
  if (security.encryption === undefined) return bytes;
  try {
    return decrypt(security.encryption, bytes, labelBytes(security.label));
  } catch (error) {
    return security.verifyIncoming ? textOf(error) : bytes;
  }
}

/** Takes containers apart, in order, within the limits of one packet. */
class Unpacker {
  readonly #messages: GossipMessage[];
  readonly #drops: PacketDrop[];
  #bytesLeft = unpackedBytesMax;

  constructor(into: { readonly messages: GossipMessage[]; readonly drops: PacketDrop[] }) {
    this.#messages = into.messages;
    this.#drops = into.drops;
  }

  unpack(bytes: Uint8Array, depth: number): void {
    if (depth > nestingMax) {
      this.#drops.push({ reason: "compound", text: `containers nest more than ${nestingMax} deep` });
      return;
    }
    switch (bytes[0]) {
      case messageType.compound:
        return this.#attempt("compound", () => {
          const { parts, truncated } = decodeCompound(bytes);
          if (truncated > 0) {
            this.#drops.push({
              reason: "compound",
              text: `Compound request had ${truncated} truncated messages`,
            });
          }
          for (const part of parts) this.unpack(part, depth + 1);
        });
      case messageType.compress:
        return this.#attempt("compress", () => {
          const inner = decodeCompressed(bytes, this.#bytesLeft);
          this.#bytesLeft -= inner.length;
          this.unpack(inner, depth + 1);
        });
      case undefined:
      default:
        return this.#attempt("message", () => void this.#messages.push(decodeMessage(bytes)));
    }
  }

  #attempt(reason: PacketDropReason, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#drops.push({ reason, text: textOf(error) });
    }
  }
}

/** The text of a failure to decode; anything else is a bug and goes on. */
function textOf(error: unknown): string {
  if (error instanceof DecodeError) return error.message;
  throw error;
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return bytes;
}
