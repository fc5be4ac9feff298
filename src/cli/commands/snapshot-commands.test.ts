import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { runFake, type FakeWorld } from "../fake-host.ts";
import { renderByteSize } from "../snapshot-text.ts";

function tarFile(name: string, text: string): string {
  const field = (value: string, length: number): string => value.padEnd(length, "\0");
  const size = text.length.toString(8).padStart(11, "0");
  const build = (sum: string): string =>
    field(name, 100) + field("", 24) + field(size, 12) + field("", 12) + sum + field("0", 356);
  const total = [...build(" ".repeat(8))].reduce((sum, char) => sum + char.charCodeAt(0), 0);
  const header = build(`${total.toString(8).padStart(6, "0")}\0 `);
  return header + text.padEnd(Math.ceil(text.length / 512) * 512, "\0");
}

const hex = (text: string): string => createHash("sha256").update(text, "latin1").digest("hex");

function snapshot(state: string): Uint8Array {
  const meta = `{"Version":1,"ID":"2-13-9","Index":13,"Term":2,"Size":${state.length}}\n`;
  const sums = `${hex(meta)}  meta.json\n${hex(state)}  state.bin\n`;
  const tar = tarFile("meta.json", meta) + tarFile("state.bin", state) + tarFile("SHA256SUMS", sums);
  return gzipSync(Buffer.from(tar, "latin1"));
}

// 21 bytes: a header, two keys and a node: fixed maps of short texts, after their type bytes.
const state = "\u0080" + "\u0002\u0081\u00a3Key\u00a3a/b" + "\u0002\u0081\u00a3Key\u00a1c" + "\u0000\u0080";
const archive = snapshot(state);

describe("snapshot save", () => {
  const serving: FakeWorld = {
    answer: ({ target }) => {
      if (target.startsWith("/v1/agent/self")) return { body: '{"Config":{"Datacenter":"dc1"}}' };
      if (target.startsWith("/v1/operator/autopilot/health")) {
        return { status: 429, body: '{"Servers":[{"Leader":true,"Version":"1.16.4"}]}' };
      }
      return { headers: { "x-consul-index": "42" }, body: archive };
    },
  };

  test("keeps the archive under its name once it is checked", async () => {
    const outcome = await runFake(["snapshot", "save", "-stale", "a.snap"], serving);
    expect(outcome).toMatchObject({
      exit: 0,
      stdout: "Saved and verified snapshot to index 42\n",
      stderr: "",
    });
    expect(outcome.sent).toMatchObject([{ method: "GET", target: "/v1/snapshot?stale=" }]);
    expect([...outcome.files.keys()]).toEqual(["a.snap"]);
    expect(outcome.files.get("a.snap")).toEqual(Uint8Array.from(archive));
  });

  test.each([
    { flag: "version", file: "dir.x/a.snap", name: "dir.x/a-1.16.4.snap" },
    { flag: "dc,version", file: "a", name: "a-1.16.4-dc1" },
  ])("appends $flag to $file", async ({ flag, file, name }) => {
    const outcome = await runFake(["snapshot", "save", `-append-filename=${flag}`, file], serving);
    expect([...outcome.files.keys()]).toEqual([name]);
  });

  test("leaves nothing behind if the archive is broken", async () => {
    const world: FakeWorld = { answer: () => ({ body: archive.subarray(0, 100) }) };
    const outcome = await runFake(["snapshot", "save", "a.snap"], world);
    expect(outcome).toMatchObject({
      exit: 1,
      stdout: "",
      stderr: "Error verifying snapshot file: failed to read snapshot file: unexpected EOF\n",
    });
    expect(outcome.files.size).toBe(0);
  });

  test.each([
    { argv: [], stderr: "Missing FILE argument\n" },
    { argv: ["a", "b"], stderr: "Too many arguments (expected 1, got 2)\n" },
  ])("$argv is refused", async ({ argv, stderr }) => {
    expect(await runFake(["snapshot", "save", ...argv], serving)).toMatchObject({
      exit: 1,
      stderr,
      sent: [],
    });
  });
});

