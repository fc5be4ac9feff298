/** Endpoints of network coordinates. Source: the reference's Coordinate service. */
import {
  coordinateDimensions,
  coordinatesOf,
  isValidCoordinate,
  listCoordinates,
  nodeCoordinates,
} from "../state/coordinates.ts";
import { PermissionDeniedError, RpcError } from "../wire/rpc/method.ts";
import * as methods from "../wire/rpc/methods.ts";
import { coordinateDatacenters, coordinateUpdate } from "../wire/rpc/operator-methods.ts";
import type { Coordinate } from "../wire/structs/operator.ts";
import { blockingRead } from "./blocking.ts";
import { filtered } from "./catalog.ts";
import { proposeCoordinates } from "./coordinate-batch.ts";
import { endpoint, type AnyEndpoint, type ServerContext } from "./context.ts";
import { serverMembers } from "./known-servers.ts";

/** Where a node stands before it has measured anything. Source: Serf's defaults. */
const originError = 1.5;
const originHeight = 1e-5;

const nodes = endpoint({
  method: methods.coordinateNodes,
  kind: "read",
  handle: async (server, request, caller) => {
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) => ({
      index: server.store.maxIndex("coordinates"),
      value: listCoordinates(server.store, watch),
    }));
    const { authorizer } = caller;
    return {
      Coordinates: filtered(authorizer, value, ({ Node: node }) => authorizer.nodeRead(node)),
      ...meta,
    };
  },
});

const node = endpoint({
  method: methods.coordinateNode,
  kind: "read",
  handle: async (server, request, caller) => {
    if (!caller.authorizer.nodeRead(request.Node)) throw new PermissionDeniedError();
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) => ({
      index: server.store.maxIndex("coordinates"),
      value: nodeCoordinates(server.store, watch, request.Node),
    }));
    return { Coordinates: value, ...meta };
  },
});

const update = endpoint({
  method: coordinateUpdate,
  kind: "write",
  handle: async (server, request, { authorizer }) => {
    const row: Coordinate = { Node: request.Node, Segment: request.Segment, Coord: request.Coord };
    if (!isValidCoordinate(row)) throw new RpcError("invalid coordinate");
    if (row.Coord?.Vec?.length !== coordinateDimensions) throw new RpcError("incompatible coordinate");
    if (!authorizer.nodeWrite(request.Node)) throw new PermissionDeniedError();
    server.coordinates.add(row);
    return {};
  },
});

/**
 * Gives this server the coordinate of a member that has measured nothing, unless it has one or has neighbours
 * to measure: that is where a pool of one stands. Leader only.
 */
export async function publishOrigin({ consensus, pool, settings, store }: ServerContext): Promise<void> {
  if (pool.members().length > 1 || coordinatesOf(store, settings.nodeName).length > 0) return;
  await proposeCoordinates(consensus, [atOrigin(settings.nodeName)]);
}

/** Without a wide-area pool each server stands where a member without neighbours does. */
const datacenters = endpoint({
  method: coordinateDatacenters,
  kind: "local",
  handle: async (server) =>
    server.wideAreaCoordinates?.() ?? [
      {
        Datacenter: server.settings.datacenter,
        AreaID: "wan",
        Coordinates: serverNames(server).map(atOrigin),
      },
    ],
});

function serverNames({ pool }: ServerContext): string[] {
  return serverMembers(pool)
    .filter(({ member }) => member.status !== "left")
    .map(({ member }) => member.name)
    .sort();
}

function atOrigin(name: string): Coordinate {
  const Vec = Array.from({ length: coordinateDimensions }, () => 0);
  return { Node: name, Segment: "", Coord: { Vec, Error: originError, Adjustment: 0, Height: originHeight } };
}

export const coordinateEndpoints: readonly AnyEndpoint[] = [nodes, node, update, datacenters];
