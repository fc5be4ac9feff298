/** Asks other name servers what is not ours to answer. Source: RFC 1035 section 7, the reference's recursors. */
import { DecodeError, ProconsulError } from "../lib/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { parseIp, renderIp } from "../lib/ip.ts";
import type { Log } from "../lib/log.ts";
import type { Connection, Net, NetAddress } from "../lib/net.ts";
import { decodeHeader, decodeMessage } from "../wire/dns/decode.ts";
import { encodeMessage } from "../wire/dns/encode.ts";
import { blankQuery, classInternet, dnsType, rcode, type DnsRecord } from "../wire/dns/message.ts";
import { FrameReader, framed } from "./frames.ts";
import type { DnsSettings } from "./settings.ts";
import { bytesOfUse, type DnsNetwork } from "./trim.ts";

export interface RecursorParts {
  readonly net: Net;
  readonly clock: Clock;
  readonly log: Log;
  /** Uniform integer below `limit`: ids must not be guessed. */
  random(limit: number): number;
}

const defaultPort = 53;
/** Questions to other servers under way at once: each has a socket of its own. */
const exchangesMax = 512;
/** The address behind a name of a name server is looked up again after this time. */
const resolvedMs = 60_000;
const udpHeaderBytes = 8;

/** No name server answered. */
export class RecursionError extends ProconsulError {
  readonly code = "dns-recursion";
}

/** The configured name servers, in the configured order. */
export class Recursors {
  readonly #parts: RecursorParts;
  /** Addresses of name servers that are given by a name. */
  readonly #resolved = new Map<string, { readonly host: string; readonly atMs: number }>();
  #exchanges = 0;

  constructor(parts: RecursorParts) {
    this.#parts = parts;
  }

