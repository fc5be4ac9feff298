/** `exec`, `debug` and `troubleshoot ports`. */
import { describe, expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import type { Clock } from "../../lib/clock.ts";
import { monotonicMs, wallMs } from "../../lib/clock.ts";
import { readTar } from "../../wire/snapshot/tar.ts";
import { runFake, type FakeReply, type FakeWorld } from "../fake-host.ts";

function selfWith(debugConfig: object): FakeWorld {
  return {
    answer: ({ target }): FakeReply => {
      if (target === "/v1/agent/self") {
        return { body: JSON.stringify({ Config: { Version: "1.16.4" }, DebugConfig: debugConfig }) };
      }
      return { status: 404 };
    },
  };
}

describe("exec", () => {
  test.each([
    [[], "Must specify a command to execute\n"],
    [["-shell=false", "-"], "Cannot configure -shell=false when reading from stdin\n"],
    [["-tag=a", "x"], "Cannot provide tag filter without service filter.\n"],
    [
      ["-node=[", "x"],
      "Failed to compile node filter regexp: error parsing regexp: missing closing ]: `[`\n",
    ],
    [
      ["-service=(", "x"],
      "Failed to compile service filter regexp: error parsing regexp: missing closing ): `(`\n",
    ],
  ])("%j fails", async (argv, stderr) => {
    const outcome = await runFake(["exec", ...argv]);
    expect(outcome.exit).toBe(1);
    expect(outcome.stderr).toStartWith(stderr);
  });

  test("is refused, with the reason", async () => {
    expect(await runFake(["exec", "uptime"], selfWith({ DisableRemoteExec: true }))).toMatchObject({
      exit: 1,
      stderr: "Remote execution is disabled on this agent (disable_remote_exec)\n",
    });
    expect(await runFake(["exec", "uptime"], selfWith({}))).toMatchObject({
      exit: 1,
      stderr: "Remote execution is not supported by proconsul\n",
    });
  });
});

describe("troubleshoot ports", () => {
  test("tells which ports are open", async () => {
    const { exit, stdout } = await runFake(["troubleshoot", "ports", "-host=h", "-ports=8500,1,x"], {
      openPorts: [8500],
    });
    expect({ exit, stdout }).toEqual({
      exit: 0,
      stdout: `TCP: Port 8500 on h is open.
TCP: Port 1 on h is closed, unreachable, or the connection timed out.
TCP: Port x on h is closed, unreachable, or the connection timed out.
`,
    });
  });

  test.each(["10.0.0.1", "http://10.0.0.1:8500/x", "10.0.0.1:8500"])(
    "takes the host from CONSUL_HTTP_ADDR=%s",
    async (address) => {
      const world = { env: { CONSUL_HTTP_ADDR: address }, openPorts: [8300] };
      const lines = (await runFake(["troubleshoot", "ports"], world)).stdout.trim().split("\n");
      expect(lines.length).toBe(8);
      expect(lines.at(-1)).toBe("TCP: Port 8300 on 10.0.0.1 is open.");
    },
  );

  test("an IPv6 address keeps its colons", async () => {
    const { stdout } = await runFake(["troubleshoot", "ports", "-host=[::1]:8500", "-ports=1"], {});
    expect(stdout).toContain(" on ::1 is closed");
  });

  test("a flag that nobody knows is told twice, as the reference does", async () => {
    const { exit, stderr } = await runFake(["troubleshoot", "ports", "-x"]);
    expect(exit).toBe(1);
    expect(stderr).toStartWith("flag provided but not defined: -x\nUsage:\n");
    expect(stderr).toEndWith("Failed to parse args: flag provided but not defined: -x\n");
  });

  test("a host is needed", async () => {
    expect(await runFake(["troubleshoot", "ports"])).toMatchObject({
      exit: 1,
      stderr: "-host is required. or set environment variable CONSUL_HTTP_ADDR\n",
    });
  });
});

/** Time that passes as soon as somebody waits for it, and runs ahead of no reply. */
function eagerClock(): Clock {
  let nowMs = 0;
  return {
    monotonicMs: () => monotonicMs(nowMs),
    wallMs: () => wallMs(1_700_000_000_000 + nowMs),
    after: (delayMs, fn) => {
      const timer = setImmediate(() => {
        nowMs += delayMs;
        fn();
      });
      return { [Symbol.dispose]: () => clearImmediate(timer) };
    },
  };
}

function debugAgent(debugConfig: object, profiles: boolean): FakeWorld {
  return {
    clock: eagerClock(),
    answer: ({ target }): FakeReply => {
      const path = target.replace(/\?.*$/u, "");
      const table: Readonly<Record<string, string>> = {
        "/v1/agent/self": JSON.stringify({
          Config: { Version: "1.16.4", Datacenter: "dc1" },
          DebugConfig: debugConfig,
        }),
        "/v1/agent/host": `{"Memory":{"total":1}}`,
        "/v1/agent/members": `[{"Name":"n1","Tags":{"b":"1","a":"2"}}]`,
        "/v1/agent/monitor": "a line\nanother\n",
        "/v1/agent/metrics/stream": `{"Timestamp":"t"}\n`,
        ...(profiles
          ? {
              "/debug/pprof/cmdline": "c",
              "/debug/pprof/heap": "h",
              "/debug/pprof/goroutine": "g",
              "/debug/pprof/profile": "p",
              "/debug/pprof/trace": "t",
            }
          : {}),
      };
      return Object.hasOwn(table, path) ? { body: table[path] ?? "" } : { status: 404, body: "no" };
    },
  };
}

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

describe("debug", () => {
  test.each([
    [["x"], "==> debug: Too many arguments provided, expected 0\n"],
    [["-duration=1s"], "==> Capture validation failed: duration must be longer than 10s\n"],
    [["-interval=1s"], "==> Capture validation failed: interval must be longer than 5s\n"],
    [
      ["-duration=20s", "-interval=30s"],
      "==> Capture validation failed: duration (20s) must be longer than interval (30s)\n",
    ],
    [["-capture=zz"], "==> Capture validation failed: target not found: zz\n"],
    [["-output=there"], "==> Capture validation failed: output directory already exists: there\n"],
    [["-since=1h"], "==> -since needs hcdiag, a tool of the reference that is not part of this program\n"],
  ])("%j fails", async (argv, stderr) => {
    const world = { ...debugAgent({ EnableDebug: true }, true), folders: ["there"] };
    expect(await runFake(["debug", ...argv], world)).toMatchObject({ exit: 1, stdout: "", stderr });
  });

  test("packs what the agent tells into an archive, and says why there are no profiles", async () => {
    const argv = ["debug", "-output=found", "-duration=20s", "-interval=10s"];
    const { exit, stdout, stderr, files } = await runFake(argv, debugAgent({ EnableDebug: true }, false));
    expect({ exit, stderr }).toEqual({
      exit: 0,
      stderr: "[WARN] Unable to capture pprof. The target agent has no such profiles.\n",
    });
    expect(stdout).toBe(`==> Starting debugger and capturing static information...
     Agent Version: '1.16.4'
          Interval: '10s'
          Duration: '20s'
            Output: 'found.tar.gz'
           Capture: 'metrics, logs, host, agent, members'
==> Beginning capture interval 2023-11-14 22:13:20.000 +0000 UTC (0)
==> Capture successful 2023-11-14 22:13:20.000 +0000 UTC (0)
==> Capture successful 2023-11-14 22:13:30.000 +0000 UTC (1)
==> Capture successful 2023-11-14 22:13:40.000 +0000 UTC (2)
    Saved debug archive: found.tar.gz
`);
    expect([...files.keys()]).toEqual(["found.tar.gz"]);
    const packed = new Map(
      readTar(new Uint8Array(gunzipSync(files.get("found.tar.gz") ?? new Uint8Array()))).map(
        ({ name, bytes }) => [name, text(bytes)] as const,
      ),
    );
    expect([...packed.keys()].toSorted()).toEqual(
      ["agent.json", "consul.log", "host.json", "index.json", "members.json", "metrics.json"].map(
        (name) => `found/${name}`,
      ),
    );
    expect(packed.get("found/members.json")).toBe(
      `[\n\t{\n\t\t"Name": "n1",\n\t\t"Tags": {\n\t\t\t"a": "2",\n\t\t\t"b": "1"\n\t\t}\n\t}\n]`,
    );
    expect(packed.get("found/consul.log")).toBe("a line\nanother\n");
    expect(packed.get("found/metrics.json")).toBe(`{"Timestamp":"t"}\n`);
    expect(packed.get("found/index.json")).toBe(`{
	"Version": 1,
	"AgentVersion": "1.16.4",
	"Interval": "10s",
	"Duration": "22s",
	"Targets": [
		"metrics",
		"logs",
		"host",
		"agent",
		"members"
	]
}`);
  });

  test("takes profiles from an agent that has them, and leaves the folder if asked to", async () => {
    const argv = [
      "debug",
      "-output=found",
      "-archive=false",
      "-capture=pprof",
      "-duration=10s",
      "-interval=10s",
    ];
    const { exit, files } = await runFake(argv, debugAgent({ EnableDebug: true }, true));
    expect(exit).toBe(0);
    const kept = [...files].map(([name, bytes]) =>
      name.endsWith(".json") ? name : `${name} ${text(bytes)}`,
    );
    expect(kept.toSorted()).toEqual([
      "found/2023-11-14T22-13-20Z/goroutine.prof g",
      "found/2023-11-14T22-13-20Z/heap.prof h",
      "found/2023-11-14T22-13-30Z/goroutine.prof g",
      "found/2023-11-14T22-13-30Z/heap.prof h",
      "found/index.json",
      "found/profile.prof p",
      "found/trace.out t",
    ]);
  });

  test("without a name the archive has the time in it, and profiles need enable_debug", async () => {
    const { files, stderr } = await runFake(
      ["debug", "-capture=agent", "-capture=pprof"],
      debugAgent({}, true),
    );
    expect([...files.keys()]).toEqual(["consul-debug-2023-11-14T22-13-20Z.tar.gz"]);
    expect(stderr).toBe(
      "[WARN] Unable to capture pprof. Set enable_debug to true on target agent to enable profiling.\n",
    );
  });

  test("what cannot be had is told, and the rest is kept", async () => {
    const world = debugAgent({}, false);
    const { exit, stderr, files } = await runFake(
      ["debug", "-output=o", "-archive=false", "-capture=host", "-capture=agent"],
      {
        ...world,
        answer: (request) =>
          request.target === "/v1/agent/host"
            ? { status: 403, body: "Permission denied" }
            : (world.answer?.(request) ?? {}),
      },
    );
    expect({ exit, stderr, names: [...files.keys()] }).toEqual({
      exit: 0,
      stderr: "Static capture failed: Unexpected response code: 403 (Permission denied)\n",
      names: ["o/agent.json", "o/index.json"],
    });
  });
});
