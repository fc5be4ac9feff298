import { describe, expect, test } from "bun:test";
import type { Log, LogFields } from "../../lib/log.ts";
import { ProconsulError } from "../../lib/errors.ts";
import type { WatchMark, WatchSource } from "../../lib/watch-plan.ts";
import type { Watch, WatchParams } from "../../lib/watch-spec.ts";
import type { CommandProbe, HttpProbe } from "../check-io.ts";
import { ManualClock, settled } from "../../lib/manual-clock.ts";
import { AgentWatches, type AgentWatchParts } from "./agent-watches.ts";
import { readAgentWatches } from "./watch-stanza.ts";

const key = { type: "key", key: "a" };
const http = { handler_type: "http", http_handler_config: { path: "http://h/p" } };

describe("a stanza", () => {
  test.each([
    [
      { ...key, args: ["x", "y"] },
      { kind: "args", argv: ["x", "y"] },
    ],
    // Files with one argument lose the list on the way.
    [
      { ...key, args: "x" },
      { kind: "args", argv: ["x"] },
    ],
    [
      { ...key, handler: "x | y" },
      { kind: "script", line: "x | y" },
    ],
    [
      { ...key, ...http },
      {
        kind: "http",
        config: { url: "http://h/p", method: "POST", timeoutMs: 10_000, headers: {}, tlsSkipVerify: false },
      },
    ],
  ] as const)("%j is read", (stanza, handler) => {
    expect(readAgentWatches([stanza])[0]?.handler).toEqual(handler as never);
  });

  test.each([
    [{ ...key }, "Must define a watch handler"],
    [{ ...key, args: ["x"], handler: "x" }, "Only one watch handler allowed"],
    [{ ...key, ...http, args: ["x"] }, "Only one watch handler allowed"],
    [{ ...key, args: [1] }, "Watch args must be a list of strings"],
    [{ ...key, handler: 1 }, "Watch handler must be a string"],
    [{ ...key, handler_type: "mail" }, "Handler type 'mail' not recognized"],
    [{ type: "connect_roots", args: ["x"] }, "Watch type connect_roots is not allowed in agent config"],
    [{ type: "nope", args: ["x"] }, "Failed to parse watch: Unsupported watch type: nope"],
    [{ ...key, token: "s", more: 1, args: ["x"] }, "Failed to parse watch: Invalid parameters: [more]"],
  ])("%j is refused", (stanza: WatchParams, text) => {
    expect(() => readAgentWatches([stanza])).toThrow(text);
  });
});

class SourceError extends ProconsulError {
  readonly code = "test";
}

/** A store that a test changes, and everything that the watches did. */
class World {
  readonly clock = new ManualClock();
  readonly ran: CommandProbe[] = [];
  readonly posted: HttpProbe[] = [];
  readonly lines: string[] = [];
  readonly opened: Watch[] = [];
  status = 200;
  exitCode = 0;
  #index = 1;
  #json = "null";
  #failure: string | undefined;
  #wake: () => void = () => undefined;

  set(json: string): void {
    this.#index += 1;
    this.#json = json;
    this.#wake();
  }
  fail(text: string | undefined): void {
    this.#failure = text;
    this.#wake();
  }

  watches(): AgentWatches {
    return new AgentWatches(this.parts());
  }

  parts(): AgentWatchParts {
    const output = { tail: new TextEncoder().encode("said"), bytesTotal: 9 };
    return {
      clock: this.clock,
      log: this.#log(""),
      shell: "/bin/sh",
      hasHttp: true,
      io: {
        run: async (probe) => {
          this.ran.push(probe);
          return { exitCode: this.exitCode, timedOut: false, output };
        },
        http: async (probe) => {
          this.posted.push(probe);
          return { status: this.status, statusText: "OK", output };
        },
      },
      open: (watch) => {
        this.opened.push(watch);
        return this.#source();
      },
    };
  }

