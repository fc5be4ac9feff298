/**
 * A command is a value: how it is called, what it is for, its flags, and what it does. Help, usage
 * after a mistake, and the check of the command line derive from it.
 */
import { unreachable } from "../lib/assert.ts";
import { ProconsulError } from "../lib/errors.ts";
import { FlagError } from "../lib/flags.ts";
import { renderFlagHelp, renderFlagUsage } from "./flag-help.ts";
import { readFlags, type FlagTable, type FlagValues } from "./flag-set.ts";
import type { CliHost } from "./host.ts";

/** Ends a command: `message` goes to standard error, `exitCode` to the shell. */
export class CommandFailure extends ProconsulError {
  readonly code = "command";
  readonly exitCode: number;
  /** Where the command's help page follows; nowhere if absent. */
  readonly helpTo: "stdout" | "stderr" | undefined;

  constructor(
    message: string,
    options: { readonly helpTo?: "stdout" | "stderr"; readonly exitCode?: number } = {},
  ) {
    super(message);
    this.exitCode = options.exitCode ?? 1;
    this.helpTo = options.helpTo;
  }
}

/** What a running command has at hand. */
export interface CommandContext<Table extends FlagTable = FlagTable> {
  readonly host: CliHost;
  readonly flags: FlagValues<Table>;
  /** Words after the flags. */
  readonly args: readonly string[];
  /** One line to standard output. */
  out(line: string): void;
  /** One line to standard error. */
  err(line: string): void;
  /** What to do when the command is over, whatever its outcome; last in, first out. */
  defer(fn: () => void): void;
}

/** How a command is told to the framework. */
export interface CommandDefinition<Table extends FlagTable> {
  /** What follows the program's name on the Usage line, such as "kv get [options] KEY". */
  readonly usage: string;
  /** The help page between the Usage line and the flags; `{program}` is the program's name. */
  readonly about: string;
  readonly flags: Table;
  /** A line that follows the usage after a bad flag; none if absent. */
  readonly flagErrorLine?: (message: string) => string;
  /** Returns the exit code. Rejects with `CommandFailure`. */
  readonly run: (context: CommandContext<Table>) => Promise<number>;
}

/** A command, ready to run. */
export interface Command {
  /** There is nothing to run: the words only lead to further words. */
  readonly helpOnly: boolean;
  /** The help page, without a line end. */
  help(programName: string): string;
  /** Runs with what follows the command's words. Returns the exit code. */
  run(argv: readonly string[], host: CliHost): Promise<number>;
}

/** The help page of a command, without a line end. */
export function renderHelp(
  page: { readonly usage: string; readonly about: string; readonly flags: FlagTable },
  programName: string,
): string {
  const about = page.about.trim().replaceAll("{program}", programName);
  const indented = about.replace(/^(?=.)/gmu, "  ");
  const parts = [`Usage: ${programName} ${page.usage}`, indented, renderFlagHelp(page.flags)];
  return parts.filter((part) => part !== "").join("\n\n");
}

/** Turns a definition into a command. */
export function defineCommand<Table extends FlagTable>(definition: CommandDefinition<Table>): Command {
  const help = (programName: string): string => renderHelp(definition, programName);
  return {
    helpOnly: false,
    help,
    run: async (argv, host) => {
      const err = (line: string): void => host.stderr.write(`${line}\n`);
      let read: ReturnType<typeof readFlags<Table>>;
      try {
        read = readFlags(definition.flags, argv);
      } catch (error) {
        if (!(error instanceof FlagError)) throw error;
        host.stderr.write(`${error.message}\n${renderFlagUsage(definition.flags)}`);
        if (definition.flagErrorLine !== undefined) err(definition.flagErrorLine(error.message));
        return 1;
      }
      const deferred: (() => void)[] = [];
      try {
        return await definition.run({
          host,
          flags: read.values,
          args: read.rest,
          out: (line) => host.stdout.write(`${line}\n`),
          err,
          defer: (fn) => void deferred.push(fn),
        });
      } catch (error) {
        if (!(error instanceof CommandFailure)) throw error;
        err(error.message);
        if (error.helpTo === "stderr") err(`\n${help(host.programName)}`);
        if (error.helpTo === "stdout") host.stdout.write(`${help(host.programName)}\n`);
        return error.exitCode;
      } finally {
        for (const fn of deferred.reverse()) fn();
      }
    },
  };
}

/** The result of `work`; a failure that has a public text ends the command with `explain(text)`. */
export async function orFail<Value>(
  work: Promise<Value>,
  explain: (reason: string) => string,
): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ProconsulError && !(error instanceof CommandFailure)) {
      throw new CommandFailure(explain(error.message));
    }
    throw error;
  }
}

/** How many words a command takes after its flags. */
export type Arity = "none" | "at-most-one" | "one";

/**
 * The word after the flags, "" where none is needed and none was given. Fails with the reference's
 * sentences; `name` is how they call the word.
 */
export function takeArgument(args: readonly string[], arity: Arity, name = "KEY"): string {
  const count = args.length;
  switch (arity) {
    case "none":
      if (count > 0) throw new CommandFailure(`Too many arguments (expected 0, got ${count})`);
      return "";
    case "one":
      if (count === 0) throw new CommandFailure(`Missing ${name} argument`);
      break;
    case "at-most-one":
      break;
    default:
      return unreachable(arity);
  }
  if (count > 1) throw new CommandFailure(`Too many arguments (expected 1, got ${count})`);
  return args[0] ?? "";
}
