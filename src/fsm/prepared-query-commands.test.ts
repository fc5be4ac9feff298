import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { preparedQueryList } from "../state/prepared-queries.ts";
import { Refusal } from "../state/refusal.ts";
import { StateStore } from "../state/store.ts";
import { WatchSet } from "../state/watch.ts";
import { decodeMsgpack, encodeMsgpack } from "../wire/schema/codec.ts";
import { PreparedQuery, PreparedQueryRequest, ServiceQuery } from "../wire/structs/prepared-query.ts";
import { commandType } from "./command.ts";
import { encodeCommand } from "./encode.ts";
import { Fsm } from "./fsm.ts";
import { preparedQueryCommands, preparedQuerySnapshotPart } from "./prepared-query-commands.ts";

const folder = "../shared/protocol/vectors";
const present = existsSync(`${folder}/fsm_log.json`);
if (!present) console.warn("skipped: queries in a Consul log, since ../shared/protocol/vectors is not there");

interface Vector {
  readonly index?: number;
  readonly log_type?: number;
  readonly type?: number;
  readonly data_hex?: string;
  readonly hex?: string;
}

function load(file: string): readonly Vector[] {
  return (JSON.parse(readFileSync(`${folder}/${file}`, "utf8")) as { vectors: Vector[] }).vectors;
}

function build(): { readonly store: StateStore; readonly fsm: Fsm } {
  const store = new StateStore();
  return { store, fsm: new Fsm(store, preparedQueryCommands, [preparedQuerySnapshotPart]) };
}

function request(given: Partial<PreparedQueryRequest>): Uint8Array {
  return encodeCommand(commandType.preparedQuery, PreparedQueryRequest, PreparedQueryRequest.make(given));
}

const query = PreparedQuery.make({
  ID: "11111111-2222-4333-8444-000000000001",
  Name: "t-",
  Template: { Type: "name_prefix_match", Regexp: "", RemoveEmptyTags: true },
  Service: ServiceQuery.make({ Service: "${name.suffix}", Tags: ["a"], NodeMeta: { k: "v" } }),
  DNS: { TTL: "10s" },
});

test.skipIf(!present)("the queries of a Consul log leave what its snapshot holds, byte for byte", () => {
  const { store, fsm } = build();
  for (const { index, log_type: logType, data_hex: hex } of load("fsm_log.json")) {
    if (index === undefined || logType !== 0 || hex === undefined) continue;
    const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
    if (bytes[0] === commandType.preparedQuery) expect(fsm.apply(index, bytes)).toBeUndefined();
  }
  const theirs = load("fsm_snapshot.json").flatMap(({ type, hex }) =>
    type === commandType.preparedQuery ? [Buffer.from(hex ?? "", "hex").subarray(1)] : [],
  );
  expect(theirs.length).toBeGreaterThan(0);
  const ours = preparedQueryList(store, new WatchSet());
  // Peers write maps in any order, so the records are compared as values, and ours as bytes with themselves.
  expect(ours).toEqual(theirs.map((bytes) => decodeMsgpack(PreparedQuery, Uint8Array.from(bytes))));
  expect(ours.map((one) => encodeMsgpack(PreparedQuery, one).length)).toEqual(
    theirs.map((one) => one.length),
  );
});

test("queries survive a snapshot, templates at work", () => {
  const { fsm } = build();
  fsm.apply(5, request({ Op: "create", Query: query }));
  const { store, fsm: again } = build();
  again.restore(Uint8Array.from(Buffer.concat([...fsm.snapshot()])));
  const rows = preparedQueryList(store, new WatchSet());
  expect(rows).toEqual([{ ...query, CreateIndex: 5, ModifyIndex: 5 }]);
  expect(store.maxIndex("prepared-queries")).toBe(5);
  expect(again.apply(6, request({ Op: "delete", Query: query }))).toBeUndefined();
  expect(preparedQueryList(store, new WatchSet())).toEqual([]);
});

test("an unknown operation is refused, and a request without a query too", () => {
  const { fsm } = build();
  expect(fsm.apply(1, request({ Op: "frob", Query: query }))).toEqual(
    new Refusal("Invalid PreparedQuery operation 'frob'"),
  );
  expect(fsm.apply(2, request({ Op: "create" }))).toEqual(new Refusal("Missing Query ID"));
});
