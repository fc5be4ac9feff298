import type { MemberPool } from "../lib/members.ts";
import type { RpcPool } from "../rpc/rpc-pool.ts";
import { parseServer } from "../wire/gossip/agent-tags.ts";

/**
 * Tells the connections to servers which of those gossip holds for dead: a machine that lost its power does not say so
 * itself, and its connections would be waited for until they time out. Disposing stops it.
 */
export function followMembers(
  pool: Pick<RpcPool, "lost" | "found">,
  members: Pick<MemberPool, "onMember">,
): Disposable {
  return members.onMember(({ kind, member }) => {
    const server = parseServer(member);
    if (server === undefined) return;
    if (kind === "failed") pool.lost(server.rpc);
    else pool.found(server.rpc);
  });
}
