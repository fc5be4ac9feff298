import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { DecodeError } from "../lib/errors.ts";
import { readSnapshotArchive } from "./snapshot-archive.ts";
import { SnapshotStatsReader } from "./snapshot-stats.ts";
import { readTar } from "./tar-reader.ts";

const encoder = new TextEncoder();

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function tarFile(name: string, data: Uint8Array, type = "0"): Uint8Array {
  const header = new Uint8Array(512);
  header.set(encoder.encode(name));
  header.set(encoder.encode(data.length.toString(8).padStart(11, "0")), 124);
  header.set(encoder.encode(" ".repeat(8)), 148);
  header.set(encoder.encode(type), 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.set(encoder.encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return concat(header, data, new Uint8Array((512 - (data.length % 512)) % 512));
}

const hex = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");
const endMark = new Uint8Array(1024);

const meta = encoder.encode('{"Version":1,"ID":"2-13-9","Index":13,"Term":2,"Size":5,"Peers":"AA=="}\n');
const state = encoder.encode("state");
const sums = encoder.encode(`${hex(state)}  state.bin\n${hex(meta)}  meta.json\n`);

function archive(files: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  return gzipSync(concat(...files.map(([name, data]) => tarFile(name, data)), endMark));
}

const whole = archive([
  ["meta.json", meta],
  ["state.bin", state],
  ["SHA256SUMS", sums],
]);

async function* chunked(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += size) yield data.slice(at, at + size);
}

async function read(data: Uint8Array, size = 64): Promise<{ meta: unknown; state: string }> {
  const parts: Uint8Array[] = [];
  const found = await readSnapshotArchive(chunked(data, size), (chunk) => void parts.push(chunk.slice()));
  return { meta: found, state: new TextDecoder().decode(concat(...parts)) };
}

describe("snapshot archives", () => {
  test.each([1, 7, 512, 100_000])("are read in chunks of %d bytes", async (size) => {
    expect(await read(whole, size)).toEqual({
      meta: { ID: "2-13-9", Index: 13, Term: 2, Size: 5, Version: 1 },
      state: "state",
    });
  });

  test.each([
    {
      name: "garbage",
      data: encoder.encode("garbage"),
      problem: "failed to decompress snapshot: gzip: invalid header",
    },
    {
      name: "an empty file",
      data: new Uint8Array(0),
      problem: "failed to decompress snapshot: unexpected EOF",
    },
    {
      name: "a wrong checksum",
      data: archive([
        ["meta.json", meta],
        ["state.bin", encoder.encode("other")],
        ["SHA256SUMS", sums],
      ]),
      problem:
        'failed to read snapshot file: failed checking integrity of snapshot: hash check failed for "state.bin"',
    },
    {
      name: "no checksums",
      data: archive([
        ["meta.json", meta],
        ["state.bin", state],
      ]),
      problem:
        'failed to read snapshot file: failed checking integrity of snapshot: file missing for "meta.json"',
    },
    {
      name: "a checksum of something else",
      data: archive([
        ["meta.json", meta],
        ["state.bin", state],
        ["SHA256SUMS", encoder.encode(`${hex(meta)}  x\n`)],
      ]),
      problem:
        'failed to read snapshot file: failed checking integrity of snapshot: list missing hash for "x"',
    },
    {
      name: "a file too many",
      data: archive([
        ["meta.json", meta],
        ["evil", state],
      ]),
      problem: 'failed to read snapshot file: unexpected file "evil" in snapshot',
    },
    {
      name: "no tar",
      data: gzipSync(new Uint8Array(600).fill(65)),
      problem: "failed to read snapshot file: archive/tar: invalid tar header",
    },
  ])("$name is refused", async ({ data, problem }) => {
    const outcome = await read(data).catch((error: unknown) => error);
    expect(outcome).toMatchObject({ code: "decode", message: problem });
  });

  test("an archive cut at any byte is refused, never half taken", async () => {
    for (let at = 0; at < whole.length; at += 1) {
      const outcome = await read(whole.subarray(0, at)).catch((error: unknown) => error);
      expect(outcome).toBeInstanceOf(DecodeError);
    }
  });

  test("no flipped bit goes unnoticed in what is kept", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const broken = whole.slice();
        broken[at] = (broken[at] ?? 0) ^ mask;
        const outcome = await read(broken).catch((error: unknown) => error);
        if (!(outcome instanceof DecodeError)) expect(outcome).toMatchObject({ state: "state" });
      }),
      { numRuns: 200 },
    );
  });
});

