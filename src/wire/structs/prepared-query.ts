/** Prepared queries: what they ask for, how they are run and what comes of it. Source: protocol reference, RPC 9. */
import type { Infer } from "../schema/codec.ts";
import { list, map, ptr } from "../schema/collections.ts";
import { bool, durationNs, int, str, uint } from "../schema/scalars.ts";
import { field, struct } from "../schema/struct.ts";
import { CheckServiceNode } from "./catalog.ts";
import { queryMeta, queryOptions, QuerySource, raftIndex } from "./common.ts";

/** Fields that 1.9 peers do not have: kept off the wire while empty. */
const newer = { omitEmptyWire: true } as const;

/** One place to fail over to: a datacenter, or a peer. */
export const QueryFailoverTarget = struct("QueryFailoverTarget", { Peer: str, Datacenter: str });
export type QueryFailoverTarget = Infer<typeof QueryFailoverTarget>;

/** Where to look when there are no healthy instances here. `Targets` stands alone. */
export const QueryFailoverOptions = struct("QueryFailoverOptions", {
  /** How many datacenters to try in the order of their distance. */
  NearestN: int,
  /** Tried after those, in this order. */
  Datacenters: list(str),
  Targets: field(list(QueryFailoverTarget), newer),
});

/** Which instances of a service are wanted. */
export const ServiceQuery = struct("ServiceQuery", {
  Service: str,
  /** Only the enterprise edition has these. */
  SamenessGroup: field(str, newer),
  Failover: QueryFailoverOptions,
  /** Without it instances in warning count as healthy. */
  OnlyPassing: bool,
  /** Checks that are looked through. */
  IgnoreCheckIDs: list(str),
  /** A node, `_agent` or `_ip`: the nearest come first. */
  Near: str,
  /** All must be present; those that begin with `!` must be absent. */
  Tags: list(str),
  NodeMeta: map(str),
  ServiceMeta: map(str),
  /** Instances through which the mesh reaches the service. */
  Connect: bool,
  Peer: field(str, newer),
});
export type ServiceQuery = Infer<typeof ServiceQuery>;

/** How a query stands for all names that begin with its own. */
export const QueryTemplateOptions = struct("QueryTemplateOptions", {
  /** "" is no template; the one kind is `name_prefix_match`. */
  Type: str,
  Regexp: str,
  RemoveEmptyTags: bool,
});

/** How results are told over DNS. TTL as text. */
export const QueryDNSOptions = struct("QueryDNSOptions", { TTL: str });

export const PreparedQuery = struct("PreparedQuery", {
  ID: str,
  Name: str,
  /** The session with which the query goes; "" for none. */
  Session: str,
  Token: str,
  Template: QueryTemplateOptions,
  Service: ServiceQuery,
  DNS: QueryDNSOptions,
  ...raftIndex,
});
export type PreparedQuery = Infer<typeof PreparedQuery>;

/** Argument of PreparedQuery.Apply and body of log command 7. Op: create, update, delete. */
export const PreparedQueryRequest = struct("PreparedQueryRequest", {
  Datacenter: str,
  Op: str,
  Query: ptr(PreparedQuery),
  Token: str,
});
export type PreparedQueryRequest = Infer<typeof PreparedQueryRequest>;

export const PreparedQuerySpecificRequest = struct("PreparedQuerySpecificRequest", {
  Datacenter: str,
  QueryID: str,
  ...queryOptions,
});
export type PreparedQuerySpecificRequest = Infer<typeof PreparedQuerySpecificRequest>;

export const IndexedPreparedQueries = struct("IndexedPreparedQueries", {
  Queries: list(ptr(PreparedQuery)),
  ...queryMeta,
});
export type IndexedPreparedQueries = Infer<typeof IndexedPreparedQueries>;

/** Argument of PreparedQuery.Execute and PreparedQuery.Explain. */
export const PreparedQueryExecuteRequest = struct("PreparedQueryExecuteRequest", {
  Datacenter: str,
  QueryIDOrName: str,
  /** Most instances to answer with; without limit from 0 down. */
  Limit: int,
  Connect: bool,
  /** Where distances are measured from, if the caller says so. */
  Source: QuerySource,
  /** The agent that was asked. */
  Agent: QuerySource,
  ...queryOptions,
});
export type PreparedQueryExecuteRequest = Infer<typeof PreparedQueryExecuteRequest>;

/** Argument of PreparedQuery.ExecuteRemote: the query itself, which the other datacenter does not know. */
export const PreparedQueryExecuteRemoteRequest = struct("PreparedQueryExecuteRemoteRequest", {
  Datacenter: str,
  Query: PreparedQuery,
  Limit: int,
  Connect: bool,
  ...queryOptions,
});
export type PreparedQueryExecuteRemoteRequest = Infer<typeof PreparedQueryExecuteRemoteRequest>;

/** The QueryMeta of replies whose JSON shows it. The last three are never anything else than their zero value. */
const shownMeta = {
  Index: uint,
  LastContact: durationNs,
  KnownLeader: bool,
  ConsistencyLevel: str,
  NotModified: field(bool, { wire: null }),
  Backend: field(int, { wire: null }),
  ResultsFilteredByACLs: field(bool, { wire: null }),
} as const;

export const PreparedQueryExecuteResponse = struct("PreparedQueryExecuteResponse", {
  Service: str,
  Nodes: list(CheckServiceNode),
  DNS: QueryDNSOptions,
  /** Where the instances are. */
  Datacenter: str,
  PeerName: field(str, newer),
  /** How many other places were asked. */
  Failovers: int,
  ...shownMeta,
});
export type PreparedQueryExecuteResponse = Infer<typeof PreparedQueryExecuteResponse>;

export const PreparedQueryExplainResponse = struct("PreparedQueryExplainResponse", {
  Query: PreparedQuery,
  ...shownMeta,
});
export type PreparedQueryExplainResponse = Infer<typeof PreparedQueryExplainResponse>;
