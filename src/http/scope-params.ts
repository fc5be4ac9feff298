/**
 * Namespaces and partitions are of the Enterprise edition: where the reference looks for them, they are refused, so
 * that nobody takes what is shared by all for his own.
 */
import { HttpError, type Route, type RoutedRequest } from "./types.ts";

/** Who looks for partitions only. Source: the reference's handlers. */
const partitionOnly: ReadonlySet<string> = new Set([
  "/v1/agent/force-leave/",
  "/v1/agent/join/",
  "/v1/agent/members",
  "/v1/catalog/nodes",
  "/v1/coordinate/node/",
  "/v1/coordinate/nodes",
  "/v1/operator/raft/transfer-leader",
]);
const bothBelow = [
  "/v1/acl/",
  "/v1/agent/check/",
  "/v1/agent/checks",
  "/v1/agent/connect/",
  "/v1/agent/health/",
  "/v1/agent/service/",
  "/v1/agent/services",
  "/v1/catalog/",
  "/v1/config",
  "/v1/connect/intentions",
  "/v1/coordinate/update",
  "/v1/discovery-chain/",
  "/v1/health/",
  "/v1/internal/ui/",
  "/v1/kv/",
  "/v1/operator/usage",
  "/v1/session/",
] as const;
const neither: ReadonlySet<string> = new Set(["/v1/catalog/datacenters", "/v1/internal/ui/catalog-overview"]);

/** The same routes, which refuse what the open edition has not. */
export function scopedRoutes(routes: readonly Route[]): readonly Route[] {
  return routes.map((route) => {
    const { pattern } = route;
    if (partitionOnly.has(pattern)) return refusing(route, refusePartition);
    const isBoth = !neither.has(pattern) && bothBelow.some((start) => pattern.startsWith(start));
    return isBoth ? refusing(route, refuseBoth) : route;
  });
}

function refusing(route: Route, refuse: (request: RoutedRequest) => void): Route {
  return {
    ...route,
    handle: (request, context) => {
      refuse(request);
      return route.handle(request, context);
    },
  };
}

function refuseBoth(request: RoutedRequest): void {
  if ((request.header("x-consul-namespace") ?? "") !== "")
    throw refusal('header: "X-Consul-Namespace"', "Namespaces");
  if (request.query.get("ns") !== "") throw refusal('query parameter: "ns"', "Namespaces");
  refusePartition(request);
}

function refusePartition(request: RoutedRequest): void {
  if ((request.header("x-consul-partition") ?? "") !== "")
    throw refusal('header: "X-Consul-Partition"', "Partitions");
  if (request.query.get("partition") !== "") throw refusal('query parameter: "partition"', "Partitions");
}

function refusal(what: string, feature: string): HttpError {
  return new HttpError(400, `Invalid ${what} - ${feature} are a Consul Enterprise feature`);
}
