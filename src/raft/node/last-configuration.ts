import { entryType, type Configuration } from "../core/entry.ts";
import { logIndex } from "../../lib/log-index.ts";
import { must } from "../../lib/assert.ts";
import { configurationCodec } from "./configuration-codec.ts";
import type { LogStore } from "./log-store.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

const readBytesMax = 1_048_576;

/**
 * The configuration that a server which does not run knows of: the last of its log, or its newest snapshot's.
 * `undefined` if it has neither. Throws `DecodeError` if its entry cannot be read.
 */
export async function lastConfiguration({
  store,
  snapshots,
}: {
  readonly store: LogStore;
  readonly snapshots: SnapshotStore;
}): Promise<Configuration | undefined> {
  const snapshot = await snapshots.newest();
  let last = snapshot?.configuration;
  let next = Math.max(store.firstIndex, (snapshot?.index ?? 0) + 1);
  while (next <= store.lastIndex) {
    const entries = store.entries(logIndex(next), store.lastIndex, readBytesMax);
    for (const entry of entries) {
      if (entry.type === entryType.configuration) last = configurationCodec.decode(entry.data);
    }
    next = must(entries.at(-1), "an entry that is present is read").index + 1;
  }
  return last;
}