describe("tar", () => {
  const names = async (data: Uint8Array): Promise<readonly (readonly [string, number])[]> => {
    const found: (readonly [string, number])[] = [];
    for await (const file of readTar(chunked(data, 100))) {
      let size = 0;
      for await (const part of file.bytes) size += part.length;
      found.push([file.name, size]);
    }
    return found;
  };

  test("an extended header may state the size", async () => {
    const file = tarFile("big", state);
    const stated = concat(tarFile("pax", encoder.encode("10 size=5\n"), "x"), file);
    expect(await names(concat(stated, tarFile("next", meta), endMark))).toEqual([
      ["big", 5],
      ["next", meta.length],
    ]);
  });

  test("the end mark may be missing", async () => {
    expect(await names(tarFile("a", state))).toEqual([["a", 5]]);
  });

  test("random bytes are refused or empty, never endless", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (data) => {
        const outcome = await names(data).catch((error: unknown) => error);
        expect(Array.isArray(outcome) || outcome instanceof DecodeError).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

/** A msgpack map of short texts. */
function map(fields: Readonly<Record<string, string>>): Uint8Array {
  const text = (value: string): Uint8Array =>
    concat(Uint8Array.of(0xa0 + value.length), encoder.encode(value));
  const entries = Object.entries(fields);
  return concat(
    Uint8Array.of(0x80 + entries.length),
    ...entries.flatMap(([key, value]) => [text(key), text(value)]),
  );
}

const record = (type: number, fields: Readonly<Record<string, string>>): Uint8Array =>
  concat(Uint8Array.of(type), map(fields));

describe("statistics of a state", () => {
  const header = map({ LastIndex: "9" });
  const records = [
    record(2, { Key: "a/b/c", Value: "xxxxx" }),
    record(2, { Value: "y", Key: "a/b/d" }),
    record(2, { Key: "z" }),
    record(0, { Node: "n" }),
    record(200, {}),
  ];
  const data = concat(header, ...records);
  const sizes = records.map((one) => one.length);
  const stats = (size: number, grouping?: { depth: number; prefix: string }): SnapshotStatsReader => {
    const reader = new SnapshotStatsReader(grouping);
    for (let at = 0; at < data.length; at += size) reader.push(data.subarray(at, at + size));
    reader.end();
    return reader;
  };

  test.each([1, 3, 1000])(
    "counted in chunks of %d bytes; the header counts towards the first record",
    (size) => {
      expect(stats(size).byType()).toEqual([
        { Name: "KVS", Sum: header.length + (sizes[0] ?? 0) + (sizes[1] ?? 0) + (sizes[2] ?? 0), Count: 3 },
        { Name: "Register", Sum: sizes[3] ?? 0, Count: 1 },
        { Name: "Unknown(200)", Sum: sizes[4] ?? 0, Count: 1 },
      ]);
    },
  );

  test("keys are grouped by their first parts, and filtered", () => {
    expect(
      stats(5, { depth: 2, prefix: "" })
        .byKey()
        .map(({ Name, Count }) => [Name, Count]),
    ).toEqual([
      ["a/b", 2],
      ["z", 1],
    ]);
    expect(stats(5, { depth: 1, prefix: "z" }).byKey()).toEqual([
      { Name: "z", Sum: sizes[2] ?? 0, Count: 1 },
    ]);
    expect(stats(5).byKey()).toEqual([]);
  });

  test("a state that ends within a record is refused", () => {
    const reader = new SnapshotStatsReader(undefined);
    reader.push(data.subarray(0, header.length + 5));
    expect(() => reader.end()).toThrow(DecodeError);
  });
});
