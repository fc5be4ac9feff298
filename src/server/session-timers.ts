/**
 * Leases of sessions, kept by the leader in memory only.
 *
 * A lease lasts twice the session's TTL: a session never ends before its TTL, and clients get time for
 * delays on the way. A new leader starts every lease at full length. Source: the reference's session_ttl.go.
 */
import type { Clock } from "../lib/clock.ts";
import { millisecondNs, parseDuration } from "../lib/duration.ts";
import type { Log } from "../lib/log.ts";
import type { Session } from "../wire/structs/session.ts";
import type { SessionTimers } from "./context.ts";

const ttlMultiplier = 2;
/** A failed expiry is tried again after 10 s, 20 s, 40 s …, this many times in all. */
const attemptsMax = 6;
const retryBaseMs = 10_000;

export interface SessionTimersOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Destroys the session. A promise that rejects is tried again while this server leads. */
  expire(sessionId: string): void | Promise<void>;
}

/** Leases that start and stop with leadership. */
export interface LeaderSessionTimers extends SessionTimers {
  /** Starts the leases of all sessions that have a TTL. */
  startAll(sessions: Iterable<Pick<Session, "ID" | "TTL">>): void;
  /** Forgets all leases: another server leads. */
  stopAll(): void;
  /** Leases that run. */
  count(): number;
}

/** Makes the table of leases. */
export function createSessionTimers({ clock, log, expire }: SessionTimersOptions): LeaderSessionTimers {
  const timers = new Map<string, Disposable>();

  const forget = (id: string): void => {
    timers.get(id)?.[Symbol.dispose]();
    timers.delete(id);
  };
  const schedule = (id: string, delayMs: number, fire: () => void): void => {
    forget(id);
    timers.set(id, clock.after(delayMs, fire));
  };
  const end = async (id: string, attempt: number): Promise<void> => {
    const running = timers.get(id);
    try {
      await expire(id);
      log.debug("Session TTL expired", { session: id });
    } catch (error) {
      log.error("Invalidation failed", { error: error instanceof Error ? error.message : String(error) });
      // Renewed or forgotten meanwhile: no longer ours to end.
      if (timers.get(id) !== running) return;
      if (attempt + 1 < attemptsMax) {
        schedule(id, retryBaseMs * 2 ** attempt, () => void end(id, attempt + 1));
        return;
      }
      log.error("maximum revoke attempts reached for session", { session: id });
    }
    if (timers.get(id) === running) timers.delete(id);
  };

  return {
    renew: (sessionId, ttlMs) => {
      const id = sessionId.toLowerCase();
      schedule(id, ttlMs * ttlMultiplier, () => void end(id, 0));
    },
    forget: (sessionId) => forget(sessionId.toLowerCase()),
    startAll(sessions) {
      for (const { ID, TTL } of sessions) {
        const ttlMs = TTL === "" ? 0 : (parseDuration(TTL) ?? 0) / millisecondNs;
        if (ttlMs > 0) this.renew(ID, ttlMs);
      }
    },
    stopAll() {
      for (const timer of timers.values()) timer[Symbol.dispose]();
      timers.clear();
    },
    count: () => timers.size,
  };
}
