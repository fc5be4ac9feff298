/** DNS messages on a stream: each behind its length in two bytes. Source: RFC 1035 section 4.2.2. */

/** A message as it goes on a stream. */
export function framed(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(message.length + 2);
  bytes[0] = message.length >> 8;
  bytes[1] = message.length & 255;
  bytes.set(message, 2);
  return bytes;
}

/** Cuts a stream into messages. Holds at most one message that is not whole, 64 KiB. */
export class FrameReader {
  #rest = new Uint8Array(0);

  /** The messages that `bytes` made whole. */
  push(bytes: Uint8Array): readonly Uint8Array[] {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const messages: Uint8Array[] = [];
    let at = 0;
    while (all.length - at >= 2) {
      const size = ((all[at] ?? 0) << 8) | (all[at + 1] ?? 0);
      if (all.length - at - 2 < size) break;
      messages.push(all.slice(at + 2, at + 2 + size));
      at += 2 + size;
    }
    this.#rest = all.slice(at);
    return messages;
  }
}
