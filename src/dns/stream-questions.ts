/**
 * The questions of one TCP connection: answered one after another, in order (RFC 7766 section 6.2.1.1 would allow
 * another).
 *
 * No more questions are taken from a client that does not read its answers; one that asks nothing for a while is let
 * go, and so is one that has asked its share.
 */
import type { Clock } from "../lib/clock.ts";
import type { Connection } from "../lib/net.ts";
import { FrameReader, framed } from "./frames.ts";

export interface StreamParts {
  readonly clock: Clock;
  /** The bytes of the answer at once or later, if there is one. Never rejects. */
  answer(question: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** The connection is gone. */
  closed(): void;
}

/** A connection that asks nothing for so long is closed. RFC 7766 section 6.2.3. */
const idleMs = 8_000;
/** Questions on one connection. */
const questionsMax = 128;

/** Takes over a connection. */
export function serveStream(connection: Connection, parts: StreamParts): void {
  const stream = new QuestionStream(connection, parts);
  connection.handle({
    data: (bytes) => stream.take(bytes),
    drained: () => stream.drained(),
    ended: () => connection.end(),
    closed: () => {
      stream.close();
      parts.closed();
    },
  });
}

class QuestionStream {
  readonly #connection: Connection;
  readonly #parts: StreamParts;
  readonly #frames = new FrameReader();
  readonly #questions: Uint8Array[] = [];
  #count = 0;
  #isBusy = false;
  /** The client has not yet read what was written. */
  #isFull = false;
  #idle: Disposable;

  constructor(connection: Connection, parts: StreamParts) {
    this.#connection = connection;
    this.#parts = parts;
    this.#idle = this.#startIdle();
  }

  take(bytes: Uint8Array): void {
    this.#idle[Symbol.dispose]();
    this.#idle = this.#startIdle();
    this.#questions.push(...this.#frames.push(bytes));
    void this.#work();
  }

  drained(): void {
    this.#isFull = false;
    void this.#work();
  }

  close(): void {
    this.#idle[Symbol.dispose]();
    this.#questions.length = 0;
  }

  async #work(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#connection.pause();
    while (!this.#isFull) {
      const question = this.#questions.shift();
      if (question === undefined) break;
      this.#count += 1;
      const answer = await this.#parts.answer(question);
      if (answer !== undefined) this.#isFull = !this.#connection.write(framed(answer));
      if (this.#count >= questionsMax) {
        this.#connection.end();
        return;
      }
    }
    this.#isBusy = false;
    if (!this.#isFull) this.#connection.resume();
  }

  #startIdle(): Disposable {
    return this.#parts.clock.after(idleMs, () => this.#connection.destroy());
  }
}
