/**
 * Brings every server of the datacenter into the wide-area pool: whoever is in the LAN pool is joined there.
 *
 * Source: protocol reference, gossip-serf section 9 (flood).
 */
import type { GossipNode } from "../gossip/node/gossip-node.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { hostPort } from "../lib/net.ts";
import { serverMembers } from "../server/known-servers.ts";
import { parseServer } from "../wire/gossip/agent-tags.ts";

const floodIntervalMs = 60_000;

export interface FloodParts {
  readonly lan: GossipNode;
  readonly wan: GossipNode;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeName: string;
}

/** Runs until disposed. */
export function floodJoin(parts: FloodParts): Disposable {
  const { lan, clock } = parts;
  let timer: Disposable | undefined;
  let isEnded = false;
  let isBusy = false;
  let isWanted = false;
  const flood = async (): Promise<void> => {
    if (isBusy) {
      isWanted = true;
      return;
    }
    isBusy = true;
    do {
      isWanted = false;
      await joinMissing(parts);
    } while (isWanted && !isEnded);
    isBusy = false;
    timer?.[Symbol.dispose]();
    if (!isEnded) timer = clock.after(floodIntervalMs, () => void flood());
  };
  const watching = lan.onMember(({ kind, member }) => {
    if (kind === "join" && parseServer(member) !== undefined) void flood();
  });
  void flood();
  return {
    [Symbol.dispose]: () => {
      isEnded = true;
      watching[Symbol.dispose]();
      timer?.[Symbol.dispose]();
    },
  };
}

async function joinMissing({ lan, wan, log, nodeName }: FloodParts): Promise<void> {
  const known = new Set(wan.members().map(({ name }) => name));
  for (const { member, info } of serverMembers(lan)) {
    const name = `${info.name}.${info.datacenter}`;
    if (info.name === nodeName || member.status !== "alive" || known.has(name)) continue;
    if (info.wanJoinPort === undefined) continue;
    const address = hostPort({ host: member.address, port: info.wanJoinPort });
    try {
      await wan.join([`${name}/${address}`], true);
      log.debug("Successfully performed flood-join for server at address", { server: name, address });
    } catch (error) {
      log.debug("Failed to flood-join server at address", { server: name, address, error: String(error) });
    }
  }
}
