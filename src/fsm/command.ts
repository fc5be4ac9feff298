/**
 * How a log command is applied and how its state goes into snapshots, one entry per command number.
 *
 * A command is one type byte and one MessagePack value. Source: protocol reference, FSM sections 1 and 3.
 */
import type { StateStore, Tables } from "../state/store.ts";
import type { Codec } from "../wire/schema/codec.ts";

/** Command numbers, which are snapshot record numbers too. */
export const commandType = {
  register: 0,
  deregister: 1,
  kvs: 2,
  session: 3,
  tombstone: 5,
  coordinateBatch: 6,
  preparedQuery: 7,
  txn: 8,
  autopilot: 9,
  index: 16,
  chunkingState: 29,
  systemMetadata: 31,
} as const;

/** The answer of a command whose number is known, but not what it asks for: it had no effect. */
export const notUnderstood: unique symbol = Symbol("not understood");

/** Applies commands of one number. */
export interface Command<T> {
  readonly type: number;
  readonly codec: Codec<T>;
  /** Changes the store at `index` and answers the proposer. Does not commit watches. */
  apply(store: StateStore, index: number, body: T): unknown;
}
export type AnyCommand = Command<never>;
/** Declares a command; the one place where its type is erased for the registry. */
export function command<T>(declared: Command<T>): AnyCommand {
  return declared as unknown as AnyCommand;
}

/** Writes and reads the snapshot records of one part of the state. */
export interface SnapshotPart {
  /** Record number and body bytes (MessagePack), in the order to write. Reads only `view`. */
  records(view: Tables, lastIndex: number): Iterable<SnapshotRecord>;
  /** Record number → how to put a record back. `lastIndex` is the snapshot header's. */
  readonly restore: readonly RestoreRecord<never>[];
}
export interface SnapshotRecord {
  readonly type: number;
  readonly body: Uint8Array;
}
export interface RestoreRecord<T> {
  readonly type: number;
  readonly codec: Codec<T>;
  put(store: StateStore, record: T, lastIndex: number): void;
}
/** Declares how a record is restored; erases its type. */
export function restoreRecord<T>(declared: RestoreRecord<T>): RestoreRecord<never> {
  return declared as unknown as RestoreRecord<never>;
}
