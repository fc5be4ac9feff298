/** Sessions: what locks are held with. */
import { parseGoDurationMs } from "../lib/go-duration.ts";
import type { Clock } from "../lib/clock.ts";
import { ProconsulError } from "../lib/errors.ts";
import { pause } from "../lib/pause.ts";
import { readJson, type HttpClient } from "./http-client.ts";
import { textField, toList, toRecord } from "./shape.ts";

/** A session to create. */
export interface NewSession {
  readonly name: string;
  /** A Go duration: the session ends unless it is renewed that often. */
  readonly ttl: string;
  /** What becomes of keys that are held when it ends; the agent's default is "release". */
  readonly behavior?: "release" | "delete";
}

/** Creates a session on the agent's node; the answer is its ID. */
export async function sessionCreate(client: HttpClient, session: NewSession): Promise<string> {
  const reply = await client.json({
    method: "PUT",
    path: "/v1/session/create",
    json: {
      Name: session.name,
      TTL: session.ttl,
      ...(session.behavior === undefined ? {} : { Behavior: session.behavior }),
    },
  });
  return textField(toRecord(reply), "ID");
}

/** Renews a session; its TTL, or `undefined` if it has ended. */
export async function sessionRenew(
  client: HttpClient,
  id: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const reply = await client.request({
    method: "PUT",
    path: `/v1/session/renew/${id}`,
    accept: [200, 404],
    ...(signal === undefined ? {} : { signal }),
  });
  if (reply.status === 404) return undefined;
  const [first] = toList(await readJson(reply.body));
  return first === undefined ? undefined : textField(toRecord(first), "TTL");
}

/** Ends a session. */
export async function sessionDestroy(client: HttpClient, id: string, signal: AbortSignal): Promise<void> {
  await client.send({ method: "PUT", path: `/v1/session/destroy/${id}`, signal });
}

const retryMs = 1_000;
/** An agent that does not answer is not waited for: the TTL ends the session as well. */
const destroyMs = 5_000;

/** What a kept session needs. */
export interface SessionParts {
  readonly client: HttpClient;
  readonly clock: Clock;
}

/** A session that is renewed twice in each TTL, and tried again every second when that fails. */
export class KeptSession {
  readonly id: string;
  readonly #parts: SessionParts;
  readonly #over = new AbortController();
  readonly #expired = new AbortController();
  readonly #renewing: Promise<void>;

  private constructor(parts: SessionParts, id: string, ttl: string) {
    this.#parts = parts;
    this.id = id;
    this.#renewing = this.#renew(parseGoDurationMs(ttl));
  }

  /** Creates a session and keeps it. Rejects as `sessionCreate` does. */
  static async open(parts: SessionParts, session: NewSession): Promise<KeptSession> {
    return new KeptSession(parts, await sessionCreate(parts.client, session), session.ttl);
  }

  /** Aborts when the agent says that the session is no more. */
  get expired(): AbortSignal {
    return this.#expired.signal;
  }

  /** Renews no more and destroys the session, as far as the agent can be reached: else its TTL ends it. */
  async end(): Promise<void> {
    this.#over.abort();
    await this.#renewing;
    if (this.#expired.signal.aborted) return;
    const { client, clock } = this.#parts;
    const late = new AbortController();
    const timer = clock.after(destroyMs, () => late.abort());
    await unlessItFails(sessionDestroy(client, this.id, late.signal));
    timer[Symbol.dispose]();
  }

  async #renew(initialTtlMs: number): Promise<void> {
    const { client, clock } = this.#parts;
    const { signal } = this.#over;
    let ttlMs = initialTtlMs;
    let waitMs = ttlMs / 2;
    while (!signal.aborted) {
      await pause(clock, waitMs, signal);
      if (signal.aborted) return;
      const outcome = await unlessItFails(sessionRenew(client, this.id, signal).then((ttl) => ({ ttl })));
      if (signal.aborted) return;
      if (outcome === undefined) {
        waitMs = Math.min(retryMs, ttlMs / 2);
        continue;
      }
      if (outcome.ttl === undefined) {
        this.#expired.abort();
        return;
      }
      // The server may have set another TTL.
      ttlMs = outcome.ttl === "" ? ttlMs : parseGoDurationMs(outcome.ttl);
      waitMs = ttlMs / 2;
    }
  }
}

/** What `work` gives, or `undefined` if it fails in a way that the world is to blame for. */
async function unlessItFails<Value>(work: Promise<Value>): Promise<Value | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ProconsulError) return undefined;
    throw error;
  }
}
