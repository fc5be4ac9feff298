import { rejection } from "../lib/rejection.ts";
import { describe, expect, test } from "bun:test";
import { NoLeaderError } from "../lib/consensus.ts";
import { HealthCheck } from "../wire/structs/catalog.ts";
import { CheckType, NodeService } from "../wire/structs/service.ts";
import { describeCheck } from "./registrar.ts";
import { FakeCatalog, MemoryFiles, testAgent, type TestAgent } from "./test-kit.ts";

const seconds = (count: number): number => count * 1e9;

async function addService(
  { agent }: TestAgent,
  name: string,
  checks: readonly Partial<CheckType>[] = [],
): Promise<void> {
  await agent.registrar.addService({
    service: NodeService.make({ ID: name, Service: name }),
    checks: checks.map((check) => CheckType.make(check)),
    token: "",
    fromConfig: false,
    persist: true,
    replaceExistingChecks: false,
  });
}

async function addCheck({ agent }: TestAgent, given: Partial<CheckType>, serviceId = ""): Promise<void> {
  const type = CheckType.make({ Name: "c", ...given });
  const check = HealthCheck.make({ ...describeCheck(type), Node: "n1", ServiceID: serviceId });
  await agent.registrar.addCheck({ check, type, token: "", fromConfig: false, persist: true });
}

describe("anti-entropy", () => {
  test("registers the node, then a service with its check in one call", async () => {
    const parts = testAgent();
    await parts.agent.start();
    await parts.agent.synced();
    expect(parts.catalog.node?.Meta).toEqual({ "consul-network-segment": "", "consul-version": "1.16.4" });
    const before = parts.catalog.countOf("Catalog.Register");
    await addService(parts, "web", [{ TTL: seconds(10) }]);
    await parts.agent.synced();
    expect(parts.catalog.countOf("Catalog.Register")).toBe(before + 1);
    expect(parts.catalog.services.get("web")?.Weights).toEqual({ Passing: 1, Warning: 1 });
    expect(parts.catalog.checks.get("service:web")?.Status).toBe("critical");
    await parts.agent.stop();
    expect(parts.clock.timerCount).toBe(0);
  });

  test("settles when the servers know of what changed, or refused it", async () => {
    const { agent, catalog } = testAgent();
    await agent.start();
    await agent.synced();
    agent.state.putService(NodeService.make({ ID: "web", Service: "web" }), { token: "", fromConfig: false });
    expect(catalog.services.has("web")).toBe(false);
    await agent.settled();
    expect(catalog.services.has("web")).toBe(true);
    catalog.failure = new Error("no leader");
    agent.state.removeService("web");
    await agent.settled();
    expect(catalog.services.has("web")).toBe(true);
    // Nothing is under way: nothing to wait for.
    await agent.settled();
    await agent.stop();
    agent.state.putService(NodeService.make({ ID: "x", Service: "x" }), { token: "", fromConfig: false });
    await agent.settled();
  });

  test("a repeated pass calls nobody; a changed status is one call", async () => {
    const parts = testAgent();
    await parts.agent.start();
    await addService(parts, "web", [{ TTL: seconds(10) }]);
    void parts.agent.registrar.reportTtl("service:web", "passing", "ok");
    await parts.agent.synced();
    const before = parts.catalog.calls.length;
    for (let i = 0; i < 100; i += 1) void parts.agent.registrar.reportTtl("service:web", "passing", "ok");
    await parts.agent.synced();
    expect(parts.catalog.calls.length).toBe(before);
    void parts.agent.registrar.reportTtl("service:web", "warning", "hm");
    await parts.agent.synced();
    expect(parts.catalog.calls.length).toBe(before + 1);
    expect(parts.catalog.checks.get("service:web")?.Status).toBe("warning");
    await parts.agent.stop();
  });

  test("changed output alone waits for half the update interval", async () => {
    const parts = testAgent();
    await parts.agent.start();
    await addCheck(parts, { CheckID: "c", TTL: seconds(1000) });
    void parts.agent.registrar.reportTtl("c", "passing", "one");
    await parts.agent.synced();
    void parts.agent.registrar.reportTtl("c", "passing", "two");
    await parts.clock.pass(149_000);
    expect(parts.catalog.checks.get("c")?.Output).toBe("one");
    await parts.clock.pass(2_000);
    expect(parts.catalog.checks.get("c")?.Output).toBe("two");
    await parts.agent.stop();
  });

  test("removes what only the servers have, but not the server's own entries", async () => {
    const catalog = new FakeCatalog();
    for (const id of ["consul", "ghost"]) catalog.services.set(id, NodeService.make({ ID: id, Service: id }));
    for (const id of ["serfHealth", "old"])
      catalog.checks.set(id, HealthCheck.make({ Node: "n1", CheckID: id }));
    const parts = testAgent({ catalog });
    await parts.agent.start();
    await parts.agent.synced();
    expect([...catalog.services.keys()]).toEqual(["consul"]);
    expect([...catalog.checks.keys()]).toEqual(["serfHealth"]);
    await parts.agent.stop();
  });

  test("an agent that is leaving tells the servers nothing more, not even that it is there", async () => {
    const parts = testAgent();
    await parts.agent.start();
    await parts.agent.synced();
    const before = parts.catalog.countOf("Catalog.Register");
    parts.agent.leaving();
    await addService(parts, "web");
    parts.agent.serverUp();
    await parts.clock.pass(600_000);
    await parts.agent.settled();
    expect(parts.catalog.countOf("Catalog.Register")).toBe(before);
    await parts.agent.stop();
  });

  test("a failed sync is tried again after fifteen seconds", async () => {
    const parts = testAgent();
    parts.catalog.failure = new NoLeaderError();
    await parts.agent.start();
    await addService(parts, "web");
    await parts.agent.synced();
    expect(parts.catalog.services.size).toBe(0);
    parts.catalog.failure = undefined;
    await parts.clock.pass(14_900);
    expect(parts.catalog.services.size).toBe(0);
    await parts.clock.pass(200);
    expect(parts.catalog.services.size).toBe(1);
    await parts.agent.stop();
  });

  test("the full sync mends what somebody else changed", async () => {
    const parts = testAgent();
    await parts.agent.start();
    await addService(parts, "web", [{ TTL: seconds(1000), Status: "passing" }]);
    await parts.agent.synced();
    parts.catalog.services.delete("web");
    parts.catalog.checks.delete("service:web");
    parts.catalog.node = null;
    await parts.clock.pass(61_000);
    expect(parts.catalog.services.has("web")).toBe(true);
    expect(parts.catalog.checks.get("service:web")?.Status).toBe("passing");
    expect(parts.catalog.node).not.toBeNull();
    await parts.agent.stop();
  });

  test("a deregistered service goes with its checks in one call", async () => {
    const parts = testAgent();
    await parts.agent.start();
    await addService(parts, "web", [{ TTL: seconds(10) }, { TTL: seconds(10) }]);
    await parts.agent.synced();
    await parts.agent.registrar.removeService("web");
    await parts.agent.synced();
    expect(parts.catalog.countOf("Catalog.Deregister")).toBe(1);
    expect(parts.catalog.checks.size).toBe(0);
    expect(parts.agent.state.checks.size).toBe(0);
    await parts.agent.stop();
  });
});

