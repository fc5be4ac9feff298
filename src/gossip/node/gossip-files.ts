/** What a gossip node keeps across restarts. `src/runtime/gossip-files.ts` implements it on disk. */

/** The append-only record of members and clocks; its lines are serf's business. */
export interface SnapshotFile {
  /** Everything in the file; "" if there is none. */
  read(): Promise<string>;
  /** Adds whole lines at the end, in the order of the calls. Failures are reported to whoever opened the file. */
  append(text: string): void;
  /** Replaces everything at one stroke, durably, in order with appends. Failures as above. */
  replace(text: string): void;
  /** Settles once everything asked for is done; nothing may be asked for afterwards. */
  close(): Promise<void>;
}

/** Where installed keys are kept. */
export interface KeyringFile {
  /** Replaces the file at one stroke, durably, readable by its owner only. Rejects with `FileError`. */
  write(text: string): Promise<void>;
}
