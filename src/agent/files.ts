/** Where registrations survive a restart; the runtime keeps them in the data directory. */

/** The folders of the data directory: definitions, and the last state of TTL checks. */
export type AgentFileKind = "services" | "checks" | "checks/state";

export interface AgentFiles {
  /** The text of every file of a kind, in no particular order; unreadable ones are left out. */
  list(kind: AgentFileKind): Promise<readonly string[]>;
  /** The text kept for an id, or `undefined`. */
  read(kind: AgentFileKind, id: string): Promise<string | undefined>;
  /** Replaces the text for an id at one stroke. */
  write(kind: AgentFileKind, id: string, text: string): Promise<void>;
  /**
   * As `write`, but settles when the text survives the end of the process, not that of the machine. Several in short
   * order may become one.
   */
  writeSoft(kind: AgentFileKind, id: string, text: string): Promise<void>;
  /** Removes it; nothing happens when there is none. */
  remove(kind: AgentFileKind, id: string): Promise<void>;
}

/** Keeps nothing: development mode. */
export const noFiles: AgentFiles = {
  list: () => Promise.resolve([]),
  read: () => Promise.resolve(undefined),
  write: () => Promise.resolve(),
  writeSoft: () => Promise.resolve(),
  remove: () => Promise.resolve(),
};
