/** What the parts of the serf core share: who this node is, the time, and the list of things to do. */
import type { MonotonicMs } from "../../lib/clock.ts";
import type { LogLevel } from "../../lib/log.ts";
import type { Rng } from "../../lib/rng.ts";
import type { EncodableSerfMessage, SerfCodec } from "../../wire/gossip/serf-codec.ts";
import type { SerfEffect } from "./serf-effects.ts";
import type { SerfOptions } from "./serf-options.ts";

export interface SerfContextStart {
  readonly nodeName: string;
  readonly options: SerfOptions;
  readonly codec: SerfCodec;
  readonly rng: Rng;
  readonly nowMs: MonotonicMs;
}

export class SerfContext {
  readonly nodeName: string;
  readonly options: SerfOptions;
  readonly codec: SerfCodec;
  readonly rng: Rng;
  /** The time of the call that is being served. */
  nowMs: MonotonicMs;
  #effects: SerfEffect[] = [];

  constructor({ nodeName, options, codec, rng, nowMs }: SerfContextStart) {
    this.nodeName = nodeName;
    this.options = options;
    this.codec = codec;
    this.rng = rng;
    this.nowMs = nowMs;
  }

  /** Adds something to do, after what is there. */
  push(effect: SerfEffect): void {
    this.#effects.push(effect);
  }

  /** A line for the log; the name of the component goes in front, as the reference has it. */
  log(level: LogLevel, message: string): void {
    this.push({ kind: "log", level, message: `serf: ${message}` });
  }

  count(name: string): void {
    this.push({ kind: "count", name: `serf.${name}` });
  }

  sample(name: string, value: number): void {
    this.push({ kind: "sample", name: `serf.${name}`, value });
  }

  encode(message: EncodableSerfMessage): Uint8Array {
    return this.codec.encode(message);
  }

  /** What `drain` would answer. */
  get pending(): readonly SerfEffect[] {
    return this.#effects;
  }

  /** Everything to do since the last call. */
  drain(): readonly SerfEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}
