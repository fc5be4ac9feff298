/** Field groups that Go embeds, and small structs shared by many messages. Source: protocol reference, RPC 4. */
import type { Infer } from "../schema/codec.ts";
import { map } from "../schema/collections.ts";
import { bool, durationNs, int, str, uint } from "../schema/scalars.ts";
import { field, struct } from "../schema/struct.ts";

/** Embedded RaftIndex: when a row was made and last changed. */
export const raftIndex = {
  CreateIndex: field(uint, { selectable: false }),
  ModifyIndex: field(uint, { selectable: false }),
} as const;

/** Embedded QueryOptions of read requests. Durations in nanoseconds. */
export const queryOptions = {
  AllowStale: bool,
  Filter: str,
  MaxAge: durationNs,
  MaxQueryTime: durationNs,
  MaxStaleDuration: durationNs,
  MinQueryIndex: uint,
  MustRevalidate: bool,
  RequireConsistent: bool,
  StaleIfError: durationNs,
  Token: str,
  UseCache: bool,
} as const;

/** Embedded QueryMeta of read replies; the HTTP API carries it in headers. */
export const queryMeta = {
  ConsistencyLevel: field(str, { json: null }),
  Index: field(uint, { json: null }),
  KnownLeader: field(bool, { json: null }),
  LastContact: field(durationNs, { json: null }),
} as const;

/** Where a query comes from, for sorting by distance. */
export const QuerySource = struct("QuerySource", { Datacenter: str, Segment: str, Node: str, Ip: str });
export type QuerySource = Infer<typeof QuerySource>;

/** Requests that name only a datacenter. */
export const DCSpecificRequest = struct("DCSpecificRequest", {
  Datacenter: str,
  NodeMetaFilters: map(str),
  Source: QuerySource,
  ...queryOptions,
});
export type DCSpecificRequest = Infer<typeof DCSpecificRequest>;

/** Requests that name a node. */
export const NodeSpecificRequest = struct("NodeSpecificRequest", {
  Datacenter: str,
  Node: str,
  ...queryOptions,
});
export type NodeSpecificRequest = Infer<typeof NodeSpecificRequest>;

/** An address with a port, in tagged addresses of services. */
export const ServiceAddress = struct("ServiceAddress", { Address: str, Port: int });
export type ServiceAddress = Infer<typeof ServiceAddress>;
