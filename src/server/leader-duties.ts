/**
 * What only the leader does: leases of sessions, reaping of tombstones, and telling the catalog of itself.
 *
 * All of it starts afresh with each leadership, from the replicated state, and stops with it. Duties that
 * fail are tried again while leadership lasts. Source: the reference's leader loop.
 */
import type { Clock } from "../lib/clock.ts";
import type { Consensus } from "../lib/consensus.ts";
import type { Log } from "../lib/log.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import { sessionApply } from "../wire/rpc/methods.ts";
import { TombstoneRequest } from "../wire/structs/kv.ts";
import { Session, SessionRequest } from "../wire/structs/session.ts";
import { encodeCommand } from "../fsm/encode.ts";
import { commandType } from "../fsm/command.ts";

const reconcileIntervalMs = 60_000;
const retryMs = 1_000;

export interface LeaderDutiesParts {
  readonly consensus: Consensus;
  readonly rpc: Rpc;
  readonly clock: Clock;
  readonly log: Log;
  readonly datacenter: string;
  /** Starts every session's lease at full length. */
  startLeases(): void;
  stopLeases(): void;
  /** Puts this server into the catalog. */
  reconcile(): Promise<void>;
}

/** Runs the duties while this server leads, until disposed. */
export function runLeaderDuties(parts: LeaderDutiesParts): Disposable {
  let tenure: Tenure | undefined;
  const listening = parts.consensus.onLeadership((leading, term) => {
    if (!leading && tenure !== undefined) parts.log.info("cluster leadership lost");
    tenure?.end();
    tenure = leading ? new Tenure(parts, term) : undefined;
  });
  return {
    [Symbol.dispose]: () => {
      listening[Symbol.dispose]();
      tenure?.end();
    },
  };
}

/** One leadership, from its first moment to its end. */
class Tenure {
  readonly #parts: LeaderDutiesParts;
  #timer: Disposable | undefined;
  #ended = false;

  constructor(parts: LeaderDutiesParts, term: number) {
    this.#parts = parts;
    parts.log.info("cluster leadership acquired", { term });
    void this.#establish();
  }

  end(): void {
    this.#ended = true;
    this.#timer?.[Symbol.dispose]();
    this.#parts.stopLeases();
  }

  /** Every entry of earlier leaders is applied before leases start: a session that was destroyed gets none. */
  async #establish(): Promise<void> {
    try {
      await this.#parts.consensus.barrier();
      if (this.#ended) return;
      this.#parts.startLeases();
    } catch (error) {
      this.#failed("failed to wait for the log", error);
      this.#again(retryMs, () => this.#establish());
      return;
    }
    await this.#reconcile();
  }

  async #reconcile(): Promise<void> {
    try {
      await this.#parts.reconcile();
      this.#again(reconcileIntervalMs, () => this.#reconcile());
    } catch (error) {
      this.#failed("failed to reconcile", error);
      this.#again(retryMs, () => this.#reconcile());
    }
  }

  #again(delayMs: number, duty: () => Promise<void>): void {
    if (this.#ended) return;
    this.#timer = this.#parts.clock.after(delayMs, () => void duty());
  }

  #failed(what: string, error: unknown): void {
    if (this.#ended) return;
    this.#parts.log.error(what, { error: error instanceof Error ? error.message : String(error) });
  }
}

/** Destroys a session whose lease ran out. Rejects as `Rpc` does; the caller tries again. */
export async function expireSession(
  { rpc, datacenter }: Pick<LeaderDutiesParts, "rpc" | "datacenter">,
  sessionId: string,
): Promise<void> {
  const request = { Datacenter: datacenter, Op: "destroy", Session: Session.make({ ID: sessionId }) };
  await rpc.call(sessionApply, SessionRequest.make(request));
}

/** Forgets the tombstones through `index`, on every server. */
export async function reapTombstones(consensus: Consensus, log: Log, index: number): Promise<void> {
  try {
    const body = TombstoneRequest.make({ Op: "reap", ReapIndex: index });
    await consensus.propose(encodeCommand(commandType.tombstone, TombstoneRequest, body), body);
  } catch (error) {
    log.error("failed to reap tombstones", { index, error: String(error) });
  }
}
