/** Snapshots of the servers' state, as a stream in the archive's own form (see `snapshot-archive.ts`). */
import type { HttpClient, ReadOptions } from "./http-client.ts";
import { readQuery, readRequest } from "./http-client.ts";

/** Takes a snapshot. `index` is the Raft index it reaches. */
export async function snapshotSave(
  client: HttpClient,
  options: ReadOptions = {},
): Promise<{ readonly index: number; readonly archive: AsyncIterable<Uint8Array> }> {
  const reply = await client.request({
    method: "GET",
    path: "/v1/snapshot",
    query: readQuery(options),
    ...readRequest(options),
  });
  return { index: reply.index ?? 0, archive: reply.body };
}

/** Replaces the servers' state with a snapshot. */
export async function snapshotRestore(client: HttpClient, archive: AsyncIterable<Uint8Array>): Promise<void> {
  await client.send({ method: "PUT", path: "/v1/snapshot", body: archive });
}
