/**
 * The knobs of the Raft core, one row each: default, range, and what goes wrong outside it.
 *
 * Durations are those of `raft_multiplier` 1; a real cluster multiplies the timeouts (default 5).
 * Source: protocol/raft.md §4 and HashiCorp's raft configuration.
 */

/** A complete, checked set. See `raftOptionTable` for the meaning of each. */
export interface RaftOptions {
  readonly heartbeatTimeoutMs: number;
  readonly electionTimeoutMs: number;
  readonly leaderLeaseTimeoutMs: number;
  readonly commitTimeoutMs: number;
  readonly appendEntriesMax: number;
  readonly appendBytesMax: number;
  readonly appendInflightMax: number;
  readonly heartbeatInflightMax: number;
  readonly backoffBaseMs: number;
  readonly backoffDoublingsMax: number;
  readonly requestTimeoutMs: number;
  readonly snapshotTimeoutMs: number;
  readonly trailingLogs: number;
  readonly uncommittedEntriesMax: number;
  readonly applyEntriesMax: number;
  readonly applyBytesMax: number;
  readonly windowEntriesMax: number;
  readonly windowBytesMax: number;
  readonly preVote: boolean;
  readonly soleVoterCampaignsAtOnce: boolean;
}

/** One row of the table. */
export interface OptionRow<Value> {
  readonly value: Value;
  /** Inclusive; for numbers only. */
  readonly min?: number;
  readonly max?: number;
  readonly help: string;
}

const hourMs = 3_600_000;

/** Every option with its default, range and help. */
export const raftOptionTable: { readonly [Key in keyof RaftOptions]: OptionRow<RaftOptions[Key]> } = {
  heartbeatTimeoutMs: {
    value: 1_000,
    min: 5,
    max: hourMs,
    help: "A follower stands for election after 1 to 2 times this without its leader. Too small: elections under load; too large: long outages.",
  },
  electionTimeoutMs: {
    value: 1_000,
    min: 5,
    max: hourMs,
    help: "A candidate tries again after 1 to 2 times this; also the limit of a leadership transfer.",
  },
  leaderLeaseTimeoutMs: {
    value: 500,
    min: 5,
    max: hourMs,
    help: "A leader that has not heard a quorum for this long steps down. At most the heartbeat timeout.",
  },
  commitTimeoutMs: {
    value: 50,
    min: 1,
    max: hourMs,
    help: "Followers hear of a new commit index 1 to 2 times this after the last entries, if no entries carry it sooner; no pause between heartbeats is longer.",
  },
  appendEntriesMax: { value: 64, min: 1, max: 4_096, help: "Most entries in one AppendEntries." },
  appendBytesMax: {
    value: 1_048_576,
    min: 1,
    max: 67_108_864,
    help: "Entries join one AppendEntries until their data passes this many bytes.",
  },
  appendInflightMax: {
    value: 16,
    min: 1,
    max: 128,
    help: "Most unanswered AppendEntries to one follower. 1 turns pipelining off.",
  },
  heartbeatInflightMax: { value: 8, min: 1, max: 128, help: "Most unanswered heartbeats to one follower." },
  backoffBaseMs: {
    value: 10,
    min: 1,
    max: hourMs,
    help: "Pause after a failed request; doubles from the third failure in a row.",
  },
  backoffDoublingsMax: {
    value: 10,
    min: 0,
    max: 16,
    help: "How often the pause may double. A heartbeat that gets through ends the pause.",
  },
  requestTimeoutMs: {
    value: 10_000,
    min: 5,
    max: hourMs,
    help: "Limit for an AppendEntries or TimeoutNow to be answered.",
  },
  snapshotTimeoutMs: {
    value: hourMs,
    min: 5,
    max: 24 * hourMs,
    help: "Outermost limit for a snapshot to be sent; the driver knows its size and may be stricter.",
  },
  trailingLogs: {
    value: 10_240,
    min: 0,
    max: 1e9,
    help: "Entries kept behind a snapshot, so that a slow follower needs no snapshot.",
  },
  uncommittedEntriesMax: {
    value: 65_536,
    min: 1,
    max: 1e9,
    help: "Proposals beyond this many uncommitted entries are refused as overloaded.",
  },
  applyEntriesMax: {
    value: 1_024,
    min: 1,
    max: 1e6,
    help: "Most entries handed to the state machine in one step.",
  },
  applyBytesMax: {
    value: 4_194_304,
    min: 1,
    max: 1e9,
    help: "Entries join one `apply` until their data passes this many bytes.",
  },
  windowEntriesMax: {
    value: 4_096,
    min: 0,
    max: 1e7,
    help: "Durable entries kept in memory for followers that keep up.",
  },
  windowBytesMax: {
    value: 16_777_216,
    min: 0,
    max: 1e10,
    help: "Data bytes of durable entries kept in memory.",
  },
  preVote: {
    value: true,
    help: "Ask before an election whether it could be won, so that a server that was cut off does not depose a healthy leader.",
  },
  soleVoterCampaignsAtOnce: {
    value: true,
    help: "A server that is the only voter stands for election when it starts, without waiting for a leader that cannot exist.",
  },
};

/** The defaults of the table. */
export const defaultRaftOptions: RaftOptions = Object.freeze(
  Object.fromEntries(Object.entries(raftOptionTable).map(([key, row]) => [key, row.value])),
) as unknown as RaftOptions;

/** The defaults with every timeout multiplied as Consul's `raft_multiplier` (1…10) does. */
export function scaledRaftOptions(multiplier: number): RaftOptions {
  const d = defaultRaftOptions;
  return Object.freeze({
    ...d,
    heartbeatTimeoutMs: d.heartbeatTimeoutMs * multiplier,
    electionTimeoutMs: d.electionTimeoutMs * multiplier,
    leaderLeaseTimeoutMs: d.leaderLeaseTimeoutMs * multiplier,
  });
}

/** Every problem of a set of options, one sentence each; empty when it is sound. */
export function checkOptions(options: RaftOptions): readonly string[] {
  const problems: string[] = [];
  for (const key of Object.keys(raftOptionTable) as (keyof RaftOptions)[]) {
    const row = raftOptionTable[key];
    const value = options[key];
    if (typeof value !== typeof row.value) {
      problems.push(`${key} must be a ${typeof row.value}`);
    } else if (typeof value === "number") {
      const min = row.min ?? 0;
      const max = row.max ?? Number.MAX_SAFE_INTEGER;
      if (!Number.isSafeInteger(value)) problems.push(`${key} must be a whole number`);
      else if (value < min || value > max) problems.push(`${key} must be between ${min} and ${max}`);
    }
  }
  if (options.leaderLeaseTimeoutMs > options.heartbeatTimeoutMs) {
    problems.push("leaderLeaseTimeoutMs must not exceed heartbeatTimeoutMs");
  }
  if (options.electionTimeoutMs < options.heartbeatTimeoutMs) {
    problems.push("electionTimeoutMs must not be below heartbeatTimeoutMs");
  }
  return problems;
}