describe("snapshot restore", () => {
  test("sends the file", async () => {
    const outcome = await runFake(["snapshot", "restore", "f"], {
      answer: () => ({}),
      files: { f: "bytes" },
    });
    expect(outcome).toMatchObject({ exit: 0, stdout: "Restored snapshot\n" });
    expect(outcome.sent).toMatchObject([{ method: "PUT", target: "/v1/snapshot", body: "bytes" }]);
  });

  test("tells why not", async () => {
    const missing = await runFake(["snapshot", "restore", "f"], { answer: () => ({}) });
    expect(missing.stderr).toBe("Error opening snapshot file: open f: no such file or directory\n");
    const refused = await runFake(["snapshot", "restore", "f"], {
      answer: () => ({ status: 500, body: "failed to decompress" }),
      files: { f: "bytes" },
    });
    expect(refused.stderr).toBe(
      "Error restoring snapshot: Unexpected response code: 500 (failed to decompress)\n",
    );
  });
});

describe("snapshot inspect", () => {
  const head = ` ID           2-13-9
 Size         21
 Index        13
 Term         2
 Version      1

 Type          Count      Size
 ----          ----       ----
 KVS           2          19B
 Register      1          2B
 ----          ----       ----
 Total                    21B
`;

  test("shows how much there is of each type", async () => {
    const outcome = await runFake(["snapshot", "inspect", "f"], { files: { f: archive } });
    expect(outcome.stderr).toBe("");
    expect(outcome.stdout).toBe(head);
  });

  test("and of each prefix of keys", async () => {
    const outcome = await runFake(["snapshot", "inspect", "-kvdetails", "-kvdepth=1", "f"], {
      files: { f: archive },
    });
    expect(outcome.stdout).toBe(`${head}
 Key Name      Count      Size
 ----          ----       ----
 a             1          11B
 c             1          8B
 ----          ----       ----
 Total                    19B
`);
  });

  test("reads a server's own snapshot", async () => {
    const files = {
      "raft/state.bin": Uint8Array.from(Buffer.from(state, "latin1")),
      "raft/meta.json": '{"ID":"2-13-9","Size":21,"Index":13,"Term":2,"Version":1}',
    };
    expect((await runFake(["snapshot", "inspect", "raft/state.bin"], { files })).stdout).toBe(head);
    const { "raft/state.bin": only } = files;
    expect(
      (await runFake(["snapshot", "inspect", "raft/state.bin"], { files: { "raft/state.bin": only } }))
        .stderr,
    ).toBe(
      "Error reading meta.json from internal snapshot dir: open raft/meta.json: no such file or directory\n",
    );
  });

  test("as JSON", async () => {
    const { stdout } = await runFake(["snapshot", "inspect", "-format=json", "f"], { files: { f: archive } });
    expect(JSON.parse(stdout)).toEqual({
      Meta: { ID: "2-13-9", Size: 21, Index: 13, Term: 2, Version: 1 },
      Stats: [
        { Name: "KVS", Sum: 19, Count: 2 },
        { Name: "Register", Sum: 2, Count: 1 },
      ],
      StatsKV: null,
      TotalSize: 21,
      TotalSizeKV: 0,
    });
  });

  test.each([
    {
      name: "a missing file",
      files: {},
      stderr: "Error opening snapshot file: open f: no such file or directory\n",
    },
    {
      name: "garbage",
      files: { f: "garbage" },
      stderr: "Error reading snapshot: failed to decompress snapshot: gzip: invalid header\n",
    },
    {
      name: "a state that is cut off",
      files: { f: snapshot(state.slice(0, -3)) },
      stderr: "Error extracting snapshot data: ",
    },
  ])("$name is told", async ({ files, stderr }) => {
    const outcome = await runFake(["snapshot", "inspect", "f"], {
      files: files as Record<string, string | Uint8Array>,
    });
    expect(outcome.exit).toBe(1);
    expect(outcome.stderr).toStartWith(stderr);
  });

  test.each([
    [0, "0"],
    [1, "1B"],
    [1023, "1023B"],
    [1024, "1KB"],
    [1740, "1.7KB"],
    [5 * 1024 ** 3, "5GB"],
    [2 ** 50, "1024TB"],
  ])("%d bytes are %s", (bytes, text) => expect(renderByteSize(bytes)).toBe(text));
});
