import { describe, expect, test } from "bun:test";
import { runFake, type FakeReply, type FakeWorld } from "../fake-host.ts";

/** Answers by path, without its query; an unknown path is a 404. */
function routes(table: Readonly<Record<string, unknown>>): FakeWorld {
  return {
    answer: ({ target }): FakeReply => {
      const path = target.replace(/\?.*$/u, "");
      if (!Object.hasOwn(table, path)) return { status: 404, body: `no such path: ${path}` };
      const value = table[path];
      return { body: typeof value === "string" ? value : JSON.stringify(value) };
    },
  };
}

async function run(
  argv: readonly string[],
  world: FakeWorld,
): Promise<{ exit: number; stdout: string; stderr: string }> {
  const { exit, stdout, stderr } = await runFake(argv, world);
  return { exit, stdout, stderr };
}

const self = {
  Config: { NodeName: "n1", Datacenter: "dc1" },
  Stats: { raft: { state: "Leader", applied: "7" }, agent: { x: "1" } },
};

const server = {
  Name: "s1",
  Addr: "10.0.0.1",
  Port: 8301,
  Status: 1,
  Tags: { role: "consul", build: "1.16.4:abc", vsn: "2", dc: "dc1" },
};
const client = {
  ...server,
  Name: "a1",
  Addr: "fe80::1",
  Tags: { ...server.Tags, role: "node", build: "" },
  Status: 4,
};

describe("members", () => {
  const world = routes({ "/v1/agent/members": [client, server] });

  test("servers come first; addresses of IPv6 are in brackets", async () => {
    const { stdout } = await run(["members"], world);
    expect(stdout).toBe(`Node  Address         Status  Type    Build   Protocol  DC   Partition  Segment
s1    10.0.0.1:8301   alive   server  1.16.4  2         dc1  default    <all>
a1    [fe80::1]:8301  failed  client  < 0.3   2         dc1  default    <default>
`);
  });

  test("detailed shows every tag, sorted", async () => {
    const { stdout } = await run(["members", "-detailed", "-status=alive"], world);
    expect(stdout).toBe(
      "Node  Address        Status  Tags\n" +
        "s1    10.0.0.1:8301  alive   ap=default,build=1.16.4:abc,dc=dc1,role=consul,segment=<all>,vsn=2\n",
    );
  });

  test("without a match the exit code is 2", async () => {
    expect(await run(["members", "-status=left"], world)).toEqual({ exit: 2, stdout: "", stderr: "" });
  });

  test("a bad expression never reaches the agent", async () => {
    const outcome = await runFake(["members", "-status=["], world);
    expect(outcome.sent).toEqual([]);
    expect(outcome.exit).toBe(1);
    expect(outcome.stderr).toStartWith("Failed to compile status regexp: error parsing regexp: ");
  });

  test("flags of the expression are understood", async () => {
    expect((await run(["members", "-status=(?i)ALIVE"], world)).exit).toBe(0);
  });

  test("asks for every segment, or the one given", async () => {
    const targets = async (...flags: string[]): Promise<readonly string[]> =>
      (await runFake(["members", ...flags], world)).sent.map((request) => request.target);
    expect(await targets()).toEqual(["/v1/agent/members?segment=_all"]);
    expect(await targets("-wan", "-segment=x", '-filter=Name=="a"')).toEqual([
      "/v1/agent/members?filter=Name%3D%3D%22a%22&segment=x&wan=1",
    ]);
  });
});

test("info sorts sections and values", async () => {
  expect((await run(["info"], routes({ "/v1/agent/self": self }))).stdout).toBe(
    "agent:\n\tx = 1\nraft:\n\tapplied = 7\n\tstate = Leader\n",
  );
});

describe("maint", () => {
  const checks = {
    a: { CheckID: "_node_maintenance", Notes: "why" },
    b: { CheckID: "_service_maintenance:web", ServiceID: "web", Notes: "because" },
    c: { CheckID: "other" },
  };

  test("without flags shows what is in maintenance mode", async () => {
    const world = routes({ "/v1/agent/self": self, "/v1/agent/checks": checks });
    expect((await run(["maint"], world)).stdout).toBe(
      "Node:\n  Name:   n1\n  Reason: why\n\nService:\n  ID:     web\n  Reason: because\n\n",
    );
  });

  test.each([
    {
      argv: ["-enable", "-reason=a b"],
      target: "/v1/agent/maintenance?enable=true&reason=a+b",
      stdout: "Node maintenance is now enabled\n",
    },
    {
      argv: ["-disable"],
      target: "/v1/agent/maintenance?enable=false",
      stdout: "Node maintenance is now disabled\n",
    },
    {
      argv: ["-disable", "-service=w"],
      target: "/v1/agent/service/maintenance/w?enable=false",
      stdout: 'Service maintenance is now disabled for "w"\n',
    },
  ])("$argv", async ({ argv, target, stdout }) => {
    const outcome = await runFake(["maint", ...argv], { answer: () => ({}) });
    expect(outcome.sent).toMatchObject([{ method: "PUT", target }]);
    expect(outcome.stdout).toBe(stdout);
  });

  test.each([
    { argv: ["-enable", "-disable"], stderr: "Only one of -enable or -disable may be provided\n" },
    { argv: ["-reason=x"], stderr: "Reason may only be provided with -enable\n" },
    { argv: ["-service=x"], stderr: "Service requires either -enable or -disable\n" },
  ])("$argv fails", async ({ argv, stderr }) => {
    expect(await run(["maint", ...argv], {})).toEqual({ exit: 1, stdout: "", stderr });
  });
});

