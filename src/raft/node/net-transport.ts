/**
 * Raft between servers over TCP, with HashiCorp's framing.
 *
 * Towards a peer: one connection for heartbeats, one for AppendEntries, both pipelined; a few for votes, one
 * request at a time; one for each snapshot. A peer that leaves a request unanswered loses every connection
 * on which nothing has come since, so that a network that heals is noticed on new ones.
 * From peers: whatever the RPC door hands over with `accept`. Source: protocol/raft.md §1.
 */
import { unreachable } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import { parseHostPort, type Connection, type Net } from "../../lib/net.ts";
import { NetworkError } from "../../lib/network-error.ts";
import type { RaftRequest } from "../core/messages.ts";
import { AppendCache } from "./append-cache.ts";
import { Complaints } from "./complaints.ts";
import { ControlPool } from "./control-pool.ts";
import { InboundConnection } from "./inbound-connection.ts";
import { encodeRequest } from "./message-codec.ts";
import { AnswerTimeoutError, RequestLane, toTransportAnswer, type LaneRequest } from "./request-lane.ts";
import { sendSnapshot, snapshotDeadlineMs } from "./snapshot-sender.ts";
import type {
  Destination,
  SnapshotTransfer,
  Transport,
  TransportAnswer,
  TransportHandler,
} from "./transport.ts";

/** Announces Raft on the RPC port. */
export const raftLeadingByte = 1;

export interface NetTransportSettings {
  /** Limit for dialling, and for a peer that stops in the middle of something. */
  readonly ioTimeoutMs: number;
  /** A longer request of a peer ends its connection. */
  readonly requestBytesMax: number;
  /** Peers' connections; beyond, the one that was silent longest is closed. */
  readonly inboundMax: number;
  /** Bytes of incomplete requests of all peers together; beyond, the connection that brought them is closed. */
  readonly inboundBytesMax: number;
  /** Connections to peers that were not used for this long are closed. */
  readonly idleTimeoutMs: number;
}

/** See docs/internals/raft.md. A peer sends at most 64 entries of at most about 1 MiB each in one request. */
export const defaultNetTransportSettings: NetTransportSettings = {
  ioTimeoutMs: 10_000,
  requestBytesMax: 128 * 1024 * 1024,
  inboundMax: 256,
  inboundBytesMax: 256 * 1024 * 1024,
  idleTimeoutMs: 60_000,
};

export interface NetTransportParts {
  readonly net: Net;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** A newer address of a server than the configuration's, if one is known. */
  readonly resolveAddress?: (id: string) => string | undefined;
  /** First byte of every connection; `null`: none, as plain hashicorp/raft speaks. Default: Raft's on the RPC port. */
  readonly leadingByte?: number | null;
  readonly settings?: Partial<NetTransportSettings>;
}

interface Peer {
  readonly address: string;
  readonly heartbeat: RequestLane;
  readonly replicate: RequestLane;
  readonly control: ControlPool;
}

const noAnswer: TransportAnswer = { kind: "failed" };

export class NetTransport implements Transport {
  readonly #parts: NetTransportParts;
  readonly #settings: NetTransportSettings;
  readonly #complaints: Complaints;
  readonly #preamble: Uint8Array;
  readonly #peers = new Map<string, Peer>();
  readonly #unflushed = new Set<RequestLane>();
  readonly #appends = new AppendCache();
  readonly #inbound = new Set<InboundConnection>();
  readonly #snapshots = new Set<Connection>();
  #handler: TransportHandler | undefined;
  #sweep: Disposable | undefined;

  constructor(parts: NetTransportParts) {
    this.#parts = parts;
    this.#complaints = new Complaints(parts);
    this.#settings = { ...defaultNetTransportSettings, ...parts.settings };
    const { leadingByte = raftLeadingByte } = parts;
    this.#preamble = leadingByte === null ? new Uint8Array(0) : Uint8Array.of(leadingByte);
  }

  send(to: Destination, message: RaftRequest): Promise<TransportAnswer> {
    const peer = this.#peer(to);
    const bytes = message.kind === "appendEntries" ? this.#appends.encode(message) : encodeRequest(message);
    const request = { kind: message.kind, bytes, timeoutMs: to.timeoutMs };
    switch (to.lane) {
      case "heartbeat":
        return this.#sendOn(peer.heartbeat, request);
      case "replicate":
        return this.#sendOn(peer.replicate, request);
      case "control":
        return peer.control.send(request);
      default:
        return unreachable(to.lane);
    }
  }

