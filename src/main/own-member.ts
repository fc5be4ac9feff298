/** This agent as a member of gossip, for as long as it is the only one. */
import type { Config } from "../config/config.ts";
import type { Member } from "../lib/members.ts";
import { lanTags } from "./gossip-tags.ts";

/** The member that stands for this agent in a pool of one. */
export function ownMember(facts: {
  readonly config: Config;
  readonly nodeId: string;
  readonly version: string;
}): Member {
  const { addresses, nodeName } = facts.config;
  return {
    name: nodeName,
    address: addresses.advertiseLan,
    port: addresses.serfLanAdvertise.port,
    tags: lanTags(facts),
    status: "alive",
    // Version numbers of the gossip protocols that the reference speaks.
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCur: 4,
  };
}
