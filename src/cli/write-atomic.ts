/** Files that are there whole or not at all: written aside, synced, and then given their name. */
import type { CliHost, WriteOptions } from "./host.ts";

const suffixBytes = 8;

/** Writes `text` to `path` and makes the folders that it lies in. Rejects with `FileError`. */
export async function writeAtomic(
  host: Pick<CliHost, "files" | "randomBytes">,
  path: string,
  { text, mode }: WriteOptions & { readonly text: string },
): Promise<void> {
  const suffix = [...host.randomBytes(suffixBytes)]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  const aside = `${path}-${suffix}.tmp`;
  const slash = path.lastIndexOf("/");
  if (slash > 0) await host.files.makeFolder(path.slice(0, slash));
  try {
    await host.files.write(aside, once(text), { mode });
    await host.files.rename(aside, path);
  } catch (error) {
    await host.files.remove(aside);
    throw error;
  }
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}
