import { describe, expect, test } from "bun:test";
import { runFake, type FakeReply, type FakeWorld, type SentRequest } from "../fake-host.ts";

const pair = (key: string, value: string, more: object = {}): object => ({
  LockIndex: 0,
  Key: key,
  Flags: 0,
  Value: value === "" ? null : btoa(value),
  CreateIndex: 10,
  ModifyIndex: 12,
  ...more,
});

function replying(body: unknown, status = 200): FakeWorld {
  return {
    answer: (): FakeReply => ({ status, body: typeof body === "string" ? body : JSON.stringify(body) }),
  };
}

async function run(
  argv: readonly string[],
  world: FakeWorld,
): Promise<{ exit: number; stdout: string; stderr: string }> {
  const { exit, stdout, stderr } = await runFake(argv, world);
  return { exit, stdout, stderr };
}

async function sent(argv: readonly string[], world: FakeWorld): Promise<readonly SentRequest[]> {
  return (await runFake(argv, world)).sent;
}

describe("kv get", () => {
  test("prints the value and a line end", async () => {
    expect(await run(["kv", "get", "a"], replying([pair("a", "hello")]))).toEqual({
      exit: 0,
      stdout: "hello\n",
      stderr: "",
    });
  });

  test("a key that is not there is an error", async () => {
    expect(await run(["kv", "get", "/a"], replying("", 404))).toEqual({
      exit: 1,
      stdout: "",
      stderr: "Error! No key exists at: a\n",
    });
  });

  test("detailed shows every field, flags exact to 64 bits", async () => {
    const body =
      '[{"LockIndex":1,"Key":"a","Flags":18446744073709551615,"Value":"aGk=","Session":"s","CreateIndex":10,"ModifyIndex":12}]';
    expect((await run(["kv", "get", "-detailed", "a"], replying(body))).stdout).toBe(
      `CreateIndex      10
Flags            18446744073709551615
Key              a
LockIndex        1
ModifyIndex      12
Session          s
Value            hi
`,
    );
  });

  test("a tree is one key a line, or one block each with a line between", async () => {
    const tree = replying([pair("a", "1"), pair("b", "")]);
    expect((await run(["kv", "get", "-recurse", ""], tree)).stdout).toBe("a:1\nb:\n");
    expect((await run(["kv", "get", "-recurse", "-base64"], tree)).stdout).toBe("a:MQ==\nb:\n");
    expect((await run(["kv", "get", "-recurse", "-keys"], tree)).stdout).toBe("a\nb\n");
    const { stdout } = await run(["kv", "get", "-recurse", "-detailed"], tree);
    expect(stdout).toContain("Value            1\n\nCreateIndex      10\n");
    expect(stdout).toEndWith("Value\n");
  });

  test("asks with the separator, and for a stale answer where wanted", async () => {
    const [first] = await sent(
      ["kv", "get", "-keys", "-separator=:", "-stale", "a b?"],
      replying(["a b?c:"]),
    );
    expect(first?.target).toBe("/v1/kv/a%20b%3F?keys=&separator=%3A&stale=");
  });

  test.each([
    [["kv", "get"], "Error! Missing KEY argument\n"],
    [["kv", "get", "a", "b"], "Too many arguments (expected 1, got 2)\n"],
  ])("%p is refused", async (argv, stderr) => {
    expect(await run(argv, {})).toEqual({ exit: 1, stdout: "", stderr });
  });

  test("failures have the Go client's words", async () => {
    expect((await run(["kv", "get", "a"], replying("rpc error: Permission denied\n", 403))).stderr).toBe(
      "Error querying Consul agent: Unexpected response code: 403 (rpc error: Permission denied)\n",
    );
    expect((await run(["kv", "get", "a"], {})).stderr).toBe(
      'Error querying Consul agent: Get "http://127.0.0.1:8500/v1/kv/a": dial tcp 127.0.0.1:8500: connect: connection refused\n',
    );
  });
});

