/** A connection of which only this side's bytes exist: what the door writes is kept, what it hears is given by hand. */
import type { Connection, ConnectionHandler, NetAddress } from "../../src/lib/net.ts";
import { must } from "../../src/lib/assert.ts";
import type { Choices } from "./choices.ts";

export class NearEnd implements Connection {
  readonly local: NetAddress = { host: "10.0.0.1", port: 8300 };
  readonly remote: NetAddress = { host: "10.0.0.9", port: 40_000 };
  #written: Uint8Array[] = [];
  /** Whether writes are told to wait. */
  isFull = false;
  #handler: ConnectionHandler | undefined;
  #waiting: Uint8Array[] = [];
  #isPaused = false;
  #hasEnded = false;
  #isClosed = false;

  get isClosed(): boolean {
    return this.#isClosed;
  }

  handle(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#isClosed) this.#written.push(bytes.slice());
    return !this.isFull;
  }

  end(): void {
    this.#hasEnded = true;
  }

  destroy(): void {
    this.close();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.deliver();
  }

  /** What the door has written since the last call. */
  take(): Uint8Array {
    const written = this.#written;
    this.#written = [];
    return new Uint8Array(Buffer.concat(written));
  }

  /** The far side reads again. */
  drain(): void {
    this.isFull = false;
    if (!this.#isClosed) this.#handler?.drained?.();
  }

  /** Gives bytes in pieces, as a network may cut them. */
  feed(bytes: Uint8Array, choices: Choices): void {
    let at = 0;
    const most = choices.pick([1, 3, 20, 200, 10_000]);
    for (let piece = 0; at < bytes.length; piece += 1) {
      // A few hundred pieces are as good as a few thousand.
      const length = piece > 200 ? bytes.length : 1 + choices.below(most);
      this.#waiting.push(bytes.slice(at, at + length));
      at += length;
    }
    this.deliver();
  }

  deliver(): void {
    while (!this.#isPaused && !this.#isClosed && this.#waiting.length > 0)
      this.#handler?.data(must(this.#waiting.shift(), "something waits"));
  }

  /** The far side sends no more. */
  half(): void {
    if (!this.#isClosed) this.#handler?.ended();
  }

  close(error?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting = [];
    this.#handler?.closed(error);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }
}
