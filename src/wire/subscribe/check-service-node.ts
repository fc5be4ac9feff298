/** Instances of services in Protocol Buffers. Source: the reference's private/pbservice messages (1.16). */
import type { ProtoKind, ProtoTable } from "../protobuf/encode.ts";

const text: ProtoKind = { kind: "text" };
const bool: ProtoKind = { kind: "bool" };
const int: ProtoKind = { kind: "int" };
const texts: ProtoKind = { kind: "texts" };
const textMap: ProtoKind = { kind: "textMap" };
const durationNs: ProtoKind = { kind: "durationNs" };
const nested = (message: ProtoTable): ProtoKind => ({ kind: "nested", message });
const list = (message: ProtoTable): ProtoKind => ({ kind: "list", message });

const raftIndex: ProtoKind = { kind: "same", message: { CreateIndex: [1, int], ModifyIndex: [2, int] } };

const node: ProtoTable = {
  ID: [1, text],
  Node: [2, text],
  Address: [3, text],
  Datacenter: [4, text],
  TaggedAddresses: [5, textMap],
  Meta: [6, textMap],
  RaftIndex: [7, raftIndex],
};

const serviceAddress: ProtoTable = { Address: [1, text], Port: [2, int] };
const weights: ProtoTable = { Passing: [1, int], Warning: [2, int] };
const meshGateway: ProtoTable = { Mode: [1, text] };

const upstream: ProtoTable = {
  DestinationType: [1, text],
  DestinationNamespace: [2, text],
  DestinationName: [3, text],
  Datacenter: [4, text],
  LocalBindAddress: [5, text],
  LocalBindPort: [6, int],
  Config: [7, { kind: "anyMap" }],
  MeshGateway: [8, nested(meshGateway)],
};

const exposePath: ProtoTable = {
  ListenerPort: [1, int],
  Path: [2, text],
  LocalPathPort: [3, int],
  Protocol: [4, text],
  ParsedFromCheck: [5, bool],
};

const proxy: ProtoTable = {
  DestinationServiceName: [1, text],
  DestinationServiceID: [2, text],
  LocalServiceAddress: [3, text],
  LocalServicePort: [4, int],
  Config: [5, { kind: "anyMap" }],
  Upstreams: [6, list(upstream)],
  MeshGateway: [7, nested(meshGateway)],
  Expose: [8, nested({ Checks: [1, bool], Paths: [2, list(exposePath)] })],
  Mode: [9, text],
  TransparentProxy: [10, nested({})],
  LocalServiceSocketPath: [11, text],
  AccessLogs: [13, nested({})],
};

/** The catalog never keeps a service's `SidecarService`: it is registered as a service of its own. */
const nodeService: ProtoTable = {
  Kind: [1, text],
  ID: [2, text],
  Service: [3, text],
  Tags: [4, texts],
  Address: [5, text],
  Meta: [6, textMap],
  Port: [7, int],
  Weights: [8, nested(weights)],
  EnableTagOverride: [9, bool],
  Proxy: [11, nested(proxy)],
  Connect: [12, nested({ Native: [1, bool] })],
  LocallyRegisteredAsSidecar: [13, bool],
  RaftIndex: [14, raftIndex],
  TaggedAddresses: [15, { kind: "map", message: serviceAddress }],
  SocketPath: [17, text],
  Locality: [19, nested({ Region: [1, text], Zone: [2, text] })],
};

const checkDefinition: ProtoTable = {
  HTTP: [1, text],
  TLSSkipVerify: [2, bool],
  Header: [3, { kind: "headerMap" }],
  Method: [4, text],
  TCP: [5, text],
  Interval: [6, durationNs],
  Timeout: [7, durationNs],
  DeregisterCriticalServiceAfter: [8, durationNs],
  OutputMaxSize: [9, int],
  ScriptArgs: [10, texts],
  DockerContainerID: [11, text],
  Shell: [12, text],
  GRPC: [13, text],
  GRPCUseTLS: [14, bool],
  AliasNode: [15, text],
  AliasService: [16, text],
  TTL: [17, durationNs],
  Body: [18, text],
  TLSServerName: [19, text],
  H2PING: [20, text],
  H2PingUseTLS: [21, bool],
  DisableRedirects: [22, bool],
  UDP: [23, text],
  OSService: [24, text],
  TCPUseTLS: [25, bool],
};

const healthCheck: ProtoTable = {
  Node: [1, text],
  CheckID: [2, text],
  Name: [3, text],
  Status: [4, text],
  Notes: [5, text],
  Output: [6, text],
  ServiceID: [7, text],
  ServiceName: [8, text],
  ServiceTags: [9, texts],
  Definition: [10, nested(checkDefinition)],
  RaftIndex: [11, raftIndex],
  Type: [12, text],
  ExposedPort: [14, int],
  Interval: [15, text],
  Timeout: [16, text],
};

/** A `CheckServiceNode` of `wire/structs/catalog.ts`. */
export const checkServiceNodeProto: ProtoTable = {
  Node: [1, nested(node)],
  Service: [2, nested(nodeService)],
  Checks: [3, list(healthCheck)],
};
