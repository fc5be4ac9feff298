/** `/v1/operator/…`. Source: the reference's HTTP API. */
import { DecodeError } from "../lib/errors.ts";
import { asObject } from "../wire/schema/collections.ts";
import { fromJsonValue } from "../wire/schema/struct.ts";
import * as methods from "../wire/rpc/methods.ts";
import {
  operatorAutopilotState,
  operatorServerHealth,
  operatorTransferLeader,
  operatorUsage,
} from "../wire/rpc/operator-methods.ts";
import { DCSpecificRequest } from "../wire/structs/common.ts";
import { AutopilotConfig, RaftConfigurationResponse } from "../wire/structs/operator.ts";
import {
  AutopilotState,
  OperatorHealthReply,
  OperatorUsageRequest,
  Usage,
  type AutopilotServer,
  type AutopilotStateReply,
} from "../wire/structs/operator-state.ts";
import { callServer } from "./discovery.ts";
import { assertKnownFields } from "./known-fields.ts";
import { readParams, datacenterOf, tokenOf } from "./read-params.ts";
import { jsonResponse, metaHeaders, parseJson, plainResponse, renderJson } from "./respond.ts";
import { HttpError, type HttpContext, type HttpResponse, type Route, type RoutedRequest } from "./types.ts";

const configurationBytesMax = 64 * 1024;
const unhealthyStatus = 429;
/** What a client need not say when it replaces the settings. Source: the reference's API client. */
const defaultAutopilotJson = {
  CleanupDeadServers: true,
  LastContactThreshold: "200ms",
  MaxTrailingLogs: 250,
  ServerStabilizationTime: "10s",
} as const;

async function raftConfiguration(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const args = DCSpecificRequest.make(readParams(request, context));
  const reply = await context.rpc.call(methods.raftConfiguration, args, request.signal);
  return jsonResponse(request, renderJson(RaftConfigurationResponse, reply));
}

async function removePeer(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const { query } = request;
  const byId = query.has("id");
  const byAddress = query.has("address");
  if (!byId && !byAddress) {
    throw new HttpError(
      400,
      "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove",
    );
  }
  if (byId && byAddress) throw new HttpError(400, "Must specify only one of ?id or ?address");
  const method = byAddress ? methods.raftRemovePeerByAddress : methods.raftRemovePeerById;
  const args = {
    Datacenter: datacenterOf(request, context),
    Address: query.get("address"),
    ID: query.get("id"),
    Token: tokenOf(request),
  };
  await context.rpc.call(method, args, request.signal);
  return plainResponse(200, "");
}

async function transferLeader(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const args = {
    Datacenter: datacenterOf(request, context),
    ID: request.query.get("id"),
    Token: tokenOf(request),
  };
  const { Success: success } = await context.rpc.call(operatorTransferLeader, args, request.signal);
  return jsonResponse(request, `{"Success":${success}}`);
}

function configuration(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  return request.method === "PUT" ? setConfiguration(request, context) : getConfiguration(request, context);
}

async function getConfiguration(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const args = DCSpecificRequest.make(readParams(request, context));
  const reply = await context.rpc.call(methods.autopilotGetConfiguration, args, request.signal);
  return jsonResponse(request, renderJson(AutopilotConfig, reply));
}

async function setConfiguration(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const config = await configurationIn(request);
  const cas = request.query.has("cas");
  const index = request.query.get("cas");
  if (cas && !/^\d+$/.test(index)) {
    throw new HttpError(
      400,
      `Error parsing cas value: strconv.ParseUint: parsing ${JSON.stringify(index)}: invalid syntax`,
    );
  }
  const args = {
    Datacenter: datacenterOf(request, context),
    Config: { ...config, CreateIndex: 0, ModifyIndex: cas ? Number(index) : 0 },
    CAS: cas,
    Token: tokenOf(request),
  };
  const done = await context.rpc.call(methods.autopilotSetConfiguration, args, request.signal);
  return jsonResponse(request, String(cas ? done : true));
}

