/** Users' snapshots: the whole state as an archive, and back. Source: the reference's snapshot endpoint. */
import { NoLeaderError, type Consensus } from "../lib/consensus.ts";
import type { Clock } from "../lib/clock.ts";
import { DecodeError } from "../lib/errors.ts";
import type { SavedSnapshot, SnapshotTarget } from "../rpc/service.ts";
import { noPathToDatacenter } from "../wire/rpc/error-text.ts";
import { RpcError } from "../wire/rpc/method.ts";
import type { LeaderAddress } from "./forward.ts";
import { readArchive, writeArchive, type ArchiveTools } from "../wire/snapshot/archive.ts";

const voterSuffrage = 0;
const nonvoterSuffrage = 1;

export interface SnapshotOptions {
  readonly consensus: Consensus;
  readonly tools: ArchiveTools;
  readonly clock: Clock;
  readonly datacenter: string;
  /** Without it a server that does not lead refuses. */
  readonly forwarder?: SnapshotForwarder;
}

/** Carries snapshots to and from another server. Rejects with what it answered. */
export interface SnapshotForwarder {
  save(server: LeaderAddress, target: SnapshotTarget): Promise<SavedSnapshot>;
  restore(server: LeaderAddress, archive: Uint8Array, target: SnapshotTarget): Promise<void>;
}

/** Saves and restores at this server, or at the leader if only that one may. */
export class Snapshots {
  readonly #options: SnapshotOptions;

  constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  /** The archive and the index it was taken at. Rejects with `NoLeaderError` or `RpcError`. */
  async save(target: SnapshotTarget): Promise<SavedSnapshot> {
    const { consensus, tools, clock, forwarder } = this.#options;
    const leader = this.#leaderFor(target);
    if (leader !== undefined && forwarder !== undefined) return forwarder.save(leader, target);
    // As for a consistent read: what was acknowledged before is in it.
    if (!target.allowStale) await consensus.verifyLeader();
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
  async restore(archive: Uint8Array, target: SnapshotTarget): Promise<void> {
    const { consensus, tools, forwarder } = this.#options;
    const leader = this.#leaderFor(target);
    if (leader !== undefined && forwarder !== undefined) return forwarder.restore(leader, archive, target);
    if (target.allowStale) throw new RpcError("stale not allowed for restore");
    try {
      const { meta, state } = await readArchive(tools, archive);
      await consensus.restore(state, meta.Index);
    } catch (error) {
      if (error instanceof DecodeError) throw new RpcError(error.message, { cause: error });
      throw error;
    }
  }

  /** The server to ask instead of this one, if there is need. */
  #leaderFor({ datacenter, allowStale }: SnapshotTarget): LeaderAddress | undefined {
    const { consensus, forwarder, datacenter: own } = this.#options;
    if (datacenter !== own) throw new RpcError(noPathToDatacenter);
    if (allowStale) return undefined;
    const { role, leaderId, leaderAddress } = consensus.status();
    if (role === "leader") return undefined;
    if (leaderId === undefined || leaderAddress === undefined || forwarder === undefined) {
      throw new NoLeaderError();
    }
    return { id: leaderId, address: leaderAddress };
  }
}
