/**
 * Messages as bytes of their real size that remember what they say.
 *
 * The core packs packets by the size of the bytes it is given, so those are real. But a pool of thousands decodes
 * hundreds of millions of messages; here the bytes carry the value along, and the many nodes that pass on one piece
 * of news share one message and one array.
 */
import { must } from "../../src/lib/assert.ts";
import { encodeMessage } from "../../src/wire/gossip/bodies.ts";
import type { GossipMessage } from "../../src/wire/gossip/messages.ts";

class Spoken extends Uint8Array {
  message: GossipMessage | undefined;
}

/** One for a whole simulation. */
export class SimCodec {
  readonly #news = new Map<string, Spoken>();

  /** Bytes as they would be on the wire. News of the same content share them. */
  readonly encode = (message: GossipMessage): Uint8Array => {
    switch (message.kind) {
      case "alive":
        return this.#shared(`a${message.incarnation} ${message.node} ${message.meta.length}`, message);
      case "suspect":
      case "dead":
        return this.#shared(`${message.kind}${message.incarnation} ${message.node} ${message.from}`, message);
      case "ping":
      case "indirectPing":
      case "ack":
      case "nack":
      case "user":
        return speak(message);
    }
  };

  #shared(key: string, message: GossipMessage): Uint8Array {
    const known = this.#news.get(key);
    if (known !== undefined) return known;
    const spoken = speak(message);
    this.#news.set(key, spoken);
    return spoken;
  }
}

function speak(message: GossipMessage): Spoken {
  const spoken = new Spoken(encodeMessage(message));
  spoken.message = message;
  return spoken;
}

/** What bytes of `encode` say. */
export function understand(bytes: Uint8Array): GossipMessage {
  return must((bytes as Spoken).message, "the bytes come from this codec");
}
