import { describe, expect, test } from "bun:test";
import { runFake } from "./fake-host.ts";
import { registry } from "./registry.ts";

describe("without a command to run", () => {
  test("nothing at all prints the overview to standard error and exits 127", async () => {
    const { exit, stdout, stderr } = await runFake([]);
    expect({ exit, stdout }).toEqual({ exit: 127, stdout: "" });
    expect(stderr).toStartWith(
      "Usage: proconsul [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n    acl ",
    );
    expect(stderr).toContain("    kv              Reads and writes the key-value store\n");
    expect(stderr).not.toContain("list-peers");
  });

  test("an unknown word does the same", async () => {
    const [nothing, unknown] = [await runFake([]), await runFake(["nosuch", "kv"])];
    expect(unknown).toEqual(nothing);
  });

  test("-help prints it to standard output and exits 0", async () => {
    const [nothing, help] = [await runFake([]), await runFake(["-help"])];
    expect({ exit: help.exit, stdout: help.stdout, stderr: help.stderr }).toEqual({
      exit: 0,
      stdout: nothing.stderr,
      stderr: "",
    });
  });

  test("a group prints its help with its subcommands to standard error and exits 1", async () => {
    const { exit, stdout, stderr } = await runFake(["operator", "raft"]);
    expect({ exit, stdout, stderr }).toEqual({
      exit: 1,
      stdout: "",
      stderr: `Usage: proconsul operator raft <subcommand> [options]

  The servers that agree through Raft.

Subcommands:
    list-peers         Lists the servers in the Raft configuration
    remove-peer        Removes a server from the Raft configuration
    transfer-leader    Moves leadership to another server
`,
    });
  });

  test("flags before the command are told to move", async () => {
    const { exit, stderr } = await runFake(["-token=x", "keygen"]);
    expect(exit).toBe(1);
    expect(stderr).toStartWith("Invalid flags before the subcommand. If these flags are for\n");
  });
});

describe("every command", () => {
  test.each(registry.map((entry) => entry.name))(
    "%s has a help page that starts with its words",
    async (name) => {
      const { exit, stdout, stderr } = await runFake([...name.split(" "), "-help"]);
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
      expect(stdout).toStartWith(`Usage: proconsul ${name}`);
      expect(stdout).not.toContain("{program}");
      expect(stdout).not.toContain("\t");
    },
  );

  test("there are more than a hundred of them", () => {
    expect(registry.length).toBeGreaterThan(100);
  });

  test("a bad flag prints Go's error and the flags to standard error and exits 1", async () => {
    const { exit, stdout, stderr } = await runFake(["keygen", "-x"]);
    expect({ exit, stdout, stderr }).toEqual({
      exit: 1,
      stdout: "",
      stderr: "flag provided but not defined: -x\nUsage:\n",
    });
  });

  test.each([
    ["acl role delete", "acl role delete [options] -id ROLE"],
    ["peering read", "peering read [options] -name <peer name>"],
    ["intention list", "intention list"],
    ["acl token list", "acl token list [options]"],
  ])("%s, which is still to come, has the reference's Usage line", async (name, usage) => {
    const { exit, stdout } = await runFake([...name.split(" "), "-help"]);
    expect({ exit, first: stdout.split("\n")[0] }).toEqual({ exit: 0, first: `Usage: proconsul ${usage}` });
  });

  test("one that is still to come says so", async () => {
    const { exit, stdout, stderr } = await runFake(["acl", "token", "create", "-description=x"]);
    expect({ exit, stdout, stderr }).toEqual({
      exit: 1,
      stdout: "",
      stderr: '"proconsul acl token create" is not available yet\n',
    });
  });
});

describe("the agent", () => {
  test("gets its words and decides the exit code", async () => {
    const { exit, stdout } = await runFake(["agent", "-dev", "-node", "a"]);
    expect({ exit, stdout }).toEqual({ exit: 3, stdout: "agent -dev -node a\n" });
  });

  test("has a help page of its own", async () => {
    expect((await runFake(["agent", "-h"])).stdout).toBe("Usage: proconsul agent [options]\n");
  });
});

describe("version", () => {
  const pretty =
    "Consul v1.16.4\nProconsul v0.1.0, compatible with Consul 1.16\nBuild Date 2026-11-01T00:00:00Z\n" +
    "Protocol 2 spoken by default, understands 2 to 3 (agent will automatically use protocol >2 when speaking to compatible agents)\n\n";

  test.each([[["version"]], [["--version"]], [["-v", "kv"]]])("%p", async (argv) => {
    expect((await runFake(argv)).stdout).toBe(pretty);
  });

  test("as JSON has the reference's fields", async () => {
    const { stdout } = await runFake(["version", "-format=json"]);
    expect(JSON.parse(stdout)).toEqual({
      Version: "1.16.4",
      Revision: "",
      Prerelease: "",
      BuildDate: "2026-11-01T00:00:00Z",
      RPC: { Default: 2, Min: 2, Max: 3 },
      Product: { Name: "Proconsul", Version: "0.1.0" },
    });
  });

  test("in another format is an error", async () => {
    const { exit, stderr } = await runFake(["version", "-format=xml"]);
    expect({ exit, stderr }).toEqual({ exit: 1, stderr: "Unknown format: xml\n" });
  });
});
