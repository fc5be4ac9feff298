/** What the agent caches, as the reference does (1.16), and what tells two requests apart. */
import type { RpcMethod } from "./method.ts";
import {
  catalogDatacenters,
  catalogNodeServices,
  catalogServiceNodes,
  catalogServices,
  healthServiceNodes,
} from "./methods.ts";
import { preparedQueryExecute } from "./prepared-query-methods.ts";
import type { ServiceSpecificRequest } from "../structs/catalog.ts";

/** The options that a cache obeys, and those that it sets. */
export interface CacheableRequest {
  readonly Datacenter?: string;
  readonly Token: string;
  readonly MinQueryIndex: number;
  readonly MaxQueryTime: number;
  readonly MaxAge: number;
  readonly MustRevalidate: boolean;
  readonly StaleIfError: number;
  readonly AllowStale: boolean;
}

/** A kind of answer that is kept. */
export interface CacheType<Q extends CacheableRequest, R> {
  /** As metrics have it. */
  readonly name: string;
  readonly method: RpcMethod<Q, R>;
  /** Kept up to date by blocking queries; otherwise fetched anew when a caller finds it too old. */
  readonly isRefreshed: boolean;
  /** Everything that changes the answer, beside datacenter and token. */
  keyOf(request: Q): readonly unknown[];
  /** The index of an answer; 0 where it has none. */
  indexOf(reply: R): number;
  /** The answer as it is kept: callers did not ask for a stale one, and are not told that it is. */
  kept(reply: R): R;
}

/** Distance is part of the question, although the reference forgets it. */
function instancesKey(request: ServiceSpecificRequest): readonly unknown[] {
  return [
    request.NodeMetaFilters,
    request.ServiceName.toLowerCase(),
    request.ServiceTag,
    (request.ServiceTags ?? []).toSorted(),
    request.ServiceAddress,
    request.TagFilter,
    request.Connect,
    request.Ingress,
    request.Filter,
    request.Source.Node,
  ];
}

function cacheType<Q extends CacheableRequest, R>(declared: CacheType<Q, R>): CacheType<Q, R> {
  return declared;
}

export const healthServicesCache = cacheType({
  name: "health-services",
  method: healthServiceNodes,
  isRefreshed: true,
  keyOf: instancesKey,
  indexOf: ({ Index }) => Index,
  kept: (reply) => ({ ...reply, ConsistencyLevel: "leader" }),
});

export const catalogServiceCache = cacheType({
  name: "catalog-services",
  method: catalogServiceNodes,
  isRefreshed: true,
  keyOf: instancesKey,
  indexOf: ({ Index }) => Index,
  kept: (reply) => ({ ...reply, ConsistencyLevel: "leader" }),
});

export const catalogListCache = cacheType({
  name: "catalog-list-services",
  method: catalogServices,
  isRefreshed: true,
  keyOf: ({ NodeMetaFilters, Filter }) => [NodeMetaFilters, Filter],
  indexOf: ({ Index }) => Index,
  kept: (reply) => ({ ...reply, ConsistencyLevel: "leader" }),
});

export const datacentersCache = cacheType({
  name: "catalog-datacenters",
  method: catalogDatacenters,
  isRefreshed: false,
  keyOf: () => [],
  indexOf: () => 0,
  kept: (reply) => reply,
});

export const nodeServicesCache = cacheType({
  name: "node-services",
  method: catalogNodeServices,
  isRefreshed: true,
  keyOf: ({ Node, Filter }) => [Node, Filter],
  indexOf: ({ Index }) => Index,
  kept: (reply) => ({ ...reply, ConsistencyLevel: "leader" }),
});

export const preparedQueryCache = cacheType({
  name: "prepared-query",
  method: preparedQueryExecute,
  isRefreshed: false,
  keyOf: ({ QueryIDOrName, Limit, Connect, Source }) => [QueryIDOrName, Limit, Connect, Source.Node],
  indexOf: () => 0,
  kept: (reply) => ({ ...reply, ConsistencyLevel: "leader" }),
});
