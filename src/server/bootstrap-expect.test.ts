import { describe, expect, test } from "bun:test";
import type { Clock } from "../lib/clock.ts";
import { monotonicMs, wallMs } from "../lib/clock.ts";
import type { ConsensusServer } from "../lib/consensus.ts";
import { silentLog, type Log } from "../lib/log.ts";
import type { Member, MemberEvent, MemberPool } from "../lib/members.ts";
import { BootstrapExpect, bootstrapConfiguration, decideBootstrap } from "./bootstrap-expect.ts";
import { parseServer } from "../wire/gossip/agent-tags.ts";

function member(name: string, tags: Readonly<Record<string, string>> = {}): Member {
  return {
    name,
    address: `10.0.0.${name.slice(1)}`,
    port: 8301,
    tags: {
      role: "consul",
      dc: "dc1",
      port: "8300",
      vsn: "2",
      build: "1.16.4",
      id: `id-${name}`,
      expect: "3",
      ...tags,
    },
    status: "alive",
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCur: 4,
  };
}
const client = (name: string): Member => ({
  ...member(name),
  tags: { role: "node", dc: "dc1", build: "1.16.4" },
});
const view = { datacenter: "dc1", expect: 3, lastIndex: 0, isReadReplica: false };
const three = [member("n1"), member("n2"), member("n3")];

describe("decision", () => {
  test.each([
    {
      what: "data on disk",
      over: { lastIndex: 1 },
      members: three,
      wanted: { kind: "stop", reason: "dataFound" },
    },
    {
      what: "a read replica",
      over: { isReadReplica: true },
      members: three,
      wanted: { kind: "wait", reason: "readReplica" },
    },
    { what: "two of three", members: three.slice(1), wanted: { kind: "wait", reason: "tooFew" } },
    {
      what: "clients do not count",
      members: [...three.slice(1), client("n4")],
      wanted: { kind: "wait", reason: "tooFew" },
    },
    {
      what: "read replicas do not count",
      members: [...three.slice(1), member("n4", { read_replica: "1" })],
      wanted: { kind: "wait", reason: "tooFew" },
    },
    {
      what: "another datacenter",
      members: [...three.slice(1), member("n4", { dc: "dc2", expect: "5" })],
      wanted: { kind: "wait", reason: "tooFew", strangers: ["n4"] },
    },
    {
      what: "another expectation",
      members: [...three, member("n4", { expect: "5" })],
      wanted: { kind: "wait", reason: "conflictingExpect", member: "n4" },
    },
    {
      what: "a server without expectation",
      members: [...three.slice(1), member("n4", { expect: "0" })],
      wanted: { kind: "ask" },
    },
    {
      what: "a server in bootstrap mode",
      members: [...three, member("n4", { bootstrap: "1" })],
      wanted: { kind: "wait", reason: "bootstrapMode", member: "n4" },
    },
    { what: "enough", members: three, wanted: { kind: "ask", strangers: [] } },
  ])("$what", ({ over, members, wanted }) => {
    expect(decideBootstrap({ ...view, ...over, members })).toMatchObject(wanted as never);
  });

  test("the configuration has ids, addresses and read replicas as nonvoters", () => {
    const servers = [member("n1"), member("n2", { id: "" }), member("n3", { nonvoter: "1" })].map((one) =>
      parseServer(one)!,
    );
    expect(bootstrapConfiguration(servers)).toEqual([
      { id: "id-n1", address: "10.0.0.1:8300", voter: true },
      { id: "10.0.0.2:8300", address: "10.0.0.2:8300", voter: true },
      { id: "id-n3", address: "10.0.0.3:8300", voter: false },
    ]);
  });
});

class Pool implements MemberPool {
  list: Member[];
  listeners = new Set<(event: MemberEvent) => void>();
  constructor(list: Member[]) {
    this.list = list;
  }
  members(): readonly Member[] {
    return this.list;
  }
  localMember(): Member {
    return this.list[0]!;
  }
  onMember(listener: (event: MemberEvent) => void): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => this.listeners.delete(listener) };
  }
  join(one: Member): void {
    this.list.push(one);
    for (const listener of this.listeners) listener({ kind: "join", member: one });
  }
}

