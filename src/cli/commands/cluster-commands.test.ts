import { describe, expect, test } from "bun:test";
import { runFake, type FakeReply, type FakeWorld } from "../fake-host.ts";

function routes(table: Readonly<Record<string, unknown>>): FakeWorld {
  return {
    answer: ({ target }): FakeReply => {
      const path = target.replace(/\?.*$/u, "");
      if (!Object.hasOwn(table, path)) return { status: 404, body: `no such path: ${path}` };
      return { body: JSON.stringify(table[path]) };
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

const node = {
  ID: "cccccccc-4040-4000-8000-000000000001",
  Node: "n1",
  Address: "10.0.0.1",
  Datacenter: "dc1",
  TaggedAddresses: { wan: "1.1.1.1", lan: "10.0.0.1" },
  Meta: { env: "x" },
};

describe("catalog", () => {
  const world = routes({
    "/v1/catalog/nodes": [node],
    "/v1/catalog/service/web": [{ ...node, Meta: undefined, NodeMeta: { rack: "7" } }],
    "/v1/catalog/services": { web: ["b", "a"], consul: [] },
    "/v1/catalog/node/n1": {
      Node: node,
      Services: { a: { Service: "web", Tags: ["z"] }, b: { Service: "web", Tags: ["y"] } },
    },
    "/v1/catalog/node/none": null,
    "/v1/catalog/datacenters": ["dc1", "dc2"],
  });

  test("nodes are a table with short IDs", async () => {
    expect((await run(["catalog", "nodes"], world)).stdout).toBe(
      "Node  ID        Address   DC\nn1    cccccccc  10.0.0.1  dc1\n",
    );
  });

  test("detailed nodes of a service show its nodes' metadata", async () => {
    expect((await run(["catalog", "nodes", "-detailed", "-service=web"], world)).stdout).toBe(
      "Node  ID                                    Address   DC   TaggedAddresses            Meta\n" +
        "n1    cccccccc-4040-4000-8000-000000000001  10.0.0.1  dc1  lan=10.0.0.1, wan=1.1.1.1  rack=7\n",
    );
  });

  test("narrowing goes to the agent", async () => {
    const { sent } = await runFake(
      [
        "catalog",
        "nodes",
        "-near=_agent",
        "-node-meta=a=1",
        "-node-meta=b=2",
        "-filter=x",
        "-datacenter=dc2",
        "-stale",
      ],
      world,
    );
    expect(sent).toMatchObject([
      { target: "/v1/catalog/nodes?dc=dc2&filter=x&near=_agent&node-meta=a%3A1&node-meta=b%3A2&stale=" },
    ]);
  });

  test("services are sorted, with tags where wanted", async () => {
    expect((await run(["catalog", "services"], world)).stdout).toBe("consul\nweb\n");
    expect((await run(["catalog", "services", "-tags"], world)).stdout).toBe(
      "consul      \nweb         a,b\n",
    );
    expect((await run(["catalog", "services", "-tags", "-node=n1"], world)).stdout).toBe("web      y,z\n");
  });

  test("nothing found is told, but is no error", async () => {
    expect(await run(["catalog", "services", "-node=none"], world)).toEqual({
      exit: 0,
      stdout: "",
      stderr: "No services match the given query - try expanding your search.\n",
    });
    expect(await run(["catalog", "nodes"], routes({ "/v1/catalog/nodes": [] }))).toEqual({
      exit: 0,
      stdout: "",
      stderr: "No nodes match the given query - try expanding your search.\n",
    });
  });

  test("datacenters keep their order", async () => {
    expect((await run(["catalog", "datacenters"], world)).stdout).toBe("dc1\ndc2\n");
    expect((await run(["catalog", "datacenters", "x"], world)).stderr).toBe(
      "Too many arguments (expected 0, got 1)\n",
    );
  });
});

const peer = {
  ID: "id-1",
  Node: "n1",
  Address: "10.0.0.1:8300",
  Leader: true,
  Voter: true,
  ProtocolVersion: "3",
  LastIndex: 20,
};

describe("operator raft", () => {
  test("list-peers tells how far servers trail", async () => {
    const Servers = [
      peer,
      { ...peer, Node: "n2", ID: "id-2", Leader: false, LastIndex: 19 },
      { ...peer, Node: "n3", ID: "id-3", Leader: false, LastIndex: 10, ProtocolVersion: "" },
    ];
    expect(
      (
        await run(
          ["operator", "raft", "list-peers"],
          routes({ "/v1/operator/raft/configuration": { Servers } }),
        )
      ).stdout,
    ).toBe(
      `Node  ID    Address        State     Voter  RaftProtocol  Commit Index  Trails Leader By
n1    id-1  10.0.0.1:8300  leader    true   3             20            -
n2    id-2  10.0.0.1:8300  follower  true   3             19            1 commit
n3    id-3  10.0.0.1:8300  follower  true   <=1           10            10 commits
`,
    );
  });

  test.each([
    { argv: ["-id=x"], target: "/v1/operator/raft/peer?id=x", stdout: 'Removed peer with id "x"\n' },
    {
      argv: ["-address=a:1"],
      target: "/v1/operator/raft/peer?address=a%3A1",
      stdout: 'Removed peer with address "a:1"\n',
    },
  ])("remove-peer $argv", async ({ argv, target, stdout }) => {
    const outcome = await runFake(["operator", "raft", "remove-peer", ...argv], { answer: () => ({}) });
    expect(outcome.sent).toMatchObject([{ method: "DELETE", target }]);
    expect(outcome.stdout).toBe(stdout);
  });

  test.each([
    { argv: [], stderr: "Error removing peer: an address or id is required for the peer to remove\n" },
    { argv: ["-id=a", "-address=b"], stderr: "Error removing peer: cannot give both an address and id\n" },
  ])("remove-peer $argv fails", async ({ argv, stderr }) => {
    expect(await run(["operator", "raft", "remove-peer", ...argv], {})).toEqual({
      exit: 1,
      stdout: "",
      stderr,
    });
  });

  test("transfer-leader names the server where asked, and tells refusal", async () => {
    const argv = ["operator", "raft", "transfer-leader", "-id=x"];
    const outcome = await runFake(argv, { answer: () => ({ body: '{"Success":true}' }) });
    expect(outcome).toMatchObject({ exit: 0, stdout: "Success\n" });
    expect(outcome.sent).toMatchObject([
      { method: "POST", target: "/v1/operator/raft/transfer-leader?id=x" },
    ]);
    expect((await run(argv, { answer: () => ({ body: '{"Success":false}' }) })).stderr).toBe(
      "Error transfering leadership: Failed to transfer leadership\n",
    );
  });

  test("a bad flag is told twice, as the reference does", async () => {
    const { exit, stderr } = await run(["operator", "raft", "list-peers", "-x"], {});
    expect(exit).toBe(1);
    expect(stderr).toStartWith("flag provided but not defined: -x\nUsage:\n");
    expect(stderr).toEndWith("Failed to parse args: flag provided but not defined: -x\n");
  });
});

describe("operator usage instances", () => {
  const usage = (Nodes: number, instances: number): unknown => ({
    Nodes,
    Services: 2,
    BillableServiceInstances: instances,
    ConnectServiceInstances: { "mesh-gateway": 1, "connect-proxy": 12 },
  });
  const world = routes({ "/v1/operator/usage": { Usage: { dc2: usage(3, 4), dc1: usage(1, 10) } } });
  const show = async (...argv: readonly string[]): Promise<string> =>
    (await run(["operator", "usage", "instances", ...argv], world)).stdout;

  test("shows what counts for billing, then nodes", async () => {
    expect(await show("-billable", "-all-datacenters")).toBe(
      `Billable Service Instances Total: 14
dc1 Billable Service Instances: 10
dc2 Billable Service Instances: 4

Billable Services
Datacenter      Services      Service instances
dc1             2             10
dc2             2             4
${" ".repeat(30)}
Total           4             14


Nodes
Datacenter      Count${" ".repeat(12)}
dc1             1
dc2             3
${" ".repeat(16)}
Total           4


`,
    );
  });

  test("shows the parts of the mesh", async () => {
    expect(await show("-connect")).toBe(
      `Connect Services
Type               Service instances
connect-proxy      12
mesh-gateway       1
connect-proxy      12
mesh-gateway       1
`,
    );
  });

  test("refuses both at once", async () => {
    expect(await run(["operator", "usage", "instances", "-billable", "-connect"], world)).toMatchObject({
      exit: 1,
      stderr: "Cannot specify both -billable and -connect flags\n",
    });
  });
});

const autopilot = {
  CleanupDeadServers: true,
  LastContactThreshold: "200ms",
  MaxTrailingLogs: 250,
  MinQuorum: 0,
  ServerStabilizationTime: "10s",
  RedundancyZoneTag: "",
  DisableUpgradeMigration: false,
  UpgradeVersionTag: "",
  CreateIndex: 5,
  ModifyIndex: 5,
};

describe("operator autopilot", () => {
  test("get-config lists the settings", async () => {
    const world = routes({ "/v1/operator/autopilot/configuration": autopilot });
    expect((await run(["operator", "autopilot", "get-config"], world)).stdout).toBe(`CleanupDeadServers = true
LastContactThreshold = 200ms
MaxTrailingLogs = 250
MinQuorum = 0
ServerStabilizationTime = 10s
RedundancyZoneTag = ""
DisableUpgradeMigration = false
UpgradeVersionTag = ""
`);
  });

  test("set-config changes what was given, guarded by the index it read", async () => {
    const world: FakeWorld = {
      answer: ({ method }) => ({ body: method === "GET" ? JSON.stringify(autopilot) : "true" }),
    };
    const argv = [
      "operator",
      "autopilot",
      "set-config",
      "-cleanup-dead-servers=false",
      "-last-contact-threshold=1500ms",
      "-max-trailing-logs=9",
    ];
    const outcome = await runFake(argv, world);
    expect(outcome.stdout).toBe("Configuration updated!\n");
    expect(outcome.sent[1]?.target).toBe("/v1/operator/autopilot/configuration?cas=5");
    expect(JSON.parse(outcome.sent[1]?.body ?? "")).toMatchObject({
      CleanupDeadServers: false,
      LastContactThreshold: "1.5s",
      MaxTrailingLogs: 9,
      ServerStabilizationTime: "10s",
    });
  });

  test("set-config tells when somebody else was faster", async () => {
    const world: FakeWorld = {
      answer: ({ method }) => ({ body: method === "GET" ? JSON.stringify(autopilot) : "false" }),
    };
    expect(await run(["operator", "autopilot", "set-config", "-min-quorum=3"], world)).toEqual({
      exit: 1,
      stdout: "Configuration could not be atomically updated, please try again\n",
      stderr: "",
    });
  });

  test("state is a page of text or the JSON that came", async () => {
    const state = {
      Healthy: true,
      FailureTolerance: 1,
      OptimisticFailureTolerance: 1,
      Leader: "id-1",
      Voters: ["id-1"],
      Servers: {
        "id-1": {
          ID: "id-1",
          Name: "n1",
          Address: "a:1",
          Version: "1.16.4",
          Status: "leader",
          NodeType: "voter",
          NodeStatus: "alive",
          Healthy: true,
          LastContact: "0s",
          LastTerm: 2,
          LastIndex: 9,
          Meta: { b: "2", a: "1" },
        },
      },
    };
    const world = routes({ "/v1/operator/autopilot/state": state });
    expect((await run(["operator", "autopilot", "state"], world)).stdout)
      .toBe(`Healthy:                      true
Failure Tolerance:            1
Optimistic Failure Tolerance: 1
Leader:                       id-1
Voters:
   id-1
Servers:
   id-1
      Name:            n1
      Address:         a:1
      Version:         1.16.4
      Status:          leader
      Node Type:       voter
      Node Status:     alive
      Healthy:         true
      Last Contact:    0s
      Last Term:       2
      Last Index:      9
      Meta
         "a": "1"
         "b": "2"

`);
    expect(JSON.parse((await run(["operator", "autopilot", "state", "-format=json"], world)).stdout)).toEqual(
      state,
    );
  });
});

describe("rtt", () => {
  const coordinate = (x: number, adjustment = 0): object => ({
    Vec: [x, 0],
    Height: 0.001,
    Adjustment: adjustment,
  });
  const world = routes({
    "/v1/agent/self": { Config: { NodeName: "n1", Datacenter: "dc1" } },
    "/v1/coordinate/nodes": [
      { Node: "n1", Segment: "", Coord: coordinate(0) },
      { Node: "N2", Segment: "", Coord: coordinate(0.003) },
      { Node: "far", Segment: "other", Coord: coordinate(1) },
    ],
    "/v1/coordinate/datacenters": [
      { Datacenter: "dc1", AreaID: "wan", Coordinates: [{ Node: "n1", Coord: coordinate(0) }] },
      { Datacenter: "dc2", AreaID: "wan", Coordinates: [{ Node: "n9", Coord: coordinate(0.02, -0.5) }] },
    ],
  });

  test.each([
    { argv: ["n2"], stdout: "Estimated n2 <-> n1 rtt: 5.000 ms (using LAN coordinates)\n" },
    { argv: ["n1", "n2"], stdout: "Estimated n1 <-> n2 rtt: 5.000 ms (using LAN coordinates)\n" },
    {
      argv: ["-wan", "n9.dc2"],
      stdout: "Estimated n9.dc2 <-> n1.dc1 rtt: 22.000 ms (using WAN coordinates)\n",
    },
  ])("$argv", async ({ argv, stdout }) => {
    expect(await run(["rtt", ...argv], world)).toEqual({ exit: 0, stdout, stderr: "" });
  });

  test.each([
    { argv: ["none"], stderr: 'Could not find a coordinate for node "none"\n' },
    { argv: ["n1", "far"], stderr: 'Could not find a coordinate for node "n1"\n' },
    {
      argv: ["-wan", "n9", "n1.dc1"],
      stderr: "Node names must be specified as <node name>.<datacenter> with -wan\n",
    },
    { argv: ["-wan", "n9.dc1", "n1.dc1"], stderr: 'Could not find a coordinate for node "n9.dc1"\n' },
  ])("$argv fails", async ({ argv, stderr }) => {
    expect(await run(["rtt", ...argv], world)).toEqual({ exit: 1, stdout: "", stderr });
  });
});
