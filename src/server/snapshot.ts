/** Users' snapshots: the whole state as an archive, and back. Source: the reference's snapshot endpoint. */
import { NoLeaderError, type Consensus } from "../lib/consensus.ts";
import type { Clock } from "../lib/clock.ts";
import { DecodeError } from "../lib/errors.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { readArchive, writeArchive, type ArchiveTools } from "../wire/snapshot/archive.ts";
import { noPathToDatacenter } from "./server.ts";

const voterSuffrage = 0;
const nonvoterSuffrage = 1;

export interface SnapshotOptions {
  readonly consensus: Consensus;
  readonly tools: ArchiveTools;
  readonly clock: Clock;
  readonly datacenter: string;
}

/** Which datacenter's state, and whether a server that does not lead may give it. */
export interface SnapshotRequest {
  readonly datacenter: string;
  readonly allowStale: boolean;
}

/** Saves and restores through the local server. */
export class Snapshots {
  readonly #options: SnapshotOptions;

  constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  /** The archive and the index it was taken at. Rejects with `NoLeaderError` or `RpcError`. */
  async save(request: SnapshotRequest): Promise<{
    readonly archive: Uint8Array;
    readonly index: number;
    readonly knownLeader: boolean;
    readonly lastContactMs: number;
  }> {
    this.#check(request);
    const { consensus, tools, clock } = this.#options;
    const { id, index, term, servers, configurationIndex, state } = await consensus.snapshot();
    const place = {
      ID: id,
      Index: index,
      Term: term,
      ConfigurationIndex: configurationIndex,
      Configuration: {
        Servers: servers.map((one) => ({
          Suffrage: one.voter ? voterSuffrage : nonvoterSuffrage,
          ID: one.id,
          Address: one.address,
        })),
      },
    };
    const modifiedSeconds = Math.floor(clock.wallMs() / 1000);
    const archive = await writeArchive(tools, state, { place, modifiedSeconds });
    const status = consensus.status();
    return {
      archive,
      index,
      knownLeader: status.leaderId !== undefined || status.leaderAddress !== undefined,
      lastContactMs: status.role === "leader" ? 0 : (status.lastContactMs ?? 0),
    };
  }

  /** Replaces the cluster's state. Rejects with `RpcError` if the archive is not whole and sound. */
  async restore(archive: Uint8Array, request: SnapshotRequest): Promise<void> {
    this.#check(request);
    if (request.allowStale) throw new RpcError("stale not allowed for restore");
    try {
      const { state } = await readArchive(this.#options.tools, archive);
      await this.#options.consensus.restore(state);
    } catch (error) {
      if (error instanceof DecodeError) throw new RpcError(error.message, { cause: error });
      throw error;
    }
  }

  #check({ datacenter, allowStale }: SnapshotRequest): void {
    if (datacenter !== this.#options.datacenter) throw new RpcError(noPathToDatacenter);
    if (!allowStale && this.#options.consensus.status().role !== "leader") throw new NoLeaderError();
  }
}