  #source(): WatchSource {
    return {
      read: async (last: WatchMark | undefined, signal) => {
        while (last?.kind === "index" && last.index === String(this.#index) && this.#failure === undefined) {
          if (signal.aborted) throw new SourceError("aborted");
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
            signal.addEventListener("abort", () => resolve());
          });
        }
        if (this.#failure !== undefined) throw new SourceError(this.#failure);
        const json = this.#json;
        return { mark: { kind: "index", index: String(this.#index) }, json, pretty: () => json };
      },
    };
  }

  #log(name: string): Log {
    const at =
      (level: string) =>
      (message: string, fields: LogFields = {}): void =>
        void this.lines.push(`${level} ${name}${message} ${JSON.stringify(fields)}`);
    return {
      trace: at("trace"),
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      named: (inner) => this.#log(`${inner}: `),
    };
  }
}

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

test("a handler gets the view as it is and each change, with its index", async () => {
  const world = new World();
  using watches = world.watches();
  watches.replace([{ ...key, token: "t", datacenter: "dc2", args: ["notify", "-x"] }]);
  await settled();
  world.set(`{"a":1}`);
  await settled();
  expect(world.opened).toMatchObject([{ token: "t", datacenter: "dc2", spec: { kind: "key", key: "a" } }]);
  expect(world.ran.map(({ argv, stdin, env }) => ({ argv, stdin: text(stdin), env }))).toEqual([
    { argv: ["notify", "-x"], stdin: "null\n", env: { CONSUL_INDEX: "1" } },
    { argv: ["notify", "-x"], stdin: `{"a":1}\n`, env: { CONSUL_INDEX: "2" } },
  ]);
  expect(world.lines[0]).toBe(
    `debug watch handler output {"watch_handler":"notify -x","output":"Captured 4 of 9 bytes\\n...\\nsaid"}`,
  );
});

test("a script runs in the shell, and its failure is logged without ending the watch", async () => {
  const world = new World();
  world.exitCode = 3;
  using watches = world.watches();
  watches.replace([{ ...key, handler: "a | b" }]);
  await settled();
  world.set("1");
  await settled();
  expect(world.ran.map(({ argv }) => argv)).toEqual([
    ["/bin/sh", "-c", "a | b"],
    ["/bin/sh", "-c", "a | b"],
  ]);
  expect(world.lines[0]).toStartWith("warn The 'handler' field in watches has been deprecated");
  expect(world.lines[1]).toBe(
    `error Failed to run watch handler {"watch_handler":"a | b","error":"exit status 3"}`,
  );
});

test("an HTTP handler is sent the view, with its own headers", async () => {
  const world = new World();
  using watches = world.watches();
  const config = { path: "https://h/p", method: "PUT", header: { "x-a": ["1", "2"] }, timeout: "3s" };
  watches.replace([{ ...key, handler_type: "http", http_handler_config: config }]);
  await settled();
  world.status = 500;
  world.set("7");
  await settled();
  expect(world.posted).toMatchObject([
    { url: "https://h/p", method: "PUT", body: "null\n", timeoutMs: 3_000, tlsSkipVerify: false },
    {
      body: "7\n",
      headers: { "X-Consul-Index": ["2"], "Content-Type": ["application/json"], "x-a": ["1", "2"] },
    },
  ]);
  expect(world.lines.map((line) => line.split(" {")[0])).toEqual([
    "trace http watch handler output",
    "error http watch handler failed with output",
  ]);
});

test("a view that cannot be read is tried again, later each time, and then told anew", async () => {
  const world = new World();
  using watches = world.watches();
  watches.replace([{ ...key, args: ["x"] }]);
  await settled();
  world.fail("no leader");
  await settled();
  await world.clock.pass(5_000);
  await world.clock.pass(20_000);
  world.fail(undefined);
  await world.clock.pass(45_000);
  expect(world.lines.filter((line) => line.startsWith("error"))).toEqual([
    `error watch: Watch errored {"type":"key","error":"no leader","retry":"5s"}`,
    `error watch: Watch errored {"type":"key","error":"no leader","retry":"20s"}`,
    `error watch: Watch errored {"type":"key","error":"no leader","retry":"45s"}`,
  ]);
  expect(world.ran.length).toBe(2);
});

test("a server that comes up is asked at once, and the waits begin anew", async () => {
  const world = new World();
  using watches = world.watches();
  world.fail("no servers");
  watches.replace([{ ...key, args: ["x"] }]);
  await world.clock.pass(5_000);
  watches.serverUp();
  await settled();
  world.fail(undefined);
  await world.clock.pass(5_000);
  expect(
    world.lines.filter((line) => line.startsWith("error")).map((line) => /"retry":"(\w+)"/u.exec(line)?.[1]),
  ).toEqual(["5s", "20s", "5s"]);
  expect(world.ran.length).toBe(1);
  watches.serverUp();
});

test("a reload ends the old watches, unless the new ones are no good", async () => {
  const world = new World();
  using watches = world.watches();
  watches.replace([{ ...key, args: ["old"] }]);
  await settled();
  expect(() => watches.reload([{ ...key, args: ["new"] }, { type: "key" }])).toThrow(
    "Failed reloading watches: Failed to parse watch: Must specify a single key to watch",
  );
  world.set("1");
  await settled();
  watches.reload([{ ...key, args: ["new"] }]);
  await settled();
  world.set("2");
  await settled();
  expect(world.ran.map(({ argv }) => argv[0])).toEqual(["old", "old", "new", "new"]);
  watches[Symbol.dispose]();
  world.set("3");
  await settled();
  expect(world.ran.length).toBe(4);
});

test("without an HTTP door there are no watches", () => {
  const watches = new AgentWatches({ ...new World().parts(), hasHttp: false });
  expect(() => watches.replace([{ ...key, args: ["x"] }])).toThrow(
    "watch plans require an HTTP or HTTPS endpoint",
  );
  watches.replace([]);
});
