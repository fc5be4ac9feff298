/**
 * Heads and bodies joined for one write. Bodies that are shared by many answers, mostly with the same head for a
 * second, are copied once for all of these.
 */
export class JoinedAnswers {
  /** The last answer made of each body; it lives as long as its body. */
  readonly #last = new WeakMap<Uint8Array, { readonly head: string; readonly bytes: Buffer }>();

  /** The bytes of an answer, which nobody may change. */
  bytes(head: string, body: Uint8Array): Buffer {
    const last = this.#last.get(body);
    if (last?.head === head) return last.bytes;
    const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(head) + body.length);
    bytes.set(body, bytes.write(head));
    this.#last.set(body, { head, bytes });
    return bytes;
  }
}
