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

/** A connection whose first question does not come whole in this time is closed. The reference's. */
const firstQuestionMs = 2_000;
/** So is one whose next question does not, or whose answer is not read. RFC 7766 section 6.2.3. */
const idleMs = 8_000;
/** Questions on one connection. */
const questionsMax = 128;

/** Takes over a connection. */
export function serveStream(connection: Connection, parts: StreamParts): void {
  const stream = new QuestionStream(connection, parts);
  connection.handle({
    data: (bytes) => stream.take(bytes),
    drained: () => stream.drained(),
    ended: () => stream.ended(),
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
  #isClosed = false;
  /** The client has asked all it wants to. */
  #isEnded = false;
  /** Set while the client is waited for. */
  #waiting: Disposable | undefined;

  constructor(connection: Connection, parts: StreamParts) {
    this.#connection = connection;
    this.#parts = parts;
    this.#await(firstQuestionMs);
  }

  take(bytes: Uint8Array): void {
    // The time is that of whole questions: bytes that come one by one do not prolong it.
    this.#questions.push(...this.#frames.push(bytes));
    void this.#work();
  }

  drained(): void {
    this.#isFull = false;
    void this.#work();
  }

  ended(): void {
    this.#isEnded = true;
    void this.#work();
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting?.[Symbol.dispose]();
    this.#questions.length = 0;
  }

  async #work(): Promise<void> {
    if (this.#isBusy || this.#isClosed) return;
    if (this.#questions.length === 0) {
      if (this.#isEnded) this.#connection.end();
      return;
    }
    if (this.#isFull) return;
    this.#isBusy = true;
    this.#waiting?.[Symbol.dispose]();
    this.#connection.pause();
    while (!this.#isFull) {
      const question = this.#questions.shift();
      if (question === undefined) break;
      this.#count += 1;
      const answer = await this.#parts.answer(question);
      if (this.#isClosed) return;
      if (answer !== undefined) this.#isFull = !this.#connection.write(framed(answer));
      if (this.#count >= questionsMax) {
        this.#connection.end();
        return;
      }
    }
    this.#isBusy = false;
    this.#await(idleMs);
    if (this.#isFull) return;
    if (this.#isEnded) this.#connection.end();
    else this.#connection.resume();
  }

  #await(ms: number): void {
    this.#waiting = this.#parts.clock.after(ms, () => this.#connection.destroy());
  }
}