describe("join, leave, reload, force-leave", () => {
  test.each([
    {
      argv: ["join", "-wan", "10.0.0.1:8302"],
      target: "/v1/agent/join/10.0.0.1:8302?wan=1",
      stdout: "Successfully joined cluster by contacting 1 nodes.\n",
    },
    { argv: ["leave"], target: "/v1/agent/leave", stdout: "Graceful leave complete\n" },
    { argv: ["reload"], target: "/v1/agent/reload", stdout: "Configuration reload triggered\n" },
    { argv: ["force-leave", "-prune", "n"], target: "/v1/agent/force-leave/n?prune=1", stdout: "" },
  ])("$argv", async ({ argv, target, stdout }) => {
    const outcome = await runFake(argv, { answer: () => ({}) });
    expect(outcome).toMatchObject({ exit: 0, stdout, stderr: "" });
    expect(outcome.sent).toMatchObject([{ method: "PUT", target }]);
  });

  test("join goes on after an address that fails, and fails if all do", async () => {
    const world: FakeWorld = {
      answer: ({ target }) => (target.endsWith("/good") ? {} : { status: 500, body: "refused" }),
    };
    expect(await run(["join", "bad", "good"], world)).toEqual({
      exit: 0,
      stdout: "Successfully joined cluster by contacting 1 nodes.\n",
      stderr: "Error joining address 'bad': Unexpected response code: 500 (refused)\n",
    });
    expect((await run(["join", "bad"], world)).stderr).toEndWith("Failed to join any nodes.\n");
  });

  test("a missing argument is followed by the help page", async () => {
    const { exit, stdout, stderr } = await run(["join"], {});
    expect({ exit, stdout }).toEqual({ exit: 1, stdout: "" });
    expect(stderr).toStartWith(
      "At least one address to join must be specified.\n\nUsage: proconsul join [options] address ...\n",
    );
  });

  test("leave sends that page to standard output, as the reference does", async () => {
    const { stdout, stderr } = await run(["leave", "x"], {});
    expect(stderr).toBe("Error found unexpected args: [x]\n");
    expect(stdout).toStartWith("Usage: proconsul leave [options]\n");
  });
});

describe("event", () => {
  const world = routes({ "/v1/agent/self": self, "/v1/event/fire/deploy": { ID: "e-1" } });

  test("sends payload and filters, prints the ID", async () => {
    const outcome = await runFake(["event", "-name=deploy", "-service=web", "-tag=^a$", "v 2"], world);
    expect(outcome.stdout).toBe("Event ID: e-1\n");
    expect(outcome.sent[1]).toMatchObject({
      method: "PUT",
      target: "/v1/event/fire/deploy?service=web&tag=%5Ea%24",
      body: "v 2",
    });
  });

  test.each([
    { argv: ["-name=x", "-tag=y"], stderr: "Cannot provide tag filter without service filter.\n" },
    { argv: ["-name=x", "-node=["], stderr: "Failed to compile node filter regexp: " },
    { argv: [], stderr: "Event name must be specified\n\nUsage: proconsul event [options] [payload]\n" },
    { argv: ["-name=x", "a", "b"], stderr: "Too many command line arguments.\n\nUsage: " },
  ])("$argv fails", async ({ argv, stderr }) => {
    const outcome = await run(["event", ...argv], world);
    expect(outcome.exit).toBe(1);
    expect(outcome.stderr).toStartWith(stderr);
  });
});

