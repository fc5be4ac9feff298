/**
 * The watches of an agent, which read through its own HTTP door, but without a connection: so they need no
 * certificate, and go on whatever address the door listens on.
 */
import { AgentWatches } from "../agent/watches/agent-watches.ts";
import { HttpClient } from "../client/http-client.ts";
import type { ClientSettings } from "../client/settings.ts";
import type { HttpReply, HttpTransport, HttpRequest as SentRequest } from "../client/transport.ts";
import { watchSource } from "../client/watch-source.ts";
import type { Config } from "../config/config.ts";
import type { App } from "../http/app.ts";
import type { HttpBody, HttpResponse } from "../http/types.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { NetworkError } from "../lib/network-error.ts";
import type { Watch } from "../lib/watch-spec.ts";
import { systemCheckIo } from "../runtime/check-io.ts";

export interface AgentWatchOptions {
  readonly app: App;
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
}

/** Watches that do not run yet. */
export function createAgentWatches({ app, config, log, clock }: AgentWatchOptions): AgentWatches {
  const transport = localTransport(app);
  const shell = process.env["SHELL"] ?? "";
  return new AgentWatches({
    clock,
    log,
    io: systemCheckIo(),
    shell: shell === "" ? "/bin/sh" : shell,
    hasHttp: config.addresses.http.length + config.addresses.https.length > 0,
    open: (watch) => watchSource(new HttpClient(transport, localSettings(watch)), watch.spec),
  });
}

function localSettings({ token, datacenter }: Watch): ClientSettings {
  return {
    endpoint: { kind: "tcp", secure: false, authority: "localhost", host: "127.0.0.1", port: 0 },
    pathPrefix: "",
    token,
    basicAuth: undefined,
    tls: {
      authorities: undefined,
      certificate: undefined,
      key: undefined,
      serverName: undefined,
      verify: true,
    },
    datacenter: datacenter === "" ? undefined : datacenter,
    namespace: undefined,
    partition: undefined,
  };
}

/** A way to the door from within. Requests without a body only. */
export function localTransport(app: App): HttpTransport {
  return {
    send: (request) => orAborted(answer(app, request), request.signal),
    close: () => undefined,
  };
}

async function answer(app: App, request: SentRequest): Promise<HttpReply> {
  const at = request.target.indexOf("?");
  const headers = lowerCased(request.headers);
  const response: HttpResponse = await app({
    method: request.method,
    path: at < 0 ? request.target : request.target.slice(0, at),
    search: at < 0 ? "" : request.target.slice(at + 1),
    header: (name) => headers.get(name),
    body: async () => new Uint8Array(0),
    signal: request.signal ?? new AbortController().signal,
    remoteAddress: "127.0.0.1",
  });
  const replyHeaders = lowerCased(response.headers);
  return {
    status: response.status,
    header: (name) => replyHeaders.get(name),
    body: chunks(response.body),
  };
}

function lowerCased(headers: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

async function* chunks(body: HttpBody): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  if (body instanceof Uint8Array) yield body;
  else if (typeof body === "string") yield encoder.encode(body);
  else for await (const part of body) yield typeof part === "string" ? encoder.encode(part) : part;
}

/** A door may take a while to notice that nobody waits; the caller need not. */
function orAborted<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const giveUp = (): void =>
      reject(new NetworkError("aborted", { errno: "ABORT_ERR", address: undefined, cause: undefined }));
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp);
    void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}
