/** `/v1/agent/service…`: register, read, take out of and into maintenance. */
import type { Agent } from "../agent/agent.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { serviceBody } from "./agent-body.ts";
import { filtered, type FilterCompiler } from "./agent-filter.ts";
import { AgentService, toAgentService, withContentHash } from "./agent-json.ts";
import { done, enableParam, orBadRequest, restOf } from "./agent-path.ts";
import { waitParams, tokenOf } from "./read-params.ts";
import { jsonResponse } from "./respond.ts";
import { HttpError, type HttpResponse, type Route, type RoutedRequest } from "./types.ts";
import { map } from "../wire/schema/collections.ts";

const millisecondNs = 1e6;
const waitDefaultMs = 300_000;
const waitMaxMs = 600_000;

export function agentServiceRoutes(agent: Agent, compile: FilterCompiler | undefined): readonly Route[] {
  return [
    {
      pattern: "/v1/agent/services",
      methods: ["GET"],
      handle: (request) => listServices(agent, request, compile),
    },
    {
      pattern: "/v1/agent/service/",
      methods: ["GET"],
      handle: (request) => readService(agent, request),
    },
    {
      pattern: "/v1/agent/service/register",
      methods: ["PUT"],
      handle: (request) => register(agent, request),
    },
    {
      pattern: "/v1/agent/service/deregister/",
      methods: ["PUT"],
      handle: async (request) => {
        await agent.registrar.removeService(restOf(request));
        await agent.settled();
        return done();
      },
    },
    {
      pattern: "/v1/agent/service/maintenance/",
      methods: ["PUT"],
      handle: (request) => maintain(agent, request),
    },
  ];
}

function listServices(
  agent: Agent,
  request: RoutedRequest,
  compile: FilterCompiler | undefined,
): HttpResponse {
  const all = agent.state.allServices().map(toAgentService);
  const shown = filtered(request, compile, { kind: "service", values: all });
  const json = map(AgentService).json(Object.fromEntries(shown.map((service) => [service.ID, service])));
  return jsonResponse(request, json);
}

/** Blocks while the content still has the hash that the caller knows. */
async function readService(agent: Agent, request: RoutedRequest): Promise<HttpResponse> {
  const id = restOf(request);
  const known = request.query.get("hash");
  const askedMs = waitParams(request).MaxQueryTime / millisecondNs;
  const deadlineMs = agent.clock.monotonicMs() + Math.min(waitMaxMs, askedMs > 0 ? askedMs : waitDefaultMs);
  for (;;) {
    const service = agent.state.service(id);
    if (service === undefined) throw new HttpError(404, `unknown service ID: ${id}`);
    const shown = withContentHash(toAgentService(service));
    const leftMs = deadlineMs - agent.clock.monotonicMs();
    if (known === "" || shown.ContentHash !== known || leftMs <= 0 || request.signal.aborted) {
      return jsonResponse(request, AgentService.json(shown), { "X-Consul-Contenthash": shown.ContentHash });
    }
    await changeOf(agent, id, { leftMs, signal: request.signal });
  }
}

function changeOf(
  agent: Agent,
  id: string,
  { leftMs, signal }: { readonly leftMs: number; readonly signal: AbortSignal },
): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      watch[Symbol.dispose]();
      timer[Symbol.dispose]();
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const watch = agent.state.watchService(id, wake);
    const timer = agent.clock.after(leftMs, wake);
    signal.addEventListener("abort", wake);
  });
}

async function register(agent: Agent, request: RoutedRequest): Promise<HttpResponse> {
  const definition = await serviceBody(request);
  const replace = request.query.all("replace-existing-checks")[0];
  const options = {
    token: definition.Token === "" ? tokenOf(request) : definition.Token,
    replaceExistingChecks: replace === "" || replace === "true",
  };
  await orBadRequest(() => agent.intake.service(definition, options));
  await agent.settled();
  return done();
}

async function maintain(agent: Agent, request: RoutedRequest): Promise<HttpResponse> {
  const id = restOf(request);
  if (id === "") throw new HttpError(400, "Missing service ID");
  const enable = enableParam(request);
  const reason = request.query.get("reason");
  try {
    await agent.registrar.setServiceMaintenance(id, { enable, reason }, tokenOf(request));
  } catch (error) {
    if (error instanceof RpcError) throw new HttpError(404, error.message);
    throw error;
  }
  await agent.settled();
  return done();
}
