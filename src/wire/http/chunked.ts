/**
 * Decodes the chunked transfer coding.
 *
 *     SIZE[;extension] CR LF  bytes CR LF  …  0 CR LF  [trailer fields CR LF]  CR LF
 *
 * Every line must end in CR LF. Extensions and trailers are checked and thrown away. Source: RFC 9112 section 7.1.
 */
import { HttpSyntaxError } from "./syntax-error.ts";

const lineBytesMax = 4096;
const trailerBytesMax = 16 * 1024;
const sizeLine = /^([0-9a-fA-F]{1,12})(?:[ \t]*;[\t -~\u0080-\u00ff]*)?$/;
const trailerLine = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\u0080-\u00ff]*$/;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;

type Phase = "size" | "data" | "data end" | "trailer" | "done";

export class ChunkedDecoder {
  #phase: Phase = "size";
  /** What has arrived of a line, without its end. */
  #line = "";
  /** The last byte was a CR, which only a LF may follow. */
  #sawReturn = false;
  #left = 0;
  #trailerBytes = 0;

  get isDone(): boolean {
    return this.#phase === "done";
  }

  /**
   * Takes bytes and appends the data among them, as views, to `into`. Answers how many bytes were used: all
   * of them, unless the body ended before. Throws `HttpSyntaxError`.
   */
  push(bytes: Uint8Array, into: Uint8Array[]): number {
    let at = 0;
    while (at < bytes.length && this.#phase !== "done") {
      if (this.#phase === "data") {
        const taken = Math.min(this.#left, bytes.length - at);
        into.push(bytes.subarray(at, at + taken));
        at += taken;
        this.#left -= taken;
        if (this.#left === 0) this.#phase = "data end";
      } else {
        this.#lineByte(bytes[at] as number);
        at += 1;
      }
    }
    return at;
  }

  #lineByte(byte: number): void {
    if (this.#sawReturn) {
      if (byte !== lineFeed) throw new HttpSyntaxError(400, "bare CR in a chunk");
      this.#sawReturn = false;
      const line = this.#line;
      this.#line = "";
      this.#endLine(line);
      return;
    }
    if (byte === carriageReturn) {
      this.#sawReturn = true;
      return;
    }
    if (byte === lineFeed) throw new HttpSyntaxError(400, "bare LF in a chunk");
    if (this.#phase === "data end") throw new HttpSyntaxError(400, "a chunk is longer than its size");
    if (this.#line.length >= lineBytesMax) throw new HttpSyntaxError(400, "a line of a chunk is too long");
    this.#line += String.fromCharCode(byte);
  }

  #endLine(line: string): void {
    if (this.#phase === "data end") {
      this.#phase = "size";
      return;
    }
    if (this.#phase === "size") {
      const size = sizeLine.exec(line)?.[1];
      if (size === undefined) throw new HttpSyntaxError(400, "malformed chunk size");
      this.#left = Number.parseInt(size, 16);
      this.#phase = this.#left === 0 ? "trailer" : "data";
      return;
    }
    if (line === "") {
      this.#phase = "done";
      return;
    }
    this.#trailerBytes += line.length;
    if (this.#trailerBytes > trailerBytesMax || !trailerLine.test(line))
      throw new HttpSyntaxError(400, "malformed trailer");
  }
}
