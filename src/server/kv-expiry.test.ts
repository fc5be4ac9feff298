import { rejection } from "../lib/rejection.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import { describe, expect, test } from "bun:test";
import { kvCommands, kvSnapshotPart } from "../fsm/kv-commands.ts";
import { Fsm } from "../fsm/fsm.ts";
import { utf8ByteString } from "../lib/byte-string.ts";
import { silentLog } from "../lib/log.ts";
import type { Member } from "../lib/members.ts";
import { kvGet } from "../state/kv.ts";
import { StateStore } from "../state/store.ts";
import { encodeMsgpack } from "../wire/schema/codec.ts";
import { kvsApply, kvsGet } from "../wire/rpc/methods.ts";
import { DirEntry, KeyRequest, KVSRequest, type KvOp } from "../wire/structs/kv.ts";
import { KvExpiry, removeExpired } from "./kv-expiry.ts";
import { kvEndpoints } from "./kv.ts";
import { Server } from "./server.ts";
import { InstantConsensus, testContext, testPool } from "./testing.ts";

const second = 1e9;
const startMs = 1_800_000_000_000;

class World {
  readonly clock = new ManualClock(startMs - 1_000);
  readonly store = new StateStore();
  readonly fsm = new Fsm(this.store, [...kvCommands], [kvSnapshotPart]);
  readonly consensus = new InstantConsensus(this.fsm);
  readonly context: ReturnType<typeof testContext>;
  readonly server: Server;
  readonly expiry: KvExpiry;
  failures = 0;

  constructor(members: readonly Member[] = testPool.members()) {
    const pool = { ...testPool, members: () => members };
    this.context = { ...testContext(this.store, this.consensus), clock: this.clock, pool };
    this.server = new Server(this.context, [...kvEndpoints]);
    this.expiry = new KvExpiry({
      clock: this.clock,
      store: this.store,
      log: silentLog,
      remove: (entry) => {
        if (this.failures <= 0) return removeExpired(this.context, entry);
        this.failures -= 1;
        return Promise.reject(new Error("no quorum"));
      },
    });
    this.expiry.start();
  }

  put(key: string, ttlNs: number, { value = "v", op = "set" as KvOp } = {}): Promise<boolean> {
    const DirEnt = DirEntry.make({ Key: utf8ByteString(key), Value: new TextEncoder().encode(value) });
    return this.server.call(kvsApply, KVSRequest.make({ Datacenter: "dc1", Op: op, DirEnt, TTL: ttlNs }));
  }

  has(key: string): boolean {
    return kvGet(this.store, utf8ByteString(key)).entry !== undefined;
  }
}

describe("a key with a time to live", () => {
  test("goes when its time is over, to the millisecond, and its readers wake", async () => {
    const world = new World();
    await world.put("a", 5 * second);
    await world.put("b", 2 * second);
    await world.clock.pass(1999);
    expect([world.has("a"), world.has("b")]).toEqual([true, true]);
    const { index } = kvGet(world.store, utf8ByteString("b"));
    const request = KeyRequest.make({ Datacenter: "dc1", Key: utf8ByteString("b"), MinQueryIndex: index });
    const reading = world.server.call(kvsGet, request);
    await world.clock.pass(1);
    expect((await reading).Entries).toBeNull();
    await world.clock.pass(2999);
    expect(world.has("a")).toBe(true);
    await world.clock.pass(1);
    expect(world.has("a")).toBe(false);
    expect(world.store.tables.kvExpiries.size).toBe(0);
  });

  test("lives longer with each write that says so, and for ever after one that does not", async () => {
    const world = new World();
    await world.put("a", 2 * second);
    await world.put("b", 2 * second);
    await world.clock.pass(1000);
    await world.put("a", 2 * second);
    await world.put("b", 0);
    await world.clock.pass(1500);
    expect([world.has("a"), world.has("b")]).toEqual([true, true]);
    await world.clock.pass(60_000);
    expect([world.has("a"), world.has("b")]).toEqual([false, true]);
    expect(DirEntry.json(kvGet(world.store, utf8ByteString("b")).entry as DirEntry)).not.toContain(
      "ExpiresAt",
    );
  });

  test("shows when it goes", async () => {
    const world = new World();
    await world.put("a", 1.5 * second);
    const shown = DirEntry.json(kvGet(world.store, utf8ByteString("a")).entry as DirEntry);
    expect(JSON.parse(shown)).toMatchObject({ ExpiresAt: "2027-01-15T08:00:01.5Z" });
  });

  test("is deleted by the next leader, from a snapshot too, also if its time was over before", async () => {
    const old = new World();
    old.expiry.stop();
    await old.put("a", 2 * second);
    await old.clock.pass(10_000);
    expect(old.has("a")).toBe(true);
    const { state } = await old.consensus.snapshot();
    const next = new World();
    next.expiry.stop();
    await next.consensus.restore(state);
    await next.clock.pass(10_000);
    expect(next.has("a")).toBe(true);
    next.expiry.start();
    await next.clock.pass(0);
    expect(next.has("a")).toBe(false);
  });

  test("is tried again when it could not be deleted", async () => {
    const world = new World();
    world.failures = 2;
    await world.put("a", second);
    await world.clock.pass(2999);
    expect(world.has("a")).toBe(true);
    await world.clock.pass(1);
    expect(world.has("a")).toBe(false);
  });

  test("many that go at once all go", async () => {
    const world = new World();
    for (let at = 0; at < 1000; at += 1) await world.put(`k${at}`, second);
    await world.clock.pass(1000);
    expect(world.store.tables.kvs.size).toBe(0);
  });

  test("is refused where a server is not Proconsul's, and others are not", async () => {
    const [own] = testPool.members() as [Member];
    const { ft_proconsul: _, ...tags } = own.tags;
    const world = new World([own, { ...own, name: "consul-2", tags }]);
    expect(await rejection(world.put("a", second))).toThrow(
      "Keys with a time to live need servers that are all Proconsul's: consul-2 is not",
    );
    expect(await world.put("a", 0)).toBe(true);
    // One that has left for good does not count.
    expect(await new World([own, { ...own, tags, status: "left" }]).put("a", second)).toBe(true);
  });
});

test("a key without a time to live has the reference's bytes", () => {
  const text = (value: Uint8Array): string => new TextDecoder("latin1").decode(value);
  const entry = DirEntry.make({ Key: utf8ByteString("k") });
  expect(text(encodeMsgpack(DirEntry, entry))).not.toContain("ExpiresAt");
  expect(text(encodeMsgpack(KVSRequest, KVSRequest.make({ DirEnt: entry })))).not.toContain("TTL");
  expect(text(encodeMsgpack(DirEntry, { ...entry, ExpiresAt: 1 }))).toContain("ExpiresAt");
});
