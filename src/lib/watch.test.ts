import { describe, expect, test } from "bun:test";
import { ManualClock, settled } from "./manual-clock.ts";
import { ProconsulError } from "./errors.ts";
import { runWatch, type WatchMark, type WatchView } from "./watch-plan.ts";
import { parseWatch, type WatchParams } from "./watch-spec.ts";

describe("parameters", () => {
  test.each<[WatchParams, object]>([
    [
      { type: "key", key: "a", stale: true },
      { kind: "key", key: "a", stale: true },
    ],
    [
      { type: "keyprefix", prefix: "a/" },
      { kind: "keyprefix", prefix: "a/", stale: false },
    ],
    [
      { type: "services", filter: "f" },
      { kind: "services", filter: "f", stale: false },
    ],
    [{ type: "nodes" }, { kind: "nodes", filter: "", stale: false }],
    [
      { type: "service", service: "web", tag: "a", passingonly: true },
      { kind: "service", service: "web", tags: ["a"], passingOnly: true, stale: false, filter: "" },
    ],
    [
      { type: "service", service: "web", tag: ["a", "b"] },
      { tags: ["a", "b"], passingOnly: false },
    ],
    [{ type: "checks" }, { kind: "checks", state: "any", service: "" }],
    [
      { type: "checks", service: "web" },
      { kind: "checks", state: "", service: "web" },
    ],
    [
      { type: "checks", state: "critical" },
      { state: "critical", service: "" },
    ],
    [
      { type: "event", name: "e" },
      { kind: "event", name: "e" },
    ],
    [{ type: "connect_roots" }, { kind: "connect_roots" }],
    [
      { type: "connect_leaf", service: "s" },
      { kind: "connect_leaf", service: "s" },
    ],
    [
      { type: "agent_service", service_id: "i" },
      { kind: "agent_service", serviceId: "i" },
    ],
  ])("%j", (params, spec) => {
    expect(parseWatch(params).spec).toMatchObject(spec);
  });

  const http = { type: "nodes", handler_type: "http" };
  test.each<[WatchParams, string]>([
    [{}, "Watch type must be specified"],
    [{ type: 1 }, "Expecting type to be a string"],
    [{ type: "nope" }, "Unsupported watch type: nope"],
    [{ type: "key" }, "Must specify a single key to watch"],
    [{ type: "keyprefix" }, "Must specify a single prefix to watch"],
    [{ type: "service" }, "Must specify a single service to watch"],
    [{ type: "checks", service: "a", state: "b" }, "Cannot specify service and state"],
    [{ type: "nodes", stale: "yes" }, "Expecting stale to be a boolean"],
    [{ type: "service", service: "a", tag: 1 }, "Expecting tag to be a string or []string"],
    [{ type: "service", service: "a", tag: ["x", 1] }, "Index 1 of tag expected to be string"],
    [{ type: "nodes", b: 1, a: 2 }, "Invalid parameters: [a b]"],
    [http, "Handler type 'http' requires 'http_handler_config' to be set"],
    [
      { ...http, http_handler_config: {} },
      "Failed to parse 'http_handler_config': Requires 'path' to be set",
    ],
    [
      { ...http, http_handler_config: { path: "p", timeout: "x" } },
      `Failed to parse 'http_handler_config': Failed to parse timeout: time: invalid duration "x"`,
    ],
    [
      { ...http, http_handler_config: "p" },
      "Failed to parse 'http_handler_config': Expecting http_handler_config to be a map",
    ],
  ])("%j is refused", (params, text) => {
    expect(() => parseWatch(params)).toThrow(text);
  });

  test("what is exempt is handed back", () => {
    const { exempt, token } = parseWatch({ type: "nodes", token: "t", args: ["x"] }, ["args", "handler"]);
    expect({ exempt, token }).toEqual({ exempt: { args: ["x"] }, token: "t" });
  });
});

class ReadError extends ProconsulError {
  readonly code = "test";
}

const index = (value: number): WatchMark => ({ kind: "index", index: String(value) });

/** Runs a watch over readings that are given in advance, until they are used up. */
async function run(readings: readonly (readonly [WatchMark, string] | string)[]): Promise<{
  readonly handled: readonly string[];
  readonly failed: readonly string[];
  readonly asked: readonly (WatchMark | undefined)[];
}> {
  const clock = new ManualClock();
  const over = new AbortController();
  const left = [...readings];
  const handled: string[] = [];
  const failed: string[] = [];
  const asked: (WatchMark | undefined)[] = [];
  const running = runWatch({
    clock,
    signal: over.signal,
    source: {
      read: async (last) => {
        asked.push(last);
        const next = left.shift();
        if (next === undefined) {
          over.abort();
          throw new ReadError("aborted");
        }
        if (typeof next === "string") throw new ReadError(next);
        const [mark, json] = next;
        return { mark, json, pretty: () => json };
      },
    },
    handle: async ({ json }: WatchView) => void handled.push(json),
    failed: (reason, retryMs) => void failed.push(`${reason} ${retryMs}`),
  });
  while (!over.signal.aborted) {
    await settled();
    await clock.pass(200_000);
  }
  await running;
  return { handled, failed, asked };
}

describe("a watch", () => {
  test("hands on what is new, and waits on the mark of what it read", async () => {
    expect(
      await run([
        [index(1), "a"],
        [index(1), "b"],
        [index(2), "a"],
        [index(3), "c"],
      ]),
    ).toEqual({
      // The same mark means the same view; another mark with the same view is no news either.
      handled: ["a", "c"],
      failed: [],
      asked: [undefined, index(1), index(1), index(2), index(3)],
    });
  });

  test("follows hashes as well", async () => {
    const hash = (value: string): WatchMark => ({ kind: "hash", hash: value });
    const { handled } = await run([
      [hash("x"), "a"],
      [hash("x"), "b"],
      [hash("y"), "c"],
    ]);
    expect(handled).toEqual(["a", "c"]);
  });

  test("goes back to the beginning after failures, which it meets ever later", async () => {
    expect(await run([[index(1), "a"], "e1", "e2", [index(1), "a"], "e3"])).toEqual({
      handled: ["a", "a"],
      failed: ["e1 5000", "e2 20000", "e3 5000"],
      asked: [undefined, index(1), undefined, undefined, index(1), undefined],
    });
    const { failed } = await run(["x", "x", "x", "x", "x", "x", "x"]);
    expect(failed.map((line) => line.slice(2))).toEqual(
      [5_000, 20_000, 45_000, 80_000, 125_000, 180_000, 180_000].map(String),
    );
  });

  test("does not storm an agent whose index stays 0", async () => {
    const { handled, asked } = await run([
      [index(0), "a"],
      [index(0), "a"],
      [index(0), "a"],
    ]);
    expect({ handled, count: asked.length }).toEqual({ handled: ["a"], count: 4 });
  });
});
