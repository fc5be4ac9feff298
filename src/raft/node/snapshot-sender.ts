/**
 * Sends one snapshot on a connection of its own: the request, exactly the bytes it announces, then the answer.
 *
 * The next piece is read when the connection has taken the last one, so only a piece or two is in memory.
 */
import type { Clock } from "../../lib/clock.ts";
import { DecodeError } from "../../lib/errors.ts";
import type { Connection } from "../../lib/net.ts";
import { StorageError } from "../../lib/storage-error.ts";
import { ByteQueue } from "./byte-queue.ts";
import { decodeReply, encodeRequest } from "./message-codec.ts";
import type { SnapshotTransfer, TransportAnswer } from "./transport.ts";
import { ValueScanner } from "./value-scanner.ts";

/** Bytes for which a peer is given one I/O timeout. */
const bytesPerTimeout = 256 * 1024;
const answerBytesMax = 64 * 1024;
const valuesOfAnswer = 2;

/** How long a snapshot of this size may take, as the reference's sender counts. */
export function snapshotDeadlineMs(o: { readonly sizeBytes: number; readonly ioTimeoutMs: number }): number {
  return o.ioTimeoutMs * Math.max(1, Math.floor(o.sizeBytes / bytesPerTimeout));
}

export interface SenderParts {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly preamble: Uint8Array;
  readonly deadlineMs: number;
}

/** Resolves with the peer's answer, `failed` if the connection breaks or time is over. Rejects if `chunks` does. */
export async function sendSnapshot(parts: SenderParts, transfer: SnapshotTransfer): Promise<TransportAnswer> {
  const { connection, clock, preamble, deadlineMs } = parts;
  const exchange = new Exchange(connection);
  const timer = clock.after(deadlineMs, () => exchange.settle({ kind: "failed" }));
  try {
    if (preamble.length > 0) connection.write(preamble);
    await exchange.write(encodeRequest(transfer.message));
    await streamChunks(exchange, transfer);
    return await exchange.answer;
  } finally {
    timer[Symbol.dispose]();
    connection.destroy();
  }
}

async function streamChunks(exchange: Exchange, transfer: SnapshotTransfer): Promise<void> {
  let left = transfer.message.sizeBytes;
  for await (const chunk of transfer.chunks) {
    if (exchange.isSettled) return;
    left -= chunk.length;
    if (left < 0) break;
    // A piece is ours only until the next one is asked for, while the connection may keep it longer.
    await exchange.write(chunk.slice());
  }
  if (left !== 0) throw new StorageError("failed", "a snapshot has not the size that was announced");
}

class Exchange {
  readonly answer: Promise<TransportAnswer>;
  readonly #connection: Connection;
  readonly #received = new ByteQueue();
  readonly #scanner = new ValueScanner();
  #resolve: (answer: TransportAnswer) => void = () => undefined;
  #isSettled = false;
  #drained: (() => void) | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.answer = new Promise((resolve) => (this.#resolve = resolve));
    this.#scanner.start(0, valuesOfAnswer);
    connection.handle({
      data: (bytes) => this.#take(bytes),
      ended: () => this.settle({ kind: "failed" }),
      closed: () => this.settle({ kind: "failed" }),
      drained: () => this.#wake(),
    });
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Resolves when more may be written. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#isSettled || this.#connection.write(bytes)) return;
    await new Promise<void>((resolve) => (this.#drained = resolve));
  }

  settle(answer: TransportAnswer): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#resolve(answer);
    this.#wake();
  }

  #wake(): void {
    const wake = this.#drained;
    this.#drained = undefined;
    wake?.();
  }

  #take(bytes: Uint8Array): void {
    if (this.#isSettled) return;
    this.#received.push(bytes);
    try {
      const end = this.#scanner.scan(this.#received.bytes);
      if (end !== undefined) {
        const reply = decodeReply("installSnapshot", this.#received.take(end));
        this.settle(reply.kind === "response" ? reply : { kind: "failed", remoteError: reply.error });
      } else if (this.#received.length > answerBytesMax) this.settle({ kind: "failed" });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.settle({ kind: "failed" });
    }
  }
}
