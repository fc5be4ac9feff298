/** `/v1/agent/check…`: register checks and report on them. */
import type { Agent } from "../agent/agent.ts";
import { quoteGo } from "../lib/go-quote.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { checkBody, updateBody } from "./agent-body.ts";
import { filtered, type FilterCompiler } from "./agent-filter.ts";
import { checksJson } from "./agent-json.ts";
import { done, enableParam, orBadRequest, restOf } from "./agent-path.ts";
import { tokenOf } from "./read-params.ts";
import { jsonResponse } from "./respond.ts";
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
        assertCheck(agent, restOf(request));
        await agent.registrar.removeCheck(restOf(request));
        await agent.settled();
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
      const note = request.query.get("note");
      const saved = ofKnownCheck(agent, request, (id) => agent.registrar.reportTtl(id, status, note));
      return saved === undefined ? done() : Promise.all([saved, agent.settled()]).then(done);
    },
  };
}

async function update(agent: Agent, request: RoutedRequest): Promise<HttpResponse> {
  const { status, output } = await updateBody(request);
  await orBadRequest(async () => {
    const saved = ofKnownCheck(agent, request, (id) => agent.intake.report(id, status, output));
    if (saved !== undefined) await Promise.all([saved, agent.settled()]);
  });
  return done();
}

/** Runs a report on a check. Throws `HttpError` 404 instead of what it throws for a check that is not there. */
function ofKnownCheck<T>(agent: Agent, request: RoutedRequest, report: (id: string) => T): T {
  const id = restOf(request);
  try {
    return report(id);
  } catch (error) {
    if (error instanceof RpcError) assertCheck(agent, id);
    throw error;
  }
}

/** Throws `HttpError` 404 for a check that is not registered here. */
function assertCheck(agent: Agent, id: string): void {
  if (agent.state.check(id) !== undefined) return;
  throw new HttpError(
    404,
    `Unknown check ID ${quoteGo(id)}. Ensure that the check ID is passed, not the check name.`,
  );
}

async function register(agent: Agent, request: RoutedRequest): Promise<HttpResponse> {
  const body = await checkBody(request);
  const token = body.token === "" ? tokenOf(request) : body.token;
  await orBadRequest(() => agent.intake.check({ ...body, token }));
  await agent.settled();
  return done();
}

async function maintain(agent: Agent, request: RoutedRequest): Promise<HttpResponse> {
  const enable = enableParam(request);
  await agent.registrar.setNodeMaintenance(enable, request.query.get("reason"), tokenOf(request));
  await agent.settled();
  return done();
}
