/** Files, flags and environment become the configuration. */
import { noArgs, type AgentArgs } from "./agent-flags.ts";
import type { HostAddresses } from "./build-addresses.ts";
import type { HostNetwork } from "./address/host-network.ts";
import { buildConfig } from "./build.ts";
import type { Config } from "./config.ts";
import { checkConfig } from "./cross-checks.ts";
import { defaultSettings, devInternalSettings, devSettings, internalSettings } from "./defaults.ts";
import { enterpriseWarnings } from "./enterprise.ts";
import { mergeSettings } from "./merge.ts";
import { Problems } from "./problems.ts";
import type { BuildContext } from "./readers.ts";
import { fileSchema } from "./schema.ts";
import { Settings, settingAt, withSetting, type SettingTree } from "./settings.ts";
import {
  findSources,
  parseSource,
  type ConfigFormat,
  type ConfigReader,
  type ConfigSource,
} from "./sources.ts";

/** The version that clients are told. */
export interface VersionInfo {
  /** Such as "1.16.4". */
  readonly version: string;
  /** Such as "dev"; "" for a release. */
  readonly prerelease: string;
  readonly metadata: string;
  readonly revision: string;
}

/** What the host gives to a configuration besides files. */
export interface ConfigHost {
  readonly reader: ConfigReader;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostname: () => string;
  /** Called only if no address is configured. */
  readonly hostAddresses: HostAddresses;
  /** Interfaces and default route, for address templates. */
  readonly network: HostNetwork;
  readonly version: VersionInfo;
  /** How many files this process may open, if the system says so. */
  readonly fileDescriptorsMax?: number;
}

/** Everything that a configuration is made from. */
export interface ConfigSources extends ConfigHost {
  readonly args: AgentArgs;
}

/** A checked configuration and what to tell the user about it. */
export interface LoadedConfig {
  readonly config: Config;
  readonly warnings: readonly string[];
  /** Files and directories that it was read from, for watching. */
  readonly paths: readonly string[];
}

function freezeDeep(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) freezeDeep(inner);
}

function environmentSettings(settings: SettingTree, host: ConfigHost, problems: Problems): SettingTree {
  const introToken = host.env["CONSUL_INTRO_TOKEN"] ?? "";
  if (introToken === "") return settings;
  if ((settingAt(settings, "auto_config.intro_token") ?? "") !== "") {
    problems.warn(
      "Both auto_config.intro_token and the CONSUL_INTRO_TOKEN environment variable are set. Using the value from the environment variable",
    );
  }
  return withSetting(settings, "auto_config.intro_token", introToken);
}

function versionSettings({ version, prerelease, metadata, revision }: VersionInfo): SettingTree {
  return { version, version_prerelease: prerelease, version_metadata: metadata, revision };
}

/**
 * Merges every source: defaults, the development preset, lists from flags, files in order, other flags,
 * fragments, and last what only the program may set.
 */
function mergeSources(
  sources: ConfigSources,
  files: readonly ConfigSource[],
  problems: Problems,
): SettingTree {
  const { args } = sources;
  const fragments = args.fragments.map((text, index): ConfigSource => {
    return { name: `flags-${index}.hcl`, format: "hcl", text };
  });
  const parse = (source: ConfigSource): SettingTree => {
    const parsed = parseSource(source);
    for (const warning of parsed.warnings) problems.warn(warning);
    return parsed.tree;
  };
  const given = (flags: SettingTree): SettingTree => {
    for (const warning of enterpriseWarnings(flags)) problems.warn(warning);
    return flags;
  };
  const trees = [
    ...(args.devMode ? [devSettings] : []),
    args.lists,
    ...files.map(parse),
    given(args.values),
    ...fragments.map(parse),
    internalSettings(),
    ...(args.devMode ? [devInternalSettings] : []),
    versionSettings(sources.version),
  ];
  const merged = trees.reduce(
    (earlier, later) => mergeSettings(fileSchema, earlier, later),
    defaultSettings(),
  );
  return environmentSettings(merged, sources, problems);
}

function checkHost({ problems, settings }: BuildContext, sources: ConfigSources, config: Config): void {
  if (config.dataDir !== undefined && !config.devMode) {
    const found = sources.reader.look(config.dataDir);
    if (found.kind === "file") problems.stop(`data_dir ${JSON.stringify(config.dataDir)} is not a directory`);
  }
  const connections = settings.number("limits.http_max_conns_per_client") ?? 0;
  // Listeners, the log store and connections to servers need some as well.
  const needed = connections + 20;
  const allowed = sources.fileDescriptorsMax;
  if (allowed !== undefined && connections > 0 && allowed < needed) {
    problems.stop(
      `system allows a max of ${allowed} file descriptors, but limits.http_max_conns_per_client: ${connections} needs at least ${needed}`,
    );
  }
}

/**
 * Reads, merges and checks a configuration. The result is frozen. Throws `ConfigError` with everything that
 * is wrong, in the words that the reference prints.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const { args } = sources;
  const problems = new Problems();
  for (const warning of args.warnings) problems.warn(warning);
  const found = findSources(sources.reader, args.configPaths, args.configFormat);
  for (const warning of found.warnings) problems.warn(warning);
  const settings = new Settings(mergeSources(sources, found.sources, problems));
  const context: BuildContext = { settings, problems, network: sources.network };
  const config = buildConfig(context, {
    hostname: sources.hostname,
    hostAddresses: sources.hostAddresses,
    devMode: args.devMode,
  });
  checkConfig(context, config);
  checkHost(context, sources, config);
  problems.throwIfAny();
  freezeDeep(config);
  return { config, warnings: problems.warnings, paths: args.configPaths };
}

/**
 * Checks files as the `validate` command does: as if an agent was started with them and no flags. Returns
 * the warnings. Throws `ConfigError`.
 */
export function validateFiles(
  host: ConfigHost,
  paths: readonly string[],
  options: { readonly format?: ConfigFormat } = {},
): readonly string[] {
  const args: AgentArgs = { ...noArgs, configPaths: paths, configFormat: options.format };
  return loadConfig({ ...host, args }).warnings;
}
