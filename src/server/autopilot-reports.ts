/** Autopilot's view as operators are told it. Source: the reference's Operator service. */
import { millisecondNs } from "../lib/duration.ts";
import {
  serfStatusNames,
  type AutopilotStateReply,
  type OperatorHealthReply,
  type ServerHealth,
} from "../wire/structs/operator-state.ts";
import type { ClusterView, NodeStatus, ServerView } from "./autopilot-core.ts";

/** This edition gives every server a vote in the end. */
const everyNodeType = "voter";

/** Answer of Operator.ServerHealth. */
export function healthReply(view: ClusterView): OperatorHealthReply {
  return {
    Healthy: view.healthy,
    FailureTolerance: view.failureTolerance,
    Servers: [...view.servers.values()].map(serverHealth),
  };
}

function serverHealth(server: ServerView): ServerHealth {
  return {
    ID: server.id,
    Name: server.name,
    Address: server.address,
    SerfStatus: serfStatusNumber(server.nodeStatus),
    Version: server.version,
    Leader: server.state === "leader",
    LastContact: Math.round(server.stats.lastContactMs * millisecondNs),
    LastTerm: server.stats.lastTerm,
    LastIndex: server.stats.lastIndex,
    Healthy: server.healthy,
    Voter: server.state !== "non-voter",
    StableSince: server.stableSinceWallMs,
  };
}

function serfStatusNumber(status: NodeStatus): number {
  return serfStatusNames.indexOf(status === "unknown" ? "none" : status);
}

/** Answer of Operator.AutopilotState. */
export function stateReply(view: ClusterView): AutopilotStateReply {
  return {
    Healthy: view.healthy,
    FailureTolerance: view.failureTolerance,
    Servers: Object.fromEntries([...view.servers].map(([id, server]) => [id, serverState(server)])),
    Leader: view.leader ?? "",
    Voters: view.voters,
  };
}

function serverState(server: ServerView): NonNullable<AutopilotStateReply["Servers"]>[string] {
  return {
    Server: {
      ID: server.id,
      Name: server.name,
      Address: server.address,
      NodeStatus: server.nodeStatus,
      Version: server.version,
      Meta: server.meta,
      RaftVersion: server.raftVersion,
      IsLeader: server.state === "leader",
      NodeType: everyNodeType,
    },
    State: server.state,
    Stats: {
      LastContact: Math.round(server.stats.lastContactMs * millisecondNs),
      LastTerm: server.stats.lastTerm,
      LastIndex: server.stats.lastIndex,
    },
    Health: { Healthy: server.healthy, StableSince: server.stableSinceWallMs },
  };
}
