import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import type { KeyType } from "./key-row.ts";
import { deprecatedKeys } from "./keys-deprecated.ts";
import { allKeys } from "./keys.ts";
import { decodeSettings } from "./decode.ts";
import { fileSchema } from "./schema.ts";
import { settingAt, type SettingTree, type SettingValue } from "./settings.ts";

test("every key is in the tables once", () => {
  const paths = allKeys.map((key) => key.path);
  expect(new Set(paths).size).toBe(paths.length);
  expect(paths.length).toBe(363);
  const flags = allKeys.flatMap((key) => key.flag ?? []);
  expect(new Set(flags).size).toBe(flags.length);
});

const inventory = new URL("../../../shared/inventory.md", import.meta.url);
test.skipIf(!existsSync(inventory))("the inventory's keys are all there (skipped without ../shared)", () => {
  const section =
    readFileSync(inventory, "utf8").split("## 3. Agent configuration")[1]?.split("Deprecated spellings")[0] ??
    "";
  const listed = [...section.matchAll(/^\| `([^`]+)` \|/gmu)].map((match) => match[1] ?? "");
  expect(listed.length).toBe(364);
  const ours = new Set(allKeys.map((key) => key.path));
  // The map of sinks itself is in ours by its fields.
  expect(listed.filter((path) => !ours.has(path))).toEqual(["audit.sink.<name>"]);
});

const good: Readonly<Record<KeyType, SettingValue>> = {
  string: "x",
  duration: "1s",
  bool: true,
  int: 1,
  uint: 1,
  float: 1.5,
  strings: ["x", "y"],
  map: { k: "v" },
  object: { k: 1 },
  objects: [{ k: 1 }],
  service: { name: "x" },
  services: [{ name: "x" }],
  check: { name: "x" },
  checks: [{ name: "x" }],
};

/** A file with one key. */
function fileWith(path: string, value: SettingValue): SettingTree {
  return path
    .replace(".<name>", ".n")
    .split(".")
    .reduceRight<SettingValue>((inner, part) => {
      return part.endsWith("[]") ? { [part.slice(0, -2)]: [inner] } : { [part]: inner };
    }, value) as SettingTree;
}

describe("each key", () => {
  const every = [
    ...allKeys.map((key) => [key.path, key.type] as const),
    ...deprecatedKeys.map(([path, type]) => [path, type] as const),
  ];
  test.each(every)("%s takes a %s and nothing else", (path, type) => {
    const file = fileWith(path, good[type]);
    expect(decodeSettings(fileSchema, file)).toEqual({ tree: file, unknownKeys: [], problems: [] });
    const wrong = decodeSettings(fileSchema, fileWith(path, type === "bool" ? "x" : true));
    expect(wrong.problems.length).toBe(1);
    expect(decodeSettings(fileSchema, fileWith(path, null)).problems).toEqual([]);
  });
});

test("a key's default is good for the key", () => {
  for (const key of allKeys) {
    if (key.defaultValue === undefined) continue;
    const { tree, problems } = decodeSettings(
      fileSchema,
      fileWith(key.path, key.defaultValue as SettingValue),
    );
    expect([key.path, problems, settingAt(tree, key.path)]).toEqual([
      key.path,
      [],
      key.defaultValue as SettingValue,
    ]);
  }
});
