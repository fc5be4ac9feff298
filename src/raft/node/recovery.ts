/**
 * Gives a server a new configuration by force, for an outage from which no quorum comes back.
 *
 *     newest snapshot + every entry after it, committed or not ─▶ new snapshot with the new configuration ─▶ no log
 *
 * Entries that were never committed count from here on: of two servers that recover, the one with the longer log
 * wins, so every server must be given the same file. A crash in between leaves the file, and recovery is done
 * again. Source: protocol/raft.md §6.
 */
import type { StateMachine } from "../../lib/consensus.ts";
import { DecodeError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { logIndex, term, type LogIndex } from "../../lib/log-index.ts";
import { must } from "../../lib/assert.ts";
import { entryType, type Configuration, type Entry } from "../core/entry.ts";
import { ChunkAssembler } from "./chunking.ts";
import { lastConfiguration } from "./last-configuration.ts";
import type { LogStore } from "./log-store.ts";
import { parsePeersJson } from "./peers-json.ts";
import { RaftDataError } from "./refusal.ts";
import { restoreNewest } from "./restore-newest.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

const readBytesMax = 1_048_576;
/** Where the new configuration is said to have been committed. */
const configurationIndex = logIndex(1);

/** Where `peers.json` lies. */
export interface PeersFile {
  /** Its text; undefined if there is none, or none that counts. */
  read(): string | undefined;
  /** Throws if it cannot be removed. */
  remove(): void;
}

export interface RecoveryParts {
  readonly store: LogStore;
  readonly snapshots: SnapshotStore;
  /** A scratch one: the server restores its own from the new snapshot. */
  readonly machine: StateMachine;
  readonly log: Log;
}

/** Recovers if there is a `peers.json`, and removes it. Rejects with `RaftDataError`, with the file left in place. */
export async function recoverFromPeersFile(parts: RecoveryParts, file: PeersFile): Promise<void> {
  const text = file.read();
  if (text === undefined) return;
  parts.log.info("found peers.json file, recovering Raft configuration...");
  let configuration: Configuration;
  try {
    configuration = parsePeersJson(text, await lastConfiguration(parts));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new RaftDataError(`recovery failed to parse peers.json: ${error.message}`, { cause: error });
  }
  await recoverCluster(parts, configuration);
  file.remove();
  parts.log.info("deleted peers.json file after successful recovery");
}

/** Replaces the configuration of a server that has state. Rejects with `RaftDataError`. */
export async function recoverCluster(parts: RecoveryParts, configuration: Configuration): Promise<void> {
  const { store, snapshots, machine } = parts;
  const snapshot = await restoreNewest(snapshots, machine);
  if (snapshot === undefined && store.lastIndex === 0 && store.hardState.term === 0)
    throw new RaftDataError(
      "recovery failed: refused to recover cluster with no initial state, this is probably an operator error",
    );
  const start = { index: snapshot?.index ?? logIndex(0), term: snapshot?.term ?? term(0) };
  const end = applyAll(parts, start);
  await snapshots.write({ ...end, configuration, configurationIndex }, machine.snapshot());
  // Nothing of the log stays: a configuration in it would take the place of the new one.
  await store.commit({
    changes: [{ hardState: undefined, restartAfter: end.index, truncateFrom: undefined, entries: [] }],
  });
}

function applyAll(
  { store, machine }: RecoveryParts,
  start: Pick<Entry, "index" | "term">,
): Pick<Entry, "index" | "term"> {
  const assembler = new ChunkAssembler();
  let end = start;
  if (store.lastIndex > start.index && store.firstIndex > start.index + 1)
    throw new RaftDataError(`recovery failed: failed to get log at index ${start.index + 1}: log not found`);
  while (end.index < store.lastIndex) {
    const from: LogIndex = logIndex(end.index + 1);
    const entries = store.entries(from, store.lastIndex, readBytesMax);
    for (const entry of entries) applyOne(machine, assembler, entry);
    const { index, term: entryTerm } = must(entries.at(-1), "an entry that is present is read");
    end = { index, term: entryTerm };
  }
  return end;
}

/** A command in pieces of which some are missing at the end of the log never happened. */
function applyOne(machine: StateMachine, assembler: ChunkAssembler, entry: Entry): void {
  assembler.enter(entry.term);
  if (entry.type !== entryType.command) return;
  if (entry.extensions === undefined) {
    machine.apply(entry.index, entry.data);
    return;
  }
  const whole = assembler.add(entry);
  if (whole !== undefined) machine.apply(entry.index, whole.data);
}
