/**
 * Builds the two forms that are handed out: `dist/proconsul.mjs`, a bundle for Node 20 or Bun that finds LMDB in
 * `node_modules`, and `dist/proconsul`, an executable that needs nothing beside it. And what `bin/proconsul` runs
 * beside the sources, see `build-app.ts`.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildApp } from "./build-app.ts";
import { lmdbPlugin } from "./lmdb-plugin.ts";

/** What to build from, and where to. */
export interface BuildOptions {
  /** The module that runs the program. */
  readonly entry: string;
  /** Folder for the results; made if it is missing. */
  readonly outFolder: string;
  /** The commit and its date as `buildInfo` reports them; empty for unknown. */
  readonly revision: string;
  readonly buildDate: string;
}

/** Writes `proconsul.mjs` and returns its path. Throws `AggregateError` with the bundler's findings. */
export async function buildBundle(options: BuildOptions): Promise<string> {
  const result = await Bun.build({
    entrypoints: [options.entry],
    // Also lowers `using`, which Node 20 does not know.
    target: "node",
    format: "esm",
    external: ["lmdb"],
    define: definitions(options),
  });
  const output = result.outputs.find((file) => file.kind === "entry-point");
  if (output === undefined) throw new Error("the bundler wrote no entry point");
  return replaceFile(join(options.outFolder, "proconsul.mjs"), async (path) => {
    await Bun.write(path, output);
  });
}

/** Writes the executable `proconsul` for this platform and returns its path. */
export async function buildExecutable(options: BuildOptions): Promise<string> {
  return replaceFile(join(options.outFolder, "proconsul"), async (path) => {
    await Bun.build({
      entrypoints: [options.entry],
      target: "bun",
      format: "esm",
      bytecode: true,
      // Parts are loaded when they are asked for: a client agent never loads a server's, nor a command the agent's.
      splitting: true,
      minify: { syntax: true, whitespace: true, identifiers: false },
      define: definitions(options),
      plugins: [lmdbPlugin()],
      // What lies in the folder from which an operator starts an agent is none of the agent's business.
      compile: { outfile: path, autoloadDotenv: false, autoloadBunfig: false },
    });
  });
}

/** The last commit of `root` and its date; empty without git or outside a repository. */
export function commitOf(root: string): Pick<BuildOptions, "revision" | "buildDate"> {
  try {
    const git = ["-C", root, "log", "-1", "--format=%h %cI"];
    const [revision = "", buildDate = ""] = execFileSync("git", git, { encoding: "utf8", stdio: "pipe" })
      .trim()
      .split(" ");
    return { revision, buildDate };
  } catch (error) {
    // A source archive has no history; a build without a commit is still a build.
    if (error instanceof Error) return { revision: "", buildDate: "" };
    throw error;
  }
}

function definitions(options: BuildOptions): Record<string, string> {
  return {
    PROCONSUL_REVISION: JSON.stringify(options.revision),
    PROCONSUL_BUILD_DATE: JSON.stringify(options.buildDate),
  };
}

/** Writes aside and renames, so that a running agent keeps its file and nobody sees half of one. */
async function replaceFile(path: string, write: (aside: string) => Promise<void>): Promise<string> {
  const folder = join(path, "..");
  mkdirSync(folder, { recursive: true });
  const scratch = mkdtempSync(join(folder, ".build-"));
  try {
    const aside = join(scratch, "result");
    await write(aside);
    renameSync(aside, path);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return path;
}

async function main(): Promise<void> {
  const root = join(import.meta.dirname, "..");
  const { values } = parseArgs({ options: { entry: { type: "string" }, out: { type: "string" } } });
  const options: BuildOptions = {
    entry: values.entry ?? join(root, "src/main.ts"),
    outFolder: values.out ?? join(root, "dist"),
    ...commitOf(root),
  };
  if (values.entry === undefined && values.out === undefined) {
    await buildApp({ root, entry: options.entry, folder: join(root, "dist/app") });
  }
  for (const path of [await buildBundle(options), await buildExecutable(options)]) {
    console.log(`${path} ${(statSync(path).size / 1e6).toFixed(1)} MB`);
  }
}

if (import.meta.main) await main();
