/** Gathers the effects of one step. Empty lists are shared, since most steps want little. */
import type { MonotonicMs } from "../../lib/clock.ts";
import type { NodeState } from "../../wire/gossip/messages.ts";
import type {
  Datagram,
  Exchange,
  StreamPing,
  StreamReply,
  SwimEffects,
  SwimLog,
  SwimMetric,
  SwimOutcome,
} from "./swim-effects.ts";

const none: readonly never[] = Object.freeze([]);

/** Owned by one `Swim`; `drain` ends a step. */
export class SwimOutbox {
  #datagrams: Datagram[] | undefined;
  #streamPings: StreamPing[] | undefined;
  #exchanges: Exchange[] | undefined;
  #streamReplies: StreamReply[] | undefined;
  #outcomes: SwimOutcome[] | undefined;
  #logs: SwimLog[] | undefined;
  #metrics: SwimMetric[] | undefined;

  datagram(datagram: Datagram): void {
    (this.#datagrams ??= []).push(datagram);
  }

  streamPing(ping: StreamPing): void {
    (this.#streamPings ??= []).push(ping);
  }

  exchange(exchange: Exchange): void {
    (this.#exchanges ??= []).push(exchange);
  }

  streamReply(reply: StreamReply): void {
    (this.#streamReplies ??= []).push(reply);
  }

  outcome(outcome: SwimOutcome): void {
    (this.#outcomes ??= []).push(outcome);
  }

  log(level: SwimLog["level"], text: string): void {
    (this.#logs ??= []).push({ level, text });
  }

  /** Adds one to the counter `memberlist.NAME`. */
  count(name: string): void {
    (this.#metrics ??= []).push({ kind: "count", name: `memberlist.${name}`, by: 1 });
  }

  /** Sets the gauge `memberlist.NAME`. */
  gauge(name: string, value: number, nodeState?: NodeState): void {
    const gauge = { kind: "gauge", name: `memberlist.${name}`, value } as const;
    (this.#metrics ??= []).push(nodeState === undefined ? gauge : { ...gauge, nodeState });
  }

  /** Records a time in `memberlist.NAME`. */
  timer(name: string, ms: number): void {
    (this.#metrics ??= []).push({ kind: "timer", name: `memberlist.${name}`, ms });
  }

  /** Records a value in `memberlist.NAME`. */
  sample(name: string, value: number): void {
    (this.#metrics ??= []).push({ kind: "sample", name: `memberlist.${name}`, value });
  }

  /** Records in `memberlist.NAME` how long it takes to carry this step out. */
  effort(name: string): void {
    (this.#metrics ??= []).push({ kind: "effort", name: `memberlist.${name}` });
  }

  /** Everything gathered since the last call. */
  drain(wakeAtMs: MonotonicMs): SwimEffects {
    const effects: SwimEffects = {
      datagrams: this.#datagrams ?? none,
      streamPings: this.#streamPings ?? none,
      exchanges: this.#exchanges ?? none,
      streamReplies: this.#streamReplies ?? none,
      outcomes: this.#outcomes ?? none,
      logs: this.#logs ?? none,
      metrics: this.#metrics ?? none,
      wakeAtMs,
    };
    this.#datagrams = this.#streamPings = this.#exchanges = this.#streamReplies = undefined;
    this.#outcomes = this.#logs = this.#metrics = undefined;
    return effects;
  }
}