function setUp(o: {
  members: Member[];
  peersOf: (name: string, attempt: number) => readonly string[];
  lastIndex?: number;
}) {
  const pool = new Pool(o.members);
  const delays: number[] = [];
  const errors: string[] = [];
  const attempts = new Map<string, number>();
  const bootstrapped: (readonly ConsensusServer[])[] = [];
  const clock: Clock = {
    monotonicMs: () => monotonicMs(0),
    wallMs: () => wallMs(0),
    after: (ms, fn) => {
      delays.push(ms);
      queueMicrotask(fn);
      return { [Symbol.dispose]: () => undefined };
    },
  };
  const log: Log = { ...silentLog, error: (message) => void errors.push(message) };
  const driver = new BootstrapExpect({
    pool,
    clock,
    log,
    datacenter: "dc1",
    expect: 3,
    isReadReplica: false,
    consensus: {
      status: () => ({ lastIndex: o.lastIndex ?? 0 }) as never,
      bootstrap: (servers) => {
        bootstrapped.push(servers);
        return Promise.resolve();
      },
    },
    peersOf: ({ name }) => {
      const attempt = (attempts.get(name) ?? 0) + 1;
      attempts.set(name, attempt);
      return Promise.resolve().then(() => o.peersOf(name, attempt));
    },
  });
  return { pool, driver, delays, errors, bootstrapped, attempts };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

describe("driver", () => {
  test("waits for the third server, then bootstraps once", async () => {
    const own = setUp({ members: three.slice(0, 2), peersOf: () => [] });
    await settle();
    expect(own.bootstrapped).toEqual([]);
    own.pool.join(three[2]!);
    own.pool.join(client("n9"));
    await settle();
    expect(own.bootstrapped.map((servers) => servers.length)).toEqual([3]);
    expect(own.driver.isDone).toBe(true);
    expect(own.pool.listeners.size).toBe(0);
  });

  test("a server with peers ends the wait", async () => {
    const own = setUp({ members: [...three], peersOf: (name) => (name === "n2" ? ["10.0.0.9:8300"] : []) });
    await settle();
    expect(own.bootstrapped).toEqual([]);
    expect(own.driver.isDone).toBe(true);
  });

  test("data on disk ends the wait", async () => {
    const own = setUp({ members: [], peersOf: () => [], lastIndex: 4 });
    await settle();
    expect(own.driver.isDone).toBe(true);
  });

  test("a server that cannot be asked is tried with growing pauses", async () => {
    const own = setUp({
      members: [...three],
      peersOf: (name, attempt) => {
        if (name === "n3" && attempt < 4) throw new Error("refused");
        return [];
      },
    });
    await settle();
    expect(own.delays).toEqual([1_000, 2_000, 4_000]);
    expect(own.bootstrapped.length).toBe(1);
  });

  test("and counts as new after six attempts", async () => {
    const own = setUp({
      members: [...three],
      peersOf: (name) => {
        if (name === "n3") throw new Error("refused");
        return [];
      },
    });
    await settle();
    expect(own.attempts.get("n3")).toBe(6);
    expect(own.errors.length).toBe(6);
    expect(own.bootstrapped.length).toBe(1);
  });

  test("a conflicting expectation is reported and waits", async () => {
    const own = setUp({ members: [...three.slice(0, 2), member("n4", { expect: "5" })], peersOf: () => [] });
    await settle();
    expect(own.errors.length).toBe(1);
    expect(own.driver.isDone).toBe(false);
  });

  test("stops when it is disposed of during a question", async () => {
    const own = setUp({
      members: [...three],
      peersOf: () => {
        own.driver[Symbol.dispose]();
        return [];
      },
    });
    await settle();
    expect(own.bootstrapped).toEqual([]);
  });
});
