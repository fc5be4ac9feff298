import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { systemArchiveTools as archiveTools } from "../../runtime/archive-tools.ts";
import { readArchive, writeArchive } from "./archive.ts";
import { readTar, writeTar } from "./tar.ts";

const utf8 = new TextEncoder();
const place = {
  ID: "2-9-1",
  Index: 9,
  Term: 2,
  ConfigurationIndex: 1,
  Configuration: { Servers: [{ Suffrage: 0, ID: "s1", Address: "127.0.0.1:8300" }] },
};

/** The text that a promise is rejected with. */
function refusalOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "nothing was refused",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

describe("tar", () => {
  test("files of any size come back", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 1600 }), { maxLength: 4 }), (bodies) => {
        const files = bodies.map((bytes, at) => ({ name: `file-${at}`, bytes }));
        expect(readTar(writeTar(files, 1_700_000_000)).map(({ name, bytes }) => [name, [...bytes]])).toEqual(
          files.map(({ name, bytes }) => [name, [...bytes]]),
        );
      }),
      { numRuns: 50 },
    );
  });

  test("damage of a header is noticed", () => {
    const tar = writeTar([{ name: "a", bytes: utf8.encode("text") }], 0);
    tar[3] = 0x41;
    expect(() => readTar(tar)).toThrow("archive/tar: invalid tar header");
    expect(() => readTar(tar.subarray(0, 100))).toThrow("unexpected EOF");
  });
});

describe("archives", () => {
  test("carry state and place", async () => {
    const state = utf8.encode("the state");
    const archive = await writeArchive(archiveTools, state, { place, modifiedSeconds: 0 });
    const read = await readArchive(archiveTools, archive);
    expect(read.meta).toMatchObject({ ...place, Version: 1, Size: state.length });
    expect(read.state).toEqual(state);
  });

  const garbage: readonly [string, Uint8Array, string][] = [
    ["nothing", new Uint8Array(), "failed to decompress snapshot: EOF"],
    ["a few bytes", utf8.encode("garbage"), "failed to decompress snapshot: unexpected EOF"],
    ["text", utf8.encode("long enough for a header"), "failed to decompress snapshot: gzip: invalid header"],
  ];
  test.each(garbage)("%s is refused", async (_, bytes, text) => {
    expect(await refusalOf(readArchive(archiveTools, bytes))).toContain(text);
  });

  const sum = archiveTools.sha256(utf8.encode("x"));
  const broken: readonly [string, Record<string, string>, string][] = [
    ["no sums", { "meta.json": "{}", "state.bin": "x" }, 'file missing for "meta.json"'],
    [
      "a wrong sum",
      { "meta.json": "x", "state.bin": "y", SHA256SUMS: `${sum}  state.bin\n` },
      "hash check failed",
    ],
    ["a foreign file", { "other.txt": "x" }, 'unexpected file "other.txt" in snapshot'],
    ["a sum of a foreign file", { SHA256SUMS: `${sum}  other\n` }, 'list missing hash for "other"'],
  ];
  test.each(broken)("%s is refused", async (_, files, text) => {
    const tar = writeTar(
      Object.entries(files).map(([name, body]) => ({ name, bytes: utf8.encode(body) })),
      0,
    );
    expect(await refusalOf(readArchive(archiveTools, await archiveTools.gzip(tar)))).toContain(text);
  });

  test("a cut archive is refused", async () => {
    const archive = await writeArchive(archiveTools, new Uint8Array(5000), { place, modifiedSeconds: 0 });
    const cut = archive.subarray(0, archive.length - 20);
    expect(await refusalOf(readArchive(archiveTools, cut))).toContain("failed to read snapshot file");
  });
});
