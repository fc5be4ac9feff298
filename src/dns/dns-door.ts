/**
 * The DNS interface: UDP and TCP on the same addresses.
 *
 * A datagram is one question; a connection carries one after another. What is no question is answered with an error
 * or not at all, as RFC 1035 and the reference's library have it, and no answer is larger than what was asked for.
 */
import type { Clock } from "../lib/clock.ts";
import { DecodeError, ProconsulError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Connection, Net, NetAddress } from "../lib/net.ts";
import { decodeHeader, decodeMessage, decodeQuestion, headerBytes } from "../wire/dns/decode.ts";
import { encodeMessage } from "../wire/dns/encode.ts";
import {
  rcode,
  type DnsCounts,
  type DnsHeader,
  type DnsMessage,
  type DnsQuestion,
} from "../wire/dns/message.ts";
import { DnsEncodeError } from "../wire/dns/name.ts";
import { reply } from "./answers.ts";
import type { DnsResolver } from "./resolver.ts";
import type { DnsClient, DnsReply } from "./resolver-parts.ts";
import { serveStream } from "./stream-questions.ts";

export interface DoorParts {
  readonly net: Net;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly resolver: DnsResolver;
  /** Whether names in answers are compressed. */
  readonly compression: () => boolean;
}

/** Questions over UDP that may wait for their answer at once; more are dropped, and asked again. */
const pendingMax = 10_000;
const connectionsMax = 1_000;
/** Opcodes that are read at all: query and notify. */
const knownOpcodes = new Set([0, 4]);

export class DnsDoor {
  readonly #parts: DoorParts;
  readonly #closers: (() => void | Promise<void>)[] = [];
  readonly #connections = new Set<Connection>();
  #pending = 0;

  constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  /** Answers on UDP and TCP at an address. Rejects with `NetworkError` if it cannot be had. */
  async listen(at: NetAddress): Promise<NetAddress> {
    const { net } = this.#parts;
    const listener = await net.listen(at, (connection) => this.#accept(connection));
    this.#closers.push(() => listener.close());
    const bound = { host: at.host, port: listener.address.port };
    const socket = await net.bindUdp(bound, (bytes, from) => {
      const known = this.#parts.resolver.answerNow(bytes, "udp");
      if (known !== undefined) {
        socket.send(from, known);
        return;
      }
      if (this.#pending >= pendingMax) {
        this.#parts.metrics.count("dns.dropped");
        return;
      }
      this.#pending += 1;
      void this.#answer(bytes, { network: "udp", address: from.host }).then((answer) => {
        this.#pending -= 1;
        if (answer !== undefined) socket.send(from, answer);
      });
    });
    this.#closers.push(() => socket.close());
    return bound;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close();
    for (const connection of this.#connections) connection.destroy();
  }

  #accept(connection: Connection): void {
    if (this.#connections.size >= connectionsMax) {
      connection.destroy();
      return;
    }
    this.#connections.add(connection);
    const client: DnsClient = { network: "tcp", address: connection.remote.host };
    serveStream(connection, {
      clock: this.#parts.clock,
      answer: (bytes) => this.#parts.resolver.answerNow(bytes, "tcp") ?? this.#answer(bytes, client),
      closed: () => void this.#connections.delete(connection),
    });
  }

  /** The bytes to send back, if any. Never rejects. */
  async #answer(bytes: Uint8Array, client: DnsClient): Promise<Uint8Array | undefined> {
    const head = decodeHeader(bytes);
    if (head === undefined || head.header.response) return undefined;
    const request = readRequest(bytes, head);
    if (request.kind === "refused") return this.#encode(request.answer);
    try {
      const answer: DnsReply = await this.#parts.resolver.answer(request.message, bytes, client);
      return answer.kind === "bytes" ? answer.bytes : this.#encode(answer.message, request.message);
    } catch (error) {
      this.#parts.log.error("failed to answer", { error: String(error) });
      return this.#encode(reply(request.message, rcode.serverFailure));
    }
  }

  #encode(answer: DnsMessage, request?: DnsMessage): Uint8Array | undefined {
    try {
      return encodeMessage(answer, { compress: this.#parts.compression() });
    } catch (error) {
      if (!(error instanceof DnsEncodeError)) throw error;
      // A name in the catalog that DNS cannot carry.
      this.#parts.log.warn("failed to respond", { error: error.message });
      return request === undefined ? undefined : this.#encode(reply(request, rcode.serverFailure));
    }
  }
}

type Request =
  | { readonly kind: "question"; readonly message: DnsMessage }
  | { readonly kind: "refused"; readonly answer: DnsMessage };

/** One question, or the error that it is answered with. */
function readRequest(
  bytes: Uint8Array,
  { header, counts }: { readonly header: DnsHeader; readonly counts: DnsCounts },
): Request {
  if (!knownOpcodes.has(header.opcode)) {
    return { kind: "refused", answer: { ...failure(header, rcode.notImplemented), opcode: header.opcode } };
  }
  const isOdd = counts.questions !== 1 || counts.answers > 1 || counts.authority > 1 || counts.additional > 2;
  if (isOdd) return { kind: "refused", answer: failure(header, rcode.formatError) };
  try {
    return { kind: "question", message: decodeMessage(bytes) };
  } catch (error) {
    if (!(error instanceof DecodeError) && !(error instanceof ProconsulError)) throw error;
    return {
      kind: "refused",
      answer: { ...failure(header, rcode.formatError), questions: questionsOf(bytes) },
    };
  }
}

/** The question, if at least that can be read. */
function questionsOf(bytes: Uint8Array): readonly DnsQuestion[] {
  try {
    return [decodeQuestion(bytes, headerBytes).question];
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return [];
  }
}

function failure(header: DnsHeader, code: number): DnsMessage {
  return {
    ...header,
    response: true,
    authoritative: false,
    truncated: false,
    recursionAvailable: false,
    opcode: 0,
    rcode: code,
    questions: [],
    answers: [],
    authority: [],
    additional: [],
    edns: undefined,
  };
}
