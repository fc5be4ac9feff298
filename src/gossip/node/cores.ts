/**
 * The two cores and the loop around them: inputs go in, effects are carried out, in order, until nothing is left.
 *
 *     sockets, timers, callers ──▶ turn: Swim.step ─▶ its effects ─▶ Serf.takeEffects ─▶ its effects ─┐
 *                                   ▲                                                                 │
 *                                   └───────────────── inputs that these gave ────────────────────────┘
 *
 * One turn at a time: what listeners ask for within a turn is done in the same turn, after what is being done. The
 * loop knows no rule of the protocol; it only keeps the order and the time.
 */
import type { Clock, MonotonicMs } from "../../lib/clock.ts";
import type { SerfEffect } from "../core/serf-effects.ts";
import type { Serf } from "../core/serf.ts";
import type { SwimEffects, SwimInput } from "../core/swim-effects.ts";
import type { Swim } from "../core/swim.ts";

export interface CoresParts {
  readonly swim: Swim;
  readonly serf: Serf;
  readonly clock: Clock;
  /** Carries out what SWIM wants, but for `wakeAtMs`. May ask the cores for more. */
  readonly swimEffects: (effects: SwimEffects) => void;
  /** Carries out one thing that serf wants. May ask the cores for more. */
  readonly serfEffect: (effect: SerfEffect) => void;
}

export class Cores {
  readonly #parts: CoresParts;
  #inputs: SwimInput[] = [];
  #isTurning = false;
  #isStopped = false;
  #timer: { readonly atMs: number; readonly handle: Disposable } | undefined;

  constructor(parts: CoresParts) {
    this.#parts = parts;
  }

  /** Gives SWIM an input. Ignored once stopped. */
  input(input: SwimInput): void {
    if (this.#isStopped) return;
    this.#inputs.push(input);
    this.#turn();
  }

  /** Calls serf, with the time it is, and carries out what follows from that. */
  serf<T>(call: (serf: Serf) => T): T {
    const { serf, clock } = this.#parts;
    serf.clock(clock.monotonicMs());
    const answer = call(serf);
    if (!this.#isStopped) this.#turn();
    return answer;
  }

  /** Nothing happens any more; calls of serf still answer. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.handle[Symbol.dispose]();
    this.#timer = undefined;
  }

  #turn(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    try {
      let wakeAtMs = this.#once();
      while (this.#inputs.length > 0 && !this.#isStopped) wakeAtMs = this.#once();
      if (!this.#isStopped) this.#wakeAt(wakeAtMs);
    } finally {
      this.#isTurning = false;
    }
  }

  /** One step of SWIM, and everything that serf makes of it. Answers when the cores need the time next. */
  #once(): MonotonicMs {
    const { swim, serf, clock, swimEffects, serfEffect } = this.#parts;
    const inputs = this.#inputs;
    this.#inputs = [];
    const nowMs = clock.monotonicMs();
    serf.clock(nowMs);
    const effects = swim.step(nowMs, inputs);
    swimEffects(effects);
    for (;;) {
      const { list, wakeAtMs } = serf.takeEffects();
      if (list.length === 0) return Math.min(effects.wakeAtMs, wakeAtMs) as MonotonicMs;
      for (const effect of list) serfEffect(effect);
    }
  }

  #wakeAt(atMs: MonotonicMs): void {
    // A timer that fires early does no harm, and most turns only push the time back.
    if (this.#timer !== undefined && this.#timer.atMs <= atMs) return;
    this.#timer?.handle[Symbol.dispose]();
    // Rounded up: a timer that fires a fraction early would only be set again.
    const delayMs = Math.max(1, Math.ceil(atMs - this.#parts.clock.monotonicMs()));
    const handle = this.#parts.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#turn();
    });
    this.#timer = { atMs, handle };
  }
}
