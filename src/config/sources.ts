/**
 * Finds configuration files and reads each into settings.
 *
 * Nothing here touches the disk: a `ConfigReader` is passed in.
 */
import { unreachable } from "../lib/assert.ts";
import { decodeSettings, renderDecodeProblems } from "./decode.ts";
import { moveDeprecated } from "./deprecated.ts";
import { enterpriseWarnings } from "./enterprise.ts";
import { jsonProblem } from "./go-json.ts";
import { goKind, isTree } from "./go-text.ts";
import { foldSingles } from "./merge.ts";
import { ConfigError, renderProblemList } from "./problems.ts";
import { HclError } from "../wire/hcl/hcl-error.ts";
import { parseHcl } from "../wire/hcl/parse.ts";
import { fileSchema } from "./schema.ts";
import type { SettingTree, SettingValue } from "./settings.ts";

/** What is at a path, symbolic links followed. */
export type ConfigPath =
  | { readonly kind: "file"; readonly text: () => string }
  | { readonly kind: "directory"; readonly names: readonly string[] }
  /** `reason` in the system's words: "no such file or directory". */
  | { readonly kind: "failed"; readonly reason: string };

/** Reads configuration files. `text` may throw; the message is shown. */
export interface ConfigReader {
  look(path: string): ConfigPath;
}

/** `-config-format`: how to read files whatever their names end in. */
export type ConfigFormat = "json" | "hcl";

/** One readable source: a file or a fragment from the command line. */
export interface ConfigSource {
  readonly name: string;
  readonly format: ConfigFormat;
  readonly text: string;
}

/** The sources found below some paths, in the order in which they are merged. */
export interface FoundSources {
  readonly sources: readonly ConfigSource[];
  readonly warnings: readonly string[];
}

/** What one source says. */
export interface ParsedSource {
  readonly tree: SettingTree;
  readonly warnings: readonly string[];
}

function formatOf(path: string): ConfigFormat | undefined {
  if (path.endsWith(".json")) return "json";
  return path.endsWith(".hcl") ? "hcl" : undefined;
}

function sourceFrom(path: string, format: ConfigFormat, read: () => string): ConfigSource {
  try {
    return { name: path, format, text: read() };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`config: failed to read ${path}: ${reason}`, { cause: error });
  }
}

function joinPath(directory: string, name: string): string {
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}

function sourcesInDirectory(
  reader: ConfigReader,
  directory: { readonly path: string; readonly names: readonly string[] },
  format: ConfigFormat | undefined,
): FoundSources {
  const sources: ConfigSource[] = [];
  const warnings: string[] = [];
  for (const name of directory.names.toSorted()) {
    const path = joinPath(directory.path, name);
    const found = reader.look(path);
    if (found.kind === "directory") continue;
    const fileFormat = format ?? formatOf(path);
    if (found.kind === "failed") throw new ConfigError(`config: failed to read ${path}: ${found.reason}`);
    if (fileFormat === undefined) {
      warnings.push(`skipping file ${path}, extension must be .hcl or .json, or config format must be set`);
      continue;
    }
    sources.push(sourceFrom(path, fileFormat, found.text));
  }
  return { sources, warnings };
}

/**
 * Reads the files at `paths`; a directory gives its files in the order of their names, sub-directories left
 * out. Throws `ConfigError`.
 */
export function findSources(
  reader: ConfigReader,
  paths: readonly string[],
  format: ConfigFormat | undefined,
): FoundSources {
  const sources: ConfigSource[] = [];
  const warnings: string[] = [];
  for (const path of paths) {
    const found = reader.look(path);
    switch (found.kind) {
      case "failed":
        throw new ConfigError(`config: Open failed on ${path}. open ${path}: ${found.reason}`);
      case "directory": {
        const inside = sourcesInDirectory(reader, { path, names: found.names }, format);
        sources.push(...inside.sources);
        warnings.push(...inside.warnings);
        break;
      }
      case "file": {
        const fileFormat = format ?? formatOf(path);
        if (fileFormat === undefined) {
          throw new ConfigError(
            `file ${path} has unknown extension; must be .hcl or .json, or config format must be set`,
          );
        }
        sources.push(sourceFrom(path, fileFormat, found.text));
        break;
      }
      default:
        unreachable(found);
    }
  }
  return { sources, warnings };
}

function parseJson(text: string): SettingTree {
  let json: SettingValue;
  try {
    json = JSON.parse(text) as SettingValue;
  } catch (error) {
    throw new ConfigError(jsonProblem(text) ?? String(error), { cause: error });
  }
  if (json === null) return {};
  if (isTree(json)) return json;
  const kind = goKind(json, "float64").replace("slice", "array").replace("float64", "number");
  throw new ConfigError(`json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`);
}

function parseText(source: ConfigSource): SettingTree {
  if (source.format === "json") return parseJson(source.text);
  // HCL's grammar takes JSON as well and tells them apart by the first character.
  if (source.text.trimStart().startsWith("{")) return parseJson(source.text);
  try {
    return parseHcl(source.text);
  } catch (error) {
    if (!(error instanceof HclError)) throw error;
    throw new ConfigError(error.message, { cause: error });
  }
}

/** Keys that are unknown but were once good: told, not refused. */
function knownOldKey(key: string): string | undefined {
  if (key === "acl_enforce_version_8") return `config key "${key}" is deprecated and should be removed`;
  if (key.startsWith("audit.sink[") && key.endsWith("].name")) {
    return "config key audit.sink[].name is deprecated and should be removed";
  }
  return undefined;
}

/** Settings of one source under today's names. Throws `ConfigError` with the source's name in front. */
export function parseSource(source: ConfigSource): ParsedSource {
  if (source.text === "") return { tree: {}, warnings: [] };
  try {
    const decoded = decodeSettings(
      fileSchema,
      parseText(source),
      source.format === "hcl" ? "int" : "float64",
    );
    if (decoded.problems.length > 0) throw new ConfigError(renderDecodeProblems(decoded.problems));
    const unknown = decoded.unknownKeys.filter((key) => knownOldKey(key) === undefined);
    if (unknown.length > 0) {
      throw new ConfigError(renderProblemList(unknown.map((key) => `invalid config key ${key}`)));
    }
    const oldKeys = decoded.unknownKeys.map((key) => knownOldKey(key) ?? "");
    const modern = moveDeprecated(decoded.tree);
    const enterprise = enterpriseWarnings(modern.tree);
    return { tree: foldSingles(modern.tree), warnings: [...oldKeys, ...enterprise, ...modern.warnings] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`failed to parse ${source.name}: ${error.message}`, { cause: error });
  }
}
