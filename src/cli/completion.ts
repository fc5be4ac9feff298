/**
 * What may follow on a command line that is being typed.
 *
 * The shell runs the program with the line in COMP_LINE and the cursor's place in COMP_POINT (bash's
 * `complete -C`, which zsh and fish imitate) and offers the lines that it prints.
 */
import { splitCommandLine } from "./command-line.ts";
import { topFlags } from "./completion-flags.ts";
import type { CliHost } from "./host.ts";
import { loadCommand } from "./load-command.ts";
import { childrenOf, registry } from "./registry.ts";

const flagLine = /^ *-([A-Za-z][\w-]*)(?:[= ,]|$)/gmu;

/** Prints the words that may stand where the cursor is. Returns the exit code. */
export async function printCompletions(host: CliHost, line: string): Promise<number> {
  const point = Number(host.env["COMP_POINT"] ?? "");
  const typed = Number.isSafeInteger(point) && point > 0 ? cut(line, point) : line;
  for (const word of await completions(host, typed)) host.stdout.write(`${word}\n`);
  return 0;
}

/** Bash counts bytes. */
function cut(line: string, bytes: number): string {
  return new TextDecoder().decode(new TextEncoder().encode(line).subarray(0, bytes));
}

async function completions(host: CliHost, typed: string): Promise<readonly string[]> {
  // The first word is the program, under whatever name.
  const words = typed.split(/\s+/u).slice(1);
  const last = words.pop() ?? "";
  const isCommand = (name: string): boolean => registry.some((entry) => entry.name === name);
  const { name, argv } = splitCommandLine(words, isCommand);
  if (last.startsWith("-")) return flagsAfter(host, name, last);
  // Behind flags and arguments, or after a word that nobody knows, no command's word can follow.
  if (argv.length > 0 || (name !== "" && !isCommand(name))) return [];
  const next = childrenOf(name).map((entry) => entry.name.split(" ").at(-1) ?? "");
  return next.filter((word) => word.startsWith(last));
}

async function flagsAfter(host: CliHost, name: string, last: string): Promise<readonly string[]> {
  const dashes = last.startsWith("--") ? "--" : "-";
  const entry = registry.find((one) => one.name === name);
  if (name !== "" && entry === undefined) return [];
  let flags = topFlags;
  if (entry !== undefined) {
    // The help page names every flag, also those of the agent, which has a table of its own.
    const page = (await loadCommand(entry, host)).help(host.programName);
    flags = [...new Set([...page.matchAll(flagLine)].map(([, flag = ""]) => flag)), "help"].sort();
  }
  return flags.map((flag) => dashes + flag).filter((flag) => flag.startsWith(last));
}
