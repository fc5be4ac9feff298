/**
 * Changes of the encryption keys of a whole pool: one internal query, and one answer of each node.
 *
 *     asker ── query `_serf_use-key` ──▶ every node: change its keyring, keep it in its file
 *       ▲───── query response (key response) ─────┘
 *
 * Source: protocol reference, gossip-serf section 6, keyring.
 */
import { DecodeError } from "../../lib/errors.ts";
import { noKeyring, type KeyOperationKind, type KeyringAnswer } from "../../lib/keyring-pool.ts";
import type { KeyResponse } from "../../wire/gossip/serf-messages.ts";
import type { SerfContext } from "./serf-context.ts";
import type { HeardQuery, KeyOperationResult, KeyringRequest } from "./serf-effects.ts";
import type { QueryBook, QueryListener } from "./serf-query-book.ts";

/** Shortest text of a key in a response: so many at most may fit. */
const keyTextBytesMin = 25;
/** Most operations that wait for the local keyring; beyond it the oldest goes unanswered. */
const pendingMax = 256;
/** First byte of a key response. */
const keyResponseType = 8;

/** Answers the key operations of the pool on this node. */
export class KeyResponder {
  readonly #context: SerfContext;
  readonly #book: QueryBook;
  readonly #isEncrypted: boolean;
  readonly #pending = new Map<number, { readonly query: HeardQuery; readonly operation: KeyOperationKind }>();
  #operationId = 0;

  constructor(context: SerfContext, book: QueryBook, isEncrypted: boolean) {
    this.#context = context;
    this.#book = book;
    this.#isEncrypted = isEncrypted;
  }

  /** A node asks for an operation. */
  hear(query: HeardQuery, operation: KeyOperationKind): void {
    const key = this.#keyOf(query.payload);
    // The reference answers a failure without a word where it cannot read the request.
    if (key === undefined) return this.#respond(query, operation, failure(""));
    if (!this.#isEncrypted) return this.#respond(query, operation, failure(noKeyring(operation)));
    this.#context.log("info", `Received ${operation}-${operation === "list" ? "keys" : "key"} query`);
    this.#operationId += 1;
    this.#pending.set(this.#operationId, { query, operation });
    const oldest = this.#pending.size > pendingMax ? this.#pending.keys().next().value : undefined;
    if (oldest !== undefined) this.#pending.delete(oldest);
    this.#context.push({ kind: "keyOperation", operationId: this.#operationId, operation, key });
  }

  /** The local keyring has done it, or not. */
  done(operationId: number, result: KeyOperationResult): void {
    const pending = this.#pending.get(operationId);
    if (pending === undefined) return;
    this.#pending.delete(operationId);
    if (result.problem !== "")
      this.#context.log("error", `Failed to ${pending.operation} key: ${result.problem}`);
    this.#respond(pending.query, pending.operation, {
      Result: result.problem === "",
      Message: result.problem,
      Keys: pending.operation === "list" && result.keys.length > 0 ? result.keys : null,
      PrimaryKey: pending.operation === "list" ? result.primaryKey : "",
    });
  }

  #keyOf(payload: Uint8Array): Uint8Array | undefined {
    try {
      const message = this.#context.codec.decode(payload);
      return message.kind === "keyRequest" ? (message.body.Key ?? new Uint8Array()) : undefined;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#context.log("error", `Failed to decode key request: ${error.message}`);
      return undefined;
    }
  }

  #respond(query: HeardQuery, operation: KeyOperationKind, response: KeyResponse): void {
    const payload = operation === "list" ? this.#fitting(query, response) : this.#encode(response);
    const problem = this.#book.respond(query, payload);
    if (problem !== undefined)
      this.#context.log(
        "error",
        `Failed to respond to key query: failed to respond to key query: ${problem}`,
      );
  }

  /** Drops keys from the end until the answer fits a datagram, and says so. */
  #fitting(query: HeardQuery, response: KeyResponse): Uint8Array {
    const { queryResponseBytesMax } = this.#context.options;
    const keys = response.Keys ?? [];
    let payload = this.#encode(response);
    let shown = Math.min(keys.length, Math.floor(queryResponseBytesMax / keyTextBytesMin));
    for (; shown >= 0; shown -= 1) {
      if (this.#book.encodeResponse(query, payload).length <= queryResponseBytesMax) break;
      const message = `truncated key list response, showing first ${shown} of ${keys.length} keys`;
      payload = this.#encode({ ...response, Keys: keys.slice(0, shown), Message: message });
    }
    return payload;
  }

  #encode(body: KeyResponse): Uint8Array {
    return this.#context.encode({ kind: "keyResponse", body });
  }
}

function failure(message: string): KeyResponse {
  return { Result: false, Message: message, Keys: null, PrimaryKey: "" };
}

/** Collects the answers to one request of this node, until all have answered or time is over. */
export class KeyCollector implements QueryListener {
  readonly #context: SerfContext;
  readonly #request: KeyringRequest;
  readonly #nodeCount: number;
  readonly #finished: (listener: QueryListener) => void;
  readonly #messages = record<string>();
  readonly #keys = record<number>();
  readonly #primaryKeys = record<number>();
  #responseCount = 0;
  #failureCount = 0;

  /** `finished` is called once everybody has answered. */
  constructor(
    context: SerfContext,
    request: KeyringRequest,
    pool: { readonly nodeCount: number; readonly finished: (listener: QueryListener) => void },
  ) {
    this.#context = context;
    this.#request = request;
    this.#nodeCount = pool.nodeCount;
    this.#finished = pool.finished;
  }

  ack(): void {
    // Key operations ask for none; one that comes says nothing.
  }

  response(from: string, payload: Uint8Array): void {
    this.#responseCount += 1;
    const response = this.#decode(from, payload);
    if (response !== undefined) this.#add(from, response);
    if (this.#responseCount !== this.#nodeCount) return;
    this.#finished(this);
    this.done();
  }

  done(): void {
    this.#context.push({
      kind: "keyringAnswered",
      requestId: this.#request.requestId,
      answer: this.#answer(),
    });
  }

  #decode(from: string, payload: Uint8Array): KeyResponse | undefined {
    const shown = `[${payload.join(" ")}]`;
    try {
      const message = payload[0] === keyResponseType ? this.#context.codec.decode(payload) : undefined;
      if (message?.kind === "keyResponse") return message.body;
      this.#messages[from] = `Invalid key query response type: ${shown}`;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#messages[from] = `Failed to decode key query response: ${shown}`;
    }
    this.#failureCount += 1;
    return undefined;
  }

  #add(from: string, { Result, Message, Keys, PrimaryKey }: KeyResponse): void {
    if (!Result) this.#failureCount += 1;
    if (!Result || Message !== "") this.#messages[from] = Message;
    for (const key of Keys ?? []) this.#keys[key] = (this.#keys[key] ?? 0) + 1;
    this.#primaryKeys[PrimaryKey] = (this.#primaryKeys[PrimaryKey] ?? 0) + 1;
  }

  #answer(): KeyringAnswer {
    const counts = {
      nodeCount: this.#nodeCount,
      responseCount: this.#responseCount,
      failureCount: this.#failureCount,
    };
    let problem: string | undefined;
    if (this.#failureCount > 0) problem = `${this.#failureCount}/${this.#nodeCount} nodes reported failure`;
    else if (this.#responseCount !== this.#nodeCount)
      problem = `${this.#responseCount}/${this.#nodeCount} nodes reported success`;
    return { messages: this.#messages, keys: this.#keys, primaryKeys: this.#primaryKeys, ...counts, problem };
  }
}

/** Without a prototype: names come from the network. */
function record<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}
