/**
 * The leader's entry for itself in the catalog: its node, the `consul` service and the check of its being alive.
 *
 * Source: the reference's leader registrator.
 */
import type { Rpc } from "../wire/rpc/method.ts";
import { catalogNodeServiceList, catalogRegister, healthNodeChecks } from "../wire/rpc/methods.ts";
import { HealthCheck, RegisterRequest } from "../wire/structs/catalog.ts";
import { NodeSpecificRequest } from "../wire/structs/common.ts";
import { NodeService } from "../wire/structs/service.ts";
import { sameCheck, sameService } from "./same.ts";

/** What the leader says of a live server. */
export interface ServerFacts {
  readonly datacenter: string;
  readonly nodeName: string;
  readonly nodeId: string;
  readonly address: string;
  /** Port of the RPC door. */
  readonly serverPort: number;
  readonly taggedAddresses: Readonly<Record<string, string>>;
  readonly nodeMeta: Readonly<Record<string, string>>;
  /** The release whose behaviour is offered. */
  readonly version: string;
}

const aliveOutput = "Agent alive and reachable";

/** Registers this server unless the catalog has it already. Rejects as `Rpc` does. */
export async function reconcileSelf(rpc: Rpc, facts: ServerFacts): Promise<void> {
  const service = serverService(facts);
  const check = HealthCheck.make({
    Node: facts.nodeName,
    CheckID: "serfHealth",
    Name: "Serf Health Status",
    Status: "passing",
    Output: aliveOutput,
  });
  if (await isRegistered(rpc, facts, { service, check })) return;
  await rpc.call(
    catalogRegister,
    RegisterRequest.make({
      Datacenter: facts.datacenter,
      Node: facts.nodeName,
      ID: facts.nodeId,
      Address: facts.address,
      // Told here as well, so that the entry is whole before the agent's first sync.
      TaggedAddresses: facts.taggedAddresses,
      NodeMeta: facts.nodeMeta,
      Service: service,
      Check: check,
    }),
  );
}

function serverService(facts: ServerFacts): NodeService {
  return NodeService.make({
    ID: "consul",
    Service: "consul",
    Port: facts.serverPort,
    Weights: { Passing: 1, Warning: 1 },
    Meta: {
      non_voter: "false",
      raft_version: "3",
      read_replica: "false",
      serf_protocol_current: "2",
      serf_protocol_max: "5",
      serf_protocol_min: "1",
      version: facts.version,
    },
  });
}

async function isRegistered(
  rpc: Rpc,
  facts: ServerFacts,
  wanted: { readonly service: NodeService; readonly check: HealthCheck },
): Promise<boolean> {
  const request = NodeSpecificRequest.make({ Datacenter: facts.datacenter, Node: facts.nodeName });
  const { NodeServices: known } = await rpc.call(catalogNodeServiceList, request);
  const node = known.Node;
  if (node === null || node.ID !== facts.nodeId || node.Address !== facts.address) return false;
  const service = known.Services?.find(({ ID }) => ID === wanted.service.ID);
  if (service === undefined || !sameService(service, wanted.service)) return false;
  const { HealthChecks: checks } = await rpc.call(healthNodeChecks, request);
  const check = checks?.find(({ CheckID }) => CheckID === wanted.check.CheckID);
  return check !== undefined && sameCheck(check, wanted.check);
}
