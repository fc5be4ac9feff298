/**
 * Serves a snapshot request: a connection of its own, the request, for a restore the archive, then its end;
 * back comes a response, for a save the archive, then the end. Source: protocol reference, RPC section 6.
 */
import type { Clock } from "../lib/clock.ts";
import { DecodeError, ProconsulError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Connection } from "../lib/net.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { PairReader } from "../wire/rpc/framing.ts";
import { decodeMsgpack, encodeMsgpack } from "../wire/schema/codec.ts";
import { SnapshotRequest, SnapshotResponse, snapshotOp } from "../wire/structs/snapshot.ts";
import { ArchiveBuffer, sendArchive } from "./archive-stream.ts";
import type { SavedSnapshot, SnapshotService } from "./service.ts";

const requestBytesMax = 64 * 1024;
const millisecondNs = 1e6;

export interface SnapshotServing {
  readonly connection: Connection;
  /** What came behind the first byte already. */
  readonly rest: Uint8Array;
  readonly snapshots: SnapshotService;
  readonly clock: Clock;
  readonly log: Log;
  readonly archiveBytesMax: number;
}

/** Serves one connection until it ends. */
export function serveSnapshot(serving: SnapshotServing): void {
  const handler = new SnapshotConnection(serving);
  serving.connection.handle(handler);
  if (serving.rest.length > 0) handler.data(serving.rest);
}

class SnapshotConnection {
  readonly #serving: SnapshotServing;
  readonly #header = new PairReader(requestBytesMax, 1);
  readonly #archive: ArchiveBuffer;
  #request: SnapshotRequest | undefined;
  #isAnswered = false;
  #wake: () => void = () => undefined;
  #isClosed = false;

  constructor(serving: SnapshotServing) {
    this.#serving = serving;
    this.#archive = new ArchiveBuffer(serving.archiveBytesMax);
  }

  data(bytes: Uint8Array): void {
    try {
      if (this.#request !== undefined) return this.#archive.push(bytes);
      this.#header.push(bytes);
      const value = this.#header.take();
      if (value === undefined) return;
      this.#request = decodeMsgpack(SnapshotRequest, value);
      this.#archive.push(this.#header.takeRest());
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#serving.log.warn("a snapshot request could not be read", { error: error.message });
      return this.#serving.connection.destroy();
    }
    // A save does not wait for the end of the request; peers do not either.
    if (this.#request.Op !== snapshotOp.restore) void this.#answer(this.#request);
  }

  ended(): void {
    if (this.#request === undefined) this.#serving.connection.destroy();
    else void this.#answer(this.#request);
  }

  closed(): void {
    this.#isClosed = true;
    this.#wake();
  }

  drained(): void {
    this.#wake();
  }

  async #answer(request: SnapshotRequest): Promise<void> {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    const { connection, log } = this.#serving;
    let saved: SavedSnapshot | undefined;
    let failure = "";
    try {
      saved = await this.#carryOut(request);
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
      if (!(error instanceof ProconsulError)) log.error("a snapshot failed unexpectedly", { error: failure });
    }
    connection.write(encodeMsgpack(SnapshotResponse, responseOf(saved, failure)));
    if (saved !== undefined) {
      await sendArchive(connection, saved.archive, {
        isClosed: () => this.#isClosed,
        onWake: (wake) => (this.#wake = wake),
      });
    }
    connection.end();
  }

  async #carryOut({
    Op,
    Datacenter,
    AllowStale,
    Token,
  }: SnapshotRequest): Promise<SavedSnapshot | undefined> {
    const { snapshots } = this.#serving;
    const target = { datacenter: Datacenter, allowStale: AllowStale, token: Token };
    switch (Op) {
      case snapshotOp.save:
        return snapshots.save(target);
      case snapshotOp.restore:
        await snapshots.restore(this.#archive.take(), target);
        return undefined;
      default:
        throw new RpcError(`unrecognized snapshot op '${Op}'`);
    }
  }
}

function responseOf(saved: SavedSnapshot | undefined, failure: string): SnapshotResponse {
  return SnapshotResponse.make({
    Error: failure,
    ...(saved === undefined
      ? {}
      : {
          Index: saved.index,
          KnownLeader: saved.knownLeader,
          LastContact: Math.round(saved.lastContactMs * millisecondNs),
        }),
  });
}
