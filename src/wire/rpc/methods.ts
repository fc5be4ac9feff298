/** Every method that exists so far, by the wire's names. Source: protocol reference, RPC section 8. */
import { list } from "../schema/collections.ts";
import { bool, str } from "../schema/scalars.ts";
import { struct } from "../schema/struct.ts";
import * as catalog from "../structs/catalog.ts";
import { DCSpecificRequest, NodeSpecificRequest, queryOptions } from "../structs/common.ts";
import * as kv from "../structs/kv.ts";
import * as operator from "../structs/operator.ts";
import * as session from "../structs/session.ts";
import * as txn from "../structs/txn.ts";
import { method } from "./method.ts";

const Empty = struct("Empty", {});
const DatacentersRequest = struct("DatacentersRequest", { ...queryOptions });

export const kvsApply = method("KVS.Apply", kv.KVSRequest, bool);
export const kvsGet = method("KVS.Get", kv.KeyRequest, kv.IndexedDirEntries);
export const kvsList = method("KVS.List", kv.KeyRequest, kv.IndexedDirEntries);
export const kvsListKeys = method("KVS.ListKeys", kv.KeyListRequest, kv.IndexedKeyList);
export const txnApply = method("Txn.Apply", txn.TxnRequest, txn.TxnResponse);
export const txnRead = method("Txn.Read", txn.TxnReadRequest, txn.TxnReadResponse);
export const sessionApply = method("Session.Apply", session.SessionRequest, str);
export const sessionGet = method("Session.Get", session.SessionSpecificRequest, session.IndexedSessions);
export const sessionList = method("Session.List", session.SessionSpecificRequest, session.IndexedSessions);
export const sessionNode = method("Session.NodeSessions", NodeSpecificRequest, session.IndexedSessions);
export const sessionRenew = method("Session.Renew", session.SessionSpecificRequest, session.IndexedSessions);

export const catalogRegister = method("Catalog.Register", catalog.RegisterRequest, Empty);
export const catalogDeregister = method("Catalog.Deregister", catalog.DeregisterRequest, Empty);
export const catalogDatacenters = method("Catalog.ListDatacenters", DatacentersRequest, list(str));
export const catalogNodes = method("Catalog.ListNodes", DCSpecificRequest, catalog.IndexedNodes);
export const catalogServices = method("Catalog.ListServices", DCSpecificRequest, catalog.IndexedServices);
export const catalogServiceNodes = method(
  "Catalog.ServiceNodes",
  catalog.ServiceSpecificRequest,
  catalog.IndexedServiceNodes,
);
export const catalogNodeServices = method(
  "Catalog.NodeServices",
  NodeSpecificRequest,
  catalog.IndexedNodeServices,
);
/** The virtual address of a service in the mesh, in text; "" if it has none. */
export const catalogVirtualIp = method("Catalog.VirtualIPForService", catalog.ServiceSpecificRequest, str);
export const catalogNodeServiceList = method(
  "Catalog.NodeServiceList",
  NodeSpecificRequest,
  catalog.IndexedNodeServiceList,
);
export const healthChecksInState = method(
  "Health.ChecksInState",
  catalog.ChecksInStateRequest,
  catalog.IndexedHealthChecks,
);
export const healthNodeChecks = method("Health.NodeChecks", NodeSpecificRequest, catalog.IndexedHealthChecks);
export const healthServiceChecks = method(
  "Health.ServiceChecks",
  catalog.ServiceSpecificRequest,
  catalog.IndexedHealthChecks,
);
export const healthServiceNodes = method(
  "Health.ServiceNodes",
  catalog.ServiceSpecificRequest,
  catalog.IndexedCheckServiceNodes,
);

export const coordinateNodes = method("Coordinate.ListNodes", DCSpecificRequest, operator.IndexedCoordinates);
export const coordinateNode = method("Coordinate.Node", NodeSpecificRequest, operator.IndexedCoordinates);
export const statusLeader = method("Status.Leader", DCSpecificRequest, str);
export const statusPeers = method("Status.Peers", DCSpecificRequest, list(str));
export const raftConfiguration = method(
  "Operator.RaftGetConfiguration",
  DCSpecificRequest,
  operator.RaftConfigurationResponse,
);
export const raftRemovePeerByAddress = method(
  "Operator.RaftRemovePeerByAddress",
  operator.RaftRemovePeerRequest,
  Empty,
);
export const raftRemovePeerById = method(
  "Operator.RaftRemovePeerByID",
  operator.RaftRemovePeerRequest,
  Empty,
);
export const autopilotGetConfiguration = method(
  "Operator.AutopilotGetConfiguration",
  DCSpecificRequest,
  operator.AutopilotConfig,
);
export const autopilotSetConfiguration = method(
  "Operator.AutopilotSetConfiguration",
  operator.AutopilotSetConfigRequest,
  bool,
);
