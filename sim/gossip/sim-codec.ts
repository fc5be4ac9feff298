/**
 * Messages that pass for their own bytes.
 *
 * Of the bytes that its encoder makes the core only ever asks how long they are. So here a message is given its real
 * length and handed back: nothing is encoded twice, copied or decoded, however many nodes pass it on. A pool of
 * thousands sends hundreds of millions of messages.
 */
import { assert, must } from "../../src/lib/assert.ts";
import { encodeMessage } from "../../src/wire/gossip/bodies.ts";
import type { AliveMessage, GossipMessage } from "../../src/wire/gossip/messages.ts";

/** A message that knows how many bytes it takes. */
interface Measured {
  length?: number;
}

/** One for a whole simulation. */
export class SimCodec {
  /** By node and incarnation. */
  readonly #claims = new Map<string, Map<number, AliveMessage>>();

  /** What the core takes for bytes. */
  readonly encode = (message: GossipMessage): Uint8Array => {
    const one: GossipMessage & Measured = message.kind === "alive" ? this.intern(message) : message;
    one.length ??= encodeMessage(one).length;
    return one as unknown as Uint8Array;
  };

  /** The one object for all equal claims: alive messages are made anew from every full exchange. */
  readonly intern = (claim: AliveMessage): AliveMessage => {
    let ofNode = this.#claims.get(claim.node);
    if (ofNode === undefined) this.#claims.set(claim.node, (ofNode = new Map()));
    const known = ofNode.get(claim.incarnation);
    if (known !== undefined) {
      assert(known.meta === claim.meta, "one incarnation makes one claim");
      return known;
    }
    ofNode.set(claim.incarnation, claim);
    // Made from an earlier claim it may have come with that one's length.
    (claim as Measured).length = encodeMessage(claim).length;
    return claim;
  };
}

/** What the parts of a packet say. */
export function understand(parts: readonly Uint8Array[]): readonly GossipMessage[] {
  const messages = parts as unknown as readonly GossipMessage[];
  must(messages[0]?.kind, "the parts come from this codec");
  return messages;
}
