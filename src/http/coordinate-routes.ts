/** `/v1/coordinate/…`. Source: the reference's HTTP API. */
import { displayText } from "../lib/byte-string.ts";
import { list } from "../wire/schema/collections.ts";
import * as methods from "../wire/rpc/methods.ts";
import { coordinateDatacenters, coordinateUpdate } from "../wire/rpc/operator-methods.ts";
import { DCSpecificRequest } from "../wire/structs/common.ts";
import { Coordinate } from "../wire/structs/operator.ts";
import { DatacenterMap } from "../wire/structs/operator-state.ts";
import { callServer } from "./discovery.ts";
import { readParams, datacenterOf, tokenOf } from "./read-params.ts";
import { coordinateIn } from "./registration-fields.ts";
import { readHeaders } from "./read-headers.ts";
import { jsonResponse, plainResponse, renderJson } from "./respond.ts";
import {
  decodePath,
  HttpError,
  type HttpContext,
  type HttpResponse,
  type Route,
  type RoutedRequest,
} from "./types.ts";

const Coordinates = list(Coordinate);
const DatacenterMaps = list(DatacenterMap);

async function datacenters(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const maps = (await context.rpc.call(coordinateDatacenters, {}, request.signal)) ?? [];
  const shown = maps.map((one) => ({ ...one, Coordinates: one.Coordinates ?? [] }));
  return jsonResponse(request, renderJson(DatacenterMaps, shown));
}

async function nodes(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const args = DCSpecificRequest.make(readParams(request, context));
  const reply = await callServer(request, context, { method: methods.coordinateNodes, args });
  return jsonResponse(
    request,
    renderJson(Coordinates, inSegment(request, reply.Coordinates)),
    readHeaders(reply),
  );
}

async function node(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const args = { ...readParams(request, context), Node: displayText(decodePath(request.rest)) };
  const reply = await callServer(request, context, { method: methods.coordinateNode, args });
  const shown = inSegment(request, reply.Coordinates);
  if (shown.length === 0) return plainResponse(404, "");
  return jsonResponse(request, renderJson(Coordinates, shown), readHeaders(reply));
}

function inSegment({ query }: RoutedRequest, rows: readonly Coordinate[] | null): readonly Coordinate[] {
  if (!query.has("segment")) return rows ?? [];
  return (rows ?? []).filter((row) => row.Segment === query.get("segment"));
}

async function update(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const body = await coordinateIn(request);
  const args = { ...body, Datacenter: datacenterOf(request, context), Token: tokenOf(request) };
  await context.rpc.call(coordinateUpdate, args, request.signal);
  return plainResponse(200, "");
}

export const coordinateRoutes: readonly Route[] = [
  route("/v1/coordinate/datacenters", "GET", datacenters),
  route("/v1/coordinate/nodes", "GET", nodes),
  route("/v1/coordinate/node/", "GET", node),
  route("/v1/coordinate/update", "PUT", update),
];

function route(
  pattern: string,
  method: string,
  handle: (request: RoutedRequest, context: HttpContext) => Promise<HttpResponse>,
): Route {
  return {
    pattern,
    methods: [method],
    handle: (request, context) => {
      if (context.coordinatesOff === true) throw new HttpError(401, "Coordinate support disabled");
      return handle(request, context);
    },
  };
}
