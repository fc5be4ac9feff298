/** Services and what hangs on them: proxies, upstreams, sidecars. Source: protocol reference, RPC sections 9 and 10. */
import type { Codec, Infer } from "../schema/codec.ts";
import { any, lazy, list, map, ptr } from "../schema/collections.ts";
import { bool, durationText, int, str } from "../schema/scalars.ts";
import { field, struct } from "../schema/struct.ts";
import { raftIndex, ServiceAddress } from "./common.ts";

const emptyJson = { omitEmptyJson: true } as const;
/** Fields that 1.9 peers do not have: kept off the wire and out of JSON while empty. */
const newer = { omitEmptyJson: true, omitEmptyWire: true } as const;

export const Weights = struct("Weights", { Passing: int, Warning: int });
export type Weights = Infer<typeof Weights>;

export const MeshGatewayConfig = struct("MeshGatewayConfig", { Mode: field(str, emptyJson) });

export const ExposePath = struct(
  "ExposePath",
  {
    ListenerPort: field(int, emptyJson),
    Path: field(str, emptyJson),
    LocalPathPort: field(int, emptyJson),
    Protocol: field(str, emptyJson),
    ParsedFromCheck: field(bool, emptyJson),
  },
  { jsonAliases: { listener_port: "ListenerPort", local_path_port: "LocalPathPort" } },
);

export const ExposeConfig = struct("ExposeConfig", {
  Checks: field(bool, emptyJson),
  Paths: field(list(ExposePath), emptyJson),
});

export const Upstream = struct(
  "Upstream",
  {
    DestinationType: str,
    DestinationNamespace: field(str, emptyJson),
    DestinationName: str,
    Datacenter: str,
    LocalBindAddress: field(str, emptyJson),
    LocalBindPort: field(int, emptyJson),
    Config: field(map(any), emptyJson),
    MeshGateway: MeshGatewayConfig,
    IngressHosts: field(list(str), { json: null }),
  },
  {
    jsonAliases: {
      destination_type: "DestinationType",
      destination_namespace: "DestinationNamespace",
      destination_name: "DestinationName",
      local_bind_address: "LocalBindAddress",
      local_bind_port: "LocalBindPort",
      mesh_gateway: "MeshGateway",
    },
  },
);

export const ConnectProxyConfig = struct(
  "ConnectProxyConfig",
  {
    DestinationServiceName: field(str, emptyJson),
    DestinationServiceID: field(str, emptyJson),
    LocalServiceAddress: field(str, emptyJson),
    LocalServicePort: field(int, emptyJson),
    LocalServiceSocketPath: field(str, newer),
    Mode: field(str, { omitEmptyWire: true }),
    Config: field(map(any), emptyJson),
    Upstreams: field(list(Upstream), emptyJson),
    MeshGateway: MeshGatewayConfig,
    Expose: ExposeConfig,
  },
  {
    jsonAliases: {
      destination_service_name: "DestinationServiceName",
      destination_service_id: "DestinationServiceID",
      local_service_address: "LocalServiceAddress",
      local_service_port: "LocalServicePort",
      local_service_socket_path: "LocalServiceSocketPath",
      mesh_gateway: "MeshGateway",
    },
  },
);
export type ConnectProxyConfig = Infer<typeof ConnectProxyConfig>;

const checkTypeAliases = {
  check_id: "CheckID",
  id: "CheckID",
  script_args: "ScriptArgs",
  args: "ScriptArgs",
  docker_container_id: "DockerContainerID",
  tls_server_name: "TLSServerName",
  tls_skip_verify: "TLSSkipVerify",
  tcp_use_tls: "TCPUseTLS",
  grpc_use_tls: "GRPCUseTLS",
  h2ping: "H2PING",
  h2ping_use_tls: "H2PingUseTLS",
  os_service: "OSService",
  disable_redirects: "DisableRedirects",
  output_max_size: "OutputMaxSize",
  alias_node: "AliasNode",
  alias_service: "AliasService",
  success_before_passing: "SuccessBeforePassing",
  failures_before_warning: "FailuresBeforeWarning",
  failures_before_critical: "FailuresBeforeCritical",
  deregister_critical_service_after: "DeregisterCriticalServiceAfter",
} as const;

/** Where something runs, in the words of its cloud. */
export const Locality = struct(
  "Locality",
  { Region: field(str, newer), Zone: field(str, newer) },
  { jsonAliases: { region: "Region", zone: "Zone" } },
);
export type Locality = Infer<typeof Locality>;