describe("monitor", () => {
  test("prints lines until the agent ends them, which is an error", async () => {
    const outcome = await runFake(["monitor", "-log-level=debug", "-log-json"], {
      answer: () => ({ body: "one\ntwo\r\n\nlast" }),
    });
    expect(outcome.sent).toMatchObject([{ target: "/v1/agent/monitor?logjson=true&loglevel=debug" }]);
    expect(outcome.exit).toBe(1);
    expect(outcome.stdout).toBe(
      "one\ntwo\n\nlast\n\nRemote side ended the monitor! This usually means that the\nremote side has exited or crashed.\n",
    );
  });

  test("a level that the agent refuses is told", async () => {
    const { stderr } = await run(["monitor", "-log-level=x"], {
      answer: () => ({ status: 400, body: "Unknown log level: x" }),
    });
    expect(stderr).toBe("Error starting monitor: Unexpected response code: 400 (Unknown log level: x)\n");
  });
});

describe("services", () => {
  test("registers what the flags say, leaving out what they do not", async () => {
    const argv = [
      "services",
      "register",
      "-name=web",
      "-port=80",
      "-tag=a",
      "-tag=b",
      "-meta=k=v",
      "-tagged-address=lan=[::1]:8080",
    ];
    const outcome = await runFake(argv, { answer: () => ({}) });
    expect(outcome.stdout).toBe("Registered service: web\n");
    expect(JSON.parse(outcome.sent[0]?.body ?? "")).toEqual({
      Name: "web",
      Port: 80,
      Tags: ["a", "b"],
      Meta: { k: "v" },
      TaggedAddresses: { lan: { Address: "::1", Port: 8080 } },
    });
  });

  const fromFiles: FakeWorld = {
    answer: () => ({}),
    config: {
      services: async () => ({
        kind: "valid",
        warnings: ["careful"],
        services: [
          {
            Name: "web",
            ID: "web-1",
            Weights: { Passing: 1, Warning: 1 },
            Checks: [{ ID: "c", TTL: "10s" }],
          },
          { Name: "db", Weights: { Passing: 1, Warning: 1 }, Checks: [] },
        ],
      }),
    },
  };

  test("registers what files define, a check's ID by its name in the API", async () => {
    const outcome = await runFake(["services", "register", "s.json"], fromFiles);
    expect(outcome).toMatchObject({
      exit: 0,
      stdout: "Registered service: web\nRegistered service: db\n",
      stderr: "careful\n",
    });
    expect(JSON.parse(outcome.sent[0]?.body ?? "")).toMatchObject({
      ID: "web-1",
      Checks: [{ CheckID: "c", TTL: "10s" }],
    });
  });

  test("deregisters by ID or by files", async () => {
    const byId = await runFake(["services", "deregister", "-id=web-1"], fromFiles);
    expect(byId.sent).toMatchObject([{ target: "/v1/agent/service/deregister/web-1" }]);
    const byFile = await runFake(["services", "deregister", "s.json"], fromFiles);
    expect(byFile.stdout).toBe("Deregistered service: web-1\nDeregistered service: db\n");
  });

  test.each([
    { argv: ["register"], stderr: "Service registration requires at least one argument or flags.\n" },
    {
      argv: ["register", "-name=a", "f"],
      stderr: "Service registration requires arguments or -id, not both.\n",
    },
    { argv: ["deregister"], stderr: "Service deregistration requires at least one argument or -id.\n" },
    {
      argv: ["deregister", "-id=a", "f"],
      stderr: "Service deregistration requires arguments or -id, not both.\n",
    },
  ])("$argv fails", async ({ argv, stderr }) => {
    expect(await run(["services", ...argv], fromFiles)).toEqual({ exit: 1, stdout: "", stderr });
  });
});

describe("validate", () => {
  test("tells warnings and success, or nothing at all", async () => {
    const world: FakeWorld = { config: { validate: async () => ({ kind: "valid", warnings: ["old key"] }) } };
    expect(await run(["validate", "a.json"], world)).toEqual({
      exit: 0,
      stdout: "Configuration is valid!\n",
      stderr: "old key\n",
    });
    expect(await run(["validate", "-quiet", "a.json"], world)).toEqual({ exit: 0, stdout: "", stderr: "" });
  });

  test("tells what is wrong", async () => {
    const world: FakeWorld = { config: { validate: async () => ({ kind: "invalid", problem: "bad" }) } };
    expect(await run(["validate", "a.json"], world)).toEqual({
      exit: 1,
      stdout: "",
      stderr: "Config validation failed: bad\n",
    });
    expect((await run(["validate"], world)).stderr).toBe(
      "Must specify at least one config file or directory\n",
    );
    expect((await run(["validate", "-config-format=x", "a"], world)).stderr).toBe(
      "-config-format must be either 'hcl' or 'json\n",
    );
  });
});

test("keygen prints 32 random bytes", async () => {
  expect((await run(["keygen"], {})).stdout).toBe(`${btoa("\u0007".repeat(32))}\n`);
});
