/**
 * The network of a simulated cluster: datagrams that get lost, copied and reordered; streams that only get slow; links
 * that are cut; hosts that are gone.
 */
import {
  hostPort,
  type Connection,
  type ConnectOptions,
  type Net,
  type NetAddress,
  type NetListener,
  type UdpSocket,
} from "../../src/lib/net.ts";
import type { Rng } from "../../src/lib/rng.ts";
import { openStream, type StreamEnd } from "./stream.ts";
import { failure, type Endpoint, type Link } from "./link.ts";
import type { Scheduler } from "./scheduler.ts";

/** Lost segments of a stream are sent again after this long, as TCP does at least; then after twice that. */
const retransmitMs = 200;
const firstPort = 20_000;

/** How the network treats what it carries. Rates are in 1,000. */
export interface NetworkPlan {
  readonly delayMs: number;
  readonly longDelayMs: number;
  readonly longDelayRate: number;
  readonly lossRate: number;
  readonly copyRate: number;
}

interface Bound {
  readonly endpoint: Endpoint;
  readonly accept?: (connection: Connection) => void;
  readonly receive?: (bytes: Uint8Array, from: NetAddress) => void;
}

/** One per world. */
export class SimNetwork implements Link {
  readonly scheduler: Scheduler;
  /** Replaced when the world heals. */
  plan: NetworkPlan;
  readonly #rng: Rng;
  readonly #listeners = new Map<string, Bound>();
  readonly #sockets = new Map<string, Bound>();
  readonly #cut = new Set<string>();
  /** Hosts without power: they do not even refuse. */
  readonly #dark = new Set<string>();
  /** Ends that are in use, by whom. */
  readonly #streams = new Map<Endpoint, StreamEnd[]>();
  #nextPort = firstPort;

  constructor(scheduler: Scheduler, plan: NetworkPlan, rng: Rng) {
    this.scheduler = scheduler;
    this.plan = plan;
    this.#rng = rng;
  }

  /** The network as one life uses it; what it has bound goes with it. */
  netOf(endpoint: Endpoint): Net {
    return {
      connect: (to, options) => this.#connect(endpoint, to, options),
      listen: (at, accept) => {
        const address = this.#bind(this.#listeners, at, { endpoint, accept });
        const close = (): Promise<void> => Promise.resolve(void this.#listeners.delete(hostPort(address)));
        return Promise.resolve({ address, close } satisfies NetListener);
      },
      bindUdp: (at, receive) => {
        const address = this.#bind(this.#sockets, at, { endpoint, receive });
        const send = (to: NetAddress, bytes: Uint8Array): void => this.#sendDatagram(address, to, bytes);
        return Promise.resolve({
          address,
          send,
          close: () => void this.#sockets.delete(hostPort(address)),
        } satisfies UdpSocket);
      },
      resolve: (name) => Promise.resolve([name]),
    };
  }

  /** Nothing gets from `from` to `to` any more. */
  cut(from: string, to: string): void {
    this.#cut.add(`${from} ${to}`);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** A process died and its system is still there: peers of its connections hear of it. */
  abandon(endpoint: Endpoint): void {
    for (const end of this.#streams.get(endpoint) ?? []) end.abandon();
    this.#streams.delete(endpoint);
  }

  darken(address: string): void {
    this.#dark.add(address);
  }

  light(address: string): void {
    this.#dark.delete(address);
  }

  /** Whether what is sent now arrives. */
  reaches(from: string, to: string): boolean {
    return !this.#cut.has(`${from} ${to}`) && !this.#dark.has(to);
  }

  /** How long the next thing on a stream takes: what is lost is sent again. */
  streamDelayMs(): number {
    let delayMs = this.#delayMs();
    for (let wait = retransmitMs; this.#rng.chance(this.plan.lossRate, 1_000); wait *= 2) delayMs += wait;
    return delayMs;
  }

  #delayMs(): number {
    const { delayMs, longDelayMs, longDelayRate } = this.plan;
    const isLong = longDelayRate > 0 && this.#rng.chance(longDelayRate, 1_000);
    return 1 + this.#rng.below(delayMs) + (isLong ? this.#rng.below(longDelayMs) : 0);
  }

  #bind(table: Map<string, Bound>, at: NetAddress, bound: Bound): NetAddress {
    const address = at.port === 0 ? { host: at.host, port: this.#nextPort++ } : at;
    const key = hostPort(address);
    const before = table.get(key);
    if (before !== undefined && !before.endpoint.isOver) throw failure("EADDRINUSE", address);
    table.set(key, bound);
    return address;
  }

  #sendDatagram(from: NetAddress, to: NetAddress, bytes: Uint8Array): void {
    if (this.#rng.chance(this.plan.lossRate, 1_000)) return;
    const copies = this.#rng.chance(this.plan.copyRate, 1_000) ? 2 : 1;
    // What the sender does with its buffer afterwards must not show in the datagram.
    const datagram = bytes.slice();
    for (let copy = 0; copy < copies; copy += 1) {
      const delayMs = this.#delayMs();
      this.scheduler.after(delayMs, undefined, () => this.#deliverDatagram(from, to, datagram));
    }
  }

  #deliverDatagram(from: NetAddress, to: NetAddress, bytes: Uint8Array): void {
    if (!this.reaches(from.host, to.host)) return;
    const bound = this.#sockets.get(hostPort(to));
    if (bound === undefined) return;
    this.scheduler.after(0, bound.endpoint, () => bound.receive?.(bytes.slice(), from));
  }

  #connect(endpoint: Endpoint, to: NetAddress, options: ConnectOptions): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const { scheduler } = this;
      const fail = (errno: string, delayMs: number): void =>
        scheduler.after(delayMs, endpoint, () => reject(failure(errno, to)));
      const delayMs = this.streamDelayMs();
      scheduler.after(delayMs, endpoint, () => {
        const from = options.localHost ?? endpoint.address;
        if (delayMs > options.timeoutMs || !this.reaches(from, to.host) || !this.reaches(to.host, from)) {
          return fail("ETIMEDOUT", Math.ceil(Math.max(0, options.timeoutMs - delayMs)));
        }
        const listener = this.#listeners.get(hostPort(to));
        if (listener === undefined || listener.endpoint.isOver) return fail("ECONNREFUSED", 1);
        const [near, far] = this.#openStream(endpoint, listener.endpoint, {
          near: { host: from, port: this.#nextPort++ },
          far: to,
        });
        scheduler.after(0, listener.endpoint, () => listener.accept?.(far));
        resolve(near);
      });
    });
  }

  #openStream(
    near: Endpoint,
    far: Endpoint,
    ends: { readonly near: NetAddress; readonly far: NetAddress },
  ): readonly [StreamEnd, StreamEnd] {
    const both = openStream({
      network: this,
      near: { endpoint: near, local: ends.near, remote: ends.far },
      far: { endpoint: far, local: ends.far, remote: ends.near },
    });
    this.#keep(near, both[0]);
    this.#keep(far, both[1]);
    return both;
  }

  #keep(endpoint: Endpoint, end: StreamEnd): void {
    const ends = this.#streams.get(endpoint) ?? [];
    this.#streams.set(endpoint, [...ends.filter(({ isClosed }) => !isClosed), end]);
  }
}
