/** A socket of which only our side exists: what the HTTP door writes is kept, what it hears is given by hand. */
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";

export class NearSocket extends EventEmitter {
  readonly remoteAddress = "10.0.0.9";
  readonly writableLength = 0;
  writableNeedDrain = false;
  destroyed = false;
  readonly #written: Buffer[] = [];
  #waiting: Buffer[] = [];
  #isPaused = false;
  #hasEnded = false;

  /** As the door takes it: it uses nothing but what is here. */
  get asSocket(): Socket {
    return this as unknown as Socket;
  }

  write(data: string | Uint8Array): boolean {
    if (!this.destroyed && !this.#hasEnded) this.#written.push(Buffer.from(data as string));
    return !this.writableNeedDrain;
  }

  end(): void {
    this.#hasEnded = true;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#waiting = [];
    this.emit("close");
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    // As a socket does: never from within the call.
    queueMicrotask(() => this.#deliver());
  }

  isPaused(): boolean {
    return this.#isPaused;
  }

  /** Bytes of the client. */
  feed(bytes: Uint8Array): void {
    this.#waiting.push(Buffer.from(bytes));
    this.#deliver();
  }

  /** The client sends no more. */
  half(): void {
    if (!this.destroyed) this.emit("end");
  }

  /** The client reads again. */
  drain(): void {
    this.writableNeedDrain = false;
    if (!this.destroyed) this.emit("drain");
  }

  /** Everything the door has written. */
  taken(): Buffer {
    return Buffer.concat(this.#written);
  }

  #deliver(): void {
    while (!this.#isPaused && !this.destroyed) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.emit("data", next);
    }
  }
}