  flush(): void {
    for (const lane of this.#unflushed) lane.flush();
    this.#unflushed.clear();
  }

  async sendSnapshot(to: Destination, transfer: SnapshotTransfer): Promise<TransportAnswer> {
    const { clock, log } = this.#parts;
    const { ioTimeoutMs } = this.#settings;
    let connection: Connection | undefined;
    try {
      connection = await this.#dial(this.#addressOf(to));
      this.#snapshots.add(connection);
      const sizeMs = snapshotDeadlineMs({ sizeBytes: transfer.message.sizeBytes, ioTimeoutMs });
      const deadlineMs = Math.min(to.timeoutMs, sizeMs);
      return await sendSnapshot({ connection, clock, preamble: this.#preamble, deadlineMs }, transfer);
    } catch (error) {
      log.warn("failed to send a snapshot", { peer: to.id, error: text(error) });
      return noAnswer;
    } finally {
      if (connection !== undefined) this.#snapshots.delete(connection);
    }
  }

  /** Disposing closes every connection. */
  serve(handler: TransportHandler): Disposable {
    this.#handler = handler;
    return {
      [Symbol.dispose]: () => {
        if (this.#handler !== handler) return;
        this.close();
      },
    };
  }

  /** Takes a peer's connection from the RPC door, behind the leading byte; `rest` is what came with it. */
  readonly accept = (connection: Connection, rest: Uint8Array): void => {
    const handler = this.#handler;
    if (handler === undefined) return connection.destroy();
    if (this.#inbound.size >= this.#settings.inboundMax) this.#closeSilent();
    const { clock, log } = this.#parts;
    const { requestBytesMax, ioTimeoutMs } = this.#settings;
    const from = connection.remote.host;
    const refused = (problem: string): void => this.#complaints.add({ from, message: "unreadable", problem });
    const inbound = new InboundConnection({
      refused,
      connection,
      handler,
      clock,
      log,
      requestBytesMax,
      ioTimeoutMs,
      mayHold: () => this.#inboundBytes() <= this.#settings.inboundBytesMax,
      closed: () => this.#inbound.delete(inbound),
    });
    this.#inbound.add(inbound);
    inbound.start(rest);
  };

  /** Closes every connection and stops serving; requests under way fail. Sending again connects again. */
  close(): void {
    this.#handler = undefined;
    this.#sweep?.[Symbol.dispose]();
    this.#sweep = undefined;
    this.#unflushed.clear();
    for (const peer of this.#peers.values()) closePeer(peer);
    this.#peers.clear();
    for (const connection of this.#snapshots) connection.destroy();
    for (const inbound of this.#inbound) inbound.destroy();
  }

  #sendOn(lane: RequestLane, request: LaneRequest): Promise<TransportAnswer> {
    this.#unflushed.add(lane);
    return lane.send(request).then(toTransportAnswer);
  }

  #addressOf(to: Destination): string {
    return this.#parts.resolveAddress?.(to.id) ?? to.address;
  }

  #peer(to: Destination): Peer {
    const address = this.#addressOf(to);
    const known = this.#peers.get(to.id);
    if (known?.address === address) return known;
    if (known !== undefined) closePeer(known);
    const lost = (lane: RequestLane, error: Error): void => this.#lost(to.id, lane, error);
    const parts = {
      clock: this.#parts.clock,
      dial: () => this.#dial(address),
      preamble: this.#preamble,
      lost,
    };
    const peer: Peer = {
      address,
      heartbeat: new RequestLane(parts),
      replicate: new RequestLane(parts),
      control: new ControlPool(parts),
    };
    this.#peers.set(to.id, peer);
    this.#watchIdle();
    return peer;
  }

  async #dial(address: string): Promise<Connection> {
    const to = parseHostPort(address);
    if (to === undefined)
      throw new NetworkError(`no address: ${address}`, { errno: "", address, cause: undefined });
    return this.#parts.net.connect(to, { timeoutMs: this.#settings.ioTimeoutMs });
  }

  #lost(id: string, lane: RequestLane, error: Error): void {
    const { log } = this.#parts;
    const peer = this.#peers.get(id);
    log.debug("lost a raft connection", { peer: id, error: text(error) });
    if (peer === undefined || !(error instanceof AnswerTimeoutError)) return;
    for (const other of [peer.heartbeat, peer.replicate]) {
      if (other !== lane && other.isSilentSince(error.sentMs)) other.close();
    }
  }

  #watchIdle(): void {
    const { clock } = this.#parts;
    const { idleTimeoutMs } = this.#settings;
    this.#sweep ??= clock.after(idleTimeoutMs / 2, () => {
      this.#sweep = undefined;
      const beforeMs = clock.monotonicMs() - idleTimeoutMs;
      for (const [id, peer] of this.#peers) {
        const isUnused = [peer.heartbeat, peer.replicate].map((lane) => closeUnused(lane, beforeMs));
        if (peer.control.sweep(beforeMs) && isUnused.every(Boolean)) this.#peers.delete(id);
      }
      if (this.#peers.size > 0) this.#watchIdle();
    });
  }

  #closeSilent(): void {
    const [oldest] = [...this.#inbound].toSorted((a, b) => a.lastReceivedMs - b.lastReceivedMs);
    this.#parts.log.warn("too many raft connections: closing the one that was silent longest");
    oldest?.destroy();
  }

  #inboundBytes(): number {
    let held = 0;
    for (const one of this.#inbound) held += one.heldBytes;
    return held;
  }
}

function closePeer(peer: Peer): void {
  peer.heartbeat.close();
  peer.replicate.close();
  peer.control.close();
}

/** True when the lane has no use for now. */
function closeUnused(lane: RequestLane, beforeMs: number): boolean {
  if (!lane.isIdle || lane.lastUsedMs >= beforeMs) return false;
  lane.close();
  return true;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
