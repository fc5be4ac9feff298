/** What arrives by UDP: unpacked, counted, and what cannot be read named in the log, though not too often. */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import { hostPort, type NetAddress } from "../../lib/net.ts";
import type { GossipMessage } from "../../wire/gossip/messages.ts";
import type { PacketCodec, PacketDrop, PacketDropReason } from "../../wire/gossip/packet-codec.ts";

/** Each kind of failure is logged at most this often: anybody can send packets. */
const logIntervalMs = 1000;

export interface PacketIntakeParts {
  readonly codec: PacketCodec;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly deliver: (messages: readonly GossipMessage[], from: NetAddress) => void;
}

export class PacketIntake {
  readonly #parts: PacketIntakeParts;
  readonly #loggedAtMs = new Map<PacketDropReason, number>();

  constructor(parts: PacketIntakeParts) {
    this.#parts = parts;
  }

  /** Takes one datagram. Never throws for its content. */
  take(bytes: Uint8Array, from: NetAddress): void {
    const { codec, metrics, deliver } = this.#parts;
    metrics.count("memberlist.udp.received", bytes.length);
    const { messages, drops } = codec.decode(bytes);
    for (const drop of drops) this.#note(drop, from);
    if (messages.length > 0) deliver(messages, from);
  }

  #note({ reason, text }: PacketDrop, from: NetAddress): void {
    const { metrics, clock, log } = this.#parts;
    metrics.count("memberlist.udp.dropped", 1, [{ name: "reason", value: reason }]);
    const nowMs = clock.monotonicMs();
    if (nowMs - (this.#loggedAtMs.get(reason) ?? -Infinity) < logIntervalMs) return;
    this.#loggedAtMs.set(reason, nowMs);
    log.error(`memberlist: ${text} from=${hostPort(from)}`);
  }
}
