/** The pools whose keys a server reaches, and the way to those of other datacenters. */
import type { GossipNode } from "../gossip/node/gossip-node.ts";
import type { Rng } from "../lib/rng.ts";
import type { RpcPool } from "../rpc/rpc-pool.ts";
import type { KeyringPools } from "../server/gossip.ts";
import { otherDatacenters } from "../server/other-datacenters.ts";
import { internalKeyringOperation } from "../wire/rpc/gossip-methods.ts";

export interface KeyringPoolsParts {
  readonly lan: GossipNode;
  readonly wan: GossipNode | undefined;
  readonly pool: RpcPool;
  readonly datacenter: string;
  readonly rng: Rng;
}

export function keyringPools({ lan, wan, pool, datacenter, rng }: KeyringPoolsParts): KeyringPools {
  if (wan === undefined) return { lan };
  const picks = rng.fork("keyring");
  const others = otherDatacenters({
    wan,
    ownDatacenter: datacenter,
    call: (server, request) => pool.call(server, { method: internalKeyringOperation, request }),
    random: (limit) => picks.below(limit),
  });
  return { lan, wan, others };
}
