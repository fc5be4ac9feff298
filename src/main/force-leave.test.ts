import { expect, test } from "bun:test";
import type { Member } from "../lib/members.ts";
import { forceLeave, UnknownMemberError } from "./force-leave.ts";

function pools() {
  const left: string[] = [];
  const pool = (label: string, names: readonly string[]) => ({
    members: () => names.map((name) => ({ name }) as Member),
    forceLeave: async (name: string, prune: boolean) =>
      void left.push(`${label} ${name}${prune ? " !" : ""}`),
  });
  return { lan: pool("lan", ["a", "a.b"]), wan: pool("wan", ["a.b.dc1", "a.dc1", "c.dc2"]), left };
}

const of = (name: string) => ({ name, datacenter: "dc1", wanOnly: false, prune: false });

test("a member leaves both pools", async () => {
  const { left, ...both } = pools();
  await forceLeave(both, of("a"));
  await forceLeave(both, { ...of("a.b"), prune: true });
  expect(left).toEqual(["lan a", "wan a.dc1", "lan a.b !", "wan a.b.dc1 !"]);
});

test("a name of the wide area is found there", async () => {
  const { left, ...both } = pools();
  await forceLeave(both, of("a.dc1"));
  await forceLeave(both, { ...of("c.dc2"), wanOnly: true });
  expect(left).toEqual(["wan a.dc1", "wan c.dc2"]);
});

test("unknown names are refused, and clients have no wide-area pool", async () => {
  const { left, ...both } = pools();
  const outcome = (call: Promise<void>): Promise<unknown> => call.catch((error: unknown) => error);
  expect(await outcome(forceLeave(both, of("x")))).toBeInstanceOf(UnknownMemberError);
  expect(await outcome(forceLeave(both, { ...of("a"), wanOnly: true }))).toBeInstanceOf(UnknownMemberError);
  await forceLeave({ lan: both.lan, wan: undefined }, of("a"));
  expect(left).toEqual(["lan a"]);
});
