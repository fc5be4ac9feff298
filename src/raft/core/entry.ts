/** What the replicated log is made of: entries, the servers that share it, and marks of snapshots. */
import { assert } from "../../lib/assert.ts";
import type { Brand } from "../../lib/brand.ts";
import type { LogIndex, Term } from "../../lib/log-index.ts";

/** Identity of a Raft server; with protocol version 3 the node's UUID. Never an address. */
export type ServerId = Brand<string, "ServerId">;

/** Marks a text as a server id. An empty one is a bug: it would match the absent id of old peers. */
export function serverId(value: string): ServerId {
  assert(value.length > 0, "a server id is not empty");
  return value as ServerId;
}

/** Numbers of the entry types as they stand on the wire and on disk. 2 and 3 (peers, protocol 1) are not written. */
export const entryType = { command: 0, noop: 1, barrier: 4, configuration: 5 } as const;

/** One place in the log. Never mutated; `data` and `extensions` belong to the log once handed over. */
export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  /** One of `entryType`; an unknown number from a peer is replicated as it is. */
  readonly type: number;
  readonly data: Uint8Array;
  /** Chunking data of HashiCorp's raft; absent when empty. */
  readonly extensions?: Uint8Array;
}

/** `voter` counts for elections and commits; the others only receive the log. `staging` is never written by anyone. */
export type Suffrage = "voter" | "nonvoter" | "staging";

/** A member of the cluster. */
export interface Server {
  readonly id: ServerId;
  /** host:port of its server RPC door. */
  readonly address: string;
  readonly suffrage: Suffrage;
}

/** Who takes part. Ids and addresses are unique; in use from the moment its entry is appended. */
export interface Configuration {
  readonly servers: readonly Server[];
}

/** How a configuration stands in an entry's `data`; passed in, since bytes are not the core's business. */
export interface ConfigurationCodec {
  /** A new buffer that `decode` reads back to an equal value. */
  encode(configuration: Configuration): Uint8Array;
  /** Throws on bytes that no peer would have written. */
  decode(data: Uint8Array): Configuration;
}

/** Which snapshot: it stands for every entry through `index`. */
export interface SnapshotEnd {
  readonly index: LogIndex;
  readonly term: Term;
}

/** The end of a snapshot, and who takes part there. */
export interface SnapshotMark extends SnapshotEnd {
  /** The newest configuration at or before `index`, and where its entry was. */
  readonly configuration: Configuration;
  readonly configurationIndex: LogIndex;
}

/** What a server must remember besides its log. `votedFor` belongs to `term`. */
export interface HardState {
  readonly term: Term;
  /** Address of the candidate as it named itself (HashiCorp's LastVoteCand); undefined: no vote in this term. */
  readonly votedFor: string | undefined;
}

/**
 * The durable part of the log, read synchronously.
 *
 * The core keeps what is not yet durable itself and asks here only for older entries, so an
 * implementation need not show writes that it has not finished, nor hide entries that a pending
 * write will cut away: the core never asks for those.
 */
export interface LogView {
  /** Of the oldest entry; `lastIndex + 1` when there is none. */
  readonly firstIndex: LogIndex;
  /** Of the newest entry; 0 when there never was one. */
  readonly lastIndex: LogIndex;
  /** Of an entry that is present; undefined if it is not. */
  termAt(index: LogIndex): Term | undefined;
  /**
   * Entries `from` … `through`, both included and in order; fewer if their data passes `bytesMax`,
   * but at least one if `from` is present.
   */
  entries(from: LogIndex, through: LogIndex, bytesMax: number): readonly Entry[];
}
