/**
 * Merged settings by key path: what files, flags and defaults say, before meaning is given to it.
 */
import { assert } from "../lib/assert.ts";
import type { KeyPath } from "./keys.ts";

/** A JSON value as configuration files hold it. */
export type SettingValue =
  | string
  | number
  | boolean
  | null
  | readonly SettingValue[]
  | { readonly [key: string]: SettingValue };

/** A tree of settings in the shape of a configuration file. */
export type SettingTree = { readonly [key: string]: SettingValue };

/** The value at a dotted path, or `undefined` if something on the way is absent. */
export function settingAt(tree: SettingTree, path: string): SettingValue | undefined {
  let at: SettingValue | undefined = tree;
  for (const part of path.split(".")) {
    if (typeof at !== "object" || at === null || Array.isArray(at)) return undefined;
    at = (at as SettingTree)[part];
  }
  return at;
}

/** A copy of `tree` with `value` at a dotted path; objects on the way are made where they are absent. */
export function withSetting(tree: SettingTree, path: string, value: SettingValue): SettingTree {
  const [head = "", ...rest] = path.split(".");
  if (rest.length === 0) return { ...tree, [head]: value };
  const inner = tree[head];
  const below =
    typeof inner === "object" && inner !== null && !Array.isArray(inner) ? (inner as SettingTree) : {};
  return { ...tree, [head]: withSetting(below, rest.join("."), value) };
}

type Text = KeyPath<"string" | "duration">;
type Count = KeyPath<"int" | "uint" | "float">;

/**
 * Every accepted key with its merged value. A key that nobody set and that has no default is `undefined`.
 *
 * The getters' claims hold since files are decoded against the same tables that give the paths.
 */
export class Settings {
  /** In the shape of a configuration file; frozen. */
  readonly tree: SettingTree;

  constructor(tree: SettingTree) {
    this.tree = tree;
  }

  text(path: Text): string | undefined {
    const value = settingAt(this.tree, path);
    assert(value === undefined || typeof value === "string", `${path} is a string`);
    return value;
  }

  bool(path: KeyPath<"bool">): boolean | undefined {
    const value = settingAt(this.tree, path);
    assert(value === undefined || typeof value === "boolean", `${path} is a boolean`);
    return value;
  }

  number(path: Count): number | undefined {
    const value = settingAt(this.tree, path);
    assert(value === undefined || typeof value === "number", `${path} is a number`);
    return value;
  }

  /** An absent list is empty. */
  strings(path: KeyPath<"strings">): readonly string[] {
    const value = settingAt(this.tree, path) ?? [];
    assert(Array.isArray(value), `${path} is a list`);
    return value as readonly string[];
  }

  /** An absent map is empty. */
  map(path: KeyPath<"map">): Readonly<Record<string, string>> {
    const value = settingAt(this.tree, path) ?? {};
    assert(typeof value === "object" && value !== null && !Array.isArray(value), `${path} is a map`);
    return value as Readonly<Record<string, string>>;
  }

  /** The objects of a list; an absent list is empty. Lists of structured keys are named without `[]`. */
  objects(path: string): readonly SettingTree[] {
    const value = settingAt(this.tree, path) ?? [];
    assert(Array.isArray(value), `${path} is a list`);
    return value as readonly SettingTree[];
  }

  /** Any value, for keys that only pass through. */
  at(path: string): SettingValue | undefined {
    return settingAt(this.tree, path);
  }
}
