/**
 * Queries: those of this node, whose answers are collected, and those of others, which are heard once.
 *
 * A query spreads by gossip; whoever is meant answers the asker directly by datagram. The asker matches answers
 * by logical time and id, and takes one acknowledgement and one answer of each node until the deadline.
 * Source: protocol reference, gossip-serf section 6.
 */
import { DecodeError } from "../../lib/errors.ts";
import { packIp, unpackIp } from "../../lib/ip.ts";
import type { MonotonicMs } from "../../lib/clock.ts";
import type { QueryFilter, SerfQuery, SerfQueryResponse } from "../../wire/gossip/serf-messages.ts";
import { LamportClock, lamportTime } from "./lamport.ts";
import type { MemberTable } from "./member-table.ts";
import type { SerfContext } from "./serf-context.ts";
import { relay, sendDirect } from "./serf-direct.ts";
import type { HeardQuery, QueryRequest } from "./serf-effects.ts";
import { TimeSlots } from "./time-slots.ts";

/** Receives what becomes of one of this node's queries. */
export interface QueryListener {
  ack(from: string): void;
  response(from: string, payload: Uint8Array): void;
  /** Last call. */
  done(): void;
}

interface Running {
  readonly time: number;
  readonly id: number;
  readonly listener: QueryListener;
  readonly deadlineMs: MonotonicMs;
  readonly acks: Set<string>;
  readonly responses: Set<string>;
  /** More nodes cannot have anything to say. */
  readonly answersMax: number;
}

export interface QueryBookDeps {
  readonly members: MemberTable;
  readonly tags: () => Readonly<Record<string, string>>;
  /** Whether the text matches an RE2 expression anywhere; `undefined` if it is no expression. Takes linear time. */
  readonly matches: (expression: string, text: string) => boolean | undefined;
}

export type QuerySpec = Omit<QueryRequest, "queryId">;

/** Bits of `Flags`: asks for, or is, an acknowledgement; is not told on. */
const ackFlag = 1;
const noBroadcastFlag = 2;
const idLimit = 0x7fff_ffff;
const nothing = new Uint8Array();

export class QueryBook {
  readonly clock = new LamportClock();
  readonly #context: SerfContext;
  readonly #deps: QueryBookDeps;
  readonly #heard: TimeSlots<number>;
  /** By time and id: where a peer has moved the clock to its end, many queries have the same time. */
  readonly #running = new Map<string, Running>();
  readonly #answered = new WeakSet<HeardQuery>();

  constructor(context: SerfContext, deps: QueryBookDeps) {
    this.#context = context;
    this.#deps = deps;
    const { bufferSlots, perSlotMax } = context.options;
    this.#heard = new TimeSlots({ slots: bufferSlots, perSlotMax, isSame: (a, b) => a === b });
  }

  /** Takes up after a restart: nothing up to `last` is heard again. */
  resumeAfter(last: number): void {
    this.clock.witness(lamportTime(last));
    this.#heard.ignoreBefore(lamportTime(last + 1));
  }