describe("kv put", () => {
  const accepted = replying(true);
  const refused = replying(false);

  test.each([
    { argv: ["a", "v"], target: "/v1/kv/a", body: "v" },
    { argv: ["a"], target: "/v1/kv/a", body: "" },
    { argv: ["-flags=42", "a", "v"], target: "/v1/kv/a?flags=42", body: "v" },
    { argv: ["-base64", "a", "aGk="], target: "/v1/kv/a", body: "hi" },
    { argv: ["a", "-"], target: "/v1/kv/a", body: "from stdin" },
    { argv: ["a", "@f"], target: "/v1/kv/a", body: "from file" },
    { argv: ["--", "a", "-x"], target: "/v1/kv/a", body: "-x" },
    { argv: ["-cas", "-modify-index=9", "a", "v"], target: "/v1/kv/a?cas=9", body: "v" },
  ])("$argv", async ({ argv, target, body }) => {
    const world = { ...accepted, stdin: "from stdin", files: { f: "from file" } };
    const outcome = await runFake(["kv", "put", ...argv], world);
    expect(outcome.sent).toMatchObject([{ method: "PUT", target, body }]);
    expect(outcome.stdout).toBe("Success! Data written to: a\n");
  });

  test.each([
    {
      argv: ["-cas", "a", "v"],
      stderr: "Error! Did not write to a: CAS performed with index=0 and key already exists.\n",
    },
    { argv: ["-cas", "-modify-index=1", "a", "v"], stderr: "Error! Did not write to a: CAS failed\n" },
    { argv: ["-acquire", "-session=s", "a", "v"], stderr: "Error! Did not acquire lock\n" },
    { argv: ["-release", "-session=s", "a", "v"], stderr: "Error! Did not release lock\n" },
    {
      argv: ["-acquire", "a", "v"],
      stderr: "Error! Missing -session (required with -acquire and -release)\n",
    },
    { argv: [], stderr: "Error! Missing KEY argument\n" },
    { argv: ["a", "b", "c"], stderr: "Error! Too many arguments (expected 1 or 2, got 3)\n" },
    { argv: ["a", "@none"], stderr: "Error! Failed to read file: open none: no such file or directory\n" },
    {
      argv: ["-base64", "a", "***"],
      stderr: "Error! Cannot base 64 decode data: illegal base64 data at input byte 0\n",
    },
    {
      argv: ["/a", "v"],
      stderr: "Error! Failed writing data: Invalid key. Key must not begin with a '/': /a\n",
    },
  ])("$argv fails", async ({ argv, stderr }) => {
    expect(await run(["kv", "put", ...argv], refused)).toEqual({ exit: 1, stdout: "", stderr });
  });

  test("locks are told apart", async () => {
    expect((await run(["kv", "put", "-acquire", "-session=s", "a"], accepted)).stdout).toBe(
      "Success! Lock acquired on: a\n",
    );
    expect((await run(["kv", "put", "-release", "-session=s", "a"], accepted)).stdout).toBe(
      "Success! Lock released on: a\n",
    );
  });
});

describe("kv delete", () => {
  test.each([
    { argv: ["a"], target: "/v1/kv/a", stdout: "Success! Deleted key: a\n" },
    {
      argv: ["-recurse", "/a/"],
      target: "/v1/kv/a/?recurse=",
      stdout: "Success! Deleted keys with prefix: a/\n",
    },
    { argv: ["-recurse"], target: "/v1/kv/?recurse=", stdout: "Success! Deleted keys with prefix: \n" },
    { argv: ["-cas", "-modify-index=3", "a"], target: "/v1/kv/a?cas=3", stdout: "Success! Deleted key: a\n" },
  ])("$argv", async ({ argv, target, stdout }) => {
    const outcome = await runFake(["kv", "delete", ...argv], replying(true));
    expect(outcome.sent).toMatchObject([{ method: "DELETE", target }]);
    expect(outcome.stdout).toBe(stdout);
  });

  test.each([
    { argv: [], stderr: "Error! Missing KEY argument\n" },
    {
      argv: ["-cas", "a"],
      stderr: "Cannot delete a key that does not exist. Provide a -modify-index greater than than 0.\n",
    },
    { argv: ["-modify-index=5", "a"], stderr: "Cannot specify -modify-index without -cas!\n" },
    {
      argv: ["-cas", "-recurse", "-modify-index=1", "a"],
      stderr: "Cannot specify both -cas and -recurse!\n",
    },
    { argv: ["-cas", "-modify-index=1", "a"], stderr: "Error! Did not delete key a: CAS failed\n" },
  ])("$argv fails", async ({ argv, stderr }) => {
    expect(await run(["kv", "delete", ...argv], replying(false))).toEqual({ exit: 1, stdout: "", stderr });
  });
});

describe("kv export and import", () => {
  test("export writes JSON with tabs, an empty list for nothing", async () => {
    expect((await run(["kv", "export", "a"], replying([pair("a", "hi", { Flags: 3 })]))).stdout).toBe(
      '[\n\t{\n\t\t"key": "a",\n\t\t"flags": 3,\n\t\t"value": "aGk="\n\t}\n]\n',
    );
    expect((await run(["kv", "export"], replying("", 404))).stdout).toBe("[]\n");
  });

  test("import writes each entry, with a prefix joined as a path and flags exact", async () => {
    const data =
      '[{"key":"b","flags":18446744073709551615,"value":"aGk="},{"key":"c/","flags":0,"value":""}]';
    const outcome = await runFake(["kv", "import", "-prefix=a//", "-"], { ...replying(true), stdin: data });
    expect(outcome.sent.map(({ target, body }) => [target, body])).toEqual([
      ["/v1/kv/a/b?flags=18446744073709551615", "hi"],
      ["/v1/kv/a/c/", ""],
    ]);
    expect(outcome.stdout).toBe("Imported: a/b\nImported: a/c/\n");
  });

  test.each([
    { argv: [], stderr: "Error! Missing DATA argument\n" },
    { argv: [""], stderr: "Error! Empty DATA argument\n" },
    { argv: ["a", "b"], stderr: "Error! Too many arguments (expected 1, got 2)\n" },
    { argv: ["@none"], stderr: "Error! Failed to read file: open none: no such file or directory\n" },
    {
      argv: ["{}"],
      stderr: "Cannot unmarshal data: json: cannot unmarshal object into the whole of type array\n",
    },
    {
      argv: ['[{"key":"a","value":"*"}]'],
      stderr: "Error base 64 decoding value for key a: illegal base64 data at input byte 0\n",
    },
  ])("import of $argv fails", async ({ argv, stderr }) => {
    expect(await run(["kv", "import", ...argv], replying(true))).toEqual({ exit: 1, stdout: "", stderr });
  });
});