describe("checks", () => {
  test("a TTL check turns critical when its time is up, and recovers", async () => {
    const parts = testAgent();
    await addCheck(parts, { CheckID: "c", TTL: seconds(2) });
    void parts.agent.registrar.reportTtl("c", "passing", "fine");
    await parts.clock.pass(1_500);
    void parts.agent.registrar.reportTtl("c", "passing", "fine");
    await parts.clock.pass(1_500);
    expect(parts.agent.state.check("c")?.Status).toBe("passing");
    await parts.clock.pass(600);
    expect(parts.agent.state.check("c")).toMatchObject({
      Status: "critical",
      Output: "TTL expired (last output before timeout follows): fine",
    });
    void parts.agent.registrar.reportTtl("c", "passing", "");
    await parts.clock.pass(2_100);
    expect(parts.agent.state.check("c")).toMatchObject({ Status: "critical", Output: "TTL expired" });
  });

  test("long TTL output is cut at the head", async () => {
    const parts = testAgent();
    await addCheck(parts, { CheckID: "c", TTL: seconds(2), OutputMaxSize: 10 });
    void parts.agent.registrar.reportTtl("c", "passing", "o".repeat(50));
    expect(parts.agent.state.check("c")?.Output).toBe(`${"o".repeat(10)} ... (captured 10 of 50 bytes)`);
  });

  test("an HTTP check counts failures before it turns critical", async () => {
    let status = 200;
    const output = { tail: new TextEncoder().encode("hi"), bytesTotal: 2 };
    const parts = testAgent({ io: { http: () => Promise.resolve({ status, statusText: "S", output }) } });
    await addCheck(parts, {
      CheckID: "c",
      HTTP: "http://h/",
      Interval: seconds(1),
      FailuresBeforeCritical: 3,
      FailuresBeforeWarning: 2,
    });
    await parts.clock.pass(1);
    expect(parts.agent.state.check("c")).toMatchObject({
      Status: "passing",
      Output: "HTTP GET http://h/: 200 S Output: hi",
      Type: "http",
      Interval: "1s",
    });
    status = 500;
    const seen: (string | undefined)[] = [];
    for (let i = 0; i < 3; i += 1) {
      await parts.clock.pass(1_000);
      seen.push(parts.agent.state.check("c")?.Status);
    }
    expect(seen).toEqual(["passing", "warning", "critical"]);
    await parts.agent.registrar.removeCheck("c");
    expect(parts.clock.timerCount).toBe(0);
  });

  test.each([
    { exitCode: 0, status: "passing", output: "out" },
    { exitCode: 1, status: "warning", output: "out" },
    { exitCode: 2, status: "critical", output: "out" },
  ])("a script that exits with $exitCode is $status", async ({ exitCode, status, output }) => {
    const captured = { tail: new TextEncoder().encode(output), bytesTotal: 3 };
    const parts = testAgent({
      settings: { checks: { ...testAgent().agent.settings.checks, enableRemoteScripts: true } },
      io: { run: () => Promise.resolve({ exitCode, timedOut: false, output: captured }) },
    });
    await addCheck(parts, { CheckID: "c", ScriptArgs: ["x"], Interval: seconds(1) });
    await parts.clock.pass(1);
    expect(parts.agent.state.check("c")).toMatchObject({ Status: status, Output: output });
  });

  test("an alias follows the checks of its service", async () => {
    const parts = testAgent();
    await addService(parts, "web", [{ TTL: seconds(100), Status: "passing" }]);
    await addCheck(parts, { CheckID: "a", AliasService: "web", Status: "passing" });
    await parts.clock.pass(1);
    expect(parts.agent.state.check("a")).toMatchObject({ Status: "passing", Output: "All checks passing." });
    void parts.agent.registrar.reportTtl("service:web", "critical", "down");
    await parts.clock.pass(1);
    expect(parts.agent.state.check("a")).toMatchObject({
      Status: "critical",
      Output: `Aliased check "Service 'web' check" failing: down`,
    });
  });

  test("an alias of another node follows the catalog", async () => {
    const parts = testAgent();
    const remote = HealthCheck.make({
      Node: "n2",
      CheckID: "r",
      Name: "r",
      ServiceID: "db",
      Status: "warning",
    });
    parts.catalog.checks.set("r", remote);
    await addCheck(parts, { CheckID: "a", AliasNode: "N2", AliasService: "db" });
    parts.catalog.failure = new NoLeaderError();
    await parts.clock.pass(5_000);
    expect(parts.agent.state.check("a")?.Output).toBe(
      "Failure checking aliased node or service: No cluster leader",
    );
    parts.catalog.failure = undefined;
    parts.catalog.onBlocking = () => parts.agent.registrar.stop();
    await parts.clock.pass(60_000);
    expect(parts.agent.state.check("a")).toMatchObject({
      Status: "warning",
      Output: 'Aliased check "r" failing: ',
    });
    expect(parts.clock.timerCount).toBe(0);
  });

  test.each([
    { kind: "grpc", definition: { GRPC: "h:1" }, output: "gRPC check h:1: success" },
    { kind: "h2ping", definition: { H2PING: "h:1" }, output: "HTTP2 ping was successful" },
    { kind: "udp", definition: { UDP: "h:1" }, output: "UDP connect h:1: Success" },
    { kind: "os_service", definition: { OSService: "s" }, output: 'Service "s" is healthy' },
  ])("$kind checks run", async ({ kind, definition, output }) => {
    const done = { exitCode: 0, timedOut: false, output: { tail: new Uint8Array(), bytesTotal: 0 } };
    const parts = testAgent({
      io: {
        grpc: () => Promise.resolve(1),
        h2ping: () => Promise.resolve(),
        udp: () => Promise.resolve(),
        run: () => Promise.resolve(done),
      },
    });
    await addCheck(parts, { CheckID: "c", Interval: seconds(10), ...definition });
    expect(parts.agent.state.check("c")).toMatchObject({ Status: "critical", Type: kind });
    await parts.clock.pass(1);
    expect(parts.agent.state.check("c")).toMatchObject({ Status: "passing", Output: output });
  });

  test("an alias of a service on another node asks whether the service exists at all", async () => {
    const parts = testAgent();
    await addCheck(parts, { CheckID: "a", AliasNode: "other", AliasService: "web" });
    parts.catalog.onBlocking = () => parts.agent.registrar.stop();
    await parts.clock.pass(1);
    expect(parts.agent.state.check("a")).toMatchObject({
      Status: "critical",
      Output: "Service web could not be found on node other",
    });
    expect(parts.catalog.calls.map(({ name }) => name)).toContain("Catalog.NodeServices");
  });

  test("a service whose check stays critical is removed after its time, at least a minute", async () => {
    const parts = testAgent();
    await parts.agent.start();
    await addService(parts, "web", [{ TTL: seconds(10), DeregisterCriticalServiceAfter: seconds(1) }]);
    await parts.clock.pass(59_000);
    expect(parts.agent.state.service("web")).toBeDefined();
    await parts.clock.pass(61_000);
    expect(parts.agent.state.service("web")).toBeUndefined();
    expect(parts.catalog.services.has("web")).toBe(false);
    await parts.agent.stop();
  });

  test("scripts from the network are refused unless allowed", async () => {
    const parts = testAgent();
    const adding = addCheck(parts, { CheckID: "c", ScriptArgs: ["true"], Interval: seconds(1) });
    expect(await rejection(adding)).toThrow("Scripts are disabled on this agent from remote calls");
  });
});

