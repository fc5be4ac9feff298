/** Methods about servers, coordinates and gateways, by the wire's names. Source: protocol reference, RPC section 8. */
import { list } from "../schema/collections.ts";
import { struct } from "../schema/struct.ts";
import { DCSpecificRequest } from "../structs/common.ts";
import { ServiceSpecificRequest } from "../structs/catalog.ts";
import { CoordinateUpdateRequest } from "../structs/operator.ts";
import {
  AutopilotStateReply,
  DatacenterMap,
  IndexedGatewayServices,
  OperatorHealthReply,
  OperatorUsageRequest,
  TransferLeaderRequest,
  TransferLeaderResponse,
  Usage,
} from "../structs/operator-state.ts";
import { method } from "./method.ts";

const Empty = struct("Empty", {});

export const catalogGatewayServices = method(
  "Catalog.GatewayServices",
  ServiceSpecificRequest,
  IndexedGatewayServices,
);
export const coordinateUpdate = method("Coordinate.Update", CoordinateUpdateRequest, Empty);
export const coordinateDatacenters = method("Coordinate.ListDatacenters", Empty, list(DatacenterMap));
export const operatorServerHealth = method("Operator.ServerHealth", DCSpecificRequest, OperatorHealthReply);
export const operatorAutopilotState = method(
  "Operator.AutopilotState",
  DCSpecificRequest,
  AutopilotStateReply,
);
export const operatorUsage = method("Operator.Usage", OperatorUsageRequest, Usage);
export const operatorTransferLeader = method(
  "Operator.TransferLeader",
  TransferLeaderRequest,
  TransferLeaderResponse,
);
