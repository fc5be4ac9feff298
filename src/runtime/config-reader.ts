import { readdirSync, readFileSync, statSync } from "node:fs";
import type { ConfigPath, ConfigReader } from "../config/sources.ts";

/** Reads configuration from the machine's files; relative paths are relative to the working directory. */
export const fileConfigReader: ConfigReader = {
  look: (path): ConfigPath => {
    try {
      if (statSync(path).isDirectory()) return { kind: "directory", names: readdirSync(path) };
      return { kind: "file", text: () => readFileSync(path, "utf8") };
    } catch (error) {
      return { kind: "failed", reason: reasonOf(error) };
    }
  },
};

function reasonOf(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
      return "no such file or directory";
    case "EACCES":
      return "permission denied";
    case "ENOTDIR":
      return "not a directory";
    case undefined:
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
