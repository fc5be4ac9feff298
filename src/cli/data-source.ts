/** Arguments that may name their content: `@file`, `-` for standard input, or the text itself. */
import { FileError } from "../lib/file-error.ts";
import { CommandFailure } from "./command.ts";
import type { CliHost } from "./host.ts";

/**
 * The content that `argument` stands for. Fails with the reference's "Failed to read file", with
 * `prefix` in front.
 */
export async function loadDataSource(host: CliHost, argument: string, prefix: string): Promise<Uint8Array> {
  if (argument === "-") return host.readStdin();
  if (!argument.startsWith("@")) return new TextEncoder().encode(argument);
  try {
    return await host.files.read(argument.slice(1));
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new CommandFailure(`${prefix}Failed to read file: ${error.message}`);
  }
}
