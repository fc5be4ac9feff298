import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { StateStore } from "../state/store.ts";
import { MsgpackWriter } from "../wire/msgpack/writer.ts";
import { Fsm } from "./fsm.ts";
import { keptCommands } from "./kept-commands.ts";
import { keptSnapshotPart } from "./kept-records.ts";
import { recordOfKey } from "./kept-rows.ts";
import { RawFields } from "./raw-fields.ts";

const folder = "../shared/protocol/vectors";
const present = existsSync(`${folder}/fsm_log.json`);
if (!present) console.warn("skipped: commands of later areas, since ../shared/protocol/vectors is not there");

interface Vector {
  readonly index?: number;
  readonly log_type?: number;
  readonly type?: number;
  readonly data_hex?: string;
  readonly hex?: string;
}

function load(file: string): readonly Vector[] {
  return present
    ? (JSON.parse(readFileSync(`${folder}/${file}`, "utf8")) as { vectors: Vector[] }).vectors
    : [];
}

/** Peers write maps in any order, so equal records are compared by their bytes in order. */
function sorted(type: number, body: Uint8Array): string {
  // The names of policies and roles in a token or role are looked up when it is applied, and again when it is read.
  const nil = Uint8Array.of(0xc0);
  const bytes =
    type === 17 || type === 23 ? RawFields.decode(body).with({ Policies: nil, Roles: nil }).encode() : body;
  return Buffer.from([...bytes].sort((a, b) => a - b)).toString("hex");
}

const types = [13, 14, 15, 17, 19, 22, 23, 25, 27, 30];

describe.skipIf(!present)("the log of a Consul server", () => {
  const store = new StateStore();
  const fsm = new Fsm(store, keptCommands, [keptSnapshotPart]);
  for (const { index, log_type: logType, data_hex: hex } of load("fsm_log.json")) {
    if (index === undefined || logType !== 0 || hex === undefined) continue;
    const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
    if (keptCommands.some(({ type }) => type === ((bytes[0] ?? 0) & 127))) fsm.apply(index, bytes);
  }
  const ours = [...store.tables.kept.entries()].map(([key, body]) => ({ type: recordOfKey(key), body }));
  const theirs = load("fsm_snapshot.json").flatMap(({ type, hex }) =>
    type !== undefined && types.includes(type) ? [{ type, body: Buffer.from(hex!, "hex").subarray(1) }] : [],
  );

  test("leaves what its snapshot holds", () => {
    expect(theirs.length).toBeGreaterThan(12);
    for (const type of types) {
      const own = ours.filter((row) => row.type === type).map(({ body }) => sorted(type, body));
      const wanted = theirs.filter((row) => row.type === type).map(({ body }) => sorted(type, body));
      // Consul 1.9 forgets all auth methods but the first in its snapshots.
      if (type === 27) expect(own).toContain(wanted[0]!);
      // The recorded log leaves out the entry that wrote one of the config entries.
      else if (type === 22) expect(wanted).toEqual(expect.arrayContaining(own));
      else expect(own.sort(), `records of type ${type}`).toEqual(wanted.sort());
    }
  });

  test("leaves the indexes of its tables", () => {
    const { indexes } = store.tables;
    expect(indexes.get("connect-ca-roots")).toBeGreaterThan(0);
    expect(indexes.get("acl-tokens")).toBe(59);
    expect(fsm.gaps.size).toBe(0);
  });
});

function commandOf(type: number, fields: (writer: MsgpackWriter) => void): Uint8Array {
  const writer = new MsgpackWriter();
  writer.byte(type);
  fields(writer);
  return writer.take().slice();
}

function tokensOf(...ids: readonly string[]): Uint8Array {
  return commandOf(17, (writer) => {
    writer.mapHeader(1);
    writer.text("Tokens");
    writer.arrayHeader(ids.length);
    for (const id of ids) {
      writer.mapHeader(2);
      writer.text("AccessorID");
      writer.text(id);
      writer.text("AuthMethod");
      writer.text("m");
    }
  });
}

function texts(type: number, field: string, values: readonly string[]): Uint8Array {
  return commandOf(type, (writer) => {
    writer.mapHeader(1);
    writer.text(field);
    writer.arrayHeader(values.length);
    for (const value of values) writer.text(value);
  });
}

