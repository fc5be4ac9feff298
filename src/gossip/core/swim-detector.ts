/**
 * The failure detector: one probe at a time.
 *
 *     tick ── ping ──┬── ack ───────────────────────────────▶ healthy
 *                    │ probeTimeout
 *                    └── indirect pings, ping by TCP ──┬── ack ─────────────▶ healthy
 *                                                      │ deadline
 *                                                      ├── TCP answered ────▶ healthy, with a warning
 *                                                      └── nothing ─────────▶ suspect
 *
 * The deadline is one probe interval, stretched by this node's own health; a probe that runs into the next tick makes
 * that tick wait. A probe timeout that is longer ends there too: others are still asked, but in vain.
 * Source: SWIM (2002) section 3.1; Lifeguard (2018), LHA-Probe; gossip-memberlist section 6.
 */
import type { MonotonicMs } from "../../lib/clock.ts";
import type { NetAddress } from "../../lib/net.ts";
import type { PingMessage, StreamMessage } from "../../wire/gossip/messages.ts";
import { claimOf, isGone, toSwimNode, type Belief } from "./belief.ts";
import type { Dissemination } from "./swim-dissemination.ts";
import type { Membership } from "./swim-membership.ts";
import { replyAddress } from "./swim-relays.ts";
import { shown, type SwimState } from "./swim-state.ts";

/** Peers from this version on answer a ping by TCP. */
const streamPingVersion = 3;
/** Peers from this version on send nacks. */
const nackVersion = 4;
const noPayload = new Uint8Array();

interface Probe {
  /** As it was when the probe began: news in between make the accusation void. */
  readonly target: Belief;
  readonly ping: PingMessage;
  readonly sentMs: MonotonicMs;
  readonly deadlineMs: MonotonicMs;
  isDirect: boolean;
  nacksExpected: number;
  nackCount: number;
  /** Answered over TCP. */
  isContacted: boolean;
}

/** What the detector works with. */
export interface DetectorParts {
  readonly state: SwimState;
  readonly news: Dissemination;
  readonly membership: Membership;
}

/** Owned by one `Swim`. */
export class Detector {
  readonly #state: SwimState;
  readonly #news: Dissemination;
  readonly #membership: Membership;
  #probe: Probe | undefined;
  #tickMs: MonotonicMs;
  #isTickDue = false;

  /** The first tick comes at a random moment of the first interval, so that nodes started together do not pulse. */
  constructor({ state, news, membership }: DetectorParts) {
    this.#state = state;
    this.#news = news;
    this.#membership = membership;
    const { probeIntervalMs } = state.options;
    const firstMs = probeIntervalMs === 0 ? Infinity : state.rng.below(probeIntervalMs);
    this.#tickMs = (state.nowMs + firstMs) as MonotonicMs;
  }

