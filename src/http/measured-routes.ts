/** Routes that report how long they take, and for the catalog, how often they are asked and fail. */
import type { Clock } from "../lib/clock.ts";
import type { MetricLabel, Metrics } from "../lib/metrics.ts";
import type { HttpContext, HttpResponse, RoutedRequest, Route } from "./types.ts";

export interface MeasuredBy {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly nodeName: string;
}

/** Catalog routes by what they are called in metrics. Source: the reference's catalog_endpoint.go. */
const counted: Readonly<Record<string, string>> = {
  "/v1/catalog/register": "catalog_register",
  "/v1/catalog/deregister": "catalog_deregister",
  "/v1/catalog/datacenters": "catalog_datacenters",
  "/v1/catalog/nodes": "catalog_nodes",
  "/v1/catalog/services": "catalog_services",
  "/v1/catalog/service/": "catalog_service_nodes",
  "/v1/catalog/connect/": "catalog_connect_service_nodes",
  "/v1/catalog/node/": "catalog_node_services",
  "/v1/catalog/node-services/": "catalog_node_service_list",
  "/v1/catalog/gateway-services/": "catalog_gateway_services",
};

/** The same routes with `api.http` around them; streams count until they begin. */
export function measuredRoutes(routes: readonly Route[], by: MeasuredBy): readonly Route[] {
  return routes.map((route) => {
    const name = counted[route.pattern];
    return timed(name === undefined ? route : countedRoute(route, name, by), by);
  });
}

type Handle = Route["handle"];

function timed(route: Route, { clock, metrics }: MeasuredBy): Route {
  const path = route.pattern.slice(1).replaceAll("/", "_");
  const labels = new Map<string, readonly MetricLabel[]>();
  const done = (method: string, startMs: number): void => {
    let known = labels.get(method);
    if (known === undefined) {
      known = [
        { name: "method", value: method },
        { name: "path", value: path },
      ];
      labels.set(method, known);
    }
    metrics.timer("api.http", clock.monotonicMs() - startMs, known);
  };
  return withHandle(route, (request, context) => {
    const startMs = clock.monotonicMs();
    const response = route.handle(request, context);
    if (!(response instanceof Promise)) {
      done(request.method, startMs);
      return response;
    }
    return response.finally(() => done(request.method, startMs));
  });
}

function countedRoute(route: Route, name: string, { metrics, nodeName }: MeasuredBy): Route {
  const labels = [{ name: "node", value: nodeName }];
  const settled = (response: HttpResponse): HttpResponse => {
    if (response.status < 400) metrics.count(`client.api.success.${name}`, 1, labels);
    return response;
  };
  const failed = (error: unknown): never => {
    metrics.count(`client.rpc.error.${name}`, 1, labels);
    throw error;
  };
  return withHandle(route, (request, context) => {
    metrics.count(`client.api.${name}`, 1, labels);
    return answered(route, { request, context }).then(settled, failed);
  });
}

async function answered(
  route: Route,
  { request, context }: { readonly request: RoutedRequest; readonly context: HttpContext },
): Promise<HttpResponse> {
  return route.handle(request, context);
}

function withHandle(route: Route, handle: Handle): Route {
  return { ...route, handle };
}
