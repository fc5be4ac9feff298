import { rejection } from "../lib/rejection.ts";
import { describe, expect, test } from "bun:test";
import { allowAll } from "../acl/authorizer.ts";
import { catalogCommands, catalogSnapshotPart } from "../fsm/catalog-commands.ts";
import { Fsm } from "../fsm/fsm.ts";
import { kvCommands, kvSnapshotPart } from "../fsm/kv-commands.ts";
import { utf8ByteString } from "../lib/byte-string.ts";
import { StateStore } from "../state/store.ts";
import { kvsApply } from "../wire/rpc/methods.ts";
import { streamRead } from "../wire/rpc/stream-methods.ts";
import { DirEntry, KVSRequest } from "../wire/structs/kv.ts";
import { StreamRequest, type StreamReply } from "../wire/structs/stream.ts";
import { kvEndpoints } from "./kv.ts";
import { Server } from "./server.ts";
import { streamEndpoints } from "./stream.ts";
import { InstantConsensus, testContext } from "./testing.ts";

class World {
  readonly store = new StateStore();
  readonly fsm = new Fsm(
    this.store,
    [...catalogCommands, ...kvCommands],
    [catalogSnapshotPart, kvSnapshotPart],
  );
  readonly consensus = new InstantConsensus(this.fsm);
  readonly server = new Server(testContext(this.store, this.consensus), [...kvEndpoints, ...streamEndpoints]);

  async put(key: string, value: string): Promise<void> {
    const DirEnt = DirEntry.make({ Key: utf8ByteString(key), Value: new TextEncoder().encode(value) });
    await this.server.call(kvsApply, KVSRequest.make({ Datacenter: "dc1", Op: "set", DirEnt }));
  }

  read(topics: readonly string[], from?: number, signal?: AbortSignal): Promise<StreamReply> {
    const request = StreamRequest.make({
      Datacenter: "dc1",
      Topics: topics.map(utf8ByteString),
      Resume: from !== undefined,
      MinQueryIndex: from ?? 0,
    });
    return this.server.call(streamRead, request, signal);
  }
}

const keys = (reply: StreamReply): readonly string[] =>
  (reply.Events ?? []).map(
    ({ Op, Index, Data }) => `${Op} ${(JSON.parse(Data) as { key: string }).key}@${Index}`,
  );

async function opened(): Promise<World> {
  const world = new World();
  await world.consensus.barrier();
  return world;
}

describe("a stream", () => {
  test("begins with all rows, and goes on with what changes", async () => {
    const world = await opened();
    await world.put("app/a", "1");
    await world.put("other", "1");
    const first = await world.read(["kv:app/"]);
    expect([keys(first), first.Snapshot, first.Index]).toEqual([["put app/a@1"], true, 2]);
    const waiting = world.read(["kv:app/"], first.Index);
    await world.put("other", "2");
    await world.put("app/b", "1");
    await world.put("app/b", "2");
    const next = await waiting;
    expect([keys(next), next.Snapshot, next.Index]).toEqual([["put app/b@4"], false, 4]);
    expect(keys(await world.read(["kv:app/"], next.Index))).toEqual(["put app/b@5"]);
  });

  test("tells the row and its topic", async () => {
    const world = await opened();
    await world.put("ä", "v");
    const { Events } = await world.read(["kv:ä"]);
    expect(JSON.parse(Events?.[0]?.Data ?? "")).toEqual({
      op: "put",
      topic: "kv:ä",
      index: 1,
      snapshot: true,
      kind: "key",
      key: "ä",
      row: { LockIndex: 0, Key: "ä", Flags: 0, Value: "dg==", CreateIndex: 1, ModifyIndex: 1 },
    });
  });

  test("of one who slept through many changes of others misses none of its own", async () => {
    const world = await opened();
    await world.put("mine", "0");
    const waiting = world.read(["kv:mine"], 1);
    for (let at = 0; at < 20_000; at += 1) await world.put(`other/${at % 10}`, String(at));
    await world.put("mine", "1");
    const next = await waiting;
    expect([keys(next), next.Snapshot]).toEqual([[`put mine@${20_002}`], false]);
  });

  test("begins anew, and says so, where the changes asked for are gone", async () => {
    const world = await opened();
    await world.put("mine", "0");
    for (let at = 0; at < 20_000; at += 1) await world.put("other", String(at));
    const { Snapshot, IsLate, Events } = await world.read(["kv:mine"], 1);
    expect([Snapshot, IsLate, Events?.length]).toEqual([true, true, 1]);
  });

  test("begins anew when the state is replaced under it", async () => {
    const world = await opened();
    await world.put("a", "old");
    const archive = await world.consensus.snapshot();
    await world.put("a", "new");
    await world.put("b", "new");
    const waiting = world.read(["kv:"], 3);
    await world.consensus.restore(archive.state);
    const reset = await waiting;
    expect([keys(reset), reset.Snapshot, reset.Index]).toEqual([["put a@1"], true, 1]);
    // One who asks only now, with an index of before, is not left with what is no more.
    await world.put("c", "after");
    expect((await world.read(["kv:"], 2)).Snapshot).toBe(true);
  });

  test("is found and rendered once for all who stand at the same place", async () => {
    const world = await opened();
    await world.put("a", "1");
    const waiting = Array.from({ length: 10 }, () => world.read(["kv:a"], 1));
    await world.put("a", "2");
    const lists = new Set((await Promise.all(waiting)).map(({ Events }) => Events));
    expect(lists.size).toBe(1);
  });

  test("ends its wait when the caller goes", async () => {
    const world = await opened();
    await world.put("a", "1");
    const gone = new AbortController();
    const waiting = world.read(["kv:a"], 1, gone.signal);
    gone.abort();
    expect((await waiting).Events).toEqual([]);
    expect(world.store.watches.size).toBe(0);
  });

  test("of what may not be read is empty", async () => {
    const world = await opened();
    await world.put("secret", "1");
    const [read] = streamEndpoints;
    const request = StreamRequest.make({ Topics: [utf8ByteString("kv:")] });
    const authorizer = { ...allowAll, keyRead: () => false };
    const context = testContext(world.store, world.consensus);
    const answer = (await read?.handle(context, request as never, {
      authorizer,
      signal: undefined,
    })) as StreamReply;
    expect(answer.Events).toEqual([]);
  });

  test.each(["nodes", "health:", "kv", ""])("of the unknown topic %j is refused", async (topic) => {
    const world = await opened();
    expect(await rejection(world.read([topic]))).toThrow(/Unknown topic .*: want kv:PREFIX/);
  });
});
