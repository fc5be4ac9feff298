/** The endpoints of prepared queries. Source: the reference's prepared_query_endpoint.go. */
import { commandType } from "../fsm/command.ts";
import { encodeCommand } from "../fsm/encode.ts";
import {
  preparedQueryGet,
  preparedQueryList,
  preparedQueryMaxIndex,
  preparedQueryResolve,
} from "../state/prepared-queries.ts";
import { Refusal } from "../state/refusal.ts";
import { PermissionDeniedError, RpcError } from "../wire/rpc/method.ts";
import * as methods from "../wire/rpc/prepared-query-methods.ts";
import {
  PreparedQuery,
  PreparedQueryExecuteResponse,
  PreparedQueryExplainResponse,
  PreparedQueryRequest,
  type PreparedQueryExecuteRemoteRequest,
  type PreparedQueryExecuteRequest,
} from "../wire/structs/prepared-query.ts";
import { blockingRead, readMeta, type ReadOptions } from "./blocking.ts";
import { endpoint, type AnyEndpoint, type Caller, type ServerContext } from "./context.ts";
import { queryAccess } from "./prepared-query-access.ts";
import { preparedQueryProblem } from "./prepared-query-rules.ts";
import { runQuery, runNearest } from "./prepared-query-run.ts";
import { proposeCommand } from "./propose.ts";
import { failOver } from "./query-failover.ts";
import { unlessRefused } from "./refused.ts";

/** Replies that cannot block carry the least index there is. */
const noIndex = 1;

const apply = endpoint({
  method: methods.preparedQueryApply,
  kind: "write",
  handle: async (server, request, caller) => {
    const startMs = server.clock.monotonicMs();
    const query = checkedQuery(server, request, caller);
    const logged: PreparedQueryRequest = { ...request, Query: query, Token: "" };
    const bytes = encodeCommand(commandType.preparedQuery, PreparedQueryRequest, logged);
    unlessRefused((await proposeCommand(server, bytes, logged)) as Refusal | undefined);
    server.metrics.timer("prepared-query.apply", server.clock.monotonicMs() - startMs);
    return query.ID;
  },
});

/** The query as it goes into the log. */
function checkedQuery(server: ServerContext, request: PreparedQueryRequest, caller: Caller): PreparedQuery {
  const given = request.Query ?? PreparedQuery.zero;
  const isNew = request.Op === "create";
  if (isNew && given.ID !== "") throw new RpcError("ID must be empty when creating a new prepared query");
  const query = isNew ? { ...given, ID: freshId(server) } : given;
  const access = queryAccess(caller.authorizer);
  if (!access.mayWrite(query)) throw new PermissionDeniedError();
  if (!isNew) {
    const existing = preparedQueryGet(server.store, query.ID);
    if (existing instanceof Refusal) throw new RpcError(`Prepared Query lookup failed: ${existing.text}`);
    if (existing === undefined)
      throw new RpcError(`Cannot modify non-existent prepared query: '${query.ID}'`);
    if (!access.mayWrite(existing)) throw new PermissionDeniedError();
  }
  switch (request.Op) {
    case "create":
    case "update": {
      const problem = preparedQueryProblem(query);
      if (problem !== undefined) throw new RpcError(`Invalid prepared query: ${problem}`);
      return query;
    }
    case "delete":
      return query;
    default:
      throw new RpcError(`Unknown prepared query operation: ${request.Op}`);
  }
}

function freshId(server: ServerContext): string {
  for (;;) {
    const id = server.uuid();
    if (preparedQueryGet(server.store, id) === undefined) return id;
  }
}

const get = endpoint({
  method: methods.preparedQueryGet,
  kind: "read",
  handle: async (server, request, caller) => {
    const access = queryAccess(caller.authorizer);
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) => {
      const query = unlessRefused(preparedQueryGet(server.store, request.QueryID, watch));
      if (query === undefined) throw new RpcError(methods.queryNotFoundText);
      // Whoever knows the id of a query without a name may see it.
      const isSecret = query.Name !== "" || query.Template.Type !== "";
      if (isSecret && !access.mayRead(query)) throw new PermissionDeniedError();
      return { index: preparedQueryMaxIndex(server.store), value: [access.redacted(query)] };
    });
    return { Queries: value, ...meta };
  },
});

