/** Services and checks of configuration files, renamed to the HTTP API's spelling and checked. */
import { must, assert } from "../lib/assert.ts";
import type { CheckDefinition, ServiceDefinition } from "./definitions.ts";
import { checkService, parsedCheck, checkProblem } from "./check-definitions.ts";
import { isList, isTree } from "./go-text.ts";
import { checkFields, definitionObjects, proxyFields, serviceFields } from "./keys-definitions.ts";
import type { BuildContext } from "./readers.ts";
import { fileSchema, type SchemaNode } from "./schema.ts";
import type { SettingTree, SettingValue } from "./settings.ts";

/** Names in files and in the HTTP API; one name in a file has one in the API, wherever it stands. */
const apiNames: ReadonlyMap<string, string> = new Map([
  ...Object.entries(definitionObjects),
  ...[...checkFields, ...serviceFields, ...proxyFields].map(
    ([path, , apiName]): readonly [string, string] => [
      must(path.split(".").at(-1), "a path has a part"),
      apiName,
    ],
  ),
]);

/** Renames known keys; maps and objects that are kept as they are stay untouched. */
function renamed(node: SchemaNode, value: SettingValue): SettingValue {
  if (node.kind === "list" && isList(value)) return value.map((item) => renamed(node.item, item));
  if (!isTree(value)) return value;
  const entries = Object.entries(value);
  if (node.kind === "map") {
    return Object.fromEntries(entries.map(([key, inner]) => [key, renamed(node.item, inner)]));
  }
  if (node.kind !== "object") return value;
  const pairs = entries.map(([key, inner]): [string, SettingValue] => {
    const name = must(apiNames.get(key), `a definition's ${key} has a name in the API`);
    return [name, renamed(must(node.fields.get(key), "decoded keys are in the schema"), inner)];
  });
  return Object.fromEntries(pairs);
}

/** A check in API spelling, with the defaults that depend on other fields. */
function toCheck(node: SchemaNode, tree: SettingTree): CheckDefinition {
  const check = renamed(node, tree) as CheckDefinition;
  const critical = check.FailuresBeforeCritical;
  return {
    ...check,
    ...(critical !== undefined && check.FailuresBeforeWarning === undefined
      ? { FailuresBeforeWarning: critical }
      : {}),
    ...((check.H2PING ?? "") !== "" && check.H2PingUseTLS === undefined ? { H2PingUseTLS: true } : {}),
  };
}

function treesOf(value: SettingValue | undefined): readonly SettingTree[] {
  assert(value === undefined || isList(value), "decoded definitions are a list");
  return (value ?? []) as readonly SettingTree[];
}

const serviceKinds: ReadonlySet<string> = new Set([
  "connect-proxy",
  "mesh-gateway",
  "terminating-gateway",
  "ingress-gateway",
  "api-gateway",
]);

interface Nodes {
  readonly service: SchemaNode;
  readonly check: SchemaNode;
}

function toService(nodes: Nodes, tree: SettingTree): ServiceDefinition {
  const { check, checks: listed, connect, kind, ...rest } = tree;
  const inner = isTree(connect) ? connect : undefined;
  const sidecar = inner?.["sidecar_service"];
  const service = renamed(nodes.service, rest) as unknown as ServiceDefinition;
  const allChecks = [...treesOf(listed), ...(isTree(check) ? [check] : [])];
  return {
    ...service,
    // An unknown kind is an ordinary service, as in the reference.
    ...(typeof kind === "string" && serviceKinds.has(kind) ? { Kind: kind } : {}),
    Name: service.Name ?? "",
    Weights: { Passing: service.Weights?.Passing ?? 1, Warning: service.Weights?.Warning ?? 1 },
    Checks: allChecks.map((one) => toCheck(nodes.check, one)),
    ...(inner === undefined
      ? {}
      : {
          Connect: {
            Native: inner["native"] === true,
            ...(isTree(sidecar) ? { SidecarService: toService(nodes, sidecar) } : {}),
          },
        }),
  };
}

function definitionNodes(): Nodes {
  const services = must(fileSchema.fields.get("services"), "the schema has services");
  const checks = must(fileSchema.fields.get("checks"), "the schema has checks");
  assert(services.kind === "list" && checks.kind === "list", "both are lists");
  return { service: services.item, check: checks.item };
}

/** The services and checks of all files. What is wrong with them is on record in the context. */
export function buildDefinitions(context: BuildContext): {
  readonly services: readonly ServiceDefinition[];
  readonly checks: readonly CheckDefinition[];
} {
  const nodes = definitionNodes();
  const checks = context.settings.objects("checks").map((tree) => toCheck(nodes.check, tree));
  const services = context.settings.objects("services").map((tree) => toService(nodes, tree));
  for (const check of checks) {
    const problem = checkProblem(parsedCheck(context.problems, check));
    if (problem !== undefined) context.problems.stop(`check "${check.Name ?? ""}": ${problem}`);
  }
  for (const service of services) checkService(context.problems, service);
  return { services, checks };
}
