import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeSettings } from "./decode.ts";
import { fileSchema } from "./schema.ts";
import { testLoad } from "./testing.ts";
import { ConfigError } from "./problems.ts";
import type { SettingTree } from "./settings.ts";

test.each(["constructor", "toString", "__proto__", "hasOwnProperty"])(
  "%s is an unknown key like any other",
  (key) => {
    const file = JSON.parse(`{"${key}":{},"service":{"name":"a","${key}":1}}`) as SettingTree;
    expect(decodeSettings(fileSchema, file).unknownKeys).toEqual([`service.${key}`, key]);
  },
);

test("the exact spelling of a key wins over another one", () => {
  const { tree, unknownKeys } = decodeSettings(fileSchema, { SERVER: false, server: true, Node_Name: "a" });
  expect([tree, unknownKeys]).toEqual([{ server: true, node_name: "a" }, []]);
});

test("in an object kept as it is, a list of one becomes its element", () => {
  const { tree } = decodeSettings(fileSchema, {
    watches: [{ args: ["x"], more: ["a", "b"], deep: [{ c: ["d"] }] }],
  });
  expect(tree).toEqual({ watches: [{ args: "x", more: ["a", "b"], deep: { c: "d" } }] });
});

test("whole numbers are Go's int in HCL and float64 in JSON", () => {
  const problems = (hcl: string): string => {
    try {
      testLoad("-config-file f.hcl", { "f.hcl": hcl });
      return "";
    } catch (error) {
      return error instanceof ConfigError ? error.message : String(error);
    }
  };
  expect(problems("node_name = -7")).toContain("got unconvertible type 'int', value: '-7'");
  expect(problems("node_name = 1099511627776")).toContain("value: '1099511627776'");
  expect(problems("node_name = 1.5")).toContain("got unconvertible type 'float64', value: '1.5'");
  expect(problems("retry_join = 7")).toContain("must be an array or slice, got int");
  expect(problems("service = 7")).toContain("'service' expected a map, got 'int'");
  expect(problems("autopilot { min_quorum = -1 }")).toContain("-1 overflows uint");
});

test("any file is read or refused with a reason", () => {
  const keys = fc.constantFrom(
    "server",
    "ports",
    "http",
    "services",
    "check",
    "name",
    "x",
    "node_meta",
    "tls",
    "acl",
    "limits",
  );
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, 0, -1, 1e30, "", "x", "1s"),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(keys, tie("tree"), { maxKeys: 5 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (file) => {
      try {
        testLoad("-config-file f.json", { "f.json": JSON.stringify(file) });
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    }),
    { numRuns: 500 },
  );
});
