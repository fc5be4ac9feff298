import { describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog, type Log } from "../lib/log.ts";
import { mark, snapshotStoreContract } from "../raft/node/snapshot-store.contract.ts";
import { snapshotMetaCodec } from "../raft/node/snapshot-meta.ts";
import type { SnapshotStore } from "../raft/node/snapshot-store.ts";
import { systemClock } from "./clock.ts";
import { openSnapshotStore } from "./snapshot-store.ts";

function temporary(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "raft-snapshots-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const open = (path: string, log: Log = silentLog): Promise<SnapshotStore> =>
  openSnapshotStore({ path, codec: snapshotMetaCodec, clock: systemClock, log });

snapshotStoreContract("on disk", () => {
  const place = temporary();
  const dispose = (): Promise<void> => Promise.resolve(place[Symbol.dispose]());
  return Promise.resolve({ open: () => open(place.path), [Symbol.asyncDispose]: dispose });
});

const state = (text: string): Uint8Array[] => [new TextEncoder().encode(text)];

test("the files are those of the reference", async () => {
  using place = temporary();
  const store = await open(place.path);
  const { id } = await store.write(mark(18, 2), state("123456789"));
  expect(readdirSync(place.path)).toEqual([id]);
  expect(readFileSync(join(place.path, id, "state.bin"), "utf8")).toBe("123456789");
  // Peers: msgpack list of the one voter's address; CRC: check value of CRC-64/XZ.
  const peers = Buffer.concat([Buffer.of(0x91, 0xad), Buffer.from("10.0.0.1:8300")]).toString("base64");
  const crc = Buffer.from("995dc9bbdf1939fa", "hex").toString("base64");
  expect(readFileSync(join(place.path, id, "meta.json"), "utf8")).toBe(
    `{"Version":1,"ID":"${id}","Index":18,"Term":2,"Peers":"${peers}","Configuration":{"Servers":[` +
      `{"Suffrage":0,"ID":"a","Address":"10.0.0.1:8300"},{"Suffrage":1,"ID":"b","Address":"10.0.0.2:8300"}]},` +
      `"ConfigurationIndex":1,"Size":9,"CRC":"${crc}"}\n`,
  );
});

describe("damage", () => {
  const damages: Readonly<Record<string, (dir: string) => void>> = {
    "a flipped byte": (dir) => writeFileSync(join(dir, "state.bin"), "new stat3"),
    "a short state": (dir) => truncateSync(join(dir, "state.bin"), 3),
    "no state": (dir) => rmSync(join(dir, "state.bin")),
    "torn metadata": (dir) => truncateSync(join(dir, "meta.json"), 20),
    "no metadata": (dir) => rmSync(join(dir, "meta.json")),
    "another's metadata": (dir) =>
      writeFileSync(join(dir, "meta.json"), '{"Version":1,"ID":"9-9-9","CRC":"AAAAAAAAAAA="}'),
  };

  test.each(Object.entries(damages))("%s: the older one is used, and the log says why", async (_, damage) => {
    using place = temporary();
    const store = await open(place.path);
    const older = await store.write(mark(10, 2), state("old state"));
    const newer = await store.write(mark(20, 2), state("new state"));
    damage(join(place.path, newer.id));
    const lines: string[] = [];
    const log: Log = { ...silentLog, error: (message, fields) => lines.push(`${message} ${fields?.["id"]}`) };
    expect((await (await open(place.path, log)).newest())?.id).toBe(older.id);
    expect(lines).toContain(`snapshot is damaged and passed over ${newer.id}`);
  });

  test("what a crash left half written is removed", async () => {
    using place = temporary();
    mkdirSync(join(place.path, "2-30-1700000000000.tmp"));
    const store = await open(place.path);
    expect(await store.newest()).toBeUndefined();
    expect(readdirSync(place.path)).toEqual([]);
  });
});

const vectors = "../shared/protocol/vectors/fsm_snapshot.json";
test.skipIf(!existsSync(vectors))("metadata of the reference's disk is read and written alike", () => {
  const { vectors: all } = JSON.parse(readFileSync(vectors, "utf8")) as {
    vectors: { readonly name?: string; readonly "meta.json"?: object }[];
  };
  const found = all.find((one) => one.name?.startsWith("on-disk") === true)?.["meta.json"];
  const text = `${JSON.stringify(found)}\n`;
  expect(snapshotMetaCodec.render(snapshotMetaCodec.parse(text))).toBe(text);
});
