/** Moves old keys of one source to their new places. */
import { goValue, isList, isTree } from "./go-text.ts";
import { deprecatedKeys } from "./keys-deprecated.ts";
import { settingAt, withSetting, type SettingTree, type SettingValue } from "./settings.ts";

/** Settings under today's names only, and what to tell the user. */
export interface Modernised {
  readonly tree: SettingTree;
  readonly warnings: readonly string[];
}

const oldTlsVersions: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "": "TLS_AUTO",
    tls10: "TLSv1_0",
    tls11: "TLSv1_1",
    tls12: "TLSv1_2",
    tls13: "TLSv1_3",
  }),
);

function withoutSetting(tree: SettingTree, path: string): SettingTree {
  const [head = "", ...rest] = path.split(".");
  const { [head]: value, ...others } = tree;
  if (rest.length === 0 || !isTree(value)) return others;
  return { ...others, [head]: withoutSetting(value, rest.join(".")) };
}

/** What an old key switches on besides its value. */
function sideEffects(tree: SettingTree, oldPath: string): SettingTree {
  switch (oldPath) {
    case "acl_replication_token":
      return withSetting(tree, "acl.enable_token_replication", true);
    case "acl_datacenter":
      return withSetting(tree, "acl.enabled", true);
    case "verify_incoming":
      // Before 1.12 this key did not reach gRPC, so it must not begin to.
      return settingAt(tree, "tls.grpc.verify_incoming") === undefined
        ? withSetting(tree, "tls.grpc.verify_incoming", false)
        : tree;
    default:
      return tree;
  }
}

function move(tree: SettingTree, value: SettingValue, newPath: string): SettingTree {
  const today = settingAt(tree, newPath);
  if (isList(value)) return withSetting(tree, newPath, [...(isList(today) ? today : []), ...value]);
  return today === undefined ? withSetting(tree, newPath, value) : tree;
}

/** The settings of one file or fragment with old keys moved; warnings in the reference's order and words. */
export function moveDeprecated(given: SettingTree): Modernised {
  const warnings: string[] = [];
  let tree = given;
  for (const [oldPath, , newPath] of deprecatedKeys) {
    const value = settingAt(tree, oldPath);
    if (value === undefined || (isList(value) && value.length === 0)) continue;
    tree = withoutSetting(tree, oldPath);
    if (newPath === "") {
      warnings.push(`The '${oldPath}' field is deprecated and will be ignored.`);
      continue;
    }
    const newVersion =
      oldPath === "tls_min_version" && typeof value === "string" ? oldTlsVersions.get(value) : undefined;
    const isTaken = settingAt(tree, newPath) !== undefined;
    if (newVersion !== undefined && !isTaken) {
      warnings.push(
        `'tls_min_version' value '${goValue(value, "float64")}' is deprecated, please specify '${newVersion}' instead`,
      );
    }
    tree = sideEffects(move(tree, newVersion ?? value, newPath), oldPath);
    // The old stanza had one key, so the reference names the stanzas.
    const [oldName, newName] = oldPath.startsWith("raft_boltdb.")
      ? ["raft_boltdb", "raft_logstore.boltdb"]
      : [oldPath, newPath];
    warnings.push(`The '${oldName}' field is deprecated. Use the '${newName}' field instead.`);
  }
  return { tree, warnings };
}
