/** Nodes, checks, registrations and the answers of catalog and health reads. Source: protocol reference, RPC 9. */
import type { Infer } from "../schema/codec.ts";
import { list, map, ptr } from "../schema/collections.ts";
import { bool, durationText, int, str, uint } from "../schema/scalars.ts";
import { field, struct } from "../schema/struct.ts";
import { instantMs } from "../schema/time.ts";
import { queryMeta, queryOptions, QuerySource, raftIndex, ServiceAddress } from "./common.ts";
import { ConnectProxyConfig, Locality, NodeService, ServiceConnect, Weights } from "./service.ts";

const emptyJson = { omitEmptyJson: true } as const;
const newer = { omitEmptyJson: true, omitEmptyWire: true } as const;

/** A member of the catalog. */
export const Node = struct("Node", {
  ID: str,
  Node: str,
  Address: str,
  Datacenter: str,
  TaggedAddresses: map(str),
  Meta: map(str),
  /** The peer that it is imported from; "" for a node of this cluster. */
  PeerName: field(str, newer),
  ...raftIndex,
});
export type Node = Infer<typeof Node>;

/** How an external monitor should run a check; agents keep theirs locally. */
export const HealthCheckDefinition = struct("HealthCheckDefinition", {
  Interval: field(durationText, emptyJson),
  Timeout: field(durationText, emptyJson),
  DeregisterCriticalServiceAfter: field(durationText, emptyJson),
  HTTP: field(str, emptyJson),
  TLSServerName: field(str, newer),
  TLSSkipVerify: field(bool, emptyJson),
  Header: field(map(list(str)), emptyJson),
  Method: field(str, emptyJson),
  Body: field(str, emptyJson),
  DisableRedirects: field(bool, newer),
  TCP: field(str, emptyJson),
  TCPUseTLS: field(bool, newer),
  UDP: field(str, newer),
  H2PING: field(str, newer),
  OSService: field(str, newer),
  H2PingUseTLS: field(bool, newer),
  OutputMaxSize: field(uint, emptyJson),
  ScriptArgs: field(list(str), emptyJson),
  DockerContainerID: field(str, emptyJson),
  Shell: field(str, emptyJson),
  GRPC: field(str, emptyJson),
  GRPCUseTLS: field(bool, emptyJson),
  AliasNode: field(str, emptyJson),
  AliasService: field(str, emptyJson),
  TTL: field(durationText, emptyJson),
});
export type HealthCheckDefinition = Infer<typeof HealthCheckDefinition>;

const healthCheckFields = {
  Node: str,
  CheckID: str,
  Name: str,
  Status: str,
  Notes: str,
  Output: str,
  ServiceID: str,
  ServiceName: str,
  ServiceTags: list(str),
  Type: str,
  Interval: field(str, { omitEmptyWire: true }),
  Timeout: field(str, { omitEmptyWire: true }),
  ExposedPort: field(int, { omitEmptyWire: true }),
  Definition: field(HealthCheckDefinition, { selectable: false }),
  PeerName: field(str, newer),
  ...raftIndex,
} as const;
/** When the status last changed, in calendar milliseconds of the leader; 0 if that is not known. */
const lastTransition = { omitEmptyJson: true, omitEmptyWire: true, selectable: false } as const;

/**
 * The state of one check. Status: passing, warning, critical (maintenance is critical). `LastTransition` is an addition
 * of Proconsul, which peers pass over and JSON shows to those only who ask for it.
 */
export const HealthCheck = struct("HealthCheck", {
  ...healthCheckFields,
  LastTransition: field(instantMs, { ...lastTransition, json: null }),
});
export type HealthCheck = Infer<typeof HealthCheck>;

/** A check with the time of its last transition in JSON. */
export const TimedHealthCheck = struct("HealthCheck", {
  ...healthCheckFields,
  LastTransition: field(instantMs, lastTransition),
});

/** Argument of Catalog.Register, body of log command 0, and a snapshot record. */
export const RegisterRequest = struct("RegisterRequest", {
  Datacenter: str,
  ID: str,
  Node: str,
  Address: str,
  TaggedAddresses: map(str),
  NodeMeta: map(str),
  Service: ptr(NodeService),
  Check: ptr(HealthCheck),
  Checks: list(ptr(HealthCheck)),
  SkipNodeUpdate: bool,
  Token: field(str, { json: null }),
  CreateIndex: field(uint, { json: null }),
  ModifyIndex: field(uint, { json: null }),
});
export type RegisterRequest = Infer<typeof RegisterRequest>;

