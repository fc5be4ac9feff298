/** The flags of the `agent` command. All that set a key come from the key tables. */
import { must, unreachable } from "../lib/assert.ts";
import { renderFlagDefaults, renderFlagSection } from "../lib/flag-help.ts";
import { parseFlags, type FlagDefinition, type FlagKind, type ParsedFlags } from "../lib/flags.ts";
import type { KeyType } from "./key-row.ts";
import { allKeys, type KeyInfo } from "./keys.ts";
import { ConfigError } from "./problems.ts";
import { withSetting, type SettingTree, type SettingValue } from "./settings.ts";
import type { ConfigFormat } from "./sources.ts";

/** Keys that have a flag, by the flag's name. */
const keysByFlag: ReadonlyMap<string, KeyInfo> = new Map(
  allKeys.flatMap((key) => (key.flag === undefined ? [] : [[key.flag, key] as const])),
);

/** Durations are texts here, so that a bad one is reported together with those of files. */
function flagKind(type: KeyType): FlagKind {
  switch (type) {
    case "bool":
    case "int":
    case "strings":
    case "map":
      return type;
    case "uint":
      return "int";
    case "float":
      return "float";
    case "string":
    case "duration":
      return "string";
    case "object":
    case "objects":
    case "service":
    case "services":
    case "check":
    case "checks":
      return "string";
    default:
      return unreachable(type);
  }
}

/** Flags that set no key, or set one under an old name. */
const ownFlags: readonly FlagDefinition[] = [
  {
    name: "config-dir",
    kind: "strings",
    help: "Directory with configuration files; every file that ends in .json is read, in the order of their names. May be given several times.",
  },
  { name: "config-file", kind: "strings", help: "Configuration file. May be given several times." },
  {
    name: "config-format",
    kind: "string",
    help: "Reads configuration files in this format whatever their names end in: json or hcl.",
    valueName: "string",
  },
  { name: "dev", kind: "bool", help: "Starts a server alone in memory, for development." },
  {
    name: "hcl",
    kind: "strings",
    help: "A piece of configuration, read after everything else. May be given several times.",
  },
  { name: "join", kind: "strings", help: "Old name of -retry-join." },
  { name: "join-wan", kind: "strings", help: "Old name of -retry-join-wan." },
  { name: "non-voting-server", kind: "bool", help: "Old name of -read-replica." },
];

/** Every flag of the `agent` command. */
export const agentFlags: readonly FlagDefinition[] = [
  ...[...keysByFlag].map(([name, key]): FlagDefinition => {
    const kind = flagKind(key.type);
    return {
      name,
      kind,
      // Backquotes are for the reference page.
      help: key.help.replaceAll("`", ""),
      ...(kind === "map" ? { valueName: "key:value" } : {}),
    };
  }),
  ...ownFlags,
];

/** What a command line says about the configuration. */
export interface AgentArgs {
  /** `-h`: the help page is wanted and nothing else counts. */
  readonly helpWanted: boolean;
  /** Files and directories in the order of the command line. */
  readonly configPaths: readonly string[];
  readonly configFormat: ConfigFormat | undefined;
  readonly devMode: boolean;
  /** Pieces of configuration given as text. */
  readonly fragments: readonly string[];
  /** Lists, which come before those of files. */
  readonly lists: SettingTree;
  /** Everything else, which comes after files. */
  readonly values: SettingTree;
  readonly warnings: readonly string[];
}

/** No flags at all, as for checking files. */
export const noArgs: AgentArgs = {
  helpWanted: false,
  configPaths: [],
  configFormat: undefined,
  devMode: false,
  fragments: [],
  lists: {},
  values: {},
  warnings: [],
};

function flagValue(flags: ParsedFlags, name: string, kind: FlagKind): SettingValue {
  switch (kind) {
    case "bool":
      return flags.bool(name) ?? false;
    case "int":
    case "float":
      return flags.number(name) ?? 0;
    case "strings":
      return flags.strings(name);
    case "map":
      return flags.map(name);
    case "string":
    case "duration":
      return flags.string(name) ?? "";
    default:
      return unreachable(kind);
  }
}

function readFormat(text: string | undefined): ConfigFormat | undefined {
  if (text === undefined || text === "") return undefined;
  if (text === "json" || text === "hcl") return text;
  throw new ConfigError("config: -config-format must be either 'hcl' or 'json'");
}

/** Old flags: their values under today's keys, with a warning for the two that the reference warns about. */
function oldFlags(
  flags: ParsedFlags,
  lists: SettingTree,
): { lists: SettingTree; warnings: readonly string[] } {
  let result = lists;
  const warnings: string[] = [];
  for (const [flag, today, key] of [
    ["join", "retry-join", "retry_join"],
    ["join-wan", "retry-join-wan", "retry_join_wan"],
  ] as const) {
    const old = flags.strings(flag);
    if (old.length === 0) continue;
    result = withSetting(result, key, [...flags.strings(today), ...old]);
    warnings.push(`The flag '-${flag}' is deprecated. Use the '-${today}' flag instead.`);
  }
  return { lists: result, warnings };
}

/**
 * Reads the words after `agent`. Throws `FlagError` for a bad flag (the reference prints `agentUsage()` below
 * it) and `ConfigError` for words that are no flags.
 */
export function parseAgentArgs(argv: readonly string[]): AgentArgs {
  const flags = parseFlags(agentFlags, argv);
  if (flags.helpWanted) return { ...noArgs, helpWanted: true };
  if (flags.rest.length > 0) {
    throw new ConfigError(`Unexpected extra arguments: [${flags.rest.join(" ")}]`);
  }
  let lists: SettingTree = {};
  let values: SettingTree = {};
  for (const name of flags.given()) {
    const key = keysByFlag.get(name);
    if (key === undefined) continue;
    const definition = must(
      agentFlags.find((flag) => flag.name === name),
      "a flag that was read is defined",
    );
    const value = flagValue(flags, name, definition.kind);
    // Nested lists go with the values, as in the reference.
    if (definition.kind === "strings" && !key.path.includes(".")) lists = withSetting(lists, key.path, value);
    else values = withSetting(values, key.path, value);
  }
  const nonVoting = flags.bool("non-voting-server");
  if (nonVoting !== undefined) values = withSetting(values, "read_replica", nonVoting);
  return {
    helpWanted: false,
    configPaths: flags.uses.flatMap(([name, value]) => (/^config-(?:dir|file)$/u.test(name) ? [value] : [])),
    configFormat: readFormat(flags.string("config-format")),
    devMode: flags.bool("dev") ?? false,
    fragments: flags.strings("hcl"),
    values,
    ...oldFlags(flags, lists),
  };
}

/** The help page of the `agent` command. */
export function agentHelp(): string {
  return `Usage: proconsul agent [options]

  Starts the agent and runs it until it is interrupted. An agent is one node of
  a cluster: a client, or with -server one of the servers that keep the state.

${renderFlagSection("Command Options", agentFlags)}`;
}

/** What is printed below the message about a bad flag. */
export function agentUsage(): string {
  return renderFlagDefaults(agentFlags);
}
