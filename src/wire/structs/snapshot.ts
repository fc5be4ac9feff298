/** Users' snapshots over RPC. Source: protocol reference, RPC section 6. */
import type { Infer } from "../schema/codec.ts";
import { bool, int, str } from "../schema/scalars.ts";
import { struct } from "../schema/struct.ts";
import { queryMeta } from "./common.ts";

/** Operations of a snapshot request, by their numbers. */
export const snapshotOp = { save: 0, restore: 1 } as const;

/** Asks for an archive, or announces one. */
export const SnapshotRequest = struct("SnapshotRequest", {
  Datacenter: str,
  Token: str,
  AllowStale: bool,
  Op: int,
});
export type SnapshotRequest = Infer<typeof SnapshotRequest>;

/** Stands before the archive, if there is no `Error`. */
export const SnapshotResponse = struct("SnapshotResponse", { Error: str, ...queryMeta });
export type SnapshotResponse = Infer<typeof SnapshotResponse>;
