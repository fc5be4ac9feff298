/** Configuration as this machine provides it: files, environment, addresses, limits. */
import { hostname, networkInterfaces } from "node:os";
import type { ConfigVerdict, ServiceFiles } from "../cli/host.ts";
import { noArgs } from "../config/agent-flags.ts";
import { loadConfig, validateFiles, type ConfigHost } from "../config/load.ts";
import { ConfigError } from "../config/problems.ts";
import { buildInfo } from "../runtime/build-info.ts";
import { fileConfigReader } from "../runtime/config-reader.ts";
import { systemNetwork } from "../runtime/host-network.ts";
import { openFilesMax } from "../runtime/system-facts.ts";

/** The host that configurations are loaded on. */
export function configHost(): ConfigHost {
  const { compatibleVersion, revision } = buildInfo();
  const files = openFilesMax();
  return {
    reader: fileConfigReader,
    env: process.env,
    hostname,
    hostAddresses: () =>
      Object.values(networkInterfaces()).flatMap((addresses) =>
        (addresses ?? []).map(({ address, internal }) => ({ address, internal })),
      ),
    network: systemNetwork,
    version: { version: compatibleVersion, prerelease: "", metadata: "", revision },
    ...(files === undefined ? {} : { fileDescriptorsMax: files }),
  };
}

/** Checks configuration files for the `validate` command. */
export function validate(paths: readonly string[], format: string): ConfigVerdict {
  return verdict(() => {
    const options = format === "json" || format === "hcl" ? ({ format } as const) : {};
    return { kind: "valid", warnings: validateFiles(configHost(), paths, options) };
  });
}

/** The services that configuration files define, for `services register`. */
export function services(paths: readonly string[]): ServiceFiles {
  return verdict(() => {
    // Development mode asks for nothing that a file of services lacks.
    const args = { ...noArgs, configPaths: paths, devMode: true };
    const { config, warnings } = loadConfig({ ...configHost(), args });
    return { kind: "valid", services: config.services, warnings };
  });
}

function verdict<T>(load: () => T): T | { readonly kind: "invalid"; readonly problem: string } {
  try {
    return load();
  } catch (error) {
    if (error instanceof ConfigError) return { kind: "invalid", problem: error.message };
    throw error;
  }
}
