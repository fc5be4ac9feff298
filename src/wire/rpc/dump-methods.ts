/** Methods that read the whole catalog, by the wire's names. */
import { DCSpecificRequest, NodeSpecificRequest } from "../structs/common.ts";
import {
  CatalogSummary,
  IndexedNodeDump,
  IndexedNodesWithGateways,
  ServiceDumpRequest,
} from "../structs/dump.ts";
import { method } from "./method.ts";

export const internalNodeInfo = method("Internal.NodeInfo", NodeSpecificRequest, IndexedNodeDump);
export const internalNodeDump = method("Internal.NodeDump", DCSpecificRequest, IndexedNodeDump);
export const internalCatalogOverview = method("Internal.CatalogOverview", DCSpecificRequest, CatalogSummary);
export const internalServiceDump = method(
  "Internal.ServiceDump",
  ServiceDumpRequest,
  IndexedNodesWithGateways,
);
