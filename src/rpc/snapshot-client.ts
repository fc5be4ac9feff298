/** Snapshots of another server. Source: protocol reference, RPC section 6. */
import type { Clock } from "../lib/clock.ts";
import { DecodeError } from "../lib/errors.ts";
import type { Connection } from "../lib/net.ts";
import { PermissionDeniedError, RpcError } from "../wire/rpc/method.ts";
import { RpcConnectionError } from "../wire/rpc/error-text.ts";
import { PairReader } from "../wire/rpc/framing.ts";
import { decodeMsgpack, encodeMsgpack } from "../wire/schema/codec.ts";
import { SnapshotRequest, SnapshotResponse, snapshotOp } from "../wire/structs/snapshot.ts";
import { ArchiveBuffer, sendArchive } from "./archive-stream.ts";
import type { RpcPool } from "./rpc-pool.ts";
import { rpcType } from "./rpc-type.ts";
import type { RpcServer, SavedSnapshot, SnapshotTarget } from "./service.ts";

const responseBytesMax = 64 * 1024;
const millisecondNs = 1e6;

export interface SnapshotClientParts {
  readonly pool: RpcPool;
  readonly clock: Clock;
  readonly archiveBytesMax: number;
  /** The server may be silent for so long: it writes or reads the whole state. */
  readonly silenceMs: number;
}

/** Asks servers for their state, and gives it back. */
export class SnapshotClient {
  readonly #parts: SnapshotClientParts;

  constructor(parts: SnapshotClientParts) {
    this.#parts = parts;
  }

  /** Rejects with `RpcError`, `PermissionDeniedError` or `RpcConnectionError`. */
  async save(server: RpcServer, target: SnapshotTarget): Promise<SavedSnapshot> {
    const { response, archive } = await this.#exchange(server, requestOf(target, snapshotOp.save), undefined);
    return {
      archive,
      index: response.Index,
      knownLeader: response.KnownLeader,
      lastContactMs: response.LastContact / millisecondNs,
    };
  }

  /** Rejects as `save` does. */
  async restore(server: RpcServer, archive: Uint8Array, target: SnapshotTarget): Promise<void> {
    await this.#exchange(server, requestOf(target, snapshotOp.restore), archive);
  }

  async #exchange(
    server: RpcServer,
    request: SnapshotRequest,
    archive: Uint8Array | undefined,
  ): Promise<Answer> {
    const connection = await this.#parts.pool.dial(server, rpcType.snapshot);
    const answer = new SnapshotAnswer(connection, this.#parts);
    connection.write(encodeMsgpack(SnapshotRequest, request));
    if (archive !== undefined) await sendArchive(connection, archive, answer);
    // The end tells the server that the archive is whole.
    connection.end();
    return answer.whole;
  }
}

function requestOf({ datacenter, allowStale, token }: SnapshotTarget, op: number): SnapshotRequest {
  return { Datacenter: datacenter, AllowStale: allowStale, Token: token ?? "", Op: op };
}

interface Answer {
  readonly response: SnapshotResponse;
  readonly archive: Uint8Array;
}

/** Collects what comes back on one connection. */
class SnapshotAnswer {
  readonly whole: Promise<Answer>;
  readonly #connection: Connection;
  readonly #parts: SnapshotClientParts;
  readonly #header = new PairReader(responseBytesMax, 1);
  readonly #archive: ArchiveBuffer;
  #response: SnapshotResponse | undefined;
  #resolve: (answer: Answer) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  #wake: () => void = () => undefined;
  #isClosed = false;
  #silence: Disposable | undefined;

  constructor(connection: Connection, parts: SnapshotClientParts) {
    this.#connection = connection;
    this.#parts = parts;
    this.#archive = new ArchiveBuffer(parts.archiveBytesMax);
    this.whole = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever waits gets it; a failure while the archive is still being sent is not lost either.
    this.whole.catch(() => undefined);
    connection.handle({
      data: (bytes) => this.#data(bytes),
      ended: () => this.#ended(),
      closed: (error) => this.#fail(new RpcConnectionError(error?.message ?? "EOF", arrived)),
      drained: () => this.#wake(),
    });
    this.#listen();
  }

  isClosed(): boolean {
    return this.#isClosed;
  }

  onWake(wake: () => void): void {
    this.#wake = wake;
  }

  #data(bytes: Uint8Array): void {
    this.#listen();
    try {
      if (this.#response !== undefined) return this.#archive.push(bytes);
      this.#header.push(bytes);
      const value = this.#header.take();
      if (value === undefined) return;
      this.#response = decodeMsgpack(SnapshotResponse, value);
      const { Error: text } = this.#response;
      if (text !== "")
        return this.#fail(
          text.includes("Permission denied") ? PermissionDeniedError.relayed(text) : new RpcError(text),
        );
      this.#archive.push(this.#header.takeRest());
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#fail(new RpcConnectionError(`failed to decode response: ${error.message}`, arrived));
    }
  }

  #ended(): void {
    if (this.#response === undefined) {
      return this.#fail(new RpcConnectionError("failed to decode response: EOF", arrived));
    }
    this.#resolve({ response: this.#response, archive: this.#archive.take() });
    this.#close();
  }

  #fail(error: Error): void {
    this.#reject(error);
    this.#close();
  }

  #close(): void {
    this.#isClosed = true;
    this.#silence?.[Symbol.dispose]();
    this.#wake();
    this.#connection.destroy();
  }

  #listen(): void {
    this.#silence?.[Symbol.dispose]();
    if (this.#isClosed) return;
    this.#silence = this.#parts.clock.after(this.#parts.silenceMs, () => {
      this.#fail(new RpcConnectionError("the server said nothing for too long", arrived));
    });
  }
}

const arrived = { mayHaveArrived: true } as const;
