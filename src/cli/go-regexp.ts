/** Regular expressions from the command line, of which the reference takes Go's (RE2) kind. */
import { CommandFailure } from "./command.ts";

/**
 * Compiles `source`; a leading group of flags such as `(?i)` is understood. Fails with
 * `Failed to compile WHAT regexp: …`. What RE2 refuses but JavaScript takes (look-around, references)
 * is let through: the agent compiles filters again and says so.
 */
export function compileRegexp(source: string, what: string): RegExp {
  const flagged = /^\(\?([ims]+)\)/u.exec(source);
  const body = flagged === null ? source : source.slice(flagged[0].length);
  try {
    return new RegExp(body, flagged?.[1] ?? "");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(`Failed to compile ${what} regexp: error parsing regexp: ${why}`);
  }
}
