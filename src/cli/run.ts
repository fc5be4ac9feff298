/**
 * The command line's entry: finds the command, prints help where asked or needed, runs it.
 *
 * Exit codes are the reference's: 127 without a known command, 0 for help that was asked for, 1 for
 * help that a mistake led to, else the command's own.
 */
import { ProconsulError } from "../lib/errors.ts";
import { splitCommandLine } from "./command-line.ts";
import { installFlag, uninstallFlag } from "./completion-flags.ts";
import type { CliHost } from "./host.ts";
import { loadCommand } from "./load-command.ts";
import { childrenOf, registry, type RegistryEntry } from "./registry.ts";

function renderEntries(entries: readonly RegistryEntry[]): string {
  const rows = entries.map((entry) => [entry.name.split(" ").at(-1) ?? "", entry.synopsis] as const);
  const width = Math.max(0, ...rows.map(([word]) => word.length));
  return rows.map(([word, synopsis]) => `    ${word.padEnd(width)}    ${synopsis}\n`).join("");
}

/** The page that lists commands below `parent` ("" for all), with a line end. */
function renderOverview(programName: string, parent: string): string {
  const usage = `Usage: ${programName} [--version] [--help] <command> [<args>]`;
  return `${usage}\n\nAvailable commands are:\n${renderEntries(childrenOf(parent))}\n`;
}

function renderPage(page: string, name: string): string {
  const children = childrenOf(name);
  return children.length === 0 ? `${page}\n` : `${page}\n\nSubcommands:\n${renderEntries(children)}`;
}

/**
 * Runs one command line and returns the exit code. `argv` starts after the program's name. Rejects
 * only on a bug: failures that the world or the user caused are told on standard error.
 */
export async function runCli(argv: readonly string[], host: CliHost): Promise<number> {
  const exitCode = await runLine(argv, host);
  // The caller may end the process at once: what was printed must be out by then.
  await host.flush();
  return exitCode;
}

async function runLine(argv: readonly string[], host: CliHost): Promise<number> {
  // A shell asks for the words that may follow; then nothing else is meant.
  const typed = host.env["COMP_LINE"];
  if (typed !== undefined && typed !== "") {
    const { printCompletions } = await import("./completion.ts");
    return printCompletions(host, typed);
  }
  const line = splitCommandLine(argv, (name) => registry.some((entry) => entry.name === name));
  if (line.versionWanted) return (await import("./commands/version.ts")).versionCommand.run([], host);
  if (line.name === "" && line.helpWanted) {
    host.stdout.write(renderOverview(host.programName, ""));
    return 0;
  }
  if (line.name === "") {
    const wanted = (name: string): boolean =>
      line.strayFlags.some((flag) => flag.replace(/^--?/u, "") === name);
    const install = wanted(installFlag);
    const uninstall = wanted(uninstallFlag);
    if (install || uninstall) {
      const { changeCompletion } = await import("./completion-install.ts");
      return changeCompletion(host, { install, uninstall });
    }
  }
  const entry = registry.find((one) => one.name === line.name);
  if (entry === undefined) {
    host.stderr.write(renderOverview(host.programName, ""));
    return 127;
  }
  const command = await loadCommand(entry, host);
  const page = (): string => renderPage(command.help(host.programName), entry.name);
  if (line.helpWanted) {
    host.stdout.write(page());
    return 0;
  }
  if (line.strayFlags.length > 0) {
    host.stderr.write(
      `Invalid flags before the subcommand. If these flags are for\nthe subcommand, please put them after the subcommand.\n\n${page()}`,
    );
    return 1;
  }
  if (command.helpOnly) {
    host.stderr.write(page());
    return 1;
  }
  try {
    return await command.run(line.argv, host);
  } catch (error) {
    // A failure that no command foresaw still has a public text; anything else is a bug.
    if (!(error instanceof ProconsulError)) throw error;
    host.stderr.write(`Error: ${error.message}\n`);
    return 1;
  }
}
