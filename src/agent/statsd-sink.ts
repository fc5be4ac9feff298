/**
 * Sends metrics to a statsd, statsite or DogStatsD daemon.
 *
 * One line a measurement, gathered for a tenth of a second or until a packet is full. Lines that come faster than they
 * can be sent, or while there is no connection, are dropped: monitoring must not hold up what it monitors.
 * Source: go-metrics' sinks of the reference; statsd's docs/metric_types.md; DogStatsD's datagram format.
 */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { hostPort, parseHostPort, type Net, type NetAddress } from "../lib/net.ts";
import type { Measurement, MetricKind, MetricSink } from "./metric-sink.ts";

const flushMs = 100;
const packetBytesMax = 1_400;
const linesMax = 4_096;
const reconnectMs = 5_000;
const connectTimeoutMs = 10_000;

/** How measurements are written, and what carries them. */
export type StatsdFlavour =
  | { readonly kind: "statsd" }
  | { readonly kind: "statsite" }
  | { readonly kind: "dogstatsd"; readonly tags: readonly string[]; readonly hostName: string };

export interface StatsdParts {
  readonly net: Net;
  readonly clock: Clock;
  readonly log: Log;
}

const suffixes: Readonly<Record<MetricKind, string>> = { counter: "c", gauge: "g", sample: "ms" };

function flat(text: string): string {
  return text.replace(/[: ]/gu, "_");
}

/** One measurement as its daemon reads it, without the line's end. */
export function statsdLine({ kind, name, value, labels }: Measurement, flavour: StatsdFlavour): string {
  if (flavour.kind !== "dogstatsd") {
    const key = [name, ...labels.map((label) => label.value)].join(".");
    return `${flat(key)}:${Math.fround(value).toFixed(6)}|${suffixes[kind]}`;
  }
  // The daemon knows the host that it runs on: the name goes without it.
  const parts = name.split(`.${flavour.hostName}.`);
  const key =
    kind === "gauge" && parts.length > 1
      ? `${parts[0]}.${parts.slice(1).join(`.${flavour.hostName}.`)}`
      : name;
  const own = labels.map(
    (label) =>
      flat(label.value === "" ? label.name : label.name) +
      (label.value === "" ? "" : `:${flat(label.value)}`),
  );
  const tags = [...flavour.tags, ...own];
  const shown =
    kind === "counter" ? String(Math.trunc(value)) : kind === "gauge" ? plain(value) : value.toFixed(6);
  return `${flat(key)}:${shown}|${suffixes[kind]}${tags.length === 0 ? "" : `|#${tags.join(",")}`}`;
}

/** As few digits as tell the number, and never an exponent. */
function plain(value: number): string {
  const text = String(value);
  return text.includes("e") ? value.toFixed(6) : text;
}

interface Carrier {
  send(bytes: Uint8Array): void;
  close(): void;
}

/** A sink that is connected, or trying to be. */
export class StatsdSink implements MetricSink, Disposable {
  readonly #parts: StatsdParts;
  readonly #address: string;
  readonly #flavour: StatsdFlavour;
  readonly #utf8 = new TextEncoder();
  #lines: string[] = [];
  #bytes = 0;
  #carrier: Carrier | undefined;
  #timer: Disposable | undefined;
  #isClosed = false;

  /** Begins to connect to `address`, host:port; failures are logged, and tried again. */
  constructor(parts: StatsdParts, address: string, flavour: StatsdFlavour) {
    this.#parts = parts;
    this.#address = address;
    this.#flavour = flavour;
    void this.#connect();
  }

  take(measurement: Measurement): void {
    if (this.#carrier === undefined || this.#lines.length >= linesMax) return;
    const line = statsdLine(measurement, this.#flavour);
    if (this.#bytes + line.length + 1 > packetBytesMax) this.#flush();
    this.#lines.push(line);
    this.#bytes += line.length + 1;
  }

  /** Sends what is gathered and ends. */
  [Symbol.dispose](): void {
    this.#flush();
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    this.#carrier?.close();
    this.#carrier = undefined;
  }

  async #connect(): Promise<void> {
    try {
      const target = parseHostPort(this.#address);
      if (target === undefined) throw new Error(`address ${this.#address}: missing port in address`);
      const [host] = await this.#parts.net.resolve(target.host === "" ? "127.0.0.1" : target.host);
      if (host === undefined) throw new Error(`lookup ${target.host}: no such host`);
      const carrier = await this.#open({ host, port: target.port });
      if (this.#isClosed) {
        carrier.close();
        return;
      }
      this.#carrier = carrier;
      this.#tick();
    } catch (error) {
      this.#lost(error);
    }
  }

  async #open(target: NetAddress): Promise<Carrier> {
    const { net } = this.#parts;
    if (this.#flavour.kind !== "statsite") {
      const any = target.host.includes(":") ? "::" : "0.0.0.0";
      const socket = await net.bindUdp({ host: any, port: 0 }, () => undefined);
      return { send: (bytes) => socket.send(target, bytes), close: () => socket.close() };
    }
    const connection = await net.connect(target, { timeoutMs: connectTimeoutMs });
    let isFull = false;
    connection.handle({
      data: () => undefined,
      ended: () => connection.end(),
      closed: (error) => this.#lost(error ?? new Error("the connection was closed")),
      drained: () => (isFull = false),
    });
    return {
      // A daemon that does not keep up misses lines, rather than that they pile up here.
      send: (bytes) => {
        if (!isFull) isFull = !connection.write(bytes);
      },
      close: () => connection.end(),
    };
  }

  #lost(error: unknown): void {
    if (this.#isClosed) return;
    const { log, clock } = this.#parts;
    const reason = error instanceof Error ? error.message : String(error);
    log.warn(`Error connecting to ${this.#flavour.kind}`, { address: this.#address, error: reason });
    this.#carrier = undefined;
    this.#lines = [];
    this.#bytes = 0;
    this.#timer?.[Symbol.dispose]();
    this.#timer = clock.after(reconnectMs, () => void this.#connect());
  }

  #tick(): void {
    this.#timer = this.#parts.clock.after(flushMs, () => {
      this.#flush();
      if (this.#carrier !== undefined) this.#tick();
    });
  }

  #flush(): void {
    if (this.#lines.length === 0) return;
    this.#carrier?.send(this.#utf8.encode(`${this.#lines.join("\n")}\n`));
    this.#lines = [];
    this.#bytes = 0;
  }
}

/** What keeps a DogStatsD daemon's address from being used; `undefined` if nothing does. */
export async function addressProblem(net: Net, address: string): Promise<string | undefined> {
  const target = parseHostPort(address);
  if (target === undefined) return `address ${address}: missing port in address`;
  try {
    await net.resolve(target.host);
    return undefined;
  } catch {
    return `lookup ${hostPort(target).replace(/:\d+$/u, "")}: no such host`;
  }
}
