/** `/v1/agent/…` about the agent itself: who it is, whom it knows, what it measures and logs. */
import type { Agent } from "../agent/agent.ts";
import { filtered, type FilterCompiler } from "./agent-filter.ts";
import { done, restOf } from "./agent-path.ts";
import { jsonResponse } from "./respond.ts";
import { HttpError, type HttpResponse, type Route, type RoutedRequest } from "./types.ts";

const logLevels: readonly string[] = ["TRACE", "DEBUG", "INFO", "WARN", "ERR", "ERROR"];
/** Lines kept for a follower that reads slowly; later ones are dropped. */
const logLinesMax = 512;

export function agentInfoRoutes(agent: Agent, compile: FilterCompiler | undefined): readonly Route[] {
  return [
    { pattern: "/v1/agent/self", methods: ["GET"], handle: (request) => self(agent, request) },
    {
      pattern: "/v1/agent/host",
      methods: ["GET"],
      handle: (request) => jsonResponse(request, JSON.stringify(agent.host.hostInfo())),
    },
    { pattern: "/v1/agent/version", methods: ["GET"], handle: (request) => version(agent, request) },
    { pattern: "/v1/agent/members", methods: ["GET"], handle: (request) => members(agent, request, compile) },
    { pattern: "/v1/agent/metrics", methods: ["GET"], handle: (request) => metrics(agent, request) },
    {
      pattern: "/v1/agent/metrics/stream",
      methods: ["GET"],
      handle: (request) => stream(metricLines(agent, request.signal)),
    },
    { pattern: "/v1/agent/monitor", methods: ["GET"], handle: (request) => monitor(agent, request) },
    { pattern: "/v1/agent/join/", methods: ["PUT"], handle: (request) => join(agent, request) },
    { pattern: "/v1/agent/force-leave/", methods: ["PUT"], handle: (request) => forceLeave(agent, request) },
    {
      pattern: "/v1/agent/leave",
      methods: ["PUT"],
      handle: async () => {
        await agent.leave();
        return done();
      },
    },
    {
      pattern: "/v1/agent/reload",
      methods: ["PUT"],
      handle: async () => {
        await asServerError(() => agent.host.reload());
        return done();
      },
    },
    { pattern: "/v1/agent/token/", methods: ["PUT"], handle: () => token(agent) },
    ...connectRoutes(),
  ];
}

function self(agent: Agent, request: RoutedRequest): HttpResponse {
  const { settings, host } = agent;
  const shown = {
    Config: {
      Datacenter: settings.datacenter,
      PrimaryDatacenter: settings.primaryDatacenter,
      NodeName: settings.nodeName,
      NodeID: settings.nodeId,
      Revision: settings.revision,
      Server: settings.server,
      Version: settings.version,
      BuildDate: settings.buildDate,
    },
    DebugConfig: host.debugConfig(),
    Coord: host.coordinate(),
    Member: host.members({ wan: false }).find(({ Name }) => Name === settings.nodeName) ?? null,
    Stats: agent.stats(),
    Meta: agent.nodeMeta,
    xDS: host.xds(),
  };
  return jsonResponse(request, JSON.stringify(shown));
}

function version(agent: Agent, request: RoutedRequest): HttpResponse {
  const { revision, buildDate, version: human } = agent.settings;
  return jsonResponse(
    request,
    JSON.stringify({ SHA: revision, BuildDate: buildDate, HumanVersion: human, FIPS: "" }),
  );
}

function members(agent: Agent, request: RoutedRequest, compile: FilterCompiler | undefined): HttpResponse {
  const wan = request.query.get("wan") !== "";
  const segment = request.query.get("segment");
  if (segment !== "" && segment !== "_all") {
    const text = wan
      ? "Cannot provide a segment with wan=true"
      : `Network segment ${JSON.stringify(segment)} does not exist`;
    throw new HttpError(400, text);
  }
  const shown = filtered(request, compile, { kind: "member", values: agent.members({ wan }) });
  return jsonResponse(request, JSON.stringify(shown));
}

function metrics(agent: Agent, request: RoutedRequest): HttpResponse {
  if (request.query.get("format") !== "prometheus") return jsonResponse(request, agent.registry.json());
  if (!agent.settings.prometheus) {
    throw new HttpError(415, "Prometheus is not enabled since its retention time is not positive");
  }
  const headers = { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" };
  return { status: 200, headers, body: agent.registry.prometheus() };
}

async function* metricLines(agent: Agent, signal: AbortSignal): AsyncGenerator<string> {
  while (!signal.aborted) {
    yield `${agent.registry.json()}\n`;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        timer[Symbol.dispose]();
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = agent.clock.after(Math.max(1, agent.registry.untilNextMs()), wake);
      signal.addEventListener("abort", wake);
    });
  }
}

function stream(body: AsyncIterable<string>): HttpResponse {
  return { status: 200, headers: { "Content-Type": "text/plain; charset=utf-8" }, body };
}

function monitor(agent: Agent, request: RoutedRequest): HttpResponse {
  const given = request.query.get("loglevel");
  const level = given === "" ? "INFO" : given.toUpperCase();
  if (!logLevels.includes(level)) throw new HttpError(400, `Unknown log level: ${given}`);
  return stream(logLines(agent, { level, json: request.query.has("logjson") }, request.signal));
}

async function* logLines(
  agent: Agent,
  options: { readonly level: string; readonly json: boolean },
  signal: AbortSignal,
): AsyncGenerator<string> {
  const lines: string[] = [];
  let wake: (() => void) | undefined;
  const nudge = (): void => wake?.();
  const subscription = agent.logs.subscribe(options, (line) => {
    if (lines.length < logLinesMax) lines.push(line);
    nudge();
  });
  signal.addEventListener("abort", nudge);
  try {
    // The empty part sends the headers, so that the caller knows it is connected.
    yield "";
    while (!signal.aborted) {
      if (lines.length > 0) yield lines.splice(0).join("");
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    signal.removeEventListener("abort", nudge);
    subscription[Symbol.dispose]();
  }
}

async function join(agent: Agent, request: RoutedRequest): Promise<HttpResponse> {
  const wan = request.query.get("wan") === "1";
  await asServerError(() => agent.host.join(restOf(request), { wan }));
  return done();
}

async function forceLeave(agent: Agent, request: RoutedRequest): Promise<HttpResponse> {
  const options = { wan: request.query.has("wan"), prune: request.query.has("prune") };
  await asServerError(() => agent.host.forceLeave(restOf(request), options));
  return done();
}

/** The host's texts are public. */
async function asServerError(call: () => Promise<void>): Promise<void> {
  try {
    await call();
  } catch (error) {
    throw new HttpError(500, error instanceof Error ? error.message : String(error));
  }
}

function token(agent: Agent): never {
  if (!agent.settings.aclEnabled) throw new HttpError(401, "ACL support disabled");
  throw new HttpError(501, "This version of Proconsul does not replace the agent's tokens at run time");
}

function connectRoutes(): readonly Route[] {
  const refuse = (): never => {
    throw new HttpError(500, "Connect must be enabled in order to use this endpoint");
  };
  return [
    { pattern: "/v1/agent/connect/authorize", methods: ["POST"], handle: refuse },
    { pattern: "/v1/agent/connect/ca/roots", methods: ["GET"], handle: refuse },
    { pattern: "/v1/agent/connect/ca/leaf/", methods: ["GET"], handle: refuse },
  ];
}
