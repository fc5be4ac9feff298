/**
 * A network in memory: the `Net` of every host of a test or simulation, without a socket.
 *
 *     const net = new MemoryNet();
 *     const a = net.host("10.0.0.1"), b = net.host("10.0.0.2");
 *
 * Bytes arrive in order, one turn of `defer` later at the earliest. Half-closed streams, back pressure and
 * resets behave as on sockets; cut hosts lose datagrams, refuse connections and let streams fall silent.
 */
import { NetworkError } from "./network-error.ts";
import { hostPort, type Connection, type ConnectOptions, type Net, type NetAddress } from "./net.ts";
import type { NetListener, UdpSocket } from "./net.ts";
import { connectionPair } from "./memory-connection.ts";

/** The first port given to those who ask for any. */
const firstPort = 20_000;

export interface MemoryNetOptions {
  /** Runs a delivery later; by default as a microtask. A simulator may delay it. */
  readonly defer?: (run: () => void) => void;
}

type Accept = (connection: Connection) => void;
type Receive = (bytes: Uint8Array, from: NetAddress) => void;

export class MemoryNet {
  readonly #defer: (run: () => void) => void;
  readonly #listeners = new Map<string, Accept>();
  readonly #sockets = new Map<string, Receive>();
  readonly #cut = new Set<string>();
  #nextPort = firstPort;

  constructor(options: MemoryNetOptions = {}) {
    this.#defer = options.defer ?? queueMicrotask;
  }

  /** The network as the host with this IP address uses it. */
  host(address: string): Net {
    return {
      connect: (to, options) => this.#connect(address, to, options),
      listen: (at, accept) => this.#listen(at, accept),
      bindUdp: (at, receive) => this.#bindUdp(at, receive),
      resolve: (name) => Promise.resolve([name]),
    };
  }

  /** Loses everything to and from this host until `heal`; what streams carried meanwhile is lost with them. */
  cut(address: string): void {
    this.#cut.add(address);
  }

  heal(address: string): void {
    this.#cut.delete(address);
  }

  #connect(from: string, to: NetAddress, options: ConnectOptions): Promise<Connection> {
    return new Promise((resolve, reject) => {
      this.#defer(() => {
        const accept = this.#listeners.get(hostPort(to));
        if (this.#isCut(from, to.host)) return reject(failure("ETIMEDOUT", to));
        if (accept === undefined) return reject(failure("ECONNREFUSED", to));
        const [near, far] = connectionPair({
          near: { host: options.localHost ?? from, port: this.#port() },
          far: to,
          defer: this.#defer,
          isCut: () => this.#isCut(from, to.host),
        });
        accept(far);
        resolve(near);
      });
    });
  }

  #listen(at: NetAddress, accept: Accept): Promise<NetListener> {
    const address = this.#bound(at);
    const key = hostPort(address);
    if (this.#listeners.has(key)) return Promise.reject(failure("EADDRINUSE", address));
    this.#listeners.set(key, accept);
    const close = (): Promise<void> => {
      this.#listeners.delete(key);
      return Promise.resolve();
    };
    return Promise.resolve({ address, close });
  }

  #bindUdp(at: NetAddress, receive: Receive): Promise<UdpSocket> {
    const address = this.#bound(at);
    const key = hostPort(address);
    if (this.#sockets.has(key)) return Promise.reject(failure("EADDRINUSE", address));
    this.#sockets.set(key, receive);
    const send = (to: NetAddress, bytes: Uint8Array): void => {
      // What the sender does with its buffer afterwards must not show in the datagram.
      const datagram = bytes.slice();
      this.#defer(() => {
        if (!this.#isCut(address.host, to.host)) this.#sockets.get(hostPort(to))?.(datagram, address);
      });
    };
    return Promise.resolve({ address, send, close: () => void this.#sockets.delete(key) });
  }

  #bound(at: NetAddress): NetAddress {
    return at.port === 0 ? { host: at.host, port: this.#port() } : at;
  }

  #port(): number {
    return this.#nextPort++;
  }

  #isCut(a: string, b: string): boolean {
    return this.#cut.has(a) || this.#cut.has(b);
  }
}

function failure(errno: string, { host, port }: NetAddress): NetworkError {
  return new NetworkError(`${errno} ${host}:${port}`, { errno, address: host, cause: undefined });
}