test("a row keeps its first index, and is gone when it is deleted", () => {
  const store = new StateStore();
  const fsm = new Fsm(store, keptCommands, [keptSnapshotPart]);
  fsm.apply(3, tokensOf("a", "b"));
  fsm.apply(5, tokensOf("a"));
  const row = RawFields.decode(store.tables.kept.get("017.a")!);
  expect([row.uint("CreateIndex"), row.uint("ModifyIndex")]).toEqual([3, 5]);
  fsm.apply(6, texts(18, "TokenIDs", ["a", "zzz"]));
  expect([...store.tables.kept.entries()].map(([key]) => key)).toEqual(["017.b"]);
  expect(store.maxIndex("acl-tokens")).toBe(6);
});

test("an auth method takes its tokens along", () => {
  const store = new StateStore();
  const fsm = new Fsm(store, keptCommands, [keptSnapshotPart]);
  fsm.apply(3, tokensOf("a"));
  fsm.apply(
    4,
    commandOf(27, (writer) => {
      writer.mapHeader(1);
      writer.text("AuthMethods");
      writer.arrayHeader(1);
      writer.mapHeader(1);
      writer.text("Name");
      writer.text("m");
    }),
  );
  fsm.apply(5, texts(28, "AuthMethodNames", ["m"]));
  expect(store.tables.kept.size).toBe(0);
});

test("rows survive a snapshot and are changed after it", () => {
  const fsm = new Fsm(new StateStore(), keptCommands, [keptSnapshotPart]);
  fsm.apply(3, tokensOf("a", "b"));
  const store = new StateStore();
  const again = new Fsm(store, keptCommands, [keptSnapshotPart]);
  again.restore(Uint8Array.from(Buffer.concat([...fsm.snapshot()])));
  again.apply(9, texts(18, "TokenIDs", ["a"]));
  expect([...store.tables.kept.entries()].map(([key]) => key)).toEqual(["017.b"]);
});

test("a command that cannot be read changes nothing", () => {
  const store = new StateStore();
  const fsm = new Fsm(store, keptCommands, [keptSnapshotPart]);
  const halfBad = commandOf(17, (writer) => {
    writer.mapHeader(1);
    writer.text("Tokens");
    writer.arrayHeader(2);
    writer.mapHeader(1);
    writer.text("AccessorID");
    writer.text("a");
    writer.int(7);
  });
  fsm.apply(3, halfBad);
  expect([...fsm.gaps]).toEqual([[17, 1]]);
  expect(store.tables.kept.size).toBe(0);
});

function intention(op: string, fields: (writer: MsgpackWriter) => void): Uint8Array {
  return commandOf(12, (writer) => {
    writer.mapHeader(2);
    writer.text("Op");
    writer.text(op);
    fields(writer);
  });
}

test("the end of legacy intentions is noted as Consul notes it", () => {
  const store = new StateStore();
  const fsm = new Fsm(store, keptCommands, [keptSnapshotPart]);
  const one = (writer: MsgpackWriter): void => {
    writer.text("Intention");
    writer.mapHeader(1);
    writer.text("ID");
    writer.text("i");
  };
  fsm.apply(3, intention("create", one));
  expect(store.tables.kept.has("012.i")).toBe(true);
  fsm.apply(4, intention("delete-all", one));
  expect(store.tables.kept.size).toBe(0);
  expect(store.tables.systemMetadata.get("intention-format")).toBe("config-entry");
  expect(store.maxIndex("connect-intentions")).toBe(4);
  expect(fsm.gaps.size).toBe(0);
  const mutation = (writer: MsgpackWriter): void => {
    writer.text("Mutation");
    writer.mapHeader(0);
  };
  fsm.apply(5, intention("upsert", mutation));
  expect([...fsm.gaps]).toEqual([[12, 1]]);
});

test("numbers that nobody knows are passed over, counted and told once", () => {
  const fsm = new Fsm(new StateStore(), keptCommands, [keptSnapshotPart]);
  const told: number[] = [];
  fsm.onGap((type) => told.push(type));
  for (const type of [35, 35, 99, 35 + 128])
    expect(fsm.apply(told.length + 1, Uint8Array.of(type, 0xc0))).toBeUndefined();
  expect(told).toEqual([35, 99]);
  expect([...fsm.gaps]).toEqual([
    [35, 2],
    [99, 1],
  ]);
});

test("a row without a key is not kept", () => {
  const store = new StateStore();
  const fsm = new Fsm(store, keptCommands, [keptSnapshotPart]);
  const writer = new MsgpackWriter();
  writer.byte(17);
  writer.mapHeader(1);
  writer.text("Tokens");
  writer.arrayHeader(1);
  writer.mapHeader(1);
  writer.text("Description");
  writer.text("nobody's");
  fsm.apply(5, writer.take());
  expect([...store.tables.kept.entries()]).toEqual([]);
});