const list = endpoint({
  method: methods.preparedQueryList,
  kind: "read",
  handle: async (server, request, caller) => {
    const access = queryAccess(caller.authorizer);
    const { value, meta } = await blockingRead({ server, caller }, request, (watch) => {
      const queries = preparedQueryList(server.store, watch).filter((query) => access.mayRead(query));
      const shown = queries.length === 0 ? null : queries.map((query) => access.redacted(query));
      return { index: preparedQueryMaxIndex(server.store), value: shown };
    });
    return { Queries: value, ...meta };
  },
});

const explain = endpoint({
  method: methods.preparedQueryExplain,
  kind: "read",
  handle: async (server, request, caller) => {
    const startMs = server.clock.monotonicMs();
    await verified(server, request);
    const query = resolved(server, request);
    const access = queryAccess(caller.authorizer);
    if (!access.mayRead(query)) throw new PermissionDeniedError();
    server.metrics.timer("prepared-query.explain", server.clock.monotonicMs() - startMs);
    return PreparedQueryExplainResponse.make({
      Query: access.redacted(query),
      ...readMeta(server, request, noIndex),
    });
  },
});

const execute = endpoint({
  method: methods.preparedQueryExecute,
  kind: "read",
  handle: async (server, request, caller) => {
    const startMs = server.clock.monotonicMs();
    await verified(server, request);
    const query = resolved(server, request);
    const here = runNearest({ server, caller }, query, request);
    const reply = PreparedQueryExecuteResponse.make({ ...here, ...readMeta(server, request, noIndex) });
    const isFound = (reply.Nodes ?? []).length > 0;
    const final = isFound ? reply : await failOver(failoverParts(server, caller), { query, request, reply });
    server.metrics.timer("prepared-query.execute", server.clock.monotonicMs() - startMs);
    return final;
  },
});

function failoverParts(server: ServerContext, caller: Caller): Parameters<typeof failOver>[0] {
  const { otherDatacenters: others, settings, log } = server;
  const own = settings.datacenter;
  return {
    log: log.named("prepared_query"),
    ownDatacenter: own,
    others: others?.byDistance() ?? [],
    execute: (request) => {
      if (request.Datacenter === own) return executeRemote(server, request, caller);
      if (others === undefined) throw new RpcError("there is no way to other datacenters");
      return others.execute(request);
    },
  };
}

/** Runs a query that another datacenter's server sends, in any order and without looking further. */
async function executeRemote(
  server: ServerContext,
  request: PreparedQueryExecuteRemoteRequest,
  caller: Caller,
): Promise<PreparedQueryExecuteResponse> {
  const startMs = server.clock.monotonicMs();
  await verified(server, request);
  const found = runQuery({ server, caller }, request.Query, request);
  server.metrics.timer("prepared-query.execute_remote", server.clock.monotonicMs() - startMs);
  return PreparedQueryExecuteResponse.make({ ...found, ...readMeta(server, request, noIndex) });
}

async function verified(server: ServerContext, { RequireConsistent }: ReadOptions): Promise<void> {
  if (RequireConsistent) await server.consensus.verifyLeader();
}

function resolved({ store }: ServerContext, request: PreparedQueryExecuteRequest): PreparedQuery {
  const query = unlessRefused(preparedQueryResolve(store, request.QueryIDOrName, request.Agent.Segment));
  if (query === undefined) throw new RpcError(methods.queryNotFoundText);
  return query;
}

export const preparedQueryEndpoints: readonly AnyEndpoint[] = [
  apply,
  get,
  list,
  explain,
  execute,
  endpoint({ method: methods.preparedQueryExecuteRemote, kind: "read", handle: executeRemote }),
];
