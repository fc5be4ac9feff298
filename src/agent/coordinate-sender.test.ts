import { describe, expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import type { Member } from "../lib/members.ts";
import { PermissionDeniedError, type Rpc } from "../wire/rpc/method.ts";
import type { Coordinate } from "../wire/structs/operator.ts";
import { sendIntervalMs, startCoordinateSender } from "./coordinate-sender.ts";
import { ManualClock } from "../lib/manual-clock.ts";

const point: NonNullable<Coordinate["Coord"]> = { Vec: [1, 2], Error: 1, Adjustment: 0, Height: 0 };
const server = { name: "s", tags: { role: "consul", vsn_min: "2", vsn_max: "3" } } as unknown as Member;

function world(members: readonly Member[] = [server]) {
  const clock = new ManualClock();
  const sent: unknown[] = [];
  const logged: string[] = [];
  let failure: Error | undefined;
  const write = (text: string): void => void logged.push(text);
  const sender = startCoordinateSender({
    rpc: {
      call: async (_method: unknown, request: unknown) => {
        if (failure !== undefined) throw failure;
        sent.push(request);
        return {};
      },
    } as unknown as Rpc,
    clock,
    log: { ...silentLog, warn: write, error: write, debug: write },
    pool: { members: () => members, localMember: () => server, onMember: () => sender },
    datacenter: "dc1",
    nodeName: "n1",
    intervalMinMs: 15_000,
    rateTarget: 64,
    random: (limit) => limit - 1,
    coordinates: () => ({ "": point }),
    token: () => "t",
  });
  const fail = (error: Error | undefined): void => {
    failure = error;
  };
  return { clock, sent, logged, sender, fail };
}

describe("the pause between updates", () => {
  const cases: readonly (readonly [number, number, number])[] = [
    [1, 64, 15_000],
    [960, 64, 15_000],
    [1_920, 64, 30_000],
    [10_000, 64, 156_250],
    [10_000, 0, 15_000],
  ];
  for (const [size, rateTarget, expected] of cases) {
    test(`of ${size} nodes at ${rateTarget} a second is ${expected} ms`, () => {
      expect(sendIntervalMs({ intervalMinMs: 15_000, rateTarget }, size)).toBe(expected);
    });
  }
});

test("the coordinate is sent after the pause and its random part, again and again", async () => {
  const { clock, sent, sender } = world();
  await clock.pass(29_998);
  expect(sent).toEqual([]);
  await clock.pass(1);
  expect(sent).toEqual([{ Datacenter: "dc1", Node: "n1", Segment: "", Coord: point, Token: "t" }]);
  await clock.pass(30_000);
  expect(sent).toHaveLength(2);
  sender[Symbol.dispose]();
  await clock.pass(90_000);
  expect(sent).toHaveLength(2);
});

test("failures are told, and the next time it is tried again", async () => {
  const { clock, sent, logged, fail } = world();
  fail(new PermissionDeniedError());
  await clock.pass(30_000);
  fail(new Error("No cluster leader"));
  await clock.pass(30_000);
  fail(undefined);
  await clock.pass(30_000);
  expect(logged).toEqual(["Coordinate update blocked by ACLs", "Coordinate update error"]);
  expect(sent).toHaveLength(1);
});

test("nothing is sent without servers that understand it", async () => {
  const old = { ...server, tags: { ...server.tags, vsn_max: "2" } } as Member;
  for (const members of [[], [old], [server, old]]) {
    const { clock, sent } = world(members);
    await clock.pass(60_000);
    expect(sent).toEqual([]);
  }
});