  /** When the detector next needs the time. */
  get nextMs(): MonotonicMs {
    const probe = this.#probe;
    if (probe === undefined) return this.#tickMs;
    const stepMs = probe.isDirect ? this.#timeoutMs(probe) : probe.deadlineMs;
    return Math.min(this.#tickMs, stepMs, probe.deadlineMs) as MonotonicMs;
  }

  /** Whom the running probe is about. */
  get target(): string | undefined {
    return this.#probe?.target.node;
  }

  /** Somebody probes this node, or takes it for another. */
  ping(message: PingMessage, from: NetAddress): void {
    const { name, delegate, outbox } = this.#state;
    if (message.node !== "" && message.node !== name) {
      outbox.log("warn", `Got ping for unexpected node '${message.node}' from=${shown(from)}`);
      return;
    }
    const ack = { kind: "ack", seqNo: message.seqNo, payload: delegate.ackPayload() } as const;
    this.#news.sendWithNews(replyAddress(message.source, from), ack);
  }

  /** Whether the ack was for the running probe. */
  ack(seqNo: number, payload: Uint8Array | null): boolean {
    const probe = this.#probe;
    if (probe === undefined || probe.ping.seqNo !== seqNo) return false;
    // Only a direct answer measures the way.
    if (probe.isDirect) {
      const rttMs = this.#state.nowMs - probe.sentMs;
      this.#state.delegate.pingCompleted(toSwimNode(probe.target), rttMs, payload ?? noPayload);
    }
    this.#succeed(probe);
    return true;
  }

  /** A helper did not reach the target, but it could tell us. */
  nack(seqNo: number): void {
    const probe = this.#probe;
    if (probe === undefined || probe.isDirect || probe.ping.seqNo !== seqNo) return;
    probe.nackCount = Math.min(probe.nackCount + 1, probe.nacksExpected);
  }

  /** The answer to a ping by TCP; acted on only at the deadline, since an answer by UDP says more. */
  streamAnswered(seqNo: number, message: StreamMessage): void {
    const probe = this.#probe;
    if (probe === undefined || probe.ping.seqNo !== seqNo) return;
    if (message.kind !== "ack") {
      this.streamFailed(seqNo, `Unexpected msgType (${message.kind}) from ping`);
    } else if (message.seqNo !== seqNo) {
      this.streamFailed(seqNo, `Sequence number from ack (${message.seqNo}) doesn't match ping (${seqNo})`);
    } else {
      probe.isContacted = true;
    }
  }

  /** A ping by TCP came to nothing. Without a reason there was no connection, as with any dead node. */
  streamFailed(seqNo: number, reason: string | undefined): void {
    if (reason === undefined || this.#probe?.ping.seqNo !== seqNo) return;
    this.#state.outbox.log("error", `Failed fallback TCP ping: ${reason}`);
  }

  /** Lets the time do its work. */
  fire(): void {
    const { nowMs, options } = this.#state;
    const probe = this.#probe;
    if (probe?.isDirect === true && nowMs >= this.#timeoutMs(probe)) this.#askOthers(probe);
    if (probe !== undefined && nowMs >= probe.deadlineMs) this.#fail(probe);
    if (nowMs >= this.#tickMs) {
      // Ticks that were slept through do not pile up.
      const late = Math.floor((nowMs - this.#tickMs) / options.probeIntervalMs);
      this.#tickMs = (this.#tickMs + (late + 1) * options.probeIntervalMs) as MonotonicMs;
      this.#isTickDue = true;
    }
    if (this.#isTickDue && this.#probe === undefined) this.#begin();
  }

  #timeoutMs({ sentMs, deadlineMs }: Probe): MonotonicMs {
    return Math.min(sentMs + this.#state.options.probeTimeoutMs, deadlineMs) as MonotonicMs;
  }

  #begin(): void {
    this.#isTickDue = false;
    const { table, name, address, options, outbox, awareness, nowMs } = this.#state;
    const target = table.nextProbe(
      (belief) => belief.node !== name && !isGone(belief),
      (belief) =>
        belief.node !== name && isGone(belief) && nowMs - belief.sinceMs > options.gossipToTheDeadMs,
    );
    if (target === undefined) return;
    const intervalMs = awareness.scaledMs(options.probeIntervalMs);
    if (intervalMs > options.probeIntervalMs) outbox.count("degraded.probe");
    const seqNo = this.#state.nextSequence();
    const ping: PingMessage = { kind: "ping", seqNo, node: target.node, source: address, sourceNode: name };
    this.#probe = {
      target,
      ping,
      sentMs: nowMs,
      deadlineMs: (nowMs + intervalMs) as MonotonicMs,
      isDirect: true,
      nacksExpected: 0,
      nackCount: 0,
      isContacted: false,
    };
    if (target.kind === "alive") return this.#news.sendWithNews(target.address, ping);
    // A suspect hears of it at once, so that it can refute as soon as possible (Lifeguard, buddy system).
    const { node, incarnation } = target;
    const accusation = { kind: "suspect", node, from: name, incarnation } as const;
    this.#news.sendBare(claimOf(target).address, [ping, accusation], target);
  }

  #askOthers(probe: Probe): void {
    const { table, name, address, options, outbox, nowMs } = this.#state;
    const { target, ping } = probe;
    const { address: to, vsn } = claimOf(target);
    probe.isDirect = false;
    outbox.log("debug", `Failed UDP ping: ${target.node} (timeout reached)`);
    const helpers = table.pick(
      options.indirectChecks,
      ({ kind, node }) => kind === "alive" && node !== name && node !== target.node,
    );
    for (const helper of helpers) {
      const claim = claimOf(helper);
      const nack = (claim.vsn[1] ?? 0) >= nackVersion;
      if (nack) probe.nacksExpected += 1;
      this.#news.sendWithNews(claim.address, {
        kind: "indirectPing",
        seqNo: ping.seqNo,
        node: target.node,
        target: to,
        nack,
        source: address,
        sourceNode: name,
      });
    }
    const timeoutMs = probe.deadlineMs - nowMs;
    if (!options.streamPings || (vsn[1] ?? 0) < streamPingVersion || timeoutMs <= 0) return;
    outbox.streamPing({
      seqNo: ping.seqNo,
      to,
      node: target.node,
      message: ping,
      timeoutMs,
    });
  }

  #succeed(probe: Probe): void {
    this.#end(probe);
    this.#state.feel(-1);
  }

  #fail(probe: Probe): void {
    const { outbox, name } = this.#state;
    const { nacksExpected, nackCount } = probe;
    const { node, incarnation } = probe.target;
    if (probe.isContacted) {
      outbox.log(
        "warn",
        `Was able to connect to ${node} over TCP but UDP probes failed, network may be misconfigured`,
      );
      return this.#succeed(probe);
    }
    this.#end(probe);
    // Helpers that are silent too say more of this node than of the target.
    this.#state.feel(nacksExpected > 0 ? nacksExpected - nackCount : 1);
    outbox.log("info", `Suspect ${node} has failed, no acks received`);
    this.#membership.suspect({ kind: "suspect", node, from: name, incarnation });
  }

  #end(probe: Probe): void {
    this.#probe = undefined;
    this.#state.outbox.timer("probeNode", this.#state.nowMs - probe.sentMs);
  }
}
