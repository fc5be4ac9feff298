/** What the doors of this layer ask of the server behind them. */
import type { Rpc, RpcMethod } from "../wire/rpc/method.ts";

/** A server whose methods can be found by name. Its `call` ends waiting when the signal fires. */
export interface RpcService extends Rpc {
  methodNamed(name: string): RpcMethod<unknown, unknown> | undefined;
  /** The part of a method's name before the dot. */
  hasService(name: string): boolean;
}

/** A server, as the pool tells servers apart. */
export interface RpcServer {
  /** Name of its node. */
  readonly name: string;
  /** Where its RPC door is. */
  readonly rpc: { readonly host: string; readonly port: number };
}

/** A user's snapshot: which datacenter's state, and whether a server that does not lead may give it. */
export interface SnapshotTarget {
  readonly datacenter: string;
  readonly allowStale: boolean;
  readonly token?: string;
}

export interface SavedSnapshot {
  readonly archive: Uint8Array;
  readonly index: number;
  readonly knownLeader: boolean;
  readonly lastContactMs: number;
}

/** Saves and restores the whole state as an archive. Rejects with a `ProconsulError`. */
export interface SnapshotService {
  save(target: SnapshotTarget): Promise<SavedSnapshot>;
  restore(archive: Uint8Array, target: SnapshotTarget): Promise<void>;
}