/** Argument of Catalog.Deregister and body of log command 1. */
export const DeregisterRequest = struct("DeregisterRequest", {
  Datacenter: str,
  Node: str,
  ServiceID: str,
  CheckID: str,
  Token: field(str, { json: null }),
});
export type DeregisterRequest = Infer<typeof DeregisterRequest>;

/** A service instance joined with its node, flat. */
export const ServiceNode = struct("ServiceNode", {
  ID: str,
  Node: str,
  Address: str,
  Datacenter: str,
  TaggedAddresses: map(str),
  NodeMeta: map(str),
  ServiceKind: str,
  ServiceID: str,
  ServiceName: str,
  ServiceTags: list(str),
  ServiceAddress: str,
  ServiceTaggedAddresses: field(map(ServiceAddress), emptyJson),
  ServiceWeights: Weights,
  ServiceMeta: map(str),
  ServicePort: int,
  ServiceSocketPath: field(str, { omitEmptyWire: true }),
  ServiceEnableTagOverride: bool,
  ServiceProxy: ConnectProxyConfig,
  ServiceConnect,
  ServiceLocality: field(ptr(Locality), { omitEmptyWire: true, selectable: false }),
  PeerName: field(str, newer),
  ...raftIndex,
});
export type ServiceNode = Infer<typeof ServiceNode>;

/** A service instance with its node and every check that concerns it. */
export const CheckServiceNode = struct("CheckServiceNode", {
  Node: ptr(Node),
  Service: ptr(NodeService),
  Checks: list(HealthCheck),
});
export type CheckServiceNode = Infer<typeof CheckServiceNode>;

/** An instance whose checks show the times of their last transitions. */
export const TimedCheckServiceNode = struct("CheckServiceNode", {
  Node: ptr(Node),
  Service: ptr(NodeService),
  Checks: list(TimedHealthCheck),
});

export const NodeServices = struct("NodeServices", { Node: ptr(Node), Services: map(NodeService) });
export type NodeServices = Infer<typeof NodeServices>;

export const NodeServiceList = struct("NodeServiceList", { Node: ptr(Node), Services: list(NodeService) });
export type NodeServiceList = Infer<typeof NodeServiceList>;

/** Reads that name a service. */
export const ServiceSpecificRequest = struct("ServiceSpecificRequest", {
  Datacenter: str,
  NodeMetaFilters: map(str),
  ServiceName: str,
  ServiceKind: str,
  ServiceTag: str,
  ServiceTags: list(str),
  ServiceAddress: str,
  TagFilter: bool,
  Source: QuerySource,
  Connect: bool,
  Ingress: bool,
  ...queryOptions,
});
export type ServiceSpecificRequest = Infer<typeof ServiceSpecificRequest>;

export const ChecksInStateRequest = struct("ChecksInStateRequest", {
  Datacenter: str,
  NodeMetaFilters: map(str),
  State: str,
  Source: QuerySource,
  ...queryOptions,
});
export type ChecksInStateRequest = Infer<typeof ChecksInStateRequest>;

export const IndexedNodes = struct("IndexedNodes", { Nodes: list(Node), ...queryMeta });
export type IndexedNodes = Infer<typeof IndexedNodes>;
export const IndexedServices = struct("IndexedServices", { Services: map(list(str)), ...queryMeta });
export type IndexedServices = Infer<typeof IndexedServices>;
export const IndexedServiceNodes = struct("IndexedServiceNodes", {
  ServiceNodes: list(ServiceNode),
  ...queryMeta,
});
export type IndexedServiceNodes = Infer<typeof IndexedServiceNodes>;
export const IndexedNodeServices = struct("IndexedNodeServices", {
  NodeServices: ptr(NodeServices),
  ...queryMeta,
});
export type IndexedNodeServices = Infer<typeof IndexedNodeServices>;
export const IndexedNodeServiceList = struct("IndexedNodeServiceList", {
  NodeServices: NodeServiceList,
  ...queryMeta,
});
export type IndexedNodeServiceList = Infer<typeof IndexedNodeServiceList>;
export const IndexedHealthChecks = struct("IndexedHealthChecks", {
  HealthChecks: list(HealthCheck),
  ...queryMeta,
});
export type IndexedHealthChecks = Infer<typeof IndexedHealthChecks>;
export const IndexedCheckServiceNodes = struct("IndexedCheckServiceNodes", {
  Nodes: list(CheckServiceNode),
  ...queryMeta,
});
export type IndexedCheckServiceNodes = Infer<typeof IndexedCheckServiceNodes>;
