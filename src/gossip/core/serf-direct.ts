/** Messages to one node: answers to queries, and copies of them that other nodes pass on. */
import type { Member } from "../../lib/members.ts";
import { packIp } from "../../lib/ip.ts";
import type { NetAddress } from "../../lib/net.ts";
import type { SerfContext } from "./serf-context.ts";

/** Serf's protocol from which on nodes relay. Compared with SWIM's version, as the reference does. */
const relayProtocolMin = 5;

export interface Addressee {
  readonly to: NetAddress;
  readonly node: string;
}

/** Sends `bytes` to one node. */
export function sendDirect(context: SerfContext, { to, node }: Addressee, bytes: Uint8Array): void {
  context.push({ kind: "send", to, node, bytes });
}

/**
 * Has up to `relayFactor` others pass on a copy of an answer, in case the direct one is lost.
 *
 * Returns why not, or `undefined`. A pool that hardly has so many nodes needs no relay, which is no problem.
 */
export function relay(
  context: SerfContext,
  { to, node }: Addressee,
  options: { readonly relayFactor: number; readonly inner: Uint8Array; readonly members: readonly Member[] },
): string | undefined {
  const { relayFactor, inner, members } = options;
  if (relayFactor === 0 || members.length < relayFactor + 1) return undefined;
  const bytes = context.encode({
    kind: "relay",
    body: { DestAddr: { IP: packIp(to.host) ?? null, Port: to.port, Zone: "" }, DestName: node },
    inner,
  });
  const { queryResponseBytesMax } = context.options;
  if (bytes.length > queryResponseBytesMax)
    return `relayed response exceeds limit of ${queryResponseBytesMax} bytes`;
  const able = members.filter(
    ({ name, status, protocolMax }) =>
      status === "alive" && protocolMax >= relayProtocolMin && name !== context.nodeName,
  );
  for (let left = Math.min(relayFactor, able.length); left > 0; left -= 1) {
    const [member] = able.splice(context.rng.below(able.length), 1);
    if (member === undefined) break;
    sendDirect(context, { to: { host: member.address, port: member.port }, node: member.name }, bytes);
  }
  return undefined;
}
