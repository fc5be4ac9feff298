/** This node's coordinate as acks of probes carry it, and the last one of every peer. */
import { DecodeError } from "../../lib/errors.ts";
import { CoordinateClient } from "./coordinate-client.ts";
import { distanceSeconds, type Coordinate } from "./coordinate.ts";
import type { SerfContext } from "./serf-context.ts";

export class CoordinateBook {
  readonly #context: SerfContext;
  readonly #client: CoordinateClient;
  readonly #peers = new Map<string, Coordinate>();
  /** Encoded when it is asked for, since acks are more frequent than changes. */
  #payload: Uint8Array | undefined;

  constructor(context: SerfContext) {
    this.#context = context;
    this.#client = new CoordinateClient(context.rng.fork("coordinate"));
  }

  get own(): Coordinate {
    return this.#client.coordinate;
  }

  get resets(): number {
    return this.#client.resets;
  }

  /** The last coordinate of a node; of this one always. */
  of(name: string): Coordinate | undefined {
    return name === this.#context.nodeName ? this.own : this.#peers.get(name);
  }

  /** What an ack carries. */
  payload(): Uint8Array {
    this.#payload ??= this.#context.codec.encodeCoordinate(this.own);
    return this.#payload;
  }

  /** A probe of `node` was answered after `rttMs`, with its coordinate in `payload`. */
  measured(node: string, rttMs: number, payload: Uint8Array): void {
    const other = this.#decode(payload);
    if (other === undefined) return;
    const before = this.own;
    const problem = this.#client.update(node, other, rttMs / 1000);
    if (problem !== undefined) {
      this.#context.count("coordinate.rejected");
      return this.#context.log("trace", `Rejected coordinate from ${node}: ${problem}`);
    }
    this.#payload = undefined;
    this.#context.sample("coordinate.adjustment-ms", distanceSeconds(before, this.own) * 1000);
    this.#peers.set(node, other);
  }

  /** Drops what is kept of a node. */
  forget(node: string): void {
    this.#client.forget(node);
    this.#peers.delete(node);
  }

  #decode(payload: Uint8Array): Coordinate | undefined {
    try {
      const { Vec, ...rest } = this.#context.codec.decodeCoordinate(payload);
      return { ...rest, Vec: Vec ?? [] };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#context.log("error", error.message);
      return undefined;
    }
  }
}