/** A check as it is defined on an agent. Durations in nanoseconds. */
export const CheckType = struct(
  "CheckType",
  {
    CheckID: str,
    Name: str,
    Status: str,
    Notes: str,
    ScriptArgs: list(str),
    HTTP: str,
    H2PING: field(str, newer),
    Header: map(list(str)),
    Method: str,
    Body: str,
    DisableRedirects: field(bool, newer),
    TCP: str,
    TCPUseTLS: field(bool, newer),
    UDP: field(str, newer),
    Interval: durationText,
    AliasNode: str,
    AliasService: str,
    DockerContainerID: str,
    Shell: str,
    GRPC: str,
    GRPCUseTLS: bool,
    H2PingUseTLS: field(bool, newer),
    OSService: field(str, newer),
    TLSServerName: field(str, newer),
    TLSSkipVerify: bool,
    Timeout: durationText,
    TTL: durationText,
    SuccessBeforePassing: int,
    FailuresBeforeWarning: field(int, newer),
    FailuresBeforeCritical: int,
    ProxyHTTP: str,
    ProxyGRPC: str,
    DeregisterCriticalServiceAfter: durationText,
    OutputMaxSize: int,
  },
  { jsonAliases: checkTypeAliases },
);
export type CheckType = Infer<typeof CheckType>;

/** A service as it is registered with an agent. */
export interface ServiceDefinition {
  readonly Kind: string;
  readonly ID: string;
  readonly Name: string;
  readonly Tags: readonly string[] | null;
  readonly Address: string;
  readonly TaggedAddresses: Readonly<Record<string, ServiceAddress>> | null;
  readonly Meta: Readonly<Record<string, string>> | null;
  readonly Port: number;
  readonly SocketPath: string;
  readonly Check: CheckType;
  readonly Checks: readonly (CheckType | null)[] | null;
  readonly Weights: Weights | null;
  readonly Token: string;
  readonly EnableTagOverride: boolean;
  readonly Proxy: ConnectProxyConfig | null;
  readonly Connect: ServiceConnect | null;
  readonly Locality: Locality | null;
}

/** How a service takes part in the mesh. */
export interface ServiceConnect {
  readonly Native: boolean;
  readonly SidecarService: ServiceDefinition | null;
}

const sidecar: Codec<ServiceDefinition | null> = lazy<ServiceDefinition | null>(null, () =>
  ptr(ServiceDefinition),
);

export const ServiceConnect: Codec<ServiceConnect> & {
  make(given: Partial<ServiceConnect>): ServiceConnect;
} = struct(
  "ServiceConnect",
  { Native: field(bool, emptyJson), SidecarService: field(sidecar, emptyJson) },
  { jsonAliases: { sidecar_service: "SidecarService" } },
);

export const ServiceDefinition: Codec<ServiceDefinition> & {
  make(given: Partial<ServiceDefinition>): ServiceDefinition;
} = struct(
  "ServiceDefinition",
  {
    Kind: field(str, emptyJson),
    ID: str,
    Name: str,
    Tags: list(str),
    Address: str,
    TaggedAddresses: map(ServiceAddress),
    Meta: map(str),
    Port: int,
    SocketPath: field(str, newer),
    Check: CheckType,
    Checks: list(ptr(CheckType)),
    Weights: ptr(Weights),
    Token: str,
    EnableTagOverride: bool,
    Proxy: ptr(ConnectProxyConfig),
    Connect: ptr(ServiceConnect),
    Locality: field(ptr(Locality), newer),
  },
  {
    jsonAliases: {
      service: "Name",
      tagged_addresses: "TaggedAddresses",
      socket_path: "SocketPath",
      enable_tag_override: "EnableTagOverride",
    },
  },
);

/** A service instance on a node, as the catalog keeps it. */
export const NodeService = struct(
  "NodeService",
  {
    Kind: field(str, emptyJson),
    ID: str,
    Service: str,
    Tags: list(str),
    Address: str,
    TaggedAddresses: field(map(ServiceAddress), emptyJson),
    Meta: map(str),
    Port: field(int, emptyJson),
    SocketPath: field(str, newer),
    Weights: ptr(Weights),
    EnableTagOverride: bool,
    Locality: field(ptr(Locality), { ...newer, selectable: false }),
    Proxy: ConnectProxyConfig,
    Connect: ServiceConnect,
    /** The peer that it is imported from; "" for a service of this cluster. */
    PeerName: field(str, { omitEmptyWire: true }),
    LocallyRegisteredAsSidecar: field(bool, { json: null }),
    ...raftIndex,
  },
  {
    jsonAliases: {
      tagged_addresses: "TaggedAddresses",
      socket_path: "SocketPath",
      enable_tag_override: "EnableTagOverride",
    },
  },
);
export type NodeService = Infer<typeof NodeService>;
