/** The servers of this datacenter that gossip knows, as autopilot and operators look at them. */
import type { Member, MemberPool, MemberStatus } from "../lib/members.ts";
import { hostPort } from "../lib/net.ts";
import { getNodeById } from "../state/catalog.ts";
import type { StateStore } from "../state/store.ts";
import { parseServer, type ServerInfo } from "../wire/gossip/agent-tags.ts";
import type { KnownServer, NodeStatus } from "./autopilot-core.ts";

/** A member that is a server, with what its tags say. */
export interface ServerMember {
  readonly member: Member;
  readonly info: ServerInfo;
  /** host:port of its RPC door. */
  readonly address: string;
}

/** Every server of the pool, whatever its status. */
export function serverMembers(pool: Pick<MemberPool, "members">): ServerMember[] {
  return pool.members().flatMap((member) => {
    const info = parseServer(member);
    return info === undefined ? [] : [{ member, info, address: hostPort(info.rpc) }];
  });
}

/** Autopilot's picture of a server. */
export function toKnownServer(store: StateStore, { member, info, address }: ServerMember): KnownServer {
  return {
    id: info.id,
    name: member.name,
    address,
    nodeStatus: nodeStatusOf(member.status),
    version: info.build,
    meta: (info.id === "" ? undefined : getNodeById(store, info.id))?.Meta ?? null,
    raftVersion: info.raftVersion,
  };
}

const nodeStatuses: Readonly<Record<MemberStatus, NodeStatus>> = {
  none: "unknown",
  alive: "alive",
  // Still alive, so that it is not removed while it is busy leaving.
  leaving: "alive",
  left: "left",
  failed: "failed",
};

/** How autopilot calls a member's status. */
export function nodeStatusOf(status: MemberStatus): NodeStatus {
  return nodeStatuses[status];
}
