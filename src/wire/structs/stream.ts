/** Structs of the stream of changes, an addition of Proconsul: no server of the reference knows them. */
import type { Infer } from "../schema/codec.ts";
import { list } from "../schema/collections.ts";
import { bool, byteStr, str, uint } from "../schema/scalars.ts";
import { struct } from "../schema/struct.ts";
import { queryMeta, queryOptions } from "./common.ts";

/** Argument of Stream.Read. `Resume`: go on after `MinQueryIndex`; otherwise begin with all rows. */
export const StreamRequest = struct("StreamRequest", {
  Datacenter: str,
  /** As users write them: `kv:PREFIX`, `health:SERVICE`, `catalog`, `sessions`. */
  Topics: list(byteStr),
  Resume: bool,
  ...queryOptions,
});
export type StreamRequest = Infer<typeof StreamRequest>;

/** One changed row. `Data` is what subscribers get, as JSON. */
export const StreamEvent = struct("StreamEvent", { Index: uint, Op: str, Data: str });
export type StreamEvent = Infer<typeof StreamEvent>;

/** The events up to `Index`. With `Snapshot` they are all rows; `IsLate`: since the changes asked for are gone. */
export const StreamReply = struct("StreamReply", {
  Events: list(StreamEvent),
  Snapshot: bool,
  IsLate: bool,
  ...queryMeta,
});
export type StreamReply = Infer<typeof StreamReply>;
