/**
 * How settings of several sources become one: objects merge, lists append, maps overlay, the rest overrides.
 *
 * Source: the reference's agent/config/merge.go. `service` and `check` are added to their lists before, so
 * that a second file does not replace the first one's.
 */
import { isList, isTree } from "./go-text.ts";
import type { ObjectNode, SchemaNode } from "./schema.ts";
import type { SettingTree, SettingValue } from "./settings.ts";

function mergeValues(node: SchemaNode | undefined, earlier: SettingValue, later: SettingValue): SettingValue {
  if (node === undefined) return later;
  if (node.kind === "list" && isList(earlier) && isList(later)) return [...earlier, ...later];
  if (!isTree(earlier) || !isTree(later)) return later;
  if (node.kind === "map" || node.kind === "any") return { ...earlier, ...later };
  return node.kind === "object" && !node.atomic ? mergeSettings(node, earlier, later) : later;
}

/** `earlier` overlaid with `later`. Neither is changed. */
export function mergeSettings(schema: ObjectNode, earlier: SettingTree, later: SettingTree): SettingTree {
  const result: Record<string, SettingValue> = { ...earlier };
  for (const [key, value] of Object.entries(later)) {
    const before = earlier[key];
    result[key] = before === undefined ? value : mergeValues(schema.fields.get(key), before, value);
  }
  return result;
}

/** Moves a single `service` and `check` to the end of their lists. */
export function foldSingles(tree: SettingTree): SettingTree {
  const { service, check, ...rest } = tree;
  const result: Record<string, SettingValue> = rest;
  if (isTree(check)) result["checks"] = [...listOf(tree["checks"]), check];
  if (isTree(service)) result["services"] = [...listOf(tree["services"]), service];
  return result;
}

function listOf(value: SettingValue | undefined): readonly SettingValue[] {
  return isList(value) ? value : [];
}
