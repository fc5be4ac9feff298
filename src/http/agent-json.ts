/** Services and checks as the agent's own endpoints show them, which is not how the catalog does. */
import type { Infer } from "../wire/schema/codec.ts";
import { any, list, map, ptr } from "../wire/schema/collections.ts";
import { bool, int, str } from "../wire/schema/scalars.ts";
import { field, struct } from "../wire/schema/struct.ts";
import { HealthCheck } from "../wire/structs/catalog.ts";
import { ServiceAddress } from "../wire/structs/common.ts";
import { ExposeConfig, MeshGatewayConfig, Weights, type NodeService } from "../wire/structs/service.ts";

const emptyJson = { omitEmptyJson: true } as const;

const ApiUpstream = struct("ApiUpstream", {
  DestinationType: field(str, emptyJson),
  DestinationNamespace: field(str, emptyJson),
  DestinationName: str,
  Datacenter: field(str, emptyJson),
  LocalBindAddress: field(str, emptyJson),
  LocalBindPort: field(int, emptyJson),
  Config: field(map(any), emptyJson),
  MeshGateway: MeshGatewayConfig,
});

const ApiProxy = struct("ApiProxy", {
  DestinationServiceName: field(str, emptyJson),
  DestinationServiceID: field(str, emptyJson),
  LocalServiceAddress: field(str, emptyJson),
  LocalServicePort: field(int, emptyJson),
  LocalServiceSocketPath: field(str, emptyJson),
  Mode: field(str, emptyJson),
  Config: field(map(any), emptyJson),
  Upstreams: field(list(ApiUpstream), emptyJson),
  MeshGateway: MeshGatewayConfig,
  Expose: ExposeConfig,
});

/** Unlike the catalog's, it shows what is empty. */
const ApiLocality = struct("Locality", { Region: str, Zone: str });

const ApiConnect = struct("ApiConnect", { Native: field(bool, emptyJson) });

/** A service of this agent. */
export const AgentService = struct("AgentService", {
  Kind: field(str, emptyJson),
  ID: str,
  Service: str,
  Tags: list(str),
  Meta: map(str),
  Port: int,
  Address: str,
  SocketPath: field(str, emptyJson),
  TaggedAddresses: field(map(ServiceAddress), emptyJson),
  Weights,
  EnableTagOverride: bool,
  ContentHash: field(str, { ...emptyJson, selectable: false }),
  Proxy: field(ptr(ApiProxy), emptyJson),
  Connect: field(ptr(ApiConnect), emptyJson),
  PeerName: field(str, emptyJson),
  Locality: field(ptr(ApiLocality), { ...emptyJson, selectable: false }),
});
export type AgentService = Infer<typeof AgentService>;

const kindsWithProxy: readonly string[] = [
  "connect-proxy",
  "mesh-gateway",
  "terminating-gateway",
  "ingress-gateway",
  "api-gateway",
];

/** The agent's view of a service, without its hash. */
export function toAgentService(service: NodeService): AgentService {
  const weights = service.Weights;
  return AgentService.make({
    Kind: service.Kind,
    ID: service.ID,
    Service: service.Service,
    Tags: service.Tags ?? [],
    Meta: service.Meta ?? {},
    Port: service.Port,
    Address: service.Address,
    SocketPath: service.SocketPath,
    TaggedAddresses: service.TaggedAddresses,
    Weights:
      weights === null
        ? { Passing: 1, Warning: 1 }
        : { Passing: Math.max(1, weights.Passing), Warning: weights.Warning },
    EnableTagOverride: service.EnableTagOverride,
    Proxy: kindsWithProxy.includes(service.Kind) ? service.Proxy : null,
    Connect: service.Connect.Native ? { Native: true } : null,
    Locality: service.Locality,
  });
}

/** The service with a hash of its content, for blocking on it. */
export function withContentHash(service: AgentService): AgentService {
  return { ...service, ContentHash: contentHash(AgentService.json(service)) };
}

/** FNV-1a of 64 bits, in hexadecimal: a fingerprint, not a signature. */
function contentHash(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (let at = 0; at < text.length; at += 1) {
    hash = ((hash ^ BigInt(text.charCodeAt(at))) * 0x100000001b3n) & 0xffffffffffffffffn;
  }
  return hash.toString(16);
}

/** The checks of this agent by id. */
export function checksJson(checks: readonly HealthCheck[]): string {
  const shown = checks.map(
    (check) => [check.CheckID, { ...check, ServiceTags: check.ServiceTags ?? [] }] as const,
  );
  return map(HealthCheck).json(Object.fromEntries(shown));
}

/** A definition that says nothing, in the shape of the client library. */
const emptyDefinition =
  '{"Interval":"0s","Timeout":"0s","DeregisterCriticalServiceAfter":"0s","HTTP":"","Header":null,"Method":"",' +
  '"Body":"","TLSSkipVerify":false,"TCP":""}';

function healthCheckJson(check: HealthCheck): string {
  const tags = list(str).json(check.ServiceTags);
  const { Node, CheckID, Name, Status, Notes, Output, ServiceID, ServiceName } = check;
  const texts = Object.entries({ Node, CheckID, Name, Status, Notes, Output, ServiceID, ServiceName });
  const head = texts.map(([name, value]) => `"${name}":${str.json(value)}`).join(",");
  return `{${head},"ServiceTags":${tags},"Type":"","ExposedPort":0,"Definition":${emptyDefinition},"CreateIndex":0,"ModifyIndex":0}`;
}

/** A service, its checks and what they amount to. */
export function serviceHealthJson(
  status: string,
  service: AgentService,
  checks: readonly HealthCheck[],
): string {
  const shown = checks.map(healthCheckJson).join(",");
  return `{"AggregatedStatus":${str.json(status)},"Service":${AgentService.json(service)},"Checks":[${shown}]}`;
}

/** The status of all checks together; maintenance weighs most. */
export function aggregatedStatus(checks: readonly HealthCheck[]): string {
  let status = "passing";
  for (const { CheckID, Status } of checks) {
    if (CheckID === "_node_maintenance" || CheckID.startsWith("_service_maintenance:")) return "maintenance";
    if (Status === "critical") status = "critical";
    else if (Status === "warning" && status === "passing") status = "warning";
  }
  return status;
}
