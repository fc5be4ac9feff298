import type { ServerContext } from "./context.ts";

/**
 * Proposes a command and answers what the state machine did, telling the reaper of tombstones it left.
 * `decoded` is the same command in memory.
 */
export async function proposeCommand(
  server: ServerContext,
  bytes: Uint8Array,
  decoded: unknown,
): Promise<unknown> {
  const before = server.store.maxIndex("tombstones");
  const answer = await server.consensus.propose(bytes, decoded);
  const after = server.store.maxIndex("tombstones");
  if (after > before) server.tombstoneGc.hint(after);
  return answer;
}
