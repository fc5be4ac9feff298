/** Queries that serf asks of itself: is a node there, who owns a name, and the keys of the pool. */
import type { KeyOperationKind } from "../../lib/keyring-pool.ts";
import type { SwimNode } from "./delegate.ts";
import type { MemberTable } from "./member-table.ts";
import { ConflictVote, toConflictMember } from "./name-conflict.ts";
import type { SerfContext } from "./serf-context.ts";
import type { HeardQuery, KeyOperationResult, KeyringRequest } from "./serf-effects.ts";
import { KeyCollector, KeyResponder } from "./serf-keys.ts";
import type { QueryBook, QueryListener, QuerySpec } from "./serf-query-book.ts";

/** Names of internal queries begin so. */
export const internalPrefix = "_serf_";
const pingName = "_serf_ping";
const conflictName = "_serf_conflict";
const keyNames: Readonly<Record<KeyOperationKind, string>> = {
  install: "_serf_install-key",
  use: "_serf_use-key",
  remove: "_serf_remove-key",
  list: "_serf_list-keys",
};
const keyOperations = new Map(
  (Object.entries(keyNames) as [KeyOperationKind, string][]).map(([operation, name]) => [name, operation]),
);

export interface InternalParts {
  readonly members: MemberTable;
  readonly queries: QueryBook;
  readonly isEncrypted: boolean;
  /** Starts a query, or says why it cannot. */
  readonly ask: (spec: QuerySpec, listener: QueryListener) => string | undefined;
  /** This node lost its name to another. */
  readonly lost: () => void;
}

export class InternalQueries {
  readonly #context: SerfContext;
  readonly #parts: InternalParts;
  readonly #keys: KeyResponder;
  #isVoting = false;

  constructor(context: SerfContext, parts: InternalParts) {
    this.#context = context;
    this.#parts = parts;
    this.#keys = new KeyResponder(context, parts.queries, parts.isEncrypted);
  }

  /** An internal query that means this node. */
  hear(query: HeardQuery): void {
    const operation = keyOperations.get(query.name);
    if (operation !== undefined) return this.#keys.hear(query, operation);
    // The acknowledgement is all that a ping asks for.
    if (query.name === pingName) return;
    if (query.name === conflictName) return this.#answerVote(query);
    this.#context.log("warn", `Unhandled internal query '${query.name.slice(internalPrefix.length)}'`);
  }

  /** A key operation on every node. Answers why it cannot. */
  keyring(request: KeyringRequest): string | undefined {
    const { members, queries, ask } = this.#parts;
    const { operation, key, relayFactor = 0 } = request;
    const collector = new KeyCollector(this.#context, request, {
      nodeCount: members.presentCount,
      finished: (listener) => queries.stop(listener),
    });
    const payload = this.#context.encode({ kind: "keyRequest", body: { Key: key } });
    return ask({ name: keyNames[operation], payload, relayFactor }, collector);
  }

  /** What became of a `keyOperation`. */
  keyOperationDone(operationId: number, result: KeyOperationResult): void {
    this.#keys.done(operationId, result);
  }

  /** Has the pool vote on this node's name, unless it does so already. */
  vote({ name, address }: SwimNode): void {
    if (this.#isVoting) return;
    const vote = new ConflictVote(this.#context, address, {
      lost: this.#parts.lost,
      over: () => {
        this.#isVoting = false;
      },
    });
    const problem = this.#parts.ask({ name: conflictName, payload: new TextEncoder().encode(name) }, vote);
    this.#isVoting = problem === undefined;
    if (problem !== undefined)
      this.#context.log("error", `Failed to start name resolution query: ${problem}`);
  }

  #answerVote(query: HeardQuery): void {
    const name = new TextDecoder().decode(query.payload);
    // Whom it is about has no say.
    if (name === this.#context.nodeName) return;
    this.#context.log("debug", `Got conflict resolution query for '${name}'`);
    const member = this.#parts.members.get(name);
    const body = member === undefined ? null : toConflictMember(member);
    const answer = this.#context.encode({ kind: "conflictResponse", body });
    const problem = this.#parts.queries.respond(query, answer);
    if (problem !== undefined) this.#context.log("error", `Failed to respond to conflict query: ${problem}`);
  }
}
