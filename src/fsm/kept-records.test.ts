import { expect, test } from "bun:test";
import { StateStore } from "../state/store.ts";
import { MsgpackWriter } from "../wire/msgpack/writer.ts";
import { Fsm } from "./fsm.ts";
import { keptSnapshotPart } from "./kept-records.ts";

function snapshotWith(records: readonly (readonly [type: number, name: string])[]): Uint8Array {
  const writer = new MsgpackWriter();
  writer.mapHeader(1);
  writer.text("LastIndex");
  writer.int(7);
  for (const [type, name] of records) {
    writer.byte(type);
    writer.mapHeader(1);
    writer.text("Name");
    writer.text(name);
  }
  return writer.take().slice();
}

test("records of later areas come back out as they went in, by type and in order", () => {
  const fsm = new Fsm(new StateStore(), [], [keptSnapshotPart]);
  const given = snapshotWith([
    [11, "bootstrap"],
    [13, "root-b"],
    [13, "root-a"],
    [17, "token"],
  ]);
  fsm.restore(given);
  const written = Buffer.concat([...fsm.snapshot()]);
  expect(written.subarray(0, given.length)).toEqual(Buffer.from(given));
});

test("a record that no version knows is refused, and the state stays", () => {
  const fsm = new Fsm(new StateStore(), [], [keptSnapshotPart]);
  expect(() => fsm.restore(snapshotWith([[99, "?"]]))).toThrow("Unrecognized msg type 99");
});
