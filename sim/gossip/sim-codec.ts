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

/** A message that knows its bytes. */
interface Remembering {
  spoken?: Spoken;
}

/** One for a whole simulation. */
export class SimCodec {
  /** By node and incarnation: alive messages are made anew from every full exchange. */
  readonly #claims = new Map<string, Spoken>();

  /** Bytes as they would be on the wire. News of the same content share them. */
  readonly encode = (message: GossipMessage): Uint8Array => {
    switch (message.kind) {
      case "alive":
        return this.#shared(`a${message.incarnation} ${message.node} ${message.meta.length}`, message);
      case "suspect":
      case "dead":
        // In a mass death there are millions, each soon forgotten: whoever passes one on has the message itself.
        return (message as Remembering).spoken ?? speak(message);
      case "ping":
      case "indirectPing":
      case "ack":
      case "nack":
      case "user":
        return speak(message);
    }
  };

  #shared(key: string, message: GossipMessage): Uint8Array {
    const known = this.#claims.get(key);
    if (known !== undefined) return known;
    const spoken = speak(message);
    this.#claims.set(key, spoken);
    return spoken;
  }
}

function speak(message: GossipMessage): Spoken {
  const spoken = new Spoken(encodeMessage(message));
  spoken.message = message;
  (message as Remembering).spoken = spoken;
  return spoken;
}

/** What bytes of `encode` say. */
export function understand(bytes: Uint8Array): GossipMessage {
  return must((bytes as Spoken).message, "the bytes come from this codec");
}
