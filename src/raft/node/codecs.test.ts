import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { existsSync, readFileSync } from "node:fs";
import { Crc64 } from "../../lib/crc64.ts";
import { DecodeError } from "../../lib/errors.ts";
import { logIndex, term } from "../../lib/log-index.ts";
import { serverId } from "../core/entry.ts";
import { ChunkAssembler, chunkBytes, decodeChunkInfo, encodeChunkInfo, toChunks } from "./chunking.ts";
import { configurationCodec } from "./configuration-codec.ts";
import { decodeEntry, encodeEntries } from "./entry-codec.ts";

const vectors = "../shared/protocol/vectors/fsm_log.json";

interface LogVector {
  readonly index?: number;
  readonly term: number;
  readonly log_type: number;
  readonly boltdb_value_hex?: string;
}

test.skipIf(!existsSync(vectors))(
  "entries of the reference's disk are read and written byte for byte",
  () => {
    const all = (JSON.parse(readFileSync(vectors, "utf8")) as { vectors: LogVector[] }).vectors;
    const entries = all.filter((one) => one.boltdb_value_hex !== undefined);
    expect(entries.length).toBeGreaterThan(10);
    for (const one of entries) {
      const bytes = Uint8Array.from(Buffer.from(one.boltdb_value_hex!, "hex"));
      const entry = decodeEntry(bytes);
      expect([entry.index, entry.term, entry.type] as number[]).toEqual([one.index!, one.term, one.log_type]);
      expect(Buffer.from(encodeEntries([entry])[0]!).toString("hex")).toBe(one.boltdb_value_hex!);
      if (one.log_type !== 5) continue;
      const configuration = configurationCodec.decode(entry.data);
      expect(configuration.servers[0]).toMatchObject({ address: "127.0.0.1:21340", suffrage: "voter" });
      expect([...configurationCodec.encode(configuration)]).toEqual([...entry.data]);
    }
  },
);

test("any bytes are an entry or a DecodeError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      for (const decode of [decodeEntry, configurationCodec.decode, decodeChunkInfo]) {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }
    }),
  );
});

test("a configuration keeps ids, addresses and suffrages", () => {
  const configuration = {
    servers: [
      { id: serverId("a"), address: "h:1", suffrage: "voter" },
      { id: serverId("b"), address: "h:2", suffrage: "nonvoter" },
    ],
  } as const;
  expect(configurationCodec.decode(configurationCodec.encode(configuration))).toEqual(configuration);
});

test.each([
  { text: "", hex: "0000000000000000" },
  { text: "123456789", hex: "995dc9bbdf1939fa" }, // CRC catalogue: check value of CRC-64/XZ
])("CRC-64 of $text", ({ text, hex }) => {
  const sum = new Crc64();
  for (const byte of new TextEncoder().encode(text)) sum.update(Uint8Array.of(byte));
  expect(Buffer.from(sum.digest()).toString("hex")).toBe(hex);
});

describe("pieces", () => {
  test("a chunk info has the reference's bytes", () => {
    // Captured from a real server: protocol/raft.md §7.
    const captured = "08d6ffde8bf8e3e99098011802";
    const info = decodeChunkInfo(Uint8Array.from(Buffer.from(captured, "hex")));
    expect([info.sequence, info.count]).toEqual([0, 2]);
    expect(Buffer.from(encodeChunkInfo(info)).toString("hex")).toBe(captured);
    const none = new Uint8Array(0);
    expect(
      Buffer.from(encodeChunkInfo({ opNum: 300n, sequence: 0, count: 2, next: none })).toString("hex"),
    ).toBe("08ac021802");
    expect(
      Buffer.from(encodeChunkInfo({ opNum: 300n, sequence: 1, count: 2, next: none })).toString("hex"),
    ).toBe("08ac0210011802");
  });

  const entries = (data: Uint8Array, options: { opNum: bigint; next?: Uint8Array }) =>
    toChunks(data, options).map((piece, at) => ({
      index: logIndex(at + 1),
      term: term(1),
      type: 0,
      ...piece,
    }));

  test("are joined in any order and keep the extensions of the whole", () => {
    const data = new Uint8Array(2 * chunkBytes + 5).map((_, at) => at % 251);
    const assembler = new ChunkAssembler();
    assembler.enter(term(1));
    const pieces = entries(data, { opNum: 9n, next: Uint8Array.of(1, 2) });
    expect(assembler.add(pieces[2]!)).toBeUndefined();
    expect(assembler.add(pieces[0]!)).toBeUndefined();
    expect(assembler.isEmpty).toBe(false);
    const whole = assembler.add(pieces[1]!)!;
    expect(Buffer.compare(whole.data, data)).toBe(0);
    expect([...whole.next]).toEqual([1, 2]);
    expect(assembler.isEmpty).toBe(true);
  });

  test("a new term drops what is incomplete", () => {
    const assembler = new ChunkAssembler();
    assembler.enter(term(1));
    const pieces = entries(new Uint8Array(chunkBytes + 1), { opNum: 9n });
    assembler.add(pieces[0]!);
    assembler.enter(term(2));
    expect(assembler.isEmpty).toBe(true);
    expect(assembler.add(pieces[1]!)).toBeUndefined();
  });
});