/** The settings in a body; what it leaves out keeps its default. */
async function configurationIn(request: RoutedRequest): Promise<AutopilotConfig> {
  try {
    const given = asObject(
      parseJson(await request.body(configurationBytesMax)),
      "",
      "api.AutopilotConfiguration",
    );
    assertKnownFields(given, { names: AutopilotConfig.fieldNames });
    return fromJsonValue(AutopilotConfig, { ...defaultAutopilotJson, ...given });
  } catch (error) {
    if (error instanceof DecodeError)
      throw new HttpError(400, `Error parsing autopilot config: ${error.message}`);
    throw error;
  }
}

async function health(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const args = DCSpecificRequest.make(readParams(request, context));
  const reply = await context.rpc.call(operatorServerHealth, args, request.signal);
  const servers = (reply.Servers ?? []).map((one) => ({
    ...one,
    StableSince: wholeSeconds(one.StableSince),
  }));
  const response = jsonResponse(request, renderJson(OperatorHealthReply, { ...reply, Servers: servers }));
  return reply.Healthy ? response : { ...response, status: unhealthyStatus };
}

function wholeSeconds(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms / 1000) * 1000;
}

async function state(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const args = DCSpecificRequest.make(readParams(request, context));
  const reply = await context.rpc.call(operatorAutopilotState, args, request.signal);
  return jsonResponse(request, renderJson(AutopilotState, shownState(reply)));
}

/** Autopilot's state in the API's flat shape. */
function shownState(reply: AutopilotStateReply): AutopilotState {
  const servers = Object.entries(reply.Servers ?? {}).map(([id, one]) => [id, shownServer(one)] as const);
  return {
    Healthy: reply.Healthy,
    FailureTolerance: reply.FailureTolerance,
    // They differ only in the Enterprise edition.
    OptimisticFailureTolerance: reply.FailureTolerance,
    Servers: Object.fromEntries(servers),
    Leader: reply.Leader,
    Voters: reply.Voters ?? [],
  };
}

function shownServer({
  Server,
  State,
  Stats,
  Health,
}: NonNullable<AutopilotStateReply["Servers"]>[string]): AutopilotServer {
  const { RaftVersion: _, IsLeader: __, ...shown } = Server;
  return { ...shown, ...Stats, ...Health, Status: State, ReadReplica: false };
}

async function usage(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const params = readParams(request, context);
  const args = OperatorUsageRequest.make({
    ...params,
    Datacenter: context.datacenter,
    Global: request.query.has("global"),
  });
  const reply = await callServer(request, context, { method: operatorUsage, args });
  // This one answer shows the meta data in its body too.
  const meta = {
    Index: reply.Index,
    LastContact: reply.LastContact,
    KnownLeader: reply.KnownLeader,
    ConsistencyLevel: reply.ConsistencyLevel,
    NotModified: false,
    Backend: 0,
    ResultsFilteredByACLs: false,
  };
  const json = `${renderJson(Usage, reply).slice(0, -1)},${JSON.stringify(meta).slice(1)}`;
  return jsonResponse(request, json, metaHeaders(reply));
}

/** Gossip runs without encryption, so there is no keyring to list or change. */
function keyring(_request: RoutedRequest, { datacenter, nodeName }: HttpContext): HttpResponse {
  const problems = [
    `${datacenter} (LAN) error: 1/1 nodes reported failure`,
    `${nodeName}: Keyring is empty (encryption not enabled)`,
  ];
  const text = problems.map((problem) => `\t* ${problem}\n`).join("");
  return plainResponse(500, `${problems.length} errors occurred:\n${text}\n`);
}

export const operatorRoutes: readonly Route[] = [
  { pattern: "/v1/operator/raft/configuration", methods: ["GET"], handle: raftConfiguration },
  { pattern: "/v1/operator/raft/peer", methods: ["DELETE"], handle: removePeer },
  { pattern: "/v1/operator/raft/transfer-leader", methods: ["POST"], handle: transferLeader },
  { pattern: "/v1/operator/autopilot/configuration", methods: ["GET", "PUT"], handle: configuration },
  { pattern: "/v1/operator/autopilot/health", methods: ["GET"], handle: health },
  { pattern: "/v1/operator/autopilot/state", methods: ["GET"], handle: state },
  { pattern: "/v1/operator/keyring", methods: ["GET", "POST", "PUT", "DELETE"], handle: keyring },
  { pattern: "/v1/operator/usage", methods: ["GET"], handle: usage },
];
