import { describe, expect, test } from "bun:test";
import { silentLog, type Log } from "../lib/log.ts";
import { SoloEventPool } from "../lib/user-events.ts";
import { decodeUserEvent, encodeUserEvent, type UserEventWire } from "../wire/gossip/serf-user-events.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import { EventFireResponse, type EventFireRequest } from "../wire/structs/gossip.ts";
import { NodeService } from "../wire/structs/service.ts";
import { EventLog, spreadAlone, spreadByServer, type EventInput } from "./events.ts";

const input: EventInput = { Name: "e", Payload: null, NodeFilter: "", ServiceFilter: "", TagFilter: "" };
const here = { datacenter: "dc1", token: "" };
const utf8 = new TextEncoder();

interface Bench {
  readonly log: EventLog;
  readonly pool: SoloEventPool;
  /** Lines of warnings and errors. */
  readonly lines: string[];
  leaders: number;
}

function bench(): Bench {
  let count = 0;
  const lines: string[] = [];
  const note = (line: string): void => void lines.push(line);
  const noting: Log = { ...silentLog, warn: note, error: note, info: note };
  const pool = new SoloEventPool();
  const log = new EventLog({
    nodeName: "n1",
    uuid: () => `00000000-0000-0000-0000-${String((count += 1)).padStart(12, "0")}`,
    log: noting,
    spread: spreadAlone(pool, "dc1"),
    services: () => [NodeService.make({ ID: "web", Service: "web", Tags: ["a"] })],
    deregister: ({ Name }) => note(`told to deregister by ${Name}`),
    newLeader: () => (made.leaders += 1),
  });
  const made: Bench = { log, pool, lines, leaders: 0 };
  log.follow(pool);
  return made;
}

/** An event of a peer, as it comes through the pool. */
function heard({ pool }: Bench, given: Partial<UserEventWire> = {}): void {
  const event = { ...input, ID: "00000000-0000-0000-0000-000000000001", Version: 1, ...given };
  pool.userEvent(`consul:event:${event.Name}`, encodeUserEvent(event));
}

test("keeps the last 256 with growing times; the answer of firing has none", async () => {
  const { log } = bench();
  for (let i = 0; i < 300; i += 1) expect((await log.fire(input, here)).LTime).toBe(0);
  const times = log.list("").map(({ LTime }) => LTime);
  expect(times.length).toBe(256);
  expect(times).toEqual([...times].sort((a, b) => a - b));
});

test.each([
  { given: { NodeFilter: "^n" }, kept: 1 },
  { given: { NodeFilter: "^x" }, kept: 0 },
  { given: { ServiceFilter: "web" }, kept: 1 },
  { given: { ServiceFilter: "web", TagFilter: "b" }, kept: 0 },
  { given: { ServiceFilter: "web", TagFilter: "a" }, kept: 1 },
  { given: { NodeFilter: "[" }, kept: 0 },
  { given: { NodeFilter: "(n+)+$" }, kept: 0 },
])("of a peer's event filter $given keeps $kept", ({ given, kept }) => {
  const made = bench();
  heard(made, given);
  expect(made.log.list("e").length).toBe(kept);
});

test.each([
  { given: { Name: "" }, text: "User event missing name" },
  { given: { TagFilter: "x" }, text: "Cannot provide tag filter without service filter" },
  { given: { NodeFilter: "[" }, text: "Invalid node filter: error parsing regexp: missing closing ]: `[`" },
])("refuses to fire $given", async ({ given, text }) => {
  const { log } = bench();
  const problem: unknown = await log.fire({ ...input, ...given }, here).catch((error: unknown) => error);
  expect(String(problem)).toContain(text);
});

test("a removal is obeyed, not kept, and under its own name only", () => {
  const made = bench();
  heard(made, { Name: "_proconsul_deregister" });
  expect([made.lines, made.log.list("")]).toEqual([["told to deregister by _proconsul_deregister"], []]);
  const disguised = { ...input, ID: "x", Version: 1, Name: "_proconsul_deregister" };
  made.pool.userEvent("consul:event:harmless", encodeUserEvent(disguised));
  expect([made.lines.length, made.log.list("")]).toEqual([1, []]);
});

test("the index folds the UUID", async () => {
  const { log } = bench();
  expect(log.indexOf([])).toBe(1n);
  const event = await log.fire(input, here);
  expect(log.indexOf([{ ...event, ID: "00000000-0000-0001-0000-000000000003" }])).toBe(2n);
  expect(log.indexOf([{ ...event, ID: "no uuid" }])).toBe(0n);
});

describe("other events of the pool", () => {
  test("a new leader is news", () => {
    const made = bench();
    made.pool.userEvent("consul:new-leader", utf8.encode("s1"));
    expect(made.leaders).toBe(1);
    expect(made.lines).toEqual(["New leader elected"]);
    expect(made.log.list("")).toEqual([]);
  });

  test.each([
    { name: "deploy", payload: "x", lines: [] },
    { name: "consul:what", payload: "x", lines: ["Unhandled local event"] },
    { name: "consul:event:e", payload: "\u00ff", lines: ["Failed to decode event"] },
  ])("$name with $payload is not kept", ({ name, payload, lines }) => {
    const made = bench();
    made.pool.userEvent(name, utf8.encode(payload));
    expect(made.log.list("")).toEqual([]);
    expect(made.lines).toEqual([...lines]);
  });

  test("nobody makes this agent run commands", () => {
    const made = bench();
    heard(made, { Name: "_rexec" });
    expect(made.log.list("")).toEqual([]);
    expect(made.lines).toEqual(["ignoring remote exec event, disabled."]);
  });

  test("a later version is kept with a warning", () => {
    const made = bench();
    heard(made, { Version: 2 });
    expect(made.log.list("e")).toHaveLength(1);
    expect(made.lines).toEqual(["Event version may have unsupported features"]);
  });
});

test("a server is asked to spread events, in any datacenter", async () => {
  const asked: EventFireRequest[] = [];
  const rpc: Rpc = {
    call: async (_method, request) => {
      asked.push(request as EventFireRequest);
      return EventFireResponse.zero as never;
    },
  };
  const log = new EventLog({
    nodeName: "n1",
    uuid: () => "00000000-0000-0000-0000-000000000001",
    log: silentLog,
    spread: spreadByServer(rpc),
    services: () => [],
    deregister: () => undefined,
    newLeader: () => undefined,
  });
  await log.fire({ ...input, Payload: utf8.encode("p") }, { datacenter: "dc2", token: "t" });
  expect(log.list("")).toEqual([]);
  expect(asked).toMatchObject([{ Datacenter: "dc2", Name: "e", Token: "t", AllowStale: true }]);
  expect(decodeUserEvent(asked[0]?.Payload ?? new Uint8Array())).toMatchObject({
    Name: "e",
    Payload: utf8.encode("p"),
    Version: 1,
  });
});
