/**
 * Bytes that arrived and are not consumed, of one connection.
 *
 *     buffer  [ consumed | start … pending … end | spare ]
 *
 * The usual case is one packet that holds whole requests: it is kept as it came. What comes in drips is gathered
 * in a buffer that doubles, so that the cost stays linear however small the drops. Consumed bytes are never
 * overwritten: bodies are views of them.
 */
import { HttpSyntaxError } from "../wire/http/syntax-error.ts";

const emptyInput: Buffer = Buffer.alloc(0);

export class HttpInput {
  #buffer: Buffer = emptyInput;
  #start = 0;
  #end = 0;
  /** No end of a head begins before this place. */
  #searched = 0;
  /** The empty line before the next head has come. */
  #hasSkipped = false;

  get length(): number {
    return this.#end - this.#start;
  }

  append(bytes: Buffer): void {
    if (this.#start === this.#end) {
      this.#buffer = bytes;
      this.#start = 0;
      this.#end = bytes.length;
      this.#searched = 0;
      return;
    }
    const length = this.#end - this.#start;
    if (this.#end + bytes.length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * length, length + bytes.length, 4096));
      larger.set(this.#buffer.subarray(this.#start, this.#end));
      this.#searched -= this.#start;
      this.#buffer = larger;
      this.#start = 0;
      this.#end = length;
    }
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /**
   * Takes a head off and answers it without the empty line, in Latin-1; `undefined` if it is not whole yet. Throws
   * `HttpSyntaxError` for a line that ends in a bare LF, whose end would never be found.
   */
  takeHead(): string | undefined {
    this.#skipEmptyLine();
    const from = Math.max(this.#start, this.#searched);
    const at = this.#buffer.indexOf("\r\n\r\n", from, "latin1");
    if (at < 0 || at + 4 > this.#end) {
      if (this.#hasBareLineFeed(from)) throw new HttpSyntaxError(400, "a line ends in a bare LF");
      this.#searched = Math.max(this.#start, this.#end - 3);
      return undefined;
    }
    const head = this.#buffer.toString("latin1", this.#start, at);
    this.#start = at + 4;
    this.#searched = this.#start;
    this.#hasSkipped = false;
    return head;
  }

  /** All pending bytes, as a view; `consume` says how many were used. */
  pending(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  consume(count: number): void {
    this.#start += count;
    this.#searched = this.#start;
    if (this.#start === this.#end) {
      this.#buffer = emptyInput;
      this.#start = this.#end = this.#searched = 0;
    }
  }

  /** One empty line before a request is forgiven, and no more: old clients sent it after a body. */
  #skipEmptyLine(): void {
    const isEmptyLine = this.#buffer[this.#start] === 0x0d && this.#buffer[this.#start + 1] === 0x0a;
    if (this.#hasSkipped || this.length < 2 || !isEmptyLine) return;
    this.#start += 2;
    this.#hasSkipped = true;
  }

  #hasBareLineFeed(from: number): boolean {
    for (let at = this.#buffer.indexOf(0x0a, from); at >= 0 && at < this.#end;) {
      if (at === this.#start || this.#buffer[at - 1] !== 0x0d) return true;
      at = this.#buffer.indexOf(0x0a, at + 1);
    }
    return false;
  }
}
