/** `/v1/agent/check…`: register checks and report on them. */
import type { Agent } from "../agent/agent.ts";
import { checkProblem, checkStatuses } from "../agent/check-kind.ts";
import { describeCheck } from "../agent/registrar.ts";
import { HealthCheck } from "../wire/structs/catalog.ts";
import { checkBody, updateBody } from "./agent-body.ts";
import { filtered, type FilterCompiler } from "./agent-filter.ts";
import { checksJson } from "./agent-json.ts";
import { done, enableParam, restOf } from "./agent-path.ts";
import { jsonResponse, tokenOf } from "./respond.ts";
import { HttpError, type HttpResponse, type Route, type RoutedRequest } from "./types.ts";

export function agentCheckRoutes(agent: Agent, compile: FilterCompiler | undefined): readonly Route[] {
  return [
    {
      pattern: "/v1/agent/checks",
      methods: ["GET"],
      handle: (request) =>
        jsonResponse(
          request,
          checksJson(filtered(request, compile, { kind: "check", values: agent.state.allChecks() })),
        ),
    },
    { pattern: "/v1/agent/check/register", methods: ["PUT"], handle: (request) => register(agent, request) },
    {
      pattern: "/v1/agent/check/deregister/",
      methods: ["PUT"],
      handle: async (request) => {
        await agent.registrar.removeCheck(restOf(request));
        return done();
      },
    },
    reportRoute(agent, "pass", "passing"),
    reportRoute(agent, "warn", "warning"),
    reportRoute(agent, "fail", "critical"),
    { pattern: "/v1/agent/check/update/", methods: ["PUT"], handle: (request) => update(agent, request) },
    { pattern: "/v1/agent/maintenance", methods: ["PUT"], handle: (request) => maintain(agent, request) },
  ];
}

function reportRoute(agent: Agent, verb: string, status: string): Route {
  return {
    pattern: `/v1/agent/check/${verb}/`,
    methods: ["PUT"],
    handle: (request) => {
      agent.registrar.reportTtl(restOf(request), status, request.query.get("note"));
      return done();
    },
  };
}

async function update(agent: Agent, request: RoutedRequest): Promise<HttpResponse> {
  const { status, output } = await updateBody(request);
  if (!checkStatuses.includes(status)) throw new HttpError(400, `Invalid check status: '${status}'`);
  agent.registrar.reportTtl(restOf(request), status, output);
  return done();
}

async function register(agent: Agent, request: RoutedRequest): Promise<HttpResponse> {
  const { type, serviceId, token } = await checkBody(request);
  if (type.Name === "") throw new HttpError(400, "Missing check name");
  if (type.Status !== "" && !checkStatuses.includes(type.Status))
    throw new HttpError(400, "Bad check status");
  const problem = checkProblem(type);
  if (problem !== undefined) throw new HttpError(400, `Invalid check: ${problem}`);
  const check = HealthCheck.make({
    ...describeCheck(type),
    Node: agent.settings.nodeName,
    ServiceID: serviceId,
  });
  await agent.registrar.addCheck({
    check,
    type,
    token: token === "" ? tokenOf(request) : token,
    fromConfig: false,
    persist: true,
  });
  return done();
}

async function maintain(agent: Agent, request: RoutedRequest): Promise<HttpResponse> {
  const enable = enableParam(request);
  await agent.registrar.setNodeMaintenance(enable, request.query.get("reason"), tokenOf(request));
  return done();
}
