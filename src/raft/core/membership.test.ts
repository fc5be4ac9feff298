import { describe, expect, test } from "bun:test";
import { logIndex } from "../../lib/log-index.ts";
import type { ConfigurationChange } from "./effects.ts";
import type { ServerId } from "./entry.ts";
import { changedConfiguration, isSoundConfiguration, Membership } from "./membership.ts";
import { defaultRules } from "./rules.ts";
import { configurationOf } from "./test-cluster.ts";

const id = (name: string): ServerId => name as ServerId;

describe("single-server changes", () => {
  const now = configurationOf("n1", "n2", "n3?");
  const rows: readonly { name: string; change: ConfigurationChange; after: string[] | undefined }[] = [
    {
      name: "add a voter",
      change: { kind: "addVoter", id: id("n4"), address: "n4:8300" },
      after: ["n1", "n2", "n3?", "n4"],
    },
    {
      name: "promote",
      change: { kind: "addVoter", id: id("n3"), address: "n3:8300" },
      after: ["n1", "n2", "n3"],
    },
    {
      name: "add a nonvoter",
      change: { kind: "addNonvoter", id: id("n4"), address: "n4:8300" },
      after: ["n1", "n2", "n3?", "n4?"],
    },
    {
      name: "a voter is not demoted by adding it",
      change: { kind: "addNonvoter", id: id("n2"), address: "n2:8300" },
      after: ["n1", "n2", "n3?"],
    },
    { name: "demote", change: { kind: "demoteVoter", id: id("n2") }, after: ["n1", "n2?", "n3?"] },
    { name: "remove", change: { kind: "removeServer", id: id("n1") }, after: ["n2", "n3?"] },
    { name: "remove a stranger", change: { kind: "removeServer", id: id("n9") }, after: undefined },
    { name: "demote a stranger", change: { kind: "demoteVoter", id: id("n9") }, after: undefined },
    {
      name: "an address in use",
      change: { kind: "addVoter", id: id("n4"), address: "n1:8300" },
      after: undefined,
    },
  ];
  test.each(rows)("$name", ({ change, after }) => {
    expect(changedConfiguration(now, change)).toEqual(
      after === undefined ? undefined : configurationOf(...after),
    );
  });

  test("the last voter stays", () => {
    const one = configurationOf("n1", "n2?");
    expect(changedConfiguration(one, { kind: "removeServer", id: id("n1") })).toBeUndefined();
    expect(changedConfiguration(one, { kind: "demoteVoter", id: id("n1") })).toBeUndefined();
  });

  test("a server may move", () => {
    const moved = changedConfiguration(now, { kind: "addVoter", id: id("n2"), address: "else:1" });
    expect(moved?.servers[1]).toEqual({ id: id("n2"), address: "else:1", suffrage: "voter" });
  });
});

test.each([
  { members: ["n1"], sound: true },
  { members: ["n1", "n1"], sound: false },
  { members: ["n1?"], sound: false },
  { members: [], sound: false },
])("$members is sound: $sound", ({ members, sound }) => {
  expect(isSoundConfiguration(configurationOf(...members))).toBe(sound);
});

test("one step back is kept until the newest is committed", () => {
  const first = { configuration: configurationOf("n1"), index: logIndex(1) };
  const second = { configuration: configurationOf("n1", "n2"), index: logIndex(5) };
  const membership = new Membership(defaultRules, first);
  membership.append(second);
  expect(membership.voters).toEqual([id("n1"), id("n2")]);
  membership.truncateFrom(logIndex(5));
  expect(membership.latest).toBe(first);
  membership.append(second);
  membership.commit(logIndex(5));
  expect(membership.committed).toBe(second);
  expect(() => membership.truncateFrom(logIndex(5))).toThrow("never cut");
});

test("who is being removed may stand until that is committed", () => {
  const membership = new Membership(defaultRules, {
    configuration: configurationOf("n1", "n2"),
    index: logIndex(1),
  });
  membership.append({ configuration: configurationOf("n2"), index: logIndex(2) });
  expect([membership.isVoter(id("n1")), membership.mayStand(id("n1"))]).toEqual([false, true]);
  membership.commit(logIndex(2));
  expect(membership.mayStand(id("n1"))).toBe(false);
});