  /**
   * Passes a question on as it is. The answer carries the question's id, and is no larger than the client takes: one
   * that would be says so instead, and is asked for again over TCP. Rejects with `RecursionError`.
   */
  async forward(query: Uint8Array, settings: DnsSettings, network: DnsNetwork): Promise<Uint8Array> {
    const { log } = this.#parts;
    const { questions, edns } = decodeMessage(query);
    const bytesMax =
      bytesOfUse({ type: questions[0]?.type ?? 0, ednsBytes: edns?.udpBytes }, network) + udpHeaderBytes;
    for (const recursor of this.#order(settings)) {
      try {
        const answer = await this.#exchange(query, {
          recursor,
          network,
          timeoutMs: settings.recursorTimeoutMs,
        });
        const { rcode: code } = decodeMessage(answer);
        if (code === rcode.noError || code === rcode.nameError)
          return answer.length > bytesMax ? cutShort(answer) : answer;
        log.debug("recurse failed for question", { recursor, rcode: code });
      } catch (error) {
        if (!(error instanceof ProconsulError)) throw error;
        log.error("recurse failed", { recursor, error: error.message });
      }
    }
    throw new RecursionError("all resolvers failed");
  }

  /** The records behind a name outside our domain; none if nobody answers. */
  async addresses(name: string, settings: DnsSettings): Promise<readonly DnsRecord[]> {
    if (settings.recursors.length === 0) return [];
    const questions = [{ name, type: dnsType.A, class: classInternet }];
    const query = encodeMessage({ ...blankQuery, questions }, { compress: false });
    try {
      return decodeMessage(await this.forward(query, settings, "udp")).answers;
    } catch (error) {
      if (!(error instanceof ProconsulError)) throw error;
      this.#parts.log.error("all resolvers failed for name", { name, error: error.message });
      return [];
    }
  }

  #order({ recursors, recursorStrategy: strategy }: DnsSettings): readonly string[] {
    if (strategy === "sequential") return recursors;
    const order = [...recursors];
    for (let index = order.length - 1; index > 0; index -= 1) {
      const other = this.#parts.random(index + 1);
      [order[index], order[other]] = [order[other] ?? "", order[index] ?? ""];
    }
    return order;
  }

  async #exchange(
    query: Uint8Array,
    to: { readonly recursor: string; readonly network: DnsNetwork; readonly timeoutMs: number },
  ): Promise<Uint8Array> {
    if (this.#exchanges >= exchangesMax) throw new RecursionError("too many questions are under way");
    const id = this.#parts.random(0x1_0000);
    const own = withId(query, id);
    this.#exchanges += 1;
    try {
      const address = await this.#addressOf(to.recursor);
      const answer =
        to.network === "udp"
          ? await this.#overUdp(own, address, to.timeoutMs)
          : await this.#overTcp(own, address, to.timeoutMs);
      return withId(answer, ((query[0] ?? 0) << 8) | (query[1] ?? 0));
    } finally {
      this.#exchanges -= 1;
    }
  }

  /** The address of a name server, which may be given by a name. */
  async #addressOf(recursor: string): Promise<NetAddress> {
    const { host, port } = recursorAddress(recursor);
    const ip = parseIp(host);
    if (ip !== undefined) return { host: renderIp(ip), port };
    const nowMs = this.#parts.clock.monotonicMs();
    const known = this.#resolved.get(host);
    if (known !== undefined && nowMs - known.atMs < resolvedMs) return { host: known.host, port };
    const [first] = await this.#parts.net.resolve(host);
    if (first === undefined) throw new RecursionError(`${host} has no address`);
    this.#resolved.set(host, { host: first, atMs: nowMs });
    return { host: first, port };
  }

  /** Only a datagram from the server that was asked, with the id and the question that were sent, is its answer. */
  async #overUdp(query: Uint8Array, to: NetAddress, timeoutMs: number): Promise<Uint8Array> {
    const { net, clock } = this.#parts;
    let settle: (answer: Uint8Array | undefined) => void = () => undefined;
    const answered = new Promise<Uint8Array | undefined>((resolve) => (settle = resolve));
    const local = { host: to.host.includes(":") ? "::" : "0.0.0.0", port: 0 };
    const socket = await net.bindUdp(local, (bytes, from) => {
      if (from.host === to.host && from.port === to.port && isAnswerTo(bytes, query)) settle(bytes);
    });
    using timer = clock.after(timeoutMs, () => settle(undefined));
    void timer;
    try {
      socket.send(to, query);
      const answer = await answered;
      if (answer === undefined) throw new RecursionError(`no answer from ${to.host} in time`);
      return answer;
    } finally {
      socket.close();
    }
  }

  async #overTcp(query: Uint8Array, to: NetAddress, timeoutMs: number): Promise<Uint8Array> {
    const connection = await this.#parts.net.connect(to, { timeoutMs });
    try {
      return await this.#oneAnswer(connection, query, timeoutMs);
    } finally {
      connection.destroy();
    }
  }

  #oneAnswer(connection: Connection, query: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const frames = new FrameReader();
      const fail = (): void => {
        timer[Symbol.dispose]();
        reject(new RecursionError("the name server closed the connection, or answered too late"));
      };
      const timer = this.#parts.clock.after(timeoutMs, fail);
      connection.handle({
        data: (bytes) => {
          const answer = frames.push(bytes)[0];
          if (answer === undefined || !isAnswerTo(answer, query)) return;
          timer[Symbol.dispose]();
          resolve(answer);
        },
        ended: fail,
        closed: fail,
      });
      connection.write(framed(query));
    });
  }
}

/** An address of a name server in text, with or without a port. */
function recursorAddress(text: string): NetAddress {
  if (parseIp(text) !== undefined) return { host: text, port: defaultPort };
  const match = /^\[?([^\]]*?)\]?(?::(\d+))?$/u.exec(text);
  return { host: match?.[1] ?? text, port: match?.[2] === undefined ? defaultPort : Number(match[2]) };
}

function withId(message: Uint8Array, id: number): Uint8Array {
  const copy = message.slice();
  copy[0] = id >> 8;
  copy[1] = id & 255;
  return copy;
}

/** Whether a message has the id and the question of a query; what reports an error need not repeat the question. */
function isAnswerTo(answer: Uint8Array, query: Uint8Array): boolean {
  if (answer[0] !== query[0] || answer[1] !== query[1]) return false;
  const head = decodeHeader(answer);
  if (head === undefined || !head.header.response) return false;
  try {
    const [asked] = decodeMessage(query).questions;
    const [repeated] = decodeMessage(answer).questions;
    if (repeated === undefined) return head.header.rcode !== rcode.noError;
    const isSameName = asked?.name.toLowerCase() === repeated.name.toLowerCase();
    return isSameName && asked.type === repeated.type && asked.class === repeated.class;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    // It is one, and says nothing; whoever reads it finds out.
    return true;
  }
}

/** The answer without its records, which says that there are some. */
function cutShort(answer: Uint8Array): Uint8Array {
  const { questions, edns, ...header } = decodeMessage(answer);
  const nothing = { answers: [], authority: [], additional: [] };
  return encodeMessage({ ...header, questions, ...nothing, truncated: true, edns }, { compress: true });
}
