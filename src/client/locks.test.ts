import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { ManualClock, settled } from "../lib/manual-clock.ts";
import { FakeAgent } from "./fake-agent.ts";
import { KeyLock, keyLockFlags } from "./key-lock.ts";
import { Semaphore, semaphoreFlags } from "./semaphore.ts";
import { KeptSession } from "./session.ts";
import type { LockOptions, SharedLock } from "./shared-lock.ts";

const never = new AbortController().signal;

class World {
  readonly clock = new ManualClock();
  readonly agent = new FakeAgent(this.clock);

  options(changes: Partial<LockOptions> = {}): LockOptions {
    return {
      client: this.agent.client(),
      clock: this.clock,
      sessionName: "test",
      tryMs: undefined,
      monitorRetryCount: 0,
      ...changes,
    };
  }
  lock(changes: Partial<LockOptions> = {}): KeyLock {
    return new KeyLock("p/.lock", this.options(changes));
  }
  semaphore(limit = 2, changes: Partial<LockOptions> = {}): Semaphore {
    return new Semaphore({ prefix: "p", limit }, this.options(changes));
  }
  /** The only session. */
  session(): string {
    return [...this.agent.sessions.keys()].join(",");
  }
}

/** What a promise has come to so far. */
async function stateOf(work: Promise<unknown>): Promise<unknown> {
  const pending = Symbol("pending");
  await settled();
  const now = await Promise.race([work, Promise.resolve(pending)]);
  return now === pending ? "pending" : now;
}

async function held(lock: SharedLock): Promise<AbortSignal> {
  const lost = await lock.acquire(never);
  if (lost === undefined) throw new Error("the lock was not given");
  return lost;
}

function problem(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "none",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

describe("a lock", () => {
  test("holds its key with a session of 15 s and the flags of a lock, and leaves nothing", async () => {
    const world = new World();
    const { agent } = world;
    const lock = world.lock();
    const lost = await held(lock);
    const [session] = [...agent.sessions];
    expect(session?.[1]).toEqual({ name: "test", ttl: "15s", deletes: false });
    expect(agent.entries.get("p/.lock")).toMatchObject({ Flags: keyLockFlags, Session: session?.[0] });
    expect(lost.aborted).toBe(false);
    await lock.release();
    expect(agent.sessions.size).toBe(0);
    expect(await lock.destroy()).toBe("removed");
    expect(agent.entries.size).toBe(0);
  });

  test("waits for whoever has it, and is taken as soon as it is free", async () => {
    const world = new World();
    const [first, second] = [world.lock(), world.lock()];
    await held(first);
    const waiting = second.acquire(never);
    expect(await stateOf(waiting)).toBe("pending");
    await first.release();
    expect(await first.destroy()).toBe("in-use");
    expect(await waiting).toBeInstanceOf(AbortSignal);
  });

  test("is given up when the time is up, and its session ends", async () => {
    const world = new World();
    await held(world.lock());
    const waiting = world.lock({ tryMs: 700 }).acquire(never);
    await settled();
    await world.clock.pass(699);
    expect(await stateOf(waiting)).toBe("pending");
    await world.clock.pass(2);
    expect(await waiting).toBeUndefined();
    expect(world.agent.sessions.size).toBe(1);
  });

  test("is given up when asked to, also in the midst of a question", async () => {
    const world = new World();
    await held(world.lock());
    const stop = new AbortController();
    const waiting = world.lock().acquire(stop.signal);
    await settled();
    stop.abort();
    expect(await waiting).toBeUndefined();
    expect(world.agent.sessions.size).toBe(1);
  });

  test("waits out a lock delay", async () => {
    const world = new World();
    world.agent.lockDelay = true;
    const waiting = world.lock().acquire(never);
    expect(await stateOf(waiting)).toBe("pending");
    world.agent.lockDelay = false;
    await world.clock.pass(4_999);
    expect(await stateOf(waiting)).toBe("pending");
    await world.clock.pass(1);
    expect(await waiting).toBeInstanceOf(AbortSignal);
  });

  test("is lost when its session ends", async () => {
    const world = new World();
    const lost = await held(world.lock());
    world.agent.endSession(world.session());
    await settled();
    expect(lost.aborted).toBe(true);
  });

  test("is lost when the agent is gone for longer than the retries last", async () => {
    const world = new World();
    const lost = await held(world.lock({ monitorRetryCount: 2 }));
    await settled();
    world.agent.fault = "no-leader";
    world.agent.wake();
    await world.clock.pass(1_000);
    world.agent.fault = "none";
    await world.clock.pass(1_000);
    // It could be asked again, and the count began anew.
    world.agent.fault = "refused";
    world.agent.wake();
    await world.clock.pass(1_999);
    expect(lost.aborted).toBe(false);
    await world.clock.pass(1);
    expect(lost.aborted).toBe(true);
  });

  test("is not taken from a key that is something else", async () => {
    const world = new World();
    await held(world.semaphore());
    expect(await problem(world.lock().acquire(never))).toBe("Existing key does not match lock use");
    expect(await problem(world.lock().destroy())).toBe("Existing key does not match lock use");
    expect(await problem(world.lock().release())).toBe("Lock not held");
    expect(world.agent.sessions.size).toBe(1);
  });

  test("tells what failed", async () => {
    const world = new World();
    const lock = world.lock();
    await held(lock);
    world.agent.fault = "no-leader";
    const why = "Unexpected response code: 500 (No cluster leader)";
    expect(await problem(world.lock().acquire(never))).toBe(`failed to create session: ${why}`);
    expect(await problem(lock.release())).toBe(`failed to release lock: ${why}`);
    expect(await problem(lock.destroy())).toBe(`failed to read lock: ${why}`);
  });
});

describe("a semaphore", () => {
  test("keeps a list of holders, and a key for each", async () => {
    const world = new World();
    const [a, b, c] = [world.semaphore(), world.semaphore(), world.semaphore()];
    await held(a);
    await held(b);
    const waiting = c.acquire(never);
    expect(await stateOf(waiting)).toBe("pending");
    const list = world.agent.entries.get("p/.lock");
    const [s1 = "", s2 = ""] = [...world.agent.sessions.keys()];
    expect(list).toMatchObject({ Flags: semaphoreFlags });
    expect(atob(list?.Value ?? "")).toBe(`{"Limit":2,"Holders":{"${s1}":true,"${s2}":true}}`);
    expect([...world.agent.entries.keys()].length).toBe(4);
    await a.release();
    expect(await waiting).toBeInstanceOf(AbortSignal);
    await b.release();
    expect(await b.destroy()).toBe("in-use");
    await c.release();
    expect(await c.destroy()).toBe("removed");
    expect(world.agent.entries.size).toBe(0);
  });

  test("does not count a holder whose session has ended", async () => {
    const world = new World();
    const [a, b] = [world.semaphore(1), world.semaphore(1)];
    const lost = await held(a);
    const waiting = b.acquire(never);
    expect(await stateOf(waiting)).toBe("pending");
    world.agent.endSession([...world.agent.sessions.keys()][0] ?? "");
    expect(await waiting).toBeInstanceOf(AbortSignal);
    expect(lost.aborted).toBe(true);
  });

  test("is one limit for all", async () => {
    const world = new World();
    await held(world.semaphore(2));
    expect(await problem(world.semaphore(3).acquire(never))).toBe(
      "semaphore limit conflict (lock: 2, local: 3)",
    );
    expect(() => world.semaphore(0)).toThrow("semaphore limit must be positive");
    expect(() => new Semaphore({ prefix: "", limit: 1 }, world.options())).toThrow("missing prefix");
  });

  test("never has more holders than places, in whatever order replies come", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 3 }), async (scheduler, limit) => {
        const world = new World();
        world.agent.deliver = (reply) => scheduler.schedule(Promise.resolve(reply));
        let inside = 0;
        let insideMax = 0;
        const work = Array.from({ length: 5 }, async () => {
          const semaphore = world.semaphore(limit);
          await held(semaphore);
          inside += 1;
          insideMax = Math.max(insideMax, inside);
          await scheduler.schedule(Promise.resolve());
          inside -= 1;
          await semaphore.release();
        });
        await scheduler.waitFor(Promise.all(work));
        expect(insideMax).toBeLessThanOrEqual(limit);
        expect([...world.agent.entries.keys()]).toEqual(["p/.lock"]);
      }),
      { numRuns: 25 },
    );
  });
});

