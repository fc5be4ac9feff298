/** What this agent says of itself in its gossip tags. Source: protocol reference, gossip-serf section 9. */
import type { Config } from "../config/config.ts";
import { ownFeatureTag } from "../wire/gossip/agent-tags.ts";

export interface TagFacts {
  readonly config: Config;
  readonly nodeId: string;
  /** The release whose behaviour is offered, `major.minor.patch`. */
  readonly version: string;
}

/** Versions of Consul's protocol that are understood: least and most. */
const protocolTags = { vsn_max: "3", vsn_min: "2" } as const;

/** Tags in the LAN pool, by role. */
export function lanTags({ config, nodeId, version }: TagFacts): Readonly<Record<string, string>> {
  const common = {
    build: `${version}:`,
    dc: config.datacenter,
    id: nodeId,
    segment: "",
    vsn: String(config.rpcProtocol),
    ...protocolTags,
  };
  if (!config.server) {
    const reconnectTimeout = config.settings.text("advertise_reconnect_timeout");
    return {
      role: "node",
      ...common,
      ...(reconnectTimeout === undefined ? {} : { rc_tm: reconnectTimeout }),
    };
  }
  const { ports } = config;
  return {
    ...serverTags({ config, nodeId, version }),
    ...common,
    ...(ports.serfWan === undefined ? {} : { wan_join_port: String(ports.serfWan) }),
  };
}

/** Tags of a server in the WAN pool. */
export function wanTags(facts: TagFacts): Readonly<Record<string, string>> {
  const { wan_join_port: lanOnly, ...tags } = lanTags(facts);
  void lanOnly;
  return tags;
}

function serverTags({ config }: TagFacts): Readonly<Record<string, string>> {
  const { ports, bootstrap, bootstrapExpect } = config;
  return {
    role: "consul",
    acls: config.acl.enabled ? "1" : "0",
    ft_fs: "1",
    [ownFeatureTag]: "1",
    ft_si: "1",
    port: String(ports.server),
    raft_vsn: String(config.raft.protocol),
    ...(bootstrap ? { bootstrap: "1" } : {}),
    ...(bootstrapExpect > 1 ? { expect: String(bootstrapExpect) } : {}),
    ...(config.settings.bool("read_replica") === true ? { nonvoter: "1", read_replica: "1" } : {}),
  };
}
