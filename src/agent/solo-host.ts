/** The pool of an agent that has no gossip yet: itself. */
import type { AgentMember } from "./settings.ts";

export interface SoloFacts {
  readonly nodeName: string;
  readonly nodeId: string;
  readonly datacenter: string;
  readonly address: string;
  readonly serfLanPort: number;
  readonly serfWanPort: number;
  readonly serverPort: number;
  readonly bootstrap: boolean;
  /** The release whose behaviour is offered. */
  readonly version: string;
}

/** The members of a pool of one. */
export function soloMembers(facts: SoloFacts, pool: { readonly wan: boolean }): readonly AgentMember[] {
  return [
    {
      Name: pool.wan ? `${facts.nodeName}.${facts.datacenter}` : facts.nodeName,
      Addr: facts.address,
      Port: pool.wan ? facts.serfWanPort : facts.serfLanPort,
      Tags: {
        acls: "0",
        ...(facts.bootstrap ? { bootstrap: "1" } : {}),
        build: facts.version,
        dc: facts.datacenter,
        id: facts.nodeId,
        port: String(facts.serverPort),
        raft_vsn: "3",
        role: "consul",
        segment: "",
        vsn: "2",
        vsn_max: "3",
        vsn_min: "2",
      },
      Status: 1,
      ProtocolMin: 1,
      ProtocolMax: 5,
      ProtocolCur: 2,
      DelegateMin: 2,
      DelegateMax: 5,
      DelegateCur: 4,
    },
  ];
}

/** Refuses to join, as an address where nobody answers is refused. */
export function soloJoin(address: string): Promise<void> {
  return Promise.reject(
    new Error(`1 error occurred:\n\t* Failed to join ${address}: this version of Proconsul does not gossip\n\n`),
  );
}

/** Nobody but this node can be removed. */
export function soloForceLeave(facts: SoloFacts, nodeName: string): Promise<void> {
  if (nodeName === facts.nodeName || nodeName === `${facts.nodeName}.${facts.datacenter}`) return Promise.resolve();
  return Promise.reject(new Error(`agent: No node found with name '${nodeName}'`));
}
