/** Carries out operations over HTTP and records what became of them, as lines of a file as they end. */
import { appendFileSync } from "node:fs";
import { unreachable } from "../../src/lib/assert.ts";
import {
  renderRecord,
  type Action,
  type FaultRecord,
  type Operation,
  type Result,
  type RunRecord,
  type Seen,
} from "./history.ts";
import { exchange, type Exchange, type Request } from "./http.ts";

/** Lines gather for this long before they are written. */
const flushMs = 200;
const httpPort = 8500;

/** A server as clients know it. */
export interface Endpoint {
  /** From 1. */
  readonly server: number;
  readonly address: string;
  /** How often it has been started. */
  readonly incarnation: number;
}

/** Who asks for what, where. */
export interface Asked {
  readonly client: number;
  readonly key: string;
  readonly action: Action;
}

/** Keeps the history in memory and in `path`. Disposing writes the rest. */
export class Recorder implements Disposable {
  readonly #path: string;
  readonly #operations: Operation[] = [];
  readonly #faults: FaultRecord[] = [];
  readonly #originMs = performance.now();
  readonly #timeoutMs: number;
  #lines = "";
  readonly #timer: NodeJS.Timeout;
  readonly run: RunRecord;

  constructor(path: string, run: RunRecord, timeoutMs: number) {
    this.#path = path;
    this.#timeoutMs = timeoutMs;
    this.run = run;
    this.#add(renderRecord(run));
    this.#timer = setInterval(() => this.#flush(), flushMs);
  }

  get operations(): readonly Operation[] {
    return this.#operations;
  }
  get faults(): readonly FaultRecord[] {
    return this.#faults;
  }

  /** Microseconds since the beginning. */
  nowUs(): number {
    return (performance.now() - this.#originMs) * 1_000;
  }

  /** Asks `endpoint` and records the end. Never rejects for what a server or the network does. */
  async operate(endpoint: Endpoint, asked: Asked): Promise<Operation> {
    const { server, incarnation } = endpoint;
    const startUs = Math.floor(this.nowUs());
    const request = toRequest(asked.key, asked.action);
    const outcome = await exchange({ address: endpoint.address, port: httpPort }, request, this.#timeoutMs);
    const result = toResult(asked.action, outcome);
    const endUs = Math.ceil(this.nowUs());
    const operation: Operation = { kind: "operation", ...asked, server, incarnation, startUs, endUs, result };
    this.#operations.push(operation);
    this.#add(renderRecord(operation));
    return operation;
  }

  fault(record: Omit<FaultRecord, "kind">): void {
    const fault: FaultRecord = { kind: "fault", ...record };
    this.#faults.push(fault);
    this.#add(renderRecord(fault));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#flush();
  }

  #add(line: string): void {
    this.#lines += `${line}\n`;
  }

  #flush(): void {
    if (this.#lines === "") return;
    appendFileSync(this.#path, this.#lines);
    this.#lines = "";
  }
}

function toRequest(key: string, action: Action): Request {
  const path = `/v1/kv/${key}`;
  switch (action.kind) {
    case "put":
      return { method: "PUT", path, body: action.value };
    case "cas":
      return { method: "PUT", path: `${path}?cas=${action.index}`, body: action.value };
    case "delete":
      return { method: "DELETE", path };
    case "delete-cas":
      return { method: "DELETE", path: `${path}?cas=${action.index}` };
    case "get":
      return { method: "GET", path: action.mode === "default" ? path : `${path}?${action.mode}` };
    case "acquire":
    case "release":
      return { method: "PUT", path: `${path}?${action.kind}=${action.session}`, body: action.value };
    case "destroy":
      return { method: "PUT", path: `/v1/session/destroy/${action.session}` };
    default:
      return unreachable(action);
  }
}

/** What an answer says. Exported for the tests. */
export function toResult(action: Action, outcome: Exchange): Result {
  if (outcome.kind === "unsent") return { kind: "failed", why: outcome.why };
  if (outcome.kind === "lost") return { kind: "unknown", why: outcome.why };
  const { status, body } = outcome;
  const text = body.trim();
  // Said before anything was proposed; every other refusal may have come afterwards.
  if (status === 500 && text === "No cluster leader") return { kind: "failed", why: text };
  if (action.kind === "get") return status === 404 ? { kind: "read" } : readResult(status, text);
  if (status === 200 && (text === "true" || text === "false"))
    return { kind: "written", succeeded: text === "true" };
  return { kind: "unknown", why: `${status} ${text.slice(0, 200)}` };
}

interface Row {
  readonly Value: string | null;
  readonly ModifyIndex: number;
  readonly CreateIndex: number;
  readonly LockIndex: number;
  readonly Session?: string;
}

function readResult(status: number, text: string): Result {
  if (status !== 200) return { kind: "unknown", why: `${status} ${text.slice(0, 200)}` };
  const [row] = JSON.parse(text) as readonly Row[];
  if (row === undefined) return { kind: "unknown", why: "an empty list" };
  const seen: Seen = {
    value: Buffer.from(row.Value ?? "", "base64").toString(),
    modifyIndex: row.ModifyIndex,
    createIndex: row.CreateIndex,
    lockIndex: row.LockIndex,
    session: row.Session ?? "",
  };
  return { kind: "read", seen };
}