describe("a session that is kept", () => {
  test("is renewed twice in each TTL, every second when that fails, and destroyed at the end", async () => {
    const world = new World();
    const { agent, clock } = world;
    const session = await KeptSession.open(world.options(), { name: "n", ttl: "10s" });
    const renewals = (): number => agent.requests.filter((line) => line.includes("/renew/")).length;
    await clock.pass(5_000);
    expect(renewals()).toBe(1);
    agent.fault = "refused";
    await clock.pass(5_000);
    await clock.pass(3_000);
    expect(renewals()).toBe(5);
    agent.fault = "none";
    await clock.pass(1_000);
    await clock.pass(4_999);
    expect(renewals()).toBe(6);
    await session.end();
    expect(agent.sessions.size).toBe(0);
    expect(session.expired.aborted).toBe(false);
  });

  test("knows when the agent has ended it", async () => {
    const world = new World();
    const session = await KeptSession.open(world.options(), { name: "n", ttl: "10s" });
    world.agent.sessions.clear();
    await world.clock.pass(5_000);
    expect(session.expired.aborted).toBe(true);
    await session.end();
    expect(world.agent.requests.some((line) => line.includes("/destroy/"))).toBe(false);
  });

  test("ends also when the agent does not answer", async () => {
    const world = new World();
    const session = await KeptSession.open(world.options(), { name: "n", ttl: "10s" });
    world.agent.deliver = () => new Promise(() => undefined);
    const ending = session.end();
    await world.clock.pass(4_999);
    expect(await stateOf(ending)).toBe("pending");
    await world.clock.pass(1);
    expect(await stateOf(ending)).toBeUndefined();
  });

  test("ends also when the agent cannot be reached", async () => {
    const world = new World();
    const session = await KeptSession.open(world.options(), { name: "n", ttl: "10s" });
    world.agent.fault = "refused";
    await session.end();
    expect(world.agent.sessions.size).toBe(1);
  });
});
