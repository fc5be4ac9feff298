/** `raft/peers.json`, and the note beside it that says what it is for. Source: protocol/raft.md §6. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../lib/log.ts";
import { StorageError } from "../lib/storage-error.ts";
import type { PeersFile } from "../raft/node/recovery.ts";

const note = `
peers.json brings a cluster back that has lost so many servers for good that no leader can
be elected any more. It is not there in normal operation, and nothing else reads it.

1. Stop every server that is left.
2. Put the same peers.json into the folder "raft" of each one's data directory. It names the
   servers that are to make up the cluster from then on:

   [
     {
       "id": "11111111-1111-1111-1111-111111111111",
       "address": "10.1.0.1:8300",
       "non_voter": false
     },
     {
       "id": "22222222-2222-2222-2222-222222222222",
       "address": "10.1.0.2:8300"
     }
   ]

   "id" is the node id: the text of the file "node-id" in that server's data directory.
   "address" is host:port of its server RPC. "non_voter" may be left out.
   A list of addresses only, ["10.1.0.1:8300", "10.1.0.2:8300"], will do where they have not changed: the ids
   are then those that the server knew last.
3. Start the servers. Each takes the configuration over, with everything in its log, also what
   was never acknowledged, and deletes peers.json.

This file, peers.info, marks a data directory in which peers.json counts. Where it is missing, as
on the first start, an old peers.json is deleted unread.
`;

/**
 * Looks into the folder, which is made if need be; on the first start writes `peers.info` and deletes any
 * `peers.json`. Throws `StorageError`.
 */
export function openPeersFile(folder: string, log: Log): PeersFile {
  const peers = join(folder, "peers.json");
  const info = join(folder, "peers.info");
  const attempt = <T>(what: string, run: () => T): T => {
    try {
      return run();
    } catch (error) {
      throw new StorageError("failed", `${what}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  };
  const cannotDelete = "failed to delete peers.json, please delete manually (see peers.info for details)";
  if (!existsSync(info)) {
    attempt("failed to write peers.info file", () => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(info, note, { mode: 0o644 });
    });
    if (existsSync(peers)) {
      attempt(cannotDelete, () => rmSync(peers));
      log.info("deleted peers.json file (see peers.info for details)");
    }
  }
  return {
    read: () =>
      existsSync(peers)
        ? attempt("recovery failed to parse peers.json", () => readFileSync(peers, "utf8"))
        : undefined,
    remove: () => attempt(`recovery ${cannotDelete}`, () => rmSync(peers)),
  };
}
