/**
 * Network coordinates, and the round trip they predict.
 *
 * Source: Vivaldi (Dabek, Cox, Kaashoek, Morris 2004) with the height and adjustment terms of
 * Serf's variant; the distance formula is that of https://www.consul.io/docs/architecture/coordinates.
 */
import { readQuery, readRequest, type HttpClient, type ReadOptions } from "./http-client.ts";
import { numberField, textField, toList, toRecord } from "./shape.ts";

/** A position; every term is in seconds. */
export interface Coordinate {
  readonly Vec: readonly number[];
  readonly Height: number;
  readonly Adjustment: number;
}

/** A node's position within one network segment or area. */
export interface NodeCoordinate {
  readonly Node: string;
  readonly Segment: string;
  readonly Coord: Coordinate;
}

/** The servers of one datacenter in the wide-area pool. */
export interface DatacenterCoordinates {
  readonly Datacenter: string;
  readonly AreaID: string;
  readonly Coordinates: readonly NodeCoordinate[];
}

function toNodeCoordinate(value: unknown): NodeCoordinate {
  const record = toRecord(value, "a coordinate");
  const coord = toRecord(record["Coord"], "Coord");
  return {
    Node: textField(record, "Node"),
    Segment: textField(record, "Segment"),
    Coord: {
      Vec: toList(coord["Vec"], "Vec").map(Number),
      Height: numberField(coord, "Height"),
      Adjustment: numberField(coord, "Adjustment"),
    },
  };
}

/** Estimated round trip in seconds; never below zero. */
export function distanceSeconds(a: Coordinate, b: Coordinate): number {
  let squares = 0;
  for (let i = 0; i < a.Vec.length; i += 1) squares += ((a.Vec[i] ?? 0) - (b.Vec[i] ?? 0)) ** 2;
  const raw = Math.sqrt(squares) + a.Height + b.Height;
  // A negative sum of adjustments may overshoot; then the unadjusted distance is the better guess.
  const adjusted = raw + a.Adjustment + b.Adjustment;
  return adjusted > 0 ? adjusted : raw;
}

/** Positions of the nodes of a datacenter. */
export async function coordinateNodes(
  client: HttpClient,
  options: ReadOptions = {},
): Promise<readonly NodeCoordinate[]> {
  const path = "/v1/coordinate/nodes";
  const list = await client.json({ method: "GET", path, query: readQuery(options), ...readRequest(options) });
  return toList(list).map(toNodeCoordinate);
}

/** Positions of all servers in the wide-area pool. */
export async function coordinateDatacenters(client: HttpClient): Promise<readonly DatacenterCoordinates[]> {
  const list = await client.json({ method: "GET", path: "/v1/coordinate/datacenters" });
  return toList(list).map((value) => {
    const record = toRecord(value, "a datacenter");
    return {
      Datacenter: textField(record, "Datacenter"),
      AreaID: textField(record, "AreaID"),
      Coordinates: toList(record["Coordinates"], "Coordinates").map(toNodeCoordinate),
    };
  });
}
