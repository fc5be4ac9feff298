/** The agent itself: who it is, whom it knows, what is registered with it. */
import type { HttpClient } from "./http-client.ts";
import { numberField, textField, textMapField, toList, toRecord, type JsonRecord } from "./shape.ts";

/** A member of the gossip pool. */
export interface AgentMember {
  readonly Name: string;
  readonly Addr: string;
  readonly Port: number;
  readonly Tags: Readonly<Record<string, string>>;
  /** Serf's number: 0 none, 1 alive, 2 leaving, 3 left, 4 failed. */
  readonly Status: number;
}

/** A check that is registered with the agent. */
export interface AgentCheck {
  readonly CheckID: string;
  readonly ServiceID: string;
  readonly Notes: string;
  readonly Status: string;
}

/** Configuration, statistics and metadata of the agent, as it reports them. */
export async function agentSelf(client: HttpClient): Promise<JsonRecord> {
  return toRecord(await client.json({ method: "GET", path: "/v1/agent/self" }));
}

/** The agent's node name and datacenter. */
export async function agentIdentity(
  client: HttpClient,
): Promise<{ readonly nodeName: string; readonly datacenter: string }> {
  const config = toRecord((await agentSelf(client))["Config"], "Config");
  return { nodeName: textField(config, "NodeName"), datacenter: textField(config, "Datacenter") };
}

/** Members that the agent knows, in no particular order. */
export async function agentMembers(
  client: HttpClient,
  options: { readonly wan?: boolean; readonly segment?: string; readonly filter?: string } = {},
): Promise<readonly AgentMember[]> {
  const list = await client.json({
    method: "GET",
    path: "/v1/agent/members",
    query: {
      wan: options.wan === true ? "1" : undefined,
      segment: options.segment,
      filter: options.filter === "" ? undefined : options.filter,
    },
  });
  return toList(list).map((value) => {
    const record = toRecord(value, "a member");
    return {
      Name: textField(record, "Name"),
      Addr: textField(record, "Addr"),
      Port: numberField(record, "Port"),
      Tags: textMapField(record, "Tags"),
      Status: numberField(record, "Status"),
    };
  });
}

/** Checks registered with the agent. */
export async function agentChecks(client: HttpClient): Promise<readonly AgentCheck[]> {
  const checks = toRecord(await client.json({ method: "GET", path: "/v1/agent/checks" }));
  return Object.values(checks).map((value) => {
    const record = toRecord(value, "a check");
    return {
      CheckID: textField(record, "CheckID"),
      ServiceID: textField(record, "ServiceID"),
      Notes: textField(record, "Notes"),
      Status: textField(record, "Status"),
    };
  });
}

/** Registers a service; `definition` is the API's JSON form. */
export async function agentRegisterService(client: HttpClient, definition: JsonRecord): Promise<void> {
  await client.send({ method: "PUT", path: "/v1/agent/service/register", json: definition });
}

/** Removes a service from the agent. */
export async function agentDeregisterService(client: HttpClient, serviceId: string): Promise<void> {
  await client.send({ method: "PUT", path: `/v1/agent/service/deregister/${serviceId}` });
}

/** Turns maintenance mode on or off, for the node or for one of its services. */
export async function agentMaintenance(
  client: HttpClient,
  options: { readonly enable: boolean; readonly reason?: string; readonly serviceId?: string },
): Promise<void> {
  const path =
    options.serviceId === undefined
      ? "/v1/agent/maintenance"
      : `/v1/agent/service/maintenance/${options.serviceId}`;
  await client.send({
    method: "PUT",
    path,
    query: { enable: String(options.enable), reason: options.enable ? (options.reason ?? "") : undefined },
  });
}

/** Has the agent read its configuration again. */
export async function agentReload(client: HttpClient): Promise<void> {
  await client.send({ method: "PUT", path: "/v1/agent/reload" });
}

/** Has the agent leave its cluster and stop. */
export async function agentLeave(client: HttpClient): Promise<void> {
  await client.send({ method: "PUT", path: "/v1/agent/leave" });
}

/** Has the agent join by one address. */
export async function agentJoin(
  client: HttpClient,
  address: string,
  options: { readonly wan: boolean },
): Promise<void> {
  await client.send({
    method: "PUT",
    path: `/v1/agent/join/${address}`,
    query: { wan: options.wan ? "1" : undefined },
  });
}

/** Has the agent declare a failed member to have left; `prune` forgets it at once. */
export async function agentForceLeave(
  client: HttpClient,
  node: string,
  options: { readonly prune: boolean; readonly wan: boolean },
): Promise<void> {
  await client.send({
    method: "PUT",
    path: `/v1/agent/force-leave/${node}`,
    query: { prune: options.prune ? "1" : undefined, wan: options.wan ? "1" : undefined },
  });
}

/** Follows the agent's log: lines without their line ends, until either side ends it. */
export async function agentMonitor(
  client: HttpClient,
  options: { readonly level: string; readonly json: boolean; readonly signal: AbortSignal },
): Promise<AsyncIterable<string>> {
  const reply = await client.request({
    method: "GET",
    path: "/v1/agent/monitor",
    query: {
      loglevel: options.level === "" ? undefined : options.level,
      logjson: options.json ? "true" : undefined,
    },
    signal: options.signal,
  });
  return linesOf(reply.body);
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield line.replace(/\r$/u, "");
  }
  if (rest !== "") yield rest;
}
