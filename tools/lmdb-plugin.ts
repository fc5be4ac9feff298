import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { BunPlugin } from "bun";

/**
 * Lets a single-file executable carry LMDB's native part.
 *
 * lmdb finds its addon at run time by looking around in `node_modules`, which an executable does not have. The
 * plugin replaces that finder by a static `require` of this platform's prebuilt file, which the bundler then
 * embeds. msgpackr, which lmdb brings along, looks for an optional addon in the same way; it does without when the
 * finder throws.
 */
export function lmdbPlugin(): BunPlugin {
  const addon = lmdbAddonPath();
  return {
    name: "lmdb-native",
    setup(build) {
      build.onResolve({ filter: /^node-gyp-build-optional-packages$/ }, ({ importer }) => ({
        path: importer.includes("msgpackr-extract") ? "absent" : "lmdb",
        namespace: "native-addon",
      }));
      build.onLoad({ filter: /^lmdb$/, namespace: "native-addon" }, () => ({
        contents: `module.exports = () => require(${JSON.stringify(addon)});`,
        loader: "js",
      }));
      build.onLoad({ filter: /^absent$/, namespace: "native-addon" }, () => ({
        contents: `module.exports = () => { throw new Error("no native string extractor in this build"); };`,
        loader: "js",
      }));
    },
  };
}

/** The Node-API build of LMDB for this platform and C library, as npm installed it. Throws `Error` if there is none. */
function lmdbAddonPath(): string {
  const platformPackage = `@lmdb/lmdb-${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  const folder = dirname(createRequire(require.resolve("lmdb")).resolve(platformPackage));
  const libc = process.platform === "linux" ? (usesMusl() ? ".musl" : ".glibc") : "";
  const path = join(folder, `node.napi${libc}.node`);
  if (!existsSync(path)) throw new Error(`LMDB has no prebuilt part for this platform: ${path} is missing`);
  return path;
}

/** Whether this machine's C library is musl and not glibc, told by which dynamic linker it has. */
function usesMusl(): boolean {
  const names = existsSync("/lib") ? readdirSync("/lib") : [];
  const hasGlibc =
    existsSync("/lib64/ld-linux-x86-64.so.2") || names.some((name) => name.startsWith("ld-linux-"));
  return !hasGlibc && names.some((name) => name.startsWith("ld-musl-"));
}
