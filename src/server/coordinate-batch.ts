/**
 * Collects coordinates that nodes send, and writes them to the log in batches now and then.
 *
 * Only the newest of each node and segment counts, and more than a round can hold are dropped: nodes send
 * again soon. Source: the reference's coordinate endpoint.
 */
import { commandType } from "../fsm/command.ts";
import { CoordinateBatch } from "../fsm/coordinate-commands.ts";
import { encodeCommand } from "../fsm/encode.ts";
import type { Clock } from "../lib/clock.ts";
import type { Consensus } from "../lib/consensus.ts";
import type { Log } from "../lib/log.ts";
import type { Coordinate } from "../wire/structs/operator.ts";

/** Tells old servers to skip a command they do not know. */
const mayBeIgnored = 0x80;
const batchNumber = commandType.coordinateBatch | mayBeIgnored;

export interface CoordinateBatchLimits {
  /** Pause between rounds. */
  readonly periodMs: number;
  /** Coordinates in one log entry. */
  readonly batchSizeMax: number;
  /** Log entries in one round. */
  readonly batchCountMax: number;
}

/** Source: the reference's defaults. */
export const defaultCoordinateLimits: CoordinateBatchLimits = {
  periodMs: 5_000,
  batchSizeMax: 128,
  batchCountMax: 5,
};

export interface CoordinateUpdatesParts {
  readonly consensus: Pick<Consensus, "propose">;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: CoordinateBatchLimits;
}

/** Coordinates that wait for the next round. */
export class CoordinateUpdates implements Disposable {
  readonly #parts: CoordinateUpdatesParts;
  readonly #pending = new Map<string, Coordinate>();
  #timer: Disposable | undefined;

  constructor(parts: CoordinateUpdatesParts) {
    this.#parts = parts;
  }

  /** Takes a coordinate, which replaces an earlier one of the same node and segment. */
  add(row: Coordinate): void {
    this.#pending.set(`${row.Node}:${row.Segment}`, row);
    const { clock, limits } = this.#parts;
    this.#timer ??= clock.after(limits.periodMs, () => void this.#flush());
  }

  /** Drops what waits. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#pending.clear();
  }

  async #flush(): Promise<void> {
    const { limits, log } = this.#parts;
    this.#timer = undefined;
    const rows = [...this.#pending.values()];
    this.#pending.clear();
    const kept = rows.slice(0, limits.batchSizeMax * limits.batchCountMax);
    if (kept.length < rows.length) {
      log.warn("Discarded coordinate updates", { number_discarded: rows.length - kept.length });
    }
    try {
      for (let start = 0; start < kept.length; start += limits.batchSizeMax) {
        await proposeCoordinates(this.#parts.consensus, kept.slice(start, start + limits.batchSizeMax));
      }
    } catch (error) {
      log.warn("Batch update failed", { error: error instanceof Error ? error.message : String(error) });
    }
  }
}

/** Writes coordinates as one log entry. Rejects as `propose` does. */
export async function proposeCoordinates(
  consensus: Pick<Consensus, "propose">,
  rows: readonly Coordinate[],
): Promise<void> {
  await consensus.propose(encodeCommand(batchNumber, CoordinateBatch, rows), rows);
}
