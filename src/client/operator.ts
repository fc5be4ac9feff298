/** What operators ask servers: Raft peers and autopilot. */
import type { HttpClient, ReadOptions } from "./http-client.ts";
import { readJson, readQuery, readRequest } from "./http-client.ts";
import { boolField, numberField, textField, toList, toRecord, type JsonRecord } from "./shape.ts";

/** A server as Raft's configuration lists it. */
export interface RaftServer {
  readonly ID: string;
  readonly Node: string;
  readonly Address: string;
  readonly Leader: boolean;
  readonly Voter: boolean;
  readonly ProtocolVersion: string;
  /** Last log index the server is known to hold; 0 from agents that do not report it. */
  readonly LastIndex: number;
}

/** Autopilot's settings, by the API's names. Durations are Go's text. */
export interface AutopilotConfiguration {
  readonly CleanupDeadServers: boolean;
  readonly LastContactThreshold: string;
  readonly MaxTrailingLogs: number;
  readonly MinQuorum: number;
  readonly ServerStabilizationTime: string;
  readonly RedundancyZoneTag: string;
  readonly DisableUpgradeMigration: boolean;
  readonly UpgradeVersionTag: string;
  readonly ModifyIndex: number;
}

/** Servers in Raft's configuration. */
export async function raftServers(
  client: HttpClient,
  options: ReadOptions = {},
): Promise<readonly RaftServer[]> {
  const reply = await client.json({
    method: "GET",
    path: "/v1/operator/raft/configuration",
    query: readQuery(options),
    ...readRequest(options),
  });
  return toList(toRecord(reply)["Servers"], "Servers").map((value) => {
    const record = toRecord(value, "a server");
    return {
      ID: textField(record, "ID"),
      Node: textField(record, "Node"),
      Address: textField(record, "Address"),
      Leader: boolField(record, "Leader"),
      Voter: boolField(record, "Voter"),
      ProtocolVersion: textField(record, "ProtocolVersion"),
      LastIndex: numberField(record, "LastIndex"),
    };
  });
}

/** Which server to remove. */
export type RaftPeer =
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "id"; readonly id: string };

/** Removes a server from Raft's configuration. */
export async function raftRemovePeer(client: HttpClient, peer: RaftPeer): Promise<void> {
  const query = peer.kind === "address" ? { address: peer.address } : { id: peer.id };
  await client.send({ method: "DELETE", path: "/v1/operator/raft/peer", query });
}

/** Moves leadership, to the server `id` if given; false if the leader could not. */
export async function raftTransferLeader(
  client: HttpClient,
  options: ReadOptions & { readonly id?: string } = {},
): Promise<boolean> {
  const reply = await client.json({
    method: "POST",
    path: "/v1/operator/raft/transfer-leader",
    query: { id: options.id === "" ? undefined : options.id, ...readQuery(options) },
  });
  return boolField(toRecord(reply), "Success");
}

/** Autopilot's settings. */
export async function autopilotConfiguration(
  client: HttpClient,
  options: ReadOptions = {},
): Promise<AutopilotConfiguration> {
  const path = "/v1/operator/autopilot/configuration";
  const record = toRecord(await client.json({ method: "GET", path, query: readQuery(options) }));
  return {
    CleanupDeadServers: boolField(record, "CleanupDeadServers"),
    LastContactThreshold: textField(record, "LastContactThreshold"),
    MaxTrailingLogs: numberField(record, "MaxTrailingLogs"),
    MinQuorum: numberField(record, "MinQuorum"),
    ServerStabilizationTime: textField(record, "ServerStabilizationTime"),
    RedundancyZoneTag: textField(record, "RedundancyZoneTag"),
    DisableUpgradeMigration: boolField(record, "DisableUpgradeMigration"),
    UpgradeVersionTag: textField(record, "UpgradeVersionTag"),
    ModifyIndex: numberField(record, "ModifyIndex"),
  };
}

/** Replaces autopilot's settings if they are still those of `ModifyIndex`; false if not. */
export async function autopilotCas(
  client: HttpClient,
  configuration: AutopilotConfiguration,
): Promise<boolean> {
  const reply = await client.send({
    method: "PUT",
    path: "/v1/operator/autopilot/configuration",
    query: { cas: String(configuration.ModifyIndex) },
    json: configuration,
  });
  return reply.includes("true");
}

/** Autopilot's view of the servers, as the agent reports it. */
export async function autopilotState(client: HttpClient, options: ReadOptions = {}): Promise<JsonRecord> {
  const path = "/v1/operator/autopilot/state";
  return toRecord(await client.json({ method: "GET", path, query: readQuery(options) }));
}

/** Counts of one datacenter's catalog. */
export interface ServiceUsage {
  readonly Nodes: number;
  readonly Services: number;
  readonly BillableServiceInstances: number;
  /** Instances by kind of their part in the mesh. */
  readonly ConnectServiceInstances: ReadonlyMap<string, number>;
}

/** Counts by datacenter: of the agent's alone, or of all. */
export async function serviceUsage(
  client: HttpClient,
  options: ReadOptions & { readonly global: boolean },
): Promise<ReadonlyMap<string, ServiceUsage>> {
  const query = { ...readQuery(options), ...(options.global ? { global: "" } : {}) };
  const reply = toRecord(
    await client.json({ method: "GET", path: "/v1/operator/usage", query, ...readRequest(options) }),
  );
  const usage = toRecord(reply["Usage"], "Usage");
  return new Map(Object.keys(usage).map((datacenter) => [datacenter, toUsage(toRecord(usage[datacenter]))]));
}

function toUsage(record: JsonRecord): ServiceUsage {
  const connect = toRecord(record["ConnectServiceInstances"], "ConnectServiceInstances");
  return {
    Nodes: numberField(record, "Nodes"),
    Services: numberField(record, "Services"),
    BillableServiceInstances: numberField(record, "BillableServiceInstances"),
    ConnectServiceInstances: new Map(Object.keys(connect).map((kind) => [kind, numberField(connect, kind)])),
  };
}

/** Version that the leading server reports, or `undefined` if none leads. */
export async function leaderVersion(client: HttpClient): Promise<string | undefined> {
  // An unhealthy cluster answers 429, with the same body.
  const path = "/v1/operator/autopilot/health";
  const reply = await client.request({ method: "GET", path, accept: [200, 429] });
  const servers = toList(toRecord(await readJson(reply.body))["Servers"], "Servers");
  const leader = servers.map((value) => toRecord(value)).find((server) => boolField(server, "Leader"));
  return leader === undefined ? undefined : textField(leader, "Version");
}
