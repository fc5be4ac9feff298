/** Endpoints of network coordinates. Source: the reference's Coordinate service. */
import { commandType } from "../fsm/command.ts";
import { CoordinateBatch } from "../fsm/coordinate-commands.ts";
import { encodeCommand } from "../fsm/encode.ts";
import { getNodeById } from "../state/catalog.ts";
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
import { endpoint, type AnyEndpoint, type ServerContext } from "./context.ts";

/** Tells old servers to skip a command they do not know. */
const mayBeIgnored = 0x80;
const batchNumber = commandType.coordinateBatch | mayBeIgnored;
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
    await server.consensus.propose(encodeCommand(batchNumber, CoordinateBatch, [row]), [row]);
    return {};
  },
});

/**
 * Gives this server the coordinate of a member that has measured nothing, unless it has one: that is where
 * a pool of one stands. Leader only.
 */
export async function publishOrigin({ consensus, settings, store }: ServerContext): Promise<void> {
  if (coordinatesOf(store, settings.nodeName).length > 0) return;
  const rows = [atOrigin(settings.nodeName)];
  await consensus.propose(encodeCommand(batchNumber, CoordinateBatch, rows), rows);
}

/** Without a wide-area pool each server stands where a member without neighbours does. */
const datacenters = endpoint({
  method: coordinateDatacenters,
  kind: "local",
  handle: async (server) => [
    { Datacenter: server.settings.datacenter, AreaID: "wan", Coordinates: serverNames(server).map(atOrigin) },
  ],
});

function serverNames({ consensus, settings, store }: ServerContext): string[] {
  const names = consensus.status().servers.map(({ id }) => {
    if (id === settings.nodeId) return settings.nodeName;
    return getNodeById(store, id)?.Node;
  });
  return names.filter((name) => name !== undefined).sort();
}

function atOrigin(name: string): Coordinate {
  const Vec = Array.from({ length: coordinateDimensions }, () => 0);
  return { Node: name, Segment: "", Coord: { Vec, Error: originError, Adjustment: 0, Height: originHeight } };
}

export const coordinateEndpoints: readonly AnyEndpoint[] = [nodes, node, update, datacenters];
