/**
 * Network coordinates: positions in a space in which distance is round-trip time.
 *
 * Each node has a point in eight dimensions, a height (the delay of its own access link, which no direction can
 * express) and an adjustment (what the space cannot express at all). All values are seconds.
 * Source: Vivaldi (Dabek, Cox, Kaashoek, Morris 2004); Network Coordinates in the Wild (Ledlie, Gardner, Seltzer 2007),
 * for the adjustment; protocol reference, gossip-serf section 8, for the constants.
 */
import type { Rng } from "../../lib/rng.ts";

export interface Coordinate {
  readonly Vec: readonly number[];
  /** How far off the position may be, as a share of the distance. */
  readonly Error: number;
  readonly Adjustment: number;
  readonly Height: number;
}

export const dimensions = 8;
export const errorMax = 1.5;
const heightMin = 1e-5;
const zeroThreshold = 1e-6;

/** Where every node starts: the middle, with the largest error. */
export const originCoordinate: Coordinate = {
  Vec: Array.from({ length: dimensions }, () => 0),
  Error: errorMax,
  Adjustment: 0,
  Height: heightMin,
};

/** Whether a coordinate can be calculated with: the right number of dimensions, everything finite. */
export function isSound({ Vec, Error, Adjustment, Height }: Coordinate): boolean {
  return Vec.length === dimensions && [...Vec, Error, Adjustment, Height].every(Number.isFinite);
}

/** Estimated round trip in seconds, to the nanosecond. */
export function distanceSeconds(a: Coordinate, b: Coordinate): number {
  const raw = rawDistanceSeconds(a, b);
  const adjusted = raw + a.Adjustment + b.Adjustment;
  return Math.trunc((adjusted > 0 ? adjusted : raw) * 1e9) / 1e9;
}

/** Without the adjustments. */
export function rawDistanceSeconds(a: Coordinate, b: Coordinate): number {
  return magnitude(difference(a, b)) + a.Height + b.Height;
}

/** `coordinate` pushed away from `other` by `force` seconds, or pulled if it is negative. */
export function applyForce(
  coordinate: Coordinate,
  other: Coordinate,
  push: { readonly force: number; readonly rng: Rng },
): Coordinate {
  const { unit, length } = direction(coordinate, other, push.rng);
  const Vec = coordinate.Vec.map((value, at) => value + (unit[at] ?? 0) * push.force);
  if (length <= zeroThreshold) return { ...coordinate, Vec };
  const height = ((coordinate.Height + other.Height) * push.force) / length + coordinate.Height;
  return { ...coordinate, Vec, Height: Math.max(height, heightMin) };
}

function difference(a: Coordinate, b: Coordinate): readonly number[] {
  return a.Vec.map((value, at) => value - (b.Vec[at] ?? 0));
}

function magnitude(vector: readonly number[]): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
}

/** From `other` to `coordinate`. Two nodes in one place part in a random direction. */
function direction(
  coordinate: Coordinate,
  other: Coordinate,
  rng: Rng,
): { readonly unit: readonly number[]; readonly length: number } {
  const apart = difference(coordinate, other);
  const length = magnitude(apart);
  if (length > zeroThreshold) return { unit: apart.map((value) => value * (1 / length)), length };
  const random = apart.map(() => rng.below(0x4000_0000) / 0x4000_0000 - 0.5);
  const size = magnitude(random);
  if (size > zeroThreshold) return { unit: random.map((value) => value * (1 / size)), length: 0 };
  return { unit: apart.map((_, at) => (at === 0 ? 1 : 0)), length: 0 };
}
