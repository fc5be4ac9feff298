import { describe, expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import type { Member, MemberEvent, MemberPool } from "../lib/members.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import { rebalanceDelayMs, Router } from "./router.ts";

function member(name: string, tags: Readonly<Record<string, string>> = {}): Member {
  return {
    name,
    address: `10.0.0.${name.slice(1)}`,
    port: 8301,
    tags: { role: "consul", dc: "dc1", port: "8300", vsn: "2", build: "1.16.4:", ...tags },
    status: "alive",
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCur: 4,
  };
}

class TestPool implements MemberPool {
  readonly #members: Member[];
  readonly #listeners = new Set<(event: MemberEvent) => void>();
  constructor(members: Member[]) {
    this.#members = members;
  }
  members(): readonly Member[] {
    return this.#members;
  }
  localMember(): Member {
    return member("c9", { role: "node" });
  }
  onMember(listener: (event: MemberEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }
  tell(kind: MemberEvent["kind"], one: Member): void {
    for (const listener of this.#listeners) listener({ kind, member: one });
  }
}

function routerOf(
  names: readonly string[],
  deaf: readonly string[] = [],
): { router: Router; pool: TestPool; clock: ManualClock; asked: string[] } {
  const pool = new TestPool(names.map((name) => member(name)));
  const clock = new ManualClock();
  const asked: string[] = [];
  const router = new Router({
    members: pool,
    datacenter: "dc1",
    ping: (server) => {
      asked.push(server.name);
      return Promise.resolve(!deaf.includes(server.name));
    },
    // Newcomers go last, and shuffling moves nothing.
    random: (limit) => limit - 1,
    clock,
    log: silentLog,
  });
  return { router, pool, clock, asked };
}

const names = ({ servers }: Router): string[] => servers.map(({ name }) => name);

describe("the list", () => {
  test("follows gossip: servers of this datacenter only", () => {
    const { router, pool } = routerOf(["s1", "s2"]);
    pool.tell("join", member("s3"));
    pool.tell("join", member("s4", { dc: "dc2" }));
    pool.tell("join", member("s5", { role: "node" }));
    pool.tell("failed", member("s1"));
    pool.tell("update", member("s2", { port: "9300" }));
    expect(router.servers.map(({ name, rpc }) => [name, rpc.port])).toEqual([
      ["s2", 9300],
      ["s3", 8300],
    ]);
    pool.tell("leave", member("s2"));
    pool.tell("reap", member("s3"));
    expect(router.findServer()).toBeUndefined();
  });

  test("puts a server that failed last, if it was first", () => {
    const { router } = routerOf(["s1", "s2", "s3"]);
    router.notifyFailedServer({ name: "s2" });
    expect(names(router)).toEqual(["s1", "s2", "s3"]);
    router.notifyFailedServer({ name: "s1" });
    expect(names(router)).toEqual(["s2", "s3", "s1"]);
    const one = routerOf(["s1"]).router;
    one.notifyFailedServer({ name: "s1" });
    expect(names(one)).toEqual(["s1"]);
  });

  test("tells of the first server", () => {
    const { router, pool } = routerOf([]);
    let told = 0;
    router.onServer(() => (told += 1));
    pool.tell("join", member("s1"));
    pool.tell("join", member("s2"));
    expect(told).toBe(1);
  });
});

describe("rebalancing", () => {
  test("happens every two to three minutes and puts a server first that answers", async () => {
    const { router, clock, asked } = routerOf(["s1", "s2", "s3"], ["s1"]);
    await clock.pass(179_000);
    expect(asked).toEqual([]);
    await clock.pass(1_000);
    expect(asked).toEqual(["s1", "s2"]);
    expect(names(router)).toEqual(["s2", "s1", "s3"]);
    await clock.pass(180_000);
    expect(asked).toEqual(["s1", "s2", "s2"]);
    router[Symbol.dispose]();
    expect(clock.timerCount).toBe(0);
  });

  test("changes nothing when no server answers", async () => {
    const { router } = routerOf(["s1", "s2"], ["s1", "s2"]);
    await router.rebalance();
    expect(names(router)).toEqual(["s1", "s2"]);
  });

  test.each([
    { serverCount: 0, nodeCount: 10_000, expected: 130_000 },
    { serverCount: 5, nodeCount: 100, expected: 130_000 },
    { serverCount: 5, nodeCount: 100_000, expected: 312_500 },
  ])("$nodeCount nodes and $serverCount servers: every $expected ms", ({ expected, ...counts }) => {
    expect(rebalanceDelayMs({ ...counts, jitterMs: 10_000 })).toBe(expected);
  });
});
