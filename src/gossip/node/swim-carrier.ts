/** Carries out what SWIM wants: packets, calls over streams, answers, lines in the log and figures. */
import { unreachable } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { NetAddress } from "../../lib/net.ts";
import type { PacketCodec } from "../../wire/gossip/packet-codec.ts";
import type {
  Datagram,
  Exchange,
  StreamPing,
  SwimEffects,
  SwimInput,
  SwimMetric,
  SwimOutcome,
} from "../core/swim-effects.ts";
import type { InboundStreams } from "./inbound-streams.ts";
import type { StreamClient } from "./stream-client.ts";

export interface SwimCarrierParts {
  readonly clock: Clock;
  readonly codec: PacketCodec;
  readonly send: (to: NetAddress, bytes: Uint8Array) => void;
  readonly client: StreamClient;
  readonly inbound: InboundStreams;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly input: (input: SwimInput) => void;
  readonly outcome: (outcome: SwimOutcome) => void;
}

export class SwimCarrier {
  readonly #parts: SwimCarrierParts;

  constructor(parts: SwimCarrierParts) {
    this.#parts = parts;
  }

  /** Nothing here waits: what takes time comes back as an input. */
  carryOut(effects: SwimEffects): void {
    const { clock, log, metrics, inbound, outcome } = this.#parts;
    for (const line of effects.logs) log[line.level](`memberlist: ${line.text}`);
    for (const metric of effects.metrics) this.#measure(metric);
    const startedMs = clock.monotonicMs();
    for (const datagram of effects.datagrams) this.#send(datagram);
    for (const reply of effects.streamReplies) inbound.reply(reply.inboundId, reply.message);
    for (const ping of effects.streamPings) void this.#ping(ping);
    for (const exchange of effects.exchanges) void this.#exchange(exchange);
    const tookMs = clock.monotonicMs() - startedMs;
    for (const metric of effects.metrics) if (metric.kind === "effort") metrics.timer(metric.name, tookMs);
    for (const one of effects.outcomes) outcome(one);
  }

  #send({ to, messages, crc }: Datagram): void {
    const bytes = this.#parts.codec.encode(messages, { crc });
    this.#parts.metrics.count("memberlist.udp.sent", bytes.length);
    this.#parts.send(to, bytes);
  }

  async #ping({ seqNo, to, message, timeoutMs }: StreamPing): Promise<void> {
    const { client, input } = this.#parts;
    const answer = await client.call({ to, message, timeoutMs });
    switch (answer.kind) {
      case "answered":
        return input({ kind: "streamPingAnswered", seqNo, message: answer.message });
      case "unreached":
        // What one expects of a dead node.
        return input({ kind: "streamPingFailed", seqNo, reason: undefined });
      case "broken":
        return input({ kind: "streamPingFailed", seqNo, reason: answer.text });
      default:
        return unreachable(answer);
    }
  }

  async #exchange({ exchangeId, to, node, message, timeoutMs }: Exchange): Promise<void> {
    const { client, input, log } = this.#parts;
    log.debug(`memberlist: Initiating push/pull sync with: ${node ?? ""} ${to.host}:${to.port}`);
    const answer = await client.call({ to, message, timeoutMs });
    if (answer.kind === "answered") input({ kind: "exchangeAnswered", exchangeId, message: answer.message });
    else input({ kind: "exchangeFailed", exchangeId, reason: answer.text });
  }

  #measure(metric: SwimMetric): void {
    const { metrics } = this.#parts;
    switch (metric.kind) {
      case "count":
        return metrics.count(metric.name, metric.by);
      case "gauge": {
        const { nodeState } = metric;
        const labels = nodeState === undefined ? [] : [{ name: "node_state", value: nodeState }];
        return metrics.gauge(metric.name, metric.value, labels);
      }
      case "timer":
        return metrics.timer(metric.name, metric.ms);
      case "sample":
        return metrics.timer(metric.name, metric.value);
      case "effort":
        // Not known yet.
        return;
      default:
        return unreachable(metric);
    }
  }
}
