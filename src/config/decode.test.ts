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
