import { rejection } from "../../lib/rejection.ts";
import { describe, expect, test } from "bun:test";
import { mkdtempSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../lib/log.ts";
import { openLmdbLogStore } from "../../runtime/lmdb-log-store.ts";
import { openPeersFile } from "../../runtime/peers-file.ts";
import { systemClock } from "../../runtime/clock.ts";
import { openSnapshotStore } from "../../runtime/snapshot-store.ts";
import { serverId } from "../core/entry.ts";
import { chunkBytes } from "./chunking.ts";
import { entryCodec } from "./entry-codec.ts";
import { lastConfiguration } from "./last-configuration.ts";
import { MemoryLogStore } from "./memory-log-store.ts";
import { MemorySnapshotStore } from "./memory-snapshot-store.ts";
import { parsePeersJson } from "./peers-json.ts";
import { recoverCluster, recoverFromPeersFile } from "./recovery.ts";
import { RaftDataError } from "./refusal.ts";
import { restoreNewest } from "./restore-newest.ts";
import { snapshotMetaCodec } from "./snapshot-meta.ts";
import { ManualClock } from "../../lib/manual-clock.ts";
import { ListMachine, TestCluster, text, until } from "./test-kit.ts";

describe("peers.json", () => {
  const one = '{"id": "a", "address": "10.1.0.1:8300"}';
  const known = { servers: [{ id: serverId("a"), address: "10.1.0.1:8300", suffrage: "voter" as const }] };

  test.each([
    {
      form: "new",
      json: `[${one}, {"id": "b", "address": "10.1.0.2:8300", "non_voter": true}]`,
      servers: [
        { id: "a", address: "10.1.0.1:8300", suffrage: "voter" },
        { id: "b", address: "10.1.0.2:8300", suffrage: "nonvoter" },
      ],
    },
    {
      form: "old",
      json: '["10.1.0.1:8300"]',
      servers: [{ id: "a", address: "10.1.0.1:8300", suffrage: "voter" }],
    },
  ])("of the $form form", ({ json, servers }) => {
    expect(parsePeersJson(json, known)).toEqual({ servers } as never);
  });

  test.each([
    { json: "[]", error: "need at least one voter in configuration: {[]}" },
    { json: "null", error: "need at least one voter in configuration: {[]}" },
    {
      json: `[{"id": "a", "address": "h:1", "non_voter": true}]`,
      error: "need at least one voter in configuration: {[{Nonvoter a h:1}]}",
    },
    { json: `[{"address": "h:1"}]`, error: "empty ID in configuration: {[{Voter  h:1}]}" },
    { json: `[{"id": "a"}]`, error: "empty address in configuration: {Voter a }" },
    { json: `[${one}, {"id": "a", "address": "h:1"}]`, error: "found duplicate ID in configuration: a" },
    {
      json: `[${one}, {"id": "b", "address": "10.1.0.1:8300"}]`,
      error: "found duplicate address in configuration: 10.1.0.1:8300",
    },
    {
      json: '["10.1.0.9:8300"]',
      error: "this server knows of no server at 10.1.0.9:8300: give its id as well",
    },
    { json: `["10.1.0.1:8300", ${one}]`, error: "json: cannot unmarshal string" },
    { json: '["10.1.0.1:8300", "10.1.0.1:8300"]', error: "found duplicate ID in configuration: a" },
    { json: "[", error: "JSON" },
  ])("$json is refused", ({ json, error }) => {
    expect(() => parsePeersJson(json, known)).toThrow(error);
  });
});

test("a server alone takes the cluster over with everything in its log", async () => {
  await using cluster = new TestCluster(3);
  const leader = await cluster.start();
  for (const word of ["a", "b", "c"]) await cluster.settled(leader.propose(text(word)));
  await cluster.settled(leader.snapshot());
  await cluster.settled(leader.propose(text("d")));
  const large = "x".repeat(chunkBytes + 5);
  await cluster.settled(leader.propose(text(large)));
  const [survivor] = cluster.others(leader);
  await until(cluster.clock, () => survivor!.machine.items.length === 5, "the survivor has it all");
  for (const { node } of cluster.members) await node!.close();

  const { store, snapshots, id, address } = survivor!;
  await recoverCluster(
    { store, snapshots, machine: new ListMachine(), log: silentLog },
    parsePeersJson(`[{"id": "${id}", "address": "${address}"}]`),
  );
  expect([Number(store.firstIndex), Number(store.lastIndex)]).toEqual([store.lastIndex + 1, store.lastIndex]);
  const alone = await cluster.open(survivor!);
  await until(cluster.clock, () => alone.status().role === "leader", "it leads alone");
  expect(survivor!.machine.items).toEqual(["a", "b", "c", "d", large]);
  expect(alone.status().servers).toEqual([{ id, address, voter: true }]);
  await cluster.settled(alone.propose(text("e")));
  // The others come back empty and are taken in again.
  for (const other of cluster.members.filter((member) => member !== survivor)) {
    other.node = undefined;
  }
  const fresh = cluster.add("n9");
  await cluster.open(fresh);
  await cluster.settled(alone.addServer({ id: "n9", address: fresh.address, voter: true }));
  await until(cluster.clock, () => fresh.machine.items.length === 6, "the newcomer has it all");
});

test("the configuration that is known last is that of the log, or else of the snapshot", async () => {
  await using cluster = new TestCluster(3);
  const leader = await cluster.start();
  const [survivor] = cluster.others(leader);
  const known = async (): Promise<readonly string[]> => {
    const last = await lastConfiguration(survivor!);
    return (last?.servers ?? []).map(({ id, address }) => `${id} ${address}`).sort();
  };
  const all = cluster.members.map(({ id, address }) => `${id} ${address}`).sort();
  expect(await known()).toEqual(all);
  await cluster.settled(leader.propose(text("a")));
  await until(cluster.clock, () => survivor!.machine.items.length === 1, "the survivor has it");
  await cluster.settled(survivor!.node!.snapshot());
  expect(await known()).toEqual(all);
  const fresh = cluster.add("n9");
  await cluster.settled(leader.addServer({ id: "n9", address: fresh.address, voter: false }));
  await until(cluster.clock, () => survivor!.node!.status().servers.length === 4, "it knows of the newcomer");
  expect(await known()).toEqual([...all, `n9 ${fresh.address}`].sort());
});

test("a server without any state is not recovered", async () => {
  const parts = {
    store: new MemoryLogStore(),
    snapshots: new MemorySnapshotStore(new ManualClock()),
    machine: new ListMachine(),
    log: silentLog,
  };
  expect(await rejection(recoverCluster(parts, parsePeersJson('[{"id": "a", "address": "h:1"}]')))).toThrow(
    "refused to recover cluster with no initial state, this is probably an operator error",
  );
});

describe("on disk", () => {
  async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "proconsul-recovery-"));
    try {
      await run(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async function openStores(folder: string) {
    return {
      store: await openLmdbLogStore({ path: join(folder, "log"), codec: entryCodec, log: silentLog }),
      snapshots: await openSnapshotStore({
        path: join(folder, "snapshots"),
        codec: snapshotMetaCodec,
        clock: systemClock,
        log: silentLog,
      }),
    };
  }

  test("the first start leaves a note and deletes an old file unread", () =>
    withFolder(async (folder) => {
      await Promise.resolve();
      writeFileSync(join(folder, "peers.json"), "old");
      expect(openPeersFile(folder, silentLog).read()).toBeUndefined();
      expect(existsSync(join(folder, "peers.json"))).toBe(false);
      expect(readFileSync(join(folder, "peers.info"), "utf8")).toContain("peers.json");
      writeFileSync(join(folder, "peers.json"), "new");
      expect(openPeersFile(folder, silentLog).read()).toBe("new");
    }));

  test("a log with snapshot and uncommitted entries becomes one snapshot", () =>
    withFolder(async (folder) => {
      openPeersFile(folder, silentLog);
      const before = await openStores(folder);
      const entry = (index: number, word: string) => ({ index, term: 2, type: 0, data: text(word) }) as never;
      await before.store.commit({
        changes: [
          {
            hardState: { term: 2 as never, votedFor: "h:1" },
            restartAfter: undefined,
            truncateFrom: undefined,
            entries: [entry(1, "a"), entry(2, "b"), entry(3, "c")],
          },
        ],
      });
      await before.store.close();
      const peers = '[{"id": "a", "address": "h:1"}]';
      writeFileSync(join(folder, "peers.json"), peers);
      for (const round of ["first", "after a crash before the file went"]) {
        const stores = await openStores(folder);
        writeFileSync(join(folder, "peers.json"), peers);
        const file = openPeersFile(folder, silentLog);
        await recoverFromPeersFile({ ...stores, machine: new ListMachine(), log: silentLog }, file);
        expect(existsSync(join(folder, "peers.json"))).toBe(false);
        await stores.store.close();
        const after = await openStores(folder);
        const machine = new ListMachine();
        const mark = await restoreNewest(after.snapshots, machine);
        expect(mark).toMatchObject({ index: 3, term: 2, configurationIndex: 1 } as never);
        expect(machine.items, round).toEqual(["a", "b", "c"]);
        expect([Number(after.store.firstIndex), Number(after.store.lastIndex)]).toEqual([4, 3]);
        expect(after.store.hardState).toEqual({ term: 2, votedFor: "h:1" } as never);
        await after.store.close();
      }
    }));

  test("a file that cannot be read stays, and nothing is changed", () =>
    withFolder(async (folder) => {
      openPeersFile(folder, silentLog);
      writeFileSync(join(folder, "peers.json"), "[]");
      const stores = await openStores(folder);
      const file = openPeersFile(folder, silentLog);
      const parts = { ...stores, machine: new ListMachine(), log: silentLog };
      expect(await rejection(recoverFromPeersFile(parts, file))).toThrow(RaftDataError);
      expect(await rejection(recoverFromPeersFile(parts, file))).toThrow(
        "recovery failed to parse peers.json: need at least one voter in configuration: {[]}",
      );
      expect(existsSync(join(folder, "peers.json"))).toBe(true);
      await stores.store.close();
    }));
});
