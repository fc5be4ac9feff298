/** The whole catalog at once, as the web UI reads it. Source: the reference's Internal service. */
import type { Infer } from "../schema/codec.ts";
import { list, map } from "../schema/collections.ts";
import { bool, int, str } from "../schema/scalars.ts";
import { field, struct } from "../schema/struct.ts";
import { CheckServiceNode, HealthCheck } from "./catalog.ts";
import { queryMeta, queryOptions, QuerySource } from "./common.ts";
import { GatewayService } from "./operator-state.ts";
import { NodeService } from "./service.ts";

/** A node with all that is on it. */
export const NodeInfo = struct("NodeInfo", {
  ID: str,
  Node: str,
  PeerName: field(str, { omitEmptyJson: true, omitEmptyWire: true }),
  Address: str,
  TaggedAddresses: map(str),
  Meta: map(str),
  Services: list(NodeService),
  Checks: list(HealthCheck),
});
export type NodeInfo = Infer<typeof NodeInfo>;

export const IndexedNodeDump = struct("IndexedNodeDump", {
  ImportedDump: field(list(NodeInfo), { omitEmptyWire: true }),
  Dump: list(NodeInfo),
  ...queryMeta,
});
export type IndexedNodeDump = Infer<typeof IndexedNodeDump>;

export const ServiceDumpRequest = struct("ServiceDumpRequest", {
  Datacenter: str,
  ServiceKind: str,
  UseServiceKind: bool,
  Source: QuerySource,
  ...queryOptions,
});
export type ServiceDumpRequest = Infer<typeof ServiceDumpRequest>;

/** Every instance of every service, and which services gateways stand before. */
export const IndexedNodesWithGateways = struct("IndexedNodesWithGateways", {
  ImportedNodes: field(list(CheckServiceNode), { omitEmptyWire: true }),
  Nodes: list(CheckServiceNode),
  Gateways: list(GatewayService),
  ...queryMeta,
});
export type IndexedNodesWithGateways = Infer<typeof IndexedNodesWithGateways>;

/** How many of a kind are in which state. */
export const HealthSummary = struct("HealthSummary", {
  Name: field(str, { omitEmptyJson: true }),
  Total: int,
  Passing: int,
  Warning: int,
  Critical: int,
});
export type HealthSummary = Infer<typeof HealthSummary>;

/** The catalog at a glance. */
export const CatalogSummary = struct("CatalogSummary", {
  Nodes: list(HealthSummary),
  Services: list(HealthSummary),
  Checks: list(HealthSummary),
});
export type CatalogSummary = Infer<typeof CatalogSummary>;
