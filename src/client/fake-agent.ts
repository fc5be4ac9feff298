/** An agent for tests: keys, sessions and blocking queries in memory, and faults on demand. */
import type { Clock } from "../lib/clock.ts";
import { NetworkError } from "../lib/network-error.ts";
import { HttpClient } from "./http-client.ts";
import type { ClientSettings } from "./settings.ts";
import type { HttpReply, HttpRequest, HttpTransport } from "./transport.ts";

interface Entry {
  readonly Key: string;
  readonly Value: string | null;
  readonly Flags: bigint;
  readonly Session: string | undefined;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

interface SessionRow {
  readonly name: string;
  readonly ttl: string;
  readonly deletes: boolean;
}

const settings: ClientSettings = {
  endpoint: { kind: "tcp", secure: false, authority: "a:1", host: "a", port: 1 },
  pathPrefix: "",
  token: "",
  basicAuth: undefined,
  tls: {
    authorities: undefined,
    certificate: undefined,
    key: undefined,
    serverName: undefined,
    verify: true,
  },
  datacenter: undefined,
  namespace: undefined,
  partition: undefined,
};

/** The agent; `entries` and `sessions` are what it holds. */
export class FakeAgent implements HttpTransport {
  readonly entries = new Map<string, Entry>();
  readonly sessions = new Map<string, SessionRow>();
  /** Method and target of every request, in order. */
  readonly requests: string[] = [];
  /** What becomes of every request. */
  fault: "none" | "refused" | "no-leader" = "none";
  /** Nobody may acquire a key that is free, as while a lock delay is in force. */
  lockDelay = false;
  /** Puts off replies, so that a test can reorder them. */
  deliver: (reply: HttpReply) => Promise<HttpReply> = (reply) => Promise.resolve(reply);
  readonly #clock: Clock;
  #index = 1;
  #waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  client(): HttpClient {
    return new HttpClient(this, settings);
  }

  close(): void {
    this.requests.push("close");
  }

  /** Ends a session, and with it what it holds. */
  endSession(id: string): void {
    const deletes = this.sessions.get(id)?.deletes === true;
    this.sessions.delete(id);
    for (const entry of [...this.entries.values()].filter(({ Session }) => Session === id)) {
      if (deletes) this.entries.delete(entry.Key);
      else this.#put({ ...entry, Session: undefined });
    }
    this.#changed();
  }

  /** Wakes every blocking query, as a fault would. */
  wake(): void {
    for (const wake of this.#waiting) wake();
  }

  async send(request: HttpRequest): Promise<HttpReply> {
    this.requests.push(`${request.method} ${request.target}`);
    const [path = "", search = ""] = request.target.split("?");
    const query = new URLSearchParams(search);
    await this.#block(query, request.signal);
    if (this.fault === "refused") throw refused();
    if (this.fault === "no-leader") return reply(500, "No cluster leader");
    const answered = path.startsWith("/v1/kv/")
      ? this.#kv(request, decodeURIComponent(path.slice("/v1/kv/".length)), query)
      : this.#session(request, path.split("/").slice(3));
    return new Promise((resolve, reject) => {
      request.signal?.addEventListener("abort", () => reject(refused()));
      this.deliver(answered).then(resolve, reject);
    });
  }

  #session(request: HttpRequest, [verb = "", id = ""]: readonly string[]): HttpReply {
    switch (verb) {
      case "create": {
        const body = JSON.parse(textOf(request)) as Record<string, string>;
        const created = `s${this.#index}`;
        const deletes = body["Behavior"] === "delete";
        this.sessions.set(created, { name: body["Name"] ?? "", ttl: body["TTL"] ?? "", deletes });
        this.#changed();
        return reply(200, JSON.stringify({ ID: created }));
      }
      case "renew": {
        const row = this.sessions.get(id);
        return row === undefined ? reply(404, "") : reply(200, JSON.stringify([{ ID: id, TTL: row.ttl }]));
      }
      default:
        this.endSession(id);
        return reply(200, "true");
    }
  }

  #kv(request: HttpRequest, key: string, query: URLSearchParams): HttpReply {
    if (request.method === "GET") return this.#read(key, query);
    const entry = this.entries.get(key);
    const cas = query.get("cas");
    if (cas !== null && Number(cas) !== (entry?.ModifyIndex ?? 0)) return reply(200, "false");
    if (request.method === "DELETE") {
      this.entries.delete(key);
      this.#changed();
      return reply(200, "true");
    }
    const acquire = query.get("acquire");
    const release = query.get("release");
    if (acquire !== null && this.#mayAcquire(acquire, entry) === false) return reply(200, "false");
    if (release !== null && entry?.Session !== release) return reply(200, "false");
    const value = textOf(request);
    this.#put({
      Key: key,
      Value: value === "" ? null : btoa(value),
      Flags: BigInt(query.get("flags") ?? "0"),
      Session: acquire ?? (release === null ? entry?.Session : undefined),
      CreateIndex: entry?.CreateIndex ?? this.#index + 1,
      ModifyIndex: 0,
    });
    return reply(200, "true");
  }

  #mayAcquire(session: string, entry: Entry | undefined): boolean {
    if (!this.sessions.has(session)) return false;
    if (entry?.Session !== undefined) return entry.Session === session;
    return !this.lockDelay;
  }

  #read(key: string, query: URLSearchParams): HttpReply {
    const isTree = query.has("recurse");
    const found = [...this.entries.values()]
      .filter(({ Key }) => (isTree ? Key.startsWith(key) : Key === key))
      .map(({ Flags, ...rest }) => JSON.stringify({ ...rest, Flags: 0 }).replace(/0\}$/u, `${Flags}}`));
    const headers = { "x-consul-index": String(this.#index) };
    return found.length === 0 ? reply(404, "", headers) : reply(200, `[${found.join(",")}]`, headers);
  }

  #put(entry: Entry): void {
    this.#index += 1;
    this.entries.set(entry.Key, { ...entry, ModifyIndex: this.#index });
    this.wake();
  }

  #changed(): void {
    this.#index += 1;
    this.wake();
  }

  /** Waits while nothing is newer than the query's index: for its time, or 5 minutes. */
  async #block(query: URLSearchParams, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) throw refused();
    const index = Number(query.get("index") ?? "0");
    const waitMs = Number.parseInt(query.get("wait") ?? "300000", 10);
    if (index === 0 || this.#index > index) return;
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        timer[Symbol.dispose]();
        this.#waiting.delete(done);
        resolve();
      };
      const timer = this.#clock.after(waitMs, done);
      this.#waiting.add(done);
      signal?.addEventListener("abort", () => reject(refused()));
    });
  }
}

function refused(): NetworkError {
  return new NetworkError("refused", { errno: "ECONNREFUSED", address: "a", cause: undefined });
}

function textOf({ body }: HttpRequest): string {
  return body instanceof Uint8Array ? new TextDecoder().decode(body) : "";
}

function reply(status: number, body: string, headers: Readonly<Record<string, string>> = {}): HttpReply {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode(body);
  }
  return { status, header: (name) => headers[name], body: bytes() };
}
