/** Regular expressions from the command line, of which the reference takes Go's (RE2) kind. */
import { LinearRegexp } from "../lib/regexp/linear-regexp.ts";
import { CommandFailure } from "./command.ts";

/** Compiles `source`. Fails with `Failed to compile WHAT regexp: …` in Go's words. */
export function compileRegexp(source: string, what: string): LinearRegexp {
  const compiled = LinearRegexp.compile(source);
  if (compiled instanceof LinearRegexp) return compiled;
  throw new CommandFailure(`Failed to compile ${what} regexp: ${compiled.problem}`);
}
