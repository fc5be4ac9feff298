import { describe, expect, test } from "bun:test";
import { runFake, type FakeWorld } from "../fake-host.ts";

const pools = [
  { WAN: true, Datacenter: "dc1", Segment: "", Keys: { b: 1, a: 1 }, PrimaryKeys: { b: 1 }, NumNodes: 1 },
  {
    WAN: false,
    Datacenter: "dc1",
    Segment: "",
    Messages: { n2: "truncated key list response, showing first 1 of 2 keys" },
    Keys: { a: 2, b: 1 },
    PrimaryKeys: { b: 2 },
    NumNodes: 2,
  },
];

/** An agent that answers everything with `body`, and notes what it was asked. */
function agent(body: unknown, status = 200): { world: FakeWorld; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    world: {
      answer: (request) => {
        asked.push(`${request.method} ${request.target} ${request.body}`.trimEnd());
        return { status, body: typeof body === "string" ? body : JSON.stringify(body) };
      },
    },
  };
}

describe("keyring", () => {
  test("lists the keys of every pool", async () => {
    const { world, asked } = agent(pools);
    const { exit, stdout, stderr } = await runFake(["keyring", "-list", "-relay-factor=2"], world);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
    expect(asked).toEqual(["GET /v1/operator/keyring?relay-factor=2"]);
    expect(stdout).toBe(`==> Gathering installed encryption keys...

WAN:
  a [1/1]
  b [1/1]

dc1 (LAN):
  ===> n2: truncated key list response, showing first 1 of 2 keys
  a [2/2]
  b [1/2]
`);
  });

  test("lists the keys that encrypt", async () => {
    const { stdout } = await runFake(["keyring", "-list-primary"], agent(pools.slice(0, 1)).world);
    expect(stdout).toBe("==> Gathering installed primary encryption keys...\n\nWAN:\n  b [1/1]\n");
  });

  test.each([
    { flag: "-install", method: "POST", line: "Installing new gossip encryption key..." },
    { flag: "-use", method: "PUT", line: "Changing primary gossip encryption key..." },
    { flag: "-remove", method: "DELETE", line: "Removing gossip encryption key..." },
  ])("$flag", async ({ flag, method, line }) => {
    const { world, asked } = agent("");
    const { exit, stdout } = await runFake(["keyring", flag, "a2V5"], world);
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: `==> ${line}\n` });
    expect(asked).toEqual([`${method} /v1/operator/keyring {"Key":"a2V5"}`]);
  });

  test("shows what the agent says of a failure", async () => {
    const text = "2 errors occurred:\n\t* dc1 (LAN) error: 1/1 nodes reported failure\n\t* n1: no\n\n";
    const { exit, stderr } = await runFake(["keyring", "-use", "x"], agent(text, 500).world);
    expect(exit).toBe(1);
    expect(stderr).toBe(
      "error: Unexpected response code: 500 (2 errors occurred:\n" +
        "\t* dc1 (LAN) error: 1/1 nodes reported failure\n\t* n1: no)\n",
    );
  });

  test.each([
    { argv: ["-list", "-use", "x"], line: "Only a single action is allowed" },
    {
      argv: ["-list", "-relay-factor", "9"],
      line: "Error parsing relay factor: Relay factor must be in range: [0, 5]",
    },
    {
      argv: ["-install", "x", "-local-only"],
      line: "Error validating local-only: local-only can only be set for list requests",
    },
  ])("refuses $argv", async ({ argv, line }) => {
    const { world, asked } = agent(pools);
    const { exit, stderr } = await runFake(["keyring", ...argv], world);
    expect({ exit, stderr, asked }).toEqual({ exit: 1, stderr: `${line}\n`, asked: [] });
  });

  test("without an action shows how to use it", async () => {
    const { exit, stderr } = await runFake(["keyring"], agent(pools).world);
    expect(exit).toBe(1);
    expect(stderr).toContain("Usage: proconsul keyring [options]");
  });
});
