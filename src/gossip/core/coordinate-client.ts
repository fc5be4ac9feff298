/**
 * This node's coordinate, moved a little by each round trip that it measures.
 *
 * Each measurement is a spring between two nodes: too short in the space pushes apart, too long pulls together. The
 * less sure side moves more. A weak pull to the middle keeps the whole pool from drifting away.
 * Source: as `coordinate.ts`; protocol reference, gossip-serf section 8.
 */
import { assert } from "../../lib/assert.ts";
import type { Rng } from "../../lib/rng.ts";
import {
  applyForce,
  distanceSeconds,
  errorMax,
  isSound,
  originCoordinate,
  rawDistanceSeconds,
  type Coordinate,
} from "./coordinate.ts";

/** How fast the error follows (ce), and the position (cc). */
const errorTuning = 0.25;
const positionTuning = 0.25;
const adjustmentWindow = 20;
const latencyFilterSize = 3;
const gravityRho = 150;
const zeroThreshold = 1e-6;
const rttSecondsMax = 10;

export class CoordinateClient {
  readonly #rng: Rng;
  #coordinate: Coordinate;
  readonly #adjustments: number[] = Array.from({ length: adjustmentWindow }, () => 0);
  #adjustmentAt = 0;
  /** The last round trips of each node, in seconds. */
  readonly #samples = new Map<string, number[]>();
  #resets = 0;

  constructor(rng: Rng, start: Coordinate = originCoordinate) {
    assert(isSound(start), "a coordinate starts sound");
    this.#rng = rng;
    this.#coordinate = start;
  }

  get coordinate(): Coordinate {
    return this.#coordinate;
  }

  /** How often the coordinate became nonsense and started over. */
  get resets(): number {
    return this.#resets;
  }

  /** Takes a round trip to `node`, which is at `other`. Returns why not, or `undefined`. */
  update(node: string, other: Coordinate, rttSeconds: number): string | undefined {
    if (other.Vec.length !== this.#coordinate.Vec.length) return "dimensions aren't compatible";
    if (!isSound(other)) return "coordinate is invalid";
    if (!(rttSeconds >= 0 && rttSeconds <= rttSecondsMax))
      return `round trip time not in valid range, duration ${rttSeconds}s is not a positive value less than 10s`;
    const rtt = this.#filtered(node, rttSeconds);
    this.#move(other, rtt);
    this.#adjust(other, rtt);
    this.#fall();
    if (!isSound(this.#coordinate)) {
      this.#resets += 1;
      this.#coordinate = originCoordinate;
      // Otherwise one hostile sample would spoil every update until it left the window.
      this.#adjustments.fill(0);
    }
    return undefined;
  }

  /** Drops what is kept of a node. */
  forget(node: string): void {
    this.#samples.delete(node);
  }

  /** The median of the last few: one late answer moves nothing. */
  #filtered(node: string, rttSeconds: number): number {
    const samples = [...(this.#samples.get(node) ?? []), rttSeconds].slice(-latencyFilterSize);
    this.#samples.set(node, samples);
    return samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)] ?? rttSeconds;
  }

  #move(other: Coordinate, measuredSeconds: number): void {
    const rtt = Math.max(measuredSeconds, zeroThreshold);
    const distance = distanceSeconds(this.#coordinate, other);
    const wrongness = Math.abs(distance - rtt) / rtt;
    const own = this.#coordinate.Error;
    const weight = own / Math.max(own + other.Error, zeroThreshold);
    const error = errorTuning * weight * wrongness + own * (1 - errorTuning * weight);
    const coordinate = { ...this.#coordinate, Error: Math.min(error, errorMax) };
    const force = positionTuning * weight * (rtt - distance);
    this.#coordinate = applyForce(coordinate, other, { force, rng: this.#rng });
  }

  #adjust(other: Coordinate, rttSeconds: number): void {
    this.#adjustments[this.#adjustmentAt] = rttSeconds - rawDistanceSeconds(this.#coordinate, other);
    this.#adjustmentAt = (this.#adjustmentAt + 1) % adjustmentWindow;
    let sum = 0;
    for (const sample of this.#adjustments) sum += sample;
    this.#coordinate = { ...this.#coordinate, Adjustment: sum / (2 * adjustmentWindow) };
  }

  #fall(): void {
    const distance = distanceSeconds(originCoordinate, this.#coordinate);
    const force = -((distance / gravityRho) ** 2);
    this.#coordinate = applyForce(this.#coordinate, originCoordinate, { force, rng: this.#rng });
  }
}