describe("definitions", () => {
  const service = { Name: "db", Weights: { Passing: 1, Warning: 1 }, Checks: [{ TTL: "30s" }] };

  test("what came over HTTP survives a restart; the state of TTL checks too", async () => {
    const files = new MemoryFiles();
    const first = testAgent({ files });
    await first.agent.start();
    await addService(first, "web", [{ TTL: seconds(30) }]);
    void first.agent.registrar.reportTtl("service:web", "passing", "well");
    await first.agent.stop();
    expect(JSON.parse(files.kept.get("checks/state:service:web") ?? "")).toEqual({
      CheckID: "service:web",
      Output: "well",
      Status: "passing",
      Expires: 1_700_000_031,
    });
    const second = testAgent({ files });
    await second.agent.start();
    expect(second.agent.state.service("web")?.Service).toBe("web");
    expect(second.agent.state.check("service:web")).toMatchObject({ Status: "passing", Output: "well" });
    await second.agent.stop();
    const late = testAgent({ files });
    await late.clock.pass(40_000);
    await late.agent.start();
    expect(late.agent.state.check("service:web")?.Status).toBe("critical");
    await late.agent.registrar.removeService("web");
    expect(files.kept.size).toBe(0);
    await late.agent.stop();
  });

  test("reload replaces what was configured and keeps what was sent, with its results", async () => {
    const parts = testAgent({
      settings: { definitions: { services: [service], checks: [{ Name: "n", TTL: "1m" }] } },
    });
    await parts.agent.start();
    await addService(parts, "web");
    void parts.agent.registrar.reportTtl("service:db", "passing", "up");
    await parts.agent.reload({ services: [{ ...service, Tags: ["new"] }], checks: [] });
    expect(parts.agent.state.service("db")?.Tags).toEqual(["new"]);
    expect(parts.agent.state.check("service:db")).toMatchObject({ Status: "passing", Output: "up" });
    expect(parts.agent.state.check("n")).toBeUndefined();
    await parts.agent.reload({ services: [], checks: [] });
    expect(parts.agent.state.allServices().map(({ ID }) => ID)).toEqual(["web"]);
    await parts.agent.synced();
    expect([...parts.catalog.services.keys()]).toEqual(["web"]);
    await parts.agent.stop();
  });

  test("reload takes over the node's metadata, and what becomes of output", async () => {
    const definitions = { services: [service], checks: [] };
    const parts = testAgent({ settings: { definitions, nodeMeta: { rack: "1" } } });
    const { agent } = parts;
    await agent.start();
    await agent.synced();
    await agent.reload({ ...definitions, nodeMeta: { rack: "2", row: "b" }, discardOutput: true });
    await agent.synced();
    const meta = {
      rack: "2",
      row: "b",
      "consul-network-segment": "",
      "consul-version": agent.settings.version,
    };
    expect(agent.nodeMeta).toEqual(meta);
    expect(parts.catalog.node?.Meta).toEqual(meta);
    void agent.registrar.reportTtl("service:db", "passing", "much to say");
    expect(agent.state.check("service:db")).toMatchObject({ Status: "passing", Output: "" });
    await agent.reload({ ...definitions, discardOutput: false });
    expect(agent.nodeMeta).toEqual(meta);
    void agent.registrar.reportTtl("service:db", "warning", "much to say");
    expect(agent.state.check("service:db")).toMatchObject({ Status: "warning", Output: "much to say" });
    await agent.stop();
  });

  test("a bad definition stops the start", async () => {
    const bad = { ...service, Checks: [{ Args: ["x"], Interval: "1s" }] };
    const parts = testAgent({ settings: { definitions: { services: [bad], checks: [] } } });
    expect(await rejection(parts.agent.start())).toThrow(
      'Failed to register service "db": Scripts are disabled on this agent;',
    );
  });
});
