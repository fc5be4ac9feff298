/**
 * Where to join, as operators write it: `[node/]host[:port]`.
 *
 * Source: memberlist's resolveAddr; the port of this node's own gossip stands in for one that is missing.
 */
import { parseIp, renderIp } from "../../lib/ip.ts";
import type { Net, NetAddress } from "../../lib/net.ts";
import { GossipError } from "./gossip-error.ts";
import { lookupText } from "./network-text.ts";

/** One address to try. */
export interface JoinTarget {
  readonly to: NetAddress;
  /** The name the node there is supposed to have. */
  readonly node: string | undefined;
}

/** `node/host:port` taken apart; the host may still be a name. Throws `GossipError` in the reference's words. */
export function parseJoinAddress(
  text: string,
  portDefault: number,
): { readonly node: string | undefined; readonly host: string; readonly port: number } {
  const slash = text.indexOf("/");
  if (slash === 0) throw new GossipError("empty node name provided");
  const node = slash < 0 ? undefined : text.slice(0, slash);
  const rest = text.slice(slash + 1);
  if (!hasPort(rest)) return { node, host: rest.replace(/^[[\]]+|[[\]]+$/gu, ""), port: portDefault };
  const split = rest.lastIndexOf(":");
  const port = rest.slice(split + 1);
  if (!/^\d+$/u.test(port)) {
    throw new GossipError(`strconv.ParseUint: parsing ${JSON.stringify(port)}: invalid syntax`);
  }
  if (Number(port) > 65_535) {
    throw new GossipError(`strconv.ParseUint: parsing ${JSON.stringify(port)}: value out of range`);
  }
  return { node, host: rest.slice(0, split).replace(/^\[|\]$/gu, ""), port: Number(port) };
}

/** Every address behind what an operator wrote. Rejects with `GossipError`. */
export async function resolveJoinAddress(
  net: Net,
  text: string,
  portDefault: number,
): Promise<readonly JoinTarget[]> {
  const { node, host, port } = parseJoinAddress(text, portDefault);
  // Resolvers differ on the empty name; some take it for this host.
  if (host === "") throw new GossipError("lookup : no such host");
  const ip = parseIp(host);
  if (ip !== undefined) return [{ to: { host: renderIp(ip), port }, node }];
  try {
    const hosts = await net.resolve(host);
    return hosts.map((one) => ({ to: { host: one, port }, node }));
  } catch (cause) {
    throw new GossipError(lookupText(host, cause), { cause });
  }
}

/** A single colon, or one behind brackets, separates a port; bare IPv6 has more. */
function hasPort(text: string): boolean {
  if (text.startsWith("[")) return text.lastIndexOf(":") > text.lastIndexOf("]");
  return text.split(":").length === 2;
}

/** Several failures as one text, in the reference's layout. */
export function joinFailures(problems: readonly string[]): string {
  const title = problems.length === 1 ? "1 error occurred:" : `${problems.length} errors occurred:`;
  return `${title}\n\t${problems.map((problem) => `* ${problem}`).join("\n\t")}\n\n`;
}
