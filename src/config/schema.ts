/**
 * The shape of a configuration file as a tree, built from the key tables.
 */
import { assert, must, unreachable } from "../lib/assert.ts";
import { checkAliases, checkFields, proxyFields, serviceFields, type FieldType } from "./keys-definitions.ts";
import { deprecatedKeys, topLevelAliases } from "./keys-deprecated.ts";
import { allKeys } from "./keys.ts";

/** What may stand at one place of a configuration file. */
export type SchemaNode =
  | { readonly kind: "string" | "bool" | "int" | "uint" | "float" }
  /** Any object; kept as it is. */
  | { readonly kind: "any" }
  | { readonly kind: "list" | "map"; readonly item: SchemaNode }
  | ObjectNode;

/** An object with known keys. */
export interface ObjectNode {
  readonly kind: "object";
  /** In the order of the tables; filled while the schema is built, not changed later. */
  readonly fields: Map<string, SchemaNode>;
  /** Other spellings, in lower case. */
  readonly aliases: Readonly<Record<string, string>>;
  /** A later file replaces the whole object instead of merging into it. */
  readonly atomic: boolean;
}

/** Objects that the reference keeps behind a pointer, so that a later file replaces them whole. */
const atomicPaths: ReadonlySet<string> = new Set(["cloud", "locality", "dns_config.soa"]);

function objectNode(
  options: { aliases?: Readonly<Record<string, string>>; atomic?: boolean } = {},
): ObjectNode {
  return {
    kind: "object",
    fields: new Map(),
    aliases: options.aliases ?? {},
    atomic: options.atomic ?? false,
  };
}

interface Builder {
  readonly service: ObjectNode;
  readonly check: ObjectNode;
}

function leafNode(type: FieldType, builder: Builder): SchemaNode {
  switch (type) {
    case "duration":
      return { kind: "string" };
    case "string":
    case "bool":
    case "int":
    case "uint":
    case "float":
      return { kind: type };
    case "strings":
      return { kind: "list", item: { kind: "string" } };
    case "map":
      return { kind: "map", item: { kind: "string" } };
    case "stringLists":
      return { kind: "map", item: { kind: "list", item: { kind: "string" } } };
    case "object":
      return { kind: "any" };
    case "objects":
      return { kind: "list", item: { kind: "any" } };
    case "service":
      return builder.service;
    case "services":
      return { kind: "list", item: builder.service };
    case "check":
      return builder.check;
    case "checks":
      return { kind: "list", item: builder.check };
    default:
      return unreachable(type);
  }
}

/** The object that `node` is, or that its elements are; what the next part of a path goes into. */
function innerObject(node: SchemaNode): ObjectNode {
  const inner = node.kind === "list" || node.kind === "map" ? node.item : node;
  assert(inner.kind === "object", "a path goes on below objects only");
  return inner;
}

/** Adds the field at `path` below `root`, and the objects on the way to it. */
function addField(root: ObjectNode, path: string, leaf: SchemaNode): void {
  // "a.<name>.b" is the object of objects `a{}`, "a[].b" the list of objects `a[]`.
  const parts = path.replaceAll(".<name>", "{}").split(".");
  let at = root;
  let walked = "";
  parts.forEach((part, index) => {
    const name = part.replace(/(\[\]|\{\})$/u, "");
    walked = walked === "" ? name : `${walked}.${name}`;
    if (index === parts.length - 1) {
      at.fields.set(name, leaf);
      return;
    }
    if (!at.fields.has(name)) {
      const object = objectNode({ atomic: atomicPaths.has(walked) });
      const isList = part.endsWith("[]");
      const isMap = part.endsWith("{}");
      at.fields.set(
        name,
        isList ? { kind: "list", item: object } : isMap ? { kind: "map", item: object } : object,
      );
    }
    at = innerObject(must(at.fields.get(name), "the field was just added"));
  });
}

/** Builds the schema of a whole configuration file. The result is not to be changed. */
export function buildFileSchema(): ObjectNode {
  const builder: Builder = { service: objectNode(), check: objectNode({ aliases: checkAliases }) };
  const proxy = objectNode();
  for (const [path, type] of checkFields) addField(builder.check, path, leafNode(type, builder));
  for (const [path, type] of proxyFields) addField(proxy, path, leafNode(type, builder));
  for (const [path, type] of serviceFields) addField(builder.service, path, leafNode(type, builder));
  builder.service.fields.set("proxy", proxy);
  const root = objectNode({ aliases: topLevelAliases });
  for (const key of allKeys) addField(root, key.path, leafNode(key.type, builder));
  for (const [path, type] of deprecatedKeys) addField(root, path, leafNode(type, builder));
  return root;
}

/** The schema of a configuration file. */
export const fileSchema: ObjectNode = buildFileSchema();
