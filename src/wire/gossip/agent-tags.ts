/** What agents say of themselves in their gossip tags. Source: protocol reference, gossip-serf section 9. */
import type { Member } from "../../lib/members.ts";
import type { NetAddress } from "../../lib/net.ts";

/** Says that a server is Proconsul's. Peers take tags of this form for features that they do not know. */
export const ownFeatureTag = "ft_proconsul";

/** Name of a server among the members that is not Proconsul's, as far as gossip knows; `undefined` if there is none. */
export function foreignServerOf(members: readonly Member[], datacenter: string): string | undefined {
  const foreign = members.find(
    (member) =>
      member.status !== "left" &&
      member.tags[ownFeatureTag] === undefined &&
      parseServer(member)?.datacenter === datacenter,
  );
  return foreign?.name;
}

/** Why a key with a time to live is refused. */
export function foreignServerText(name: string): string {
  return `Keys with a time to live need servers that are all Proconsul's: ${name} is not`;
}

/** A member that is a server, read from its tags. */
export interface ServerInfo {
  readonly name: string;
  /** Node UUID; empty from very old servers. */
  readonly id: string;
  readonly datacenter: string;
  readonly segment: string;
  /** Where its RPC door is. */
  readonly rpc: NetAddress;
  /** Started in bootstrap mode. */
  readonly bootstrap: boolean;
  /** `bootstrap_expect` when above 1, else 0. */
  readonly expect: number;
  readonly nonVoter: boolean;
  readonly raftVersion: number;
  /** `major.minor.patch`. */
  readonly build: string;
  readonly useTls: boolean;
  readonly wanJoinPort: number | undefined;
}

/** The server behind a member, or `undefined` if its tags are not those of a server. */
export function parseServer({ name, address, tags }: Member): ServerInfo | undefined {
  if (tags["role"] !== "consul") return undefined;
  const port = integer(tags["port"]);
  const build = /\d+\.\d+\.\d+/.exec(tags["build"] ?? "")?.[0];
  if (port === undefined || integer(tags["vsn"]) === undefined || build === undefined) return undefined;
  const expect = integer(tags["expect"] ?? "0");
  const raftVersion = integer(tags["raft_vsn"] ?? "0");
  const wanJoinPort = integer(tags["wan_join_port"] ?? "0");
  if (expect === undefined || raftVersion === undefined || wanJoinPort === undefined) return undefined;
  return {
    name,
    id: tags["id"] ?? "",
    datacenter: tags["dc"] ?? "",
    segment: tags["segment"] ?? "",
    rpc: { host: address, port },
    bootstrap: tags["bootstrap"] !== undefined,
    expect,
    nonVoter: tags["nonvoter"] !== undefined || tags["read_replica"] !== undefined,
    raftVersion,
    build,
    useTls: tags["use_tls"] !== undefined,
    wanJoinPort: wanJoinPort === 0 ? undefined : wanJoinPort,
  };
}

function integer(text: string | undefined): number | undefined {
  return text !== undefined && /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
}
