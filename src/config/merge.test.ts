import { expect, test } from "bun:test";
import fc from "fast-check";
import { foldSingles, mergeSettings } from "./merge.ts";
import { fileSchema } from "./schema.ts";
import type { SettingTree } from "./settings.ts";

const text = fc.constantFrom("a", "b", "c");

/** Small files over keys of every kind of merge. */
const file: fc.Arbitrary<SettingTree> = fc.record(
  {
    node_name: text,
    retry_join: fc.array(text, { maxLength: 3 }),
    node_meta: fc.dictionary(text, text),
    ports: fc.record({ http: fc.nat(9), dns: fc.nat(9) }, { requiredKeys: [] }),
    services: fc.array(fc.record({ name: text }), { maxLength: 2 }),
    locality: fc.record({ region: text, zone: text }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);

const merge = (a: SettingTree, b: SettingTree): SettingTree => mergeSettings(fileSchema, a, b);

test("how files are grouped does not count, only their order", () => {
  fc.assert(
    fc.property(file, file, file, (a, b, c) => {
      expect(merge(merge(a, b), c)).toEqual(merge(a, merge(b, c)));
    }),
  );
});

test("an empty file changes nothing", () => {
  fc.assert(
    fc.property(file, (a) => {
      expect(merge(a, {})).toEqual(a);
      expect(merge({}, a)).toEqual(a);
    }),
  );
});

test("scalars override, lists append, maps overlay, whole objects replace", () => {
  const a: SettingTree = {
    node_name: "a",
    retry_join: ["1"],
    node_meta: { x: "1", y: "1" },
    ports: { http: 1, dns: 1 },
    dns_config: { only_passing: true, soa: { refresh: 1, retry: 1 } },
    services: [{ name: "a" }],
  };
  const b: SettingTree = {
    node_name: "b",
    retry_join: ["2"],
    node_meta: { y: "2" },
    ports: { dns: 2 },
    dns_config: { soa: { retry: 2 } },
    services: [{ name: "b" }],
  };
  expect(merge(a, b)).toEqual({
    node_name: "b",
    retry_join: ["1", "2"],
    node_meta: { x: "1", y: "2" },
    ports: { http: 1, dns: 2 },
    dns_config: { only_passing: true, soa: { retry: 2 } },
    services: [{ name: "a" }, { name: "b" }],
  });
});

test("single definitions join their lists", () => {
  const tree = { service: { name: "b" }, services: [{ name: "a" }], check: { name: "c" } };
  expect(foldSingles(tree)).toEqual({ services: [{ name: "a" }, { name: "b" }], checks: [{ name: "c" }] });
});
