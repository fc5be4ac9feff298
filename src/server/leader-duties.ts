/**
 * What only the leader does, from the first moment of its leadership to the last.
 *
 * It waits until everything of earlier leaders is applied, establishes what leaders keep (leases, autopilot),
 * then keeps catalog and configuration in step with gossip: all members at first, each that changes, and all
 * again every minute. A leader that cannot establish itself hands leadership on. Source: the reference's
 * leader loop.
 */
import type { Clock } from "../lib/clock.ts";
import type { Consensus } from "../lib/consensus.ts";
import type { Log } from "../lib/log.ts";
import type { MemberPool } from "../lib/members.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import { sessionApply } from "../wire/rpc/methods.ts";
import { TombstoneRequest } from "../wire/structs/kv.ts";
import { Session, SessionRequest } from "../wire/structs/session.ts";
import { encodeCommand } from "../fsm/encode.ts";
import { commandType } from "../fsm/command.ts";
import { ReconcileQueue } from "./leader-queue.ts";
import type { Reconciler } from "./leader-reconciler.ts";

const reconcileIntervalMs = 60_000;
/** How often metrics tell who leads. */
const reportIntervalMs = 10_000;
/** After a failure all members are looked at again after this time, and then after ever longer ones. */
const retryMinMs = 1_000;
const barrierRetryMs = 1_000;
const busyRetryMs = 1_000;
/** A leader that could neither establish itself nor hand leadership on tries again. */
const establishRetryMs = 5_000;
const transferAttemptsMax = 3;

export interface LeaderDutiesParts {
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly pool: MemberPool;
  readonly reconciler: Pick<Reconciler, "reconcile" | "reconcileAll">;
  /** Tells everyone in the pool who leads now. */
  announce(): void;
  /** Starts what a leader keeps, from the replicated state, which is complete. */
  establish(): Promise<void>;
  /** Stops all of it; may be called when nothing was started. */
  revoke(): void;
}

/** Runs the duties while this server leads, until disposed. */
export function runLeaderDuties(parts: LeaderDutiesParts): Disposable {
  let tenure: Tenure | undefined;
  const listening = parts.consensus.onLeadership((leading, term) => {
    if (!leading && tenure !== undefined) parts.log.info("cluster leadership lost");
    tenure?.end();
    tenure = leading ? new Tenure(parts, term) : undefined;
  });
  let reporting: Disposable | undefined;
  const report = (): void => {
    parts.metrics.gauge("server.isLeader", tenure === undefined ? 0 : 1);
    reporting = parts.clock.after(reportIntervalMs, report);
  };
  report();
  return {
    [Symbol.dispose]: () => {
      listening[Symbol.dispose]();
      reporting?.[Symbol.dispose]();
      tenure?.end();
    },
  };
}

/** One leadership. */
class Tenure {
  readonly #parts: LeaderDutiesParts;
  readonly #queue = new ReconcileQueue();
  readonly #listening: Disposable;
  #timer: Disposable | undefined;
  #established = false;
  #failures = 0;
  /** A duty runs: none runs beside it, lest a member is judged by two states of it. */
  #busy = false;
  #ended = false;

  constructor(parts: LeaderDutiesParts, term: number) {
    this.#parts = parts;
    parts.log.info("cluster leadership acquired", { term });
    parts.announce();
    this.#listening = parts.pool.onMember(({ kind, member }) => {
      this.#queue.add({ member, reaped: kind === "reap" });
      if (this.#established && !this.#busy) void this.#drain();
    });
    void this.#round();
  }

  end(): void {
    this.#ended = true;
    this.#listening[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    this.#parts.revoke();
  }

  /** Makes sure that this server is ready to lead, then looks at all members. */
  async #round(): Promise<void> {
    this.#busy = true;
    const ready = (await this.#caughtUp()) && (await this.#establish());
    if (ready) {
      const wentWell = await this.#parts.reconciler.reconcileAll();
      this.#failures = wentWell ? 0 : this.#failures + 1;
      this.#again(this.#pauseMs());
    }
    this.#busy = false;
    if (ready) await this.#drain();
  }

  #pauseMs(): number {
    if (this.#failures === 0) return reconcileIntervalMs;
    return Math.min(reconcileIntervalMs, retryMinMs * 2 ** (this.#failures - 1));
  }

  /** Every entry of earlier leaders is applied before leases start: a session that was destroyed gets none. */
  async #caughtUp(): Promise<boolean> {
    const { consensus, clock, metrics } = this.#parts;
    const startMs = clock.monotonicMs();
    try {
      await consensus.barrier();
    } catch (error) {
      this.#failed("failed to wait for barrier", error);
      this.#again(barrierRetryMs);
      return false;
    }
    metrics.timer("leader.barrier", clock.monotonicMs() - startMs);
    return !this.#ended;
  }

  async #establish(): Promise<boolean> {
    if (this.#established) return true;
    const { establish, revoke } = this.#parts;
    try {
      await establish();
    } catch (error) {
      this.#failed("failed to establish leadership", error);
      if (this.#ended) return false;
      revoke();
      await this.#handOn();
      this.#again(establishRetryMs);
      return false;
    }
    // Lost while it was being established: what was started after `end` must stop.
    if (this.#ended) revoke();
    this.#established = !this.#ended;
    return this.#established;
  }

  async #handOn(): Promise<void> {
    for (let attempt = 0; attempt < transferAttemptsMax && !this.#ended; attempt += 1) {
      try {
        await this.#parts.consensus.transferLeadership();
        return;
      } catch (error) {
        this.#failed("failed to transfer leadership", error);
      }
    }
  }

  /** Works off the queue. */
  async #drain(): Promise<void> {
    this.#busy = true;
    for (let target = this.#queue.next(); target !== undefined; target = this.#queue.next()) {
      if (this.#ended) return;
      if (await this.#parts.reconciler.reconcile(target)) continue;
      this.#failures = Math.max(1, this.#failures);
      this.#again(this.#pauseMs());
    }
    this.#busy = false;
    // What did not fit into the queue is found by looking at everyone.
    if (this.#queue.takeOverflow()) await this.#round();
  }

  /** The next round, in place of one that was planned. */
  #again(delayMs: number): void {
    if (this.#ended) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#parts.clock.after(delayMs, () => {
      if (this.#busy) this.#again(busyRetryMs);
      else void this.#round();
    });
  }

  #failed(what: string, error: unknown): void {
    if (this.#ended) return;
    this.#parts.log.error(what, { error: error instanceof Error ? error.message : String(error) });
  }
}

/** Destroys a session whose lease ran out. Rejects as `Rpc` does; the caller tries again. */
export async function expireSession(
  { rpc, datacenter }: { readonly rpc: Rpc; readonly datacenter: string },
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
