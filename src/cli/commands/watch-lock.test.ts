import { describe, expect, test } from "bun:test";
import { runFake, type FakeReply, type FakeWorld, type SentRequest } from "../fake-host.ts";
import type { ChildEnd, ChildSpec } from "../host.ts";

const index = { "x-consul-index": "7" };
const pair = `[{"LockIndex":0,"Key":"a","Flags":0,"Value":"PHY+","CreateIndex":5,"ModifyIndex":7}]`;

/** An agent with a leader and one key. */
function agent(more: (request: SentRequest) => FakeReply | undefined = () => undefined): FakeWorld {
  return {
    answer: (request) => {
      const special = more(request);
      if (special !== undefined) return special;
      if (request.target === "/v1/status/leader") return { body: `"127.0.0.1:8300"` };
      // Nothing changes: a read that waits is never answered.
      if (/[?&]index=/u.test(request.target)) return new Promise<FakeReply>(() => undefined);
      return { body: pair, headers: index };
    },
  };
}

const exit = (code: number): Promise<ChildEnd> => Promise.resolve({ kind: "exit", code });

function text(spec: ChildSpec): string {
  return spec.stdin.kind === "bytes" ? new TextDecoder().decode(spec.stdin.bytes) : spec.stdin.kind;
}

describe("watch", () => {
  test.each([
    [["-type=nope"], "Unsupported watch type: nope\n"],
    [["-type=key"], "Must specify a single key to watch\n"],
    [["-type=agent_service"], "Type agent_service is not supported in the CLI tool\n"],
    [["-type=connect_roots"], "Type connect_roots is not supported in the CLI tool\n"],
    [
      ["-type=service", "-service=a", "-passingonly=x"],
      `Failed to parse passingonly flag: strconv.ParseBool: parsing "x": invalid syntax\n`,
    ],
    [
      ["-type=nodes"],
      `Error querying Consul agent: Get "http://127.0.0.1:8500/v1/status/leader": dial tcp 127.0.0.1:8500: connect: connection refused\n`,
    ],
  ])("%j fails", async (argv, stderr) => {
    expect(await runFake(["watch", ...argv])).toMatchObject({ exit: 1, stdout: "", stderr });
  });

  test("a type is needed", async () => {
    const { exit: code, stderr } = await runFake(["watch"]);
    expect(code).toBe(1);
    expect(stderr).toStartWith(
      "Watch type must be specified\n\nUsage: proconsul watch [options] [child...]\n",
    );
  });

  test("without a child the view is printed once", async () => {
    const { exit: code, stdout, sent } = await runFake(["watch", "-type=key", "-key=a", "-stale"], agent());
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `{
    "Key": "a",
    "CreateIndex": 5,
    "ModifyIndex": 7,
    "LockIndex": 0,
    "Flags": 0,
    "Value": "PHY+",
    "Session": ""
}
`,
    });
    expect(sent.map(({ target }) => target)).toEqual(["/v1/status/leader", "/v1/kv/a?stale="]);
  });

  test("flags become parameters", async () => {
    const argv = [
      "-type=service",
      "-service=web",
      "-tag=a",
      "-tag=b",
      "-passingonly=1",
      "-filter=f",
      "-token=t",
    ];
    const { sent } = await runFake(
      ["watch", ...argv],
      agent(({ target }) => (target.startsWith("/v1/health/") ? { body: "[]", headers: index } : undefined)),
    );
    expect(sent[1]).toMatchObject({
      target: "/v1/health/service/web?filter=f&passing=1&tag=a&tag=b",
      headers: { "X-Consul-Token": "t" },
    });
  });

  test("a child gets the view and its index, until an interrupt ends the watch", async () => {
    const specs: ChildSpec[] = [];
    const signals: string[] = [];
    const {
      exit: code,
      stdout,
      stderr,
    } = await runFake(["watch", "-type=key", "-key=a", "notify", "now"], {
      ...agent(),
      env: { SHELL: "/bin/zsh" },
      child: (spec, { interrupt }) => {
        specs.push(spec);
        setImmediate(() => interrupt("SIGTERM"));
        // It does not end by itself, and is not waited for.
        return { ended: new Promise(() => undefined), signalled: (name) => signals.push(name) };
      },
    });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(specs.map(({ argv, env }) => ({ argv, env }))).toEqual([
      { argv: ["/bin/zsh", "-c", "notify now"], env: { CONSUL_INDEX: "7" } },
    ]);
    expect(specs.map(text)).toEqual([
      `{"Key":"a","CreateIndex":5,"ModifyIndex":7,"LockIndex":0,"Flags":0,"Value":"PHY+","Session":""}\n`,
    ]);
    expect(signals).toEqual(["SIGTERM"]);
  });

  test.each([
    [exit(2), "Error executing handler: exit status 2\n"],
    [
      Promise.resolve<ChildEnd>({ kind: "signal", signal: "killed" }),
      "Error executing handler: signal: killed\n",
    ],
    [undefined, "Error starting handler: exec: no children in this world\n"],
  ])("a child that fails ends it (%#)", async (ended, stderr) => {
    const world = ended === undefined ? agent() : { ...agent(), child: () => ({ ended }) };
    const argv = ["watch", "-type=key", "-key=a", "-shell=false", "notify"];
    expect(await runFake(argv, world)).toMatchObject({ exit: 1, stderr });
  });

  test("a view that cannot be read is told and tried again", async () => {
    let fails = true;
    const world = agent(({ target }) => {
      if (!target.startsWith("/v1/kv/") || !fails) return undefined;
      fails = false;
      return { status: 500, body: "No cluster leader" };
    });
    const clock = {
      monotonicMs: () => 0 as never,
      wallMs: () => 1_700_000_000_000 as never,
      after: (_: number, fn: () => void) => {
        setImmediate(fn);
        return { [Symbol.dispose]: () => undefined };
      },
    };
    const { exit: code, stderr } = await runFake(["watch", "-type=key", "-key=a"], { ...world, clock });
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `2023-11-14T22:13:20.000Z [ERROR] watch.watch: Watch errored: type=key error="Unexpected response code: 500 (No cluster leader)" retry=5s\n`,
    });
  });
});

