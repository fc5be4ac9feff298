/** A host for tests: files in memory, fixed name and addresses. */
import { parseAgentArgs } from "./agent-flags.ts";
import { noNetwork } from "./address/host-network.ts";
import { loadConfig, type ConfigHost, type LoadedConfig } from "./load.ts";
import type { ConfigPath } from "./sources.ts";

/** Files by path: a text, or a JSON value. */
export type TestFiles = Readonly<Record<string, string | object>>;

/** A host whose disk is `files`; every prefix of a path is a directory. */
export function testHost(files: TestFiles = {}, host: Partial<ConfigHost> = {}): ConfigHost {
  const look = (path: string): ConfigPath => {
    const file = files[path];
    if (file !== undefined) {
      return { kind: "file", text: () => (typeof file === "string" ? file : JSON.stringify(file)) };
    }
    const inside = Object.keys(files).filter((name) => name.startsWith(`${path}/`));
    if (inside.length === 0) return { kind: "failed", reason: "no such file or directory" };
    return {
      kind: "directory",
      names: [...new Set(inside.map((name) => name.slice(path.length + 1).split("/", 1)[0] ?? ""))],
    };
  };
  return {
    reader: { look },
    env: {},
    hostname: () => "host-1",
    hostAddresses: () => [{ address: "10.0.0.5", internal: false }],
    network: noNetwork,
    version: { version: "1.16.4", prerelease: "", metadata: "", revision: "" },
    ...host,
  };
}

/** Loads with flags as one would type them, and a data directory unless they name one or say `-dev`. */
export function testLoad(line: string, files: TestFiles = {}, host: Partial<ConfigHost> = {}): LoadedConfig {
  const words = line.split(" ").filter((word) => word !== "");
  const needsData = !words.includes("-dev") && !line.includes("data-dir");
  const args = parseAgentArgs(needsData ? ["-data-dir=/data", ...words] : words);
  return loadConfig({ ...testHost(files, host), args });
}
