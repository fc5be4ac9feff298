/** `/v1/agent/health/service/…`: the state of a service as its status code, for load balancers. */
import type { Agent } from "../agent/agent.ts";
import { quoteJson } from "../wire/schema/json-text.ts";
import { aggregatedStatus, serviceHealthJson, toAgentService } from "./agent-json.ts";
import { restOf, wantsText } from "./agent-path.ts";
import { jsonResponse, plainResponse } from "./respond.ts";
import { HttpError, type HttpResponse, type Route, type RoutedRequest } from "./types.ts";

export function agentHealthRoutes(agent: Agent): readonly Route[] {
  return [
    { pattern: "/v1/agent/health/service/id/", methods: ["GET"], handle: (request) => byId(agent, request) },
    {
      pattern: "/v1/agent/health/service/name/",
      methods: ["GET"],
      handle: (request) => byName(agent, request),
    },
  ];
}

interface Answer {
  readonly code: number;
  readonly reason: string;
  readonly json: string;
}

function codeOf(status: string): number {
  if (status === "passing") return 200;
  return status === "warning" ? 429 : 503;
}

function respond(request: RoutedRequest, { code, reason, json }: Answer): HttpResponse {
  const headers = { "X-Consul-Reason": reason };
  if (wantsText(request)) return plainResponse(code, reason, { ...headers, "Content-Type": "text/plain" });
  return { ...jsonResponse(request, json, headers), status: code };
}

function byId(agent: Agent, request: RoutedRequest): HttpResponse {
  const id = restOf(request);
  if (id === "") throw new HttpError(500, "Missing serviceID");
  const service = agent.state.service(id);
  if (service === undefined) {
    const reason = `ServiceId ${id} not found`;
    const json = wantsText(request)
      ? quoteJson(reason)
      : '{"AggregatedStatus":"critical","Service":null,"Checks":null}';
    // JSON in both forms: so the reference answers here.
    return { ...jsonResponse(request, json, { "X-Consul-Reason": reason }), status: 404 };
  }
  const checks = agent.state.checksOf(id, true);
  const status = aggregatedStatus(checks);
  return respond(request, {
    code: codeOf(status),
    reason: status,
    json: serviceHealthJson(status, toAgentService(service), checks),
  });
}

/** The worst of a service's instances decides. */
function byName(agent: Agent, request: RoutedRequest): HttpResponse {
  const name = restOf(request);
  if (name === "") throw new HttpError(500, "Missing service Name");
  let worst = { code: 404, reason: `ServiceName ${name} Not Found` };
  const shown: string[] = [];
  for (const service of agent.state.allServices()) {
    if (service.Service !== name) continue;
    const checks = agent.state.checksOf(service.ID, true);
    const status = aggregatedStatus(checks);
    shown.push(serviceHealthJson(status, toAgentService(service), checks));
    if (worst.code === 404 || codeOf(status) > worst.code) worst = { code: codeOf(status), reason: status };
  }
  return respond(request, { ...worst, json: `[${shown.join(",")}]` });
}