/** An agent that gives every lock at once and lets nothing change. */
function lockAgent(more: (request: SentRequest) => FakeReply | undefined = () => undefined): FakeWorld {
  let session = "";
  return {
    answer: (request) => {
      const special = more(request);
      if (special !== undefined) return special;
      const { target, method } = request;
      if (target === "/v1/agent/self") return { body: `{"Config":{"NodeName":"n","Datacenter":"dc1"}}` };
      if (target === "/v1/session/create") return { body: `{"ID":"s-1"}` };
      if (target.startsWith("/v1/session/")) return { body: "true" };
      if (method !== "GET") {
        session = target.includes("acquire=") ? "s-1" : "";
        return { body: "true" };
      }
      if (/[?&]index=/u.test(target)) return new Promise<FakeReply>(() => undefined);
      const body = `[{"Key":"p/.lock","Session":${JSON.stringify(session)},"Flags":3304740253564472344,"ModifyIndex":7}]`;
      return { body: session === "" && request.target.includes("wait") ? "[]" : body, headers: index };
    },
  };
}

describe("lock", () => {
  test.each([
    [[], "Key prefix and child command must be specified\n"],
    [["p"], "Key prefix and child command must be specified\n"],
    [["-n=0", "p", "x"], "Lock holder limit must be positive\n"],
    [["-timeout=-1s", "p", "x"], "Timeout must be positive\n"],
    [["-try=-1s", "p", "x"], "Timeout must be positive\n"],
    [["-monitor-retry=-1", "p", "x"], "Number for 'monitor-retry' must be >= 0\n"],
    [
      ["p", "x"],
      `Error querying Consul agent: Get "http://127.0.0.1:8500/v1/agent/self": dial tcp 127.0.0.1:8500: connect: connection refused\n`,
    ],
  ])("%j fails", async (argv, stderr) => {
    expect(await runFake(["lock", ...argv])).toMatchObject({ exit: 1, stdout: "", stderr });
  });

  test("a prefix is needed for a semaphore", async () => {
    expect(await runFake(["lock", "-n=2", "", "x"], lockAgent())).toMatchObject({
      exit: 1,
      stderr: "Lock setup failed: missing prefix\n",
    });
  });

  test("runs the child while it holds the key, and tells what it does", async () => {
    const specs: ChildSpec[] = [];
    const outcome = await runFake(["lock", "-verbose", "/p", "a", "b"], {
      ...lockAgent(),
      child: (spec) => {
        specs.push(spec);
        return { ended: exit(0) };
      },
    });
    expect(specs).toEqual([
      { argv: ["/bin/sh", "-c", "a b"], env: { CONSUL_LOCK_HELD: "true" }, stdin: { kind: "none" } },
    ]);
    expect({ exit: outcome.exit, stdout: outcome.stdout }).toEqual({
      exit: 0,
      stdout: `Setting up lock at path: p/.lock
Attempting lock acquisition
Starting handler
Child terminated, releasing lock
Cleanup succeeded
`,
    });
    const [create] = outcome.sent.filter(({ target }) => target === "/v1/session/create");
    expect(JSON.parse(create?.body ?? "")).toEqual({ Name: "Consul lock for 'a b' at 'p'", TTL: "15s" });
    const writes = outcome.sent.filter(({ method }) => method !== "GET").map(({ target }) => target);
    expect(writes).toEqual([
      "/v1/session/create",
      "/v1/kv/p/.lock?acquire=s-1&flags=3304740253564472344",
      "/v1/kv/p/.lock?flags=3304740253564472344&release=s-1",
      "/v1/session/destroy/s-1",
      "/v1/kv/p/.lock?cas=7",
    ]);
  });

  test.each([
    [["-child-exit-code"], 2],
    [[], 0],
  ])("a child that fails is told; with %j the exit code is %d", async (flags, code) => {
    const argv = ["lock", ...flags, "-pass-stdin", "-shell=false", "-name=me", "p", "a", "b"];
    const specs: ChildSpec[] = [];
    const outcome = await runFake(argv, {
      ...lockAgent(),
      child: (spec) => {
        specs.push(spec);
        return { ended: exit(3) };
      },
    });
    expect(outcome).toMatchObject({ exit: code, stderr: "Error running handler: exit status 3\n" });
    expect(specs).toMatchObject([{ argv: ["a", "b"], stdin: { kind: "inherit" } }]);
    expect(outcome.sent.find(({ target }) => target.endsWith("/create"))?.body).toContain(`"Name":"me"`);
  });

  test("a child that cannot be started counts as one that failed", async () => {
    expect(await runFake(["lock", "-child-exit-code", "p", "a"], lockAgent())).toMatchObject({
      exit: 2,
      stderr: "Error starting handler: exec: no children in this world\n",
    });
  });

  test("an interrupt is passed on, then the child is asked to end, and the lock is given back", async () => {
    const signals: string[] = [];
    const { promise: ended, resolve } = Promise.withResolvers<ChildEnd>();
    const outcome = await runFake(["lock", "-verbose", "-child-exit-code", "p", "a"], {
      ...lockAgent(),
      child: (_, { interrupt }) => {
        setImmediate(() => interrupt("SIGINT"));
        return {
          ended,
          signalled: (name) => {
            signals.push(name);
            if (name === "SIGTERM") resolve({ kind: "signal", signal: "terminated" });
          },
        };
      },
    });
    expect(signals).toEqual(["SIGINT", "SIGTERM"]);
    expect(outcome).toMatchObject({ exit: 0, stderr: "Error running handler: signal: terminated\n" });
    expect(outcome.stdout).toContain(
      "Shutdown triggered, killing child\nTerminating child pid 7\nChild terminated\n",
    );
    expect(outcome.sent.some(({ target }) => target.includes("release=s-1"))).toBe(true);
  });

  test("a lock that cannot be given back is a failure", async () => {
    const world = lockAgent(({ target }) =>
      target.includes("release=") ? { status: 500, body: "No cluster leader" } : undefined,
    );
    expect(await runFake(["lock", "p", "a"], { ...world, child: () => ({ ended: exit(0) }) })).toMatchObject({
      exit: 1,
      stderr:
        "Lock release failed: failed to release lock: Unexpected response code: 500 (No cluster leader)\n",
    });
  });
});
