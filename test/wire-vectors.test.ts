/** The recorded bytes of real peers decode to values that encode to the same bytes. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeMsgpack, encodeMsgpack, type Codec } from "../src/wire/schema/codec.ts";
import { DeregisterRequest, RegisterRequest } from "../src/wire/structs/catalog.ts";
import { KVSRequest, TombstoneRequest } from "../src/wire/structs/kv.ts";
import {
  AutopilotSetConfigRequest,
  RaftConfiguration,
  RaftLogRecord,
  SystemMetadataRequest,
} from "../src/wire/structs/operator.ts";
import { PreparedQueryRequest } from "../src/wire/structs/prepared-query.ts";
import { SessionRequest } from "../src/wire/structs/session.ts";
import { TxnRequest } from "../src/wire/structs/txn.ts";

const folder = join(import.meta.dir, "../../shared/protocol/vectors");
const present = existsSync(join(folder, "fsm_log.json"));
if (!present) console.warn("skipped: wire vectors, since ../shared/protocol/vectors is not there");

const commands = new Map<number, Codec<unknown>>([
  [0, RegisterRequest],
  [1, DeregisterRequest],
  [2, KVSRequest],
  [3, SessionRequest],
  [5, TombstoneRequest],
  [7, PreparedQueryRequest],
  [8, TxnRequest],
  [9, AutopilotSetConfigRequest],
  [31, SystemMetadataRequest],
]);

interface LogVector {
  readonly index?: number;
  readonly log_type?: number;
  readonly data_hex?: string;
  readonly extensions_hex?: string;
  readonly boltdb_value_hex?: string;
}

/** Peers write maps in random order: compare them as sorted bytes of the whole, besides the decoded values. */
const sortedBytes = (data: Uint8Array): string =>
  Buffer.from([...data].sort((a, b) => a - b)).toString("hex");

describe.skipIf(!present)("vectors of log commands", () => {
  const vectors = present
    ? (JSON.parse(readFileSync(join(folder, "fsm_log.json"), "utf8")) as { vectors: LogVector[] }).vectors
    : [];
  const rows = vectors.flatMap((vector) => {
    if (vector.log_type !== 0 || vector.data_hex === undefined || vector.data_hex.endsWith("...")) return [];
    const data = Buffer.from(vector.data_hex, "hex");
    const codec = commands.get((data[0] ?? 0) & 0x7f);
    const chunk = (vector.extensions_hex ?? "") !== "" || JSON.stringify(vector).includes("num_chunks");
    return codec === undefined || chunk
      ? []
      : [{ index: vector.index, type: data[0], body: data.subarray(1), codec }];
  });

  test("there are vectors of most command kinds", () => {
    expect(rows.length).toBeGreaterThan(15);
    expect(new Set(rows.map(({ type }) => type)).size).toBeGreaterThan(4);
  });

  test.each(rows)("command $type at index $index", ({ body, codec }) => {
    const value = decodeMsgpack(codec, body);
    const again = encodeMsgpack(codec, value);
    expect(sortedBytes(again)).toBe(sortedBytes(body));
    expect(decodeMsgpack(codec, again)).toEqual(value);
  });

  test.each(vectors.filter(({ log_type, data_hex }) => log_type === 5 && data_hex !== undefined))(
    "configuration entry at index $index",
    ({ data_hex }) => {
      const bytes = Buffer.from(data_hex ?? "", "hex");
      expect(Buffer.from(encodeMsgpack(RaftConfiguration, decodeMsgpack(RaftConfiguration, bytes)))).toEqual(
        bytes,
      );
    },
  );

  test.each(
    vectors.filter(
      ({ boltdb_value_hex }) => boltdb_value_hex !== undefined && !boltdb_value_hex.endsWith("..."),
    ),
  )("stored entry at index $index", ({ boltdb_value_hex }) => {
    const bytes = Buffer.from(boltdb_value_hex ?? "", "hex");
    expect(Buffer.from(encodeMsgpack(RaftLogRecord, decodeMsgpack(RaftLogRecord, bytes)))).toEqual(bytes);
  });
});
