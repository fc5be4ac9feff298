/**
 * Registrations in the data directory: `services`, `checks` and `checks/state`, one JSON file each.
 *
 * A file's name is the SHA-256 of the id, as the reference has it, so that a data directory can change hands.
 * Files are written aside, flushed and renamed.
 */
import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AgentFileKind, AgentFiles } from "../agent/files.ts";

const asideSuffix = ".tmp";

/** Files below `dataDir`; folders are made when first needed. */
export function openAgentFiles(dataDir: string): AgentFiles {
  const folderOf = (kind: AgentFileKind): string => join(dataDir, kind);
  const pathOf = (kind: AgentFileKind, id: string): string =>
    join(folderOf(kind), createHash("sha256").update(id).digest("hex"));
  let asideCount = 0;
  return {
    async list(kind) {
      const entries = await orMissing(readdir(folderOf(kind), { withFileTypes: true }));
      const files = (entries ?? []).filter((entry) => entry.isFile() && !entry.name.endsWith(asideSuffix));
      const texts = await Promise.all(
        files.map((file) => orMissing(readFile(join(folderOf(kind), file.name), "utf8"))),
      );
      return texts.filter((text) => text !== undefined);
    },
    read: (kind, id) => orMissing(readFile(pathOf(kind, id), "utf8")),
    async write(kind, id, text) {
      await mkdir(folderOf(kind), { recursive: true, mode: 0o700 });
      const path = pathOf(kind, id);
      asideCount += 1;
      const aside = `${path}.${asideCount}${asideSuffix}`;
      const file = await open(aside, "w", 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(aside, path);
    },
    remove: (kind, id) => rm(pathOf(kind, id), { force: true }),
  };
}

/** `undefined` for what does not exist; other failures pass on. */
async function orMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