  /** Default time to answer: grows with the logarithm of the pool, as gossip does. */
  defaultTimeoutMs(): number {
    const { gossipIntervalMs, queryTimeoutMult } = this.#context.options;
    return gossipIntervalMs * queryTimeoutMult * Math.ceil(Math.log10(this.#deps.members.presentCount + 1));
  }

  /** Starts a query. Answers the message to spread, which this node has to hear too, or why there is none. */
  start(
    spec: QuerySpec,
    listener: QueryListener,
  ): { readonly query: SerfQuery; readonly bytes: Uint8Array } | string {
    const context = this.#context;
    const { members } = this.#deps;
    const { queryBytesMax, queriesMax } = context.options;
    const local = members.get(context.nodeName);
    if (local === undefined) return "this node is not in the pool yet";
    if (this.#running.size >= queriesMax) return `more than ${queriesMax} queries at once`;
    const timeoutMs = spec.timeoutMs ?? this.defaultTimeoutMs();
    const query: SerfQuery = {
      LTime: this.clock.time,
      ID: context.rng.below(idLimit),
      Addr: packIp(local.address) ?? null,
      Port: local.port,
      SourceNode: local.name,
      Filters: this.#encodeFilters(spec),
      Flags: spec.ack === true ? ackFlag : 0,
      RelayFactor: spec.relayFactor ?? 0,
      Timeout: timeoutMs * 1e6,
      Name: spec.name,
      Payload: spec.payload,
    };
    const bytes = context.encode({ kind: "query", body: query });
    if (bytes.length > queryBytesMax) return `query exceeds limit of ${queryBytesMax} bytes`;
    this.#running.set(nameOf(query), {
      time: query.LTime,
      id: query.ID,
      listener,
      deadlineMs: (context.nowMs + timeoutMs) as MonotonicMs,
      acks: new Set(),
      responses: new Set(),
      answersMax: Math.max(64, members.size * 2),
    });
    return { query, bytes };
  }

  /** Ends a query before its deadline; its listener hears no more. */
  stop(listener: QueryListener): void {
    for (const [name, running] of this.#running)
      if (running.listener === listener) this.#running.delete(name);
  }

  /** A query was heard, this node's own included. `isNews`: tell it on. `heard`: this node is meant. */
  hear(query: SerfQuery): { readonly isNews: boolean; readonly heard: HeardQuery | undefined } {
    const time = lamportTime(query.LTime);
    this.clock.witness(time);
    const verdict = this.#heard.take(time, query.ID, this.clock.time);
    if (verdict === "old" || verdict === "full")
      this.#context.log(
        "warn",
        `received ${verdict} query ${query.Name} from time ${time} (current: ${this.clock.time})`,
      );
    if (verdict !== "new") return { isNews: false, heard: undefined };
    this.#context.count("queries");
    const isNews = (query.Flags & noBroadcastFlag) === 0;
    const host = unpackIp(query.Addr ?? nothing);
    if (host === undefined || !this.#isMeant(query.Filters ?? [])) return { isNews, heard: undefined };
    const heard: HeardQuery = {
      lamportTime: time,
      id: query.ID,
      name: query.Name,
      payload: query.Payload ?? nothing,
      source: { host, port: query.Port },
      sourceNode: query.SourceNode,
      relayFactor: query.RelayFactor,
      deadlineMs: (this.#context.nowMs + query.Timeout / 1e6) as MonotonicMs,
    };
    if ((query.Flags & ackFlag) !== 0) this.#acknowledge(heard);
    return { isNews, heard };
  }

  /** Answers a query that was heard. Returns why it cannot, or `undefined`. */
  respond(query: HeardQuery, payload: Uint8Array): string | undefined {
    const bytes = this.encodeResponse(query, payload);
    const { queryResponseBytesMax } = this.#context.options;
    if (bytes.length > queryResponseBytesMax)
      return `response exceeds limit of ${queryResponseBytesMax} bytes`;
    if (this.#answered.has(query)) return "response already sent";
    if (this.#context.nowMs > query.deadlineMs) return "response is past the deadline";
    this.#answered.add(query);
    return this.#reply(query, bytes);
  }

  /** The message that `respond` would send. */
  encodeResponse(query: HeardQuery, payload: Uint8Array): Uint8Array {
    return this.#context.encode({
      kind: "queryResponse",
      body: {
        LTime: query.lamportTime,
        ID: query.id,
        From: this.#context.nodeName,
        Flags: 0,
        Payload: payload,
      },
    });
  }

  /** An answer or acknowledgement came in. */
  takeResponse({ LTime, ID, From, Flags, Payload }: SerfQueryResponse): void {
    const running = this.#running.get(nameOf({ LTime, ID }));
    if (running === undefined) return this.#ignoreResponse({ LTime, ID, From });
    const isAck = (Flags & ackFlag) !== 0;
    const what = isAck ? "acks" : "responses";
    const seen = running[what];
    if (seen.has(From)) return this.#context.count(`query_duplicate_${what}`);
    if (seen.size >= running.answersMax)
      return this.#context.log("warn", "Failed to deliver query response, dropping");
    seen.add(From);
    this.#context.count(`query_${what}`);
    if (isAck) running.listener.ack(From);
    else running.listener.response(From, Payload ?? nothing);
  }

  #ignoreResponse({ LTime, ID, From }: Pick<SerfQueryResponse, "LTime" | "ID" | "From">): void {
    const other = [...this.#running.values()].find(({ time }) => time === LTime);
    const text =
      other === undefined
        ? `reply for non-running query (LTime: ${LTime}, ID: ${ID}) From: ${From}`
        : `query reply ID mismatch (Local: ${other.id}, Response: ${ID})`;
    this.#context.log("warn", text);
  }

  /** Ends queries whose time is over. Answers when the next ends. */
  expire(): MonotonicMs | undefined {
    let next: MonotonicMs | undefined;
    for (const [name, { deadlineMs, listener }] of this.#running) {
      if (deadlineMs <= this.#context.nowMs) {
        this.#running.delete(name);
        listener.done();
      } else if (next === undefined || deadlineMs < next) next = deadlineMs;
    }
    return next;
  }

  #acknowledge(query: HeardQuery): void {
    const bytes = this.#context.encode({
      kind: "queryResponse",
      body: {
        LTime: query.lamportTime,
        ID: query.id,
        From: this.#context.nodeName,
        Flags: ackFlag,
        Payload: null,
      },
    });
    const problem = this.#reply(query, bytes);
    if (problem !== undefined) this.#context.log("error", `failed to relay ack: ${problem}`);
  }

  #reply({ source, sourceNode, relayFactor }: HeardQuery, inner: Uint8Array): string | undefined {
    const addressee = { to: source, node: sourceNode };
    sendDirect(this.#context, addressee, inner);
    if (relayFactor === 0) return undefined;
    return relay(this.#context, addressee, { relayFactor, inner, members: this.#deps.members.list() });
  }

  #encodeFilters({ nodes = [], tags = {} }: QuerySpec): readonly Uint8Array[] | null {
    const filters: QueryFilter[] = nodes.length > 0 ? [{ kind: "nodes", nodes }] : [];
    for (const [tag, expression] of Object.entries(tags)) filters.push({ kind: "tag", tag, expression });
    return filters.length === 0 ? null : filters.map((filter) => this.#context.codec.encodeFilter(filter));
  }

  #isMeant(filters: readonly (Uint8Array | null)[]): boolean {
    return filters.every((bytes) => {
      try {
        return this.#passes(this.#context.codec.decodeFilter(bytes ?? nothing));
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        this.#context.log("warn", error.message);
        return false;
      }
    });
  }

  #passes(filter: QueryFilter): boolean {
    if (filter.kind === "nodes") return filter.nodes.includes(this.#context.nodeName);
    const matched = this.#deps.matches(filter.expression, this.#deps.tags()[filter.tag] ?? "");
    if (matched === undefined)
      this.#context.log("warn", `failed to compile filter regex (${filter.expression})`);
    return matched ?? false;
  }
}

function nameOf({ LTime, ID }: Pick<SerfQuery, "LTime" | "ID">): string {
  return `${LTime}/${ID}`;
}
