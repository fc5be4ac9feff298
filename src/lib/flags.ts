/**
 * A command line as Go's `flag` package reads it.
 *
 * One or two dashes; `-name value` or `-name=value`; a boolean takes no separate value (`-dev`,
 * `-dev=false`); the first word that is no flag, or `--`, ends the flags. A repeated flag keeps every
 * value, in order. Texts are Go's, since scripts match on them.
 * Source: https://pkg.go.dev/flag; texts measured against the reference program.
 */
import { must, unreachable } from "./assert.ts";
import { ProconsulError } from "./errors.ts";
import { parseGoDuration } from "./go-duration.ts";

/** How a flag's value is read. `strings` and `map` (of `key:value`) may be given several times. */
export type FlagKind = "bool" | "int" | "float" | "duration" | "string" | "strings" | "map";

/** One flag of a command. */
export interface FlagDefinition {
  /** Without dashes. */
  readonly name: string;
  readonly kind: FlagKind;
  /** One paragraph for the help page. */
  readonly help: string;
  /** What the help page shows between `<` and `>`; "value" if absent. */
  readonly valueName?: string;
  /** Left out of the help page. */
  readonly hidden?: boolean;
}

/** A command line that is no good; the message is Go's, without the usage that follows it. */
export class FlagError extends ProconsulError {
  readonly code = "flag";
}

/** One use of a flag: its name and raw value. */
export type FlagUse = readonly [name: string, value: string];

/** A read command line: every use of a flag in order, and what came after the flags. */
export class ParsedFlags {
  /** In the order of the command line. */
  readonly uses: readonly FlagUse[];
  /** Words after the flags. */
  readonly rest: readonly string[];
  /** `-h` or `-help` was given and the command has no such flag of its own; reading stopped there. */
  readonly helpWanted: boolean;

  constructor(parts: {
    readonly uses: readonly FlagUse[];
    readonly rest: readonly string[];
    readonly helpWanted: boolean;
  }) {
    this.uses = parts.uses;
    this.rest = parts.rest;
    this.helpWanted = parts.helpWanted;
  }

  /** Names of the flags that were given, in the order of their first use. */
  given(): readonly string[] {
    return [...new Set(this.uses.map(([name]) => name))];
  }

  /** The last value, or `undefined` if the flag was not given. */
  string(name: string): string | undefined {
    return this.strings(name).at(-1);
  }

  /** Every value, in order. */
  strings(name: string): readonly string[] {
    return this.uses.filter((use) => use[0] === name).map((use) => use[1]);
  }

  /** The last value as a boolean, or `undefined` if the flag was not given. */
  bool(name: string): boolean | undefined {
    const text = this.string(name);
    return text === undefined ? undefined : parseGoBool(text);
  }

  /** The last value as a number, or `undefined` if the flag was not given. */
  number(name: string): number | undefined {
    const text = this.string(name);
    return text === undefined ? undefined : Number(text.replaceAll("_", ""));
  }

  /** The last value of a duration flag in milliseconds, or `undefined` if the flag was not given. */
  durationMs(name: string): number | undefined {
    const text = this.string(name);
    return text === undefined ? undefined : Number(parseGoDuration(text)) / 1e6;
  }

  /** All `key:value` pairs; a later one wins, a value without a colon is a key with an empty value. */
  map(name: string): Readonly<Record<string, string>> {
    const pairs = this.strings(name).map((text): readonly [string, string] => {
      const colon = text.indexOf(":");
      return colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
    });
    return Object.fromEntries(pairs);
  }
}

const goTrue: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const goFalse: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** Go's `strconv.ParseBool`; `undefined` for anything else. */
export function parseGoBool(text: string): boolean | undefined {
  if (goTrue.has(text)) return true;
  return goFalse.has(text) ? false : undefined;
}

/** What Go's reader says is wrong with `text` as a value of this kind; `undefined` if nothing. */
function valueProblem(kind: FlagKind, text: string): string | undefined {
  const quoted = JSON.stringify(text);
  switch (kind) {
    case "bool":
      return parseGoBool(text) === undefined
        ? `strconv.ParseBool: parsing ${quoted}: invalid syntax`
        : undefined;
    case "int": {
      if (!/^[+-]?\d+$/u.test(text)) return `strconv.Atoi: parsing ${quoted}: invalid syntax`;
      const big = BigInt(text.replace(/^\+/u, ""));
      return BigInt.asIntN(64, big) === big
        ? undefined
        : `strconv.Atoi: parsing ${quoted}: value out of range`;
    }
    case "float":
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/iu.test(text)
        ? undefined
        : `strconv.ParseFloat: parsing ${quoted}: invalid syntax`;
    case "duration":
      try {
        parseGoDuration(text);
        return undefined;
      } catch (error) {
        if (error instanceof ProconsulError) return error.message;
        throw error;
      }
    case "string":
    case "strings":
    case "map":
      return undefined;
    default:
      return unreachable(kind);
  }
}

/** One word of the form `-name` or `-name=value`, taken apart. */
function splitFlagWord(word: string): { readonly name: string; readonly inline?: string } {
  const body = word.slice(word.startsWith("--") ? 2 : 1);
  if (body === "" || body.startsWith("-") || body.startsWith("=")) {
    throw new FlagError(`bad flag syntax: ${word}`);
  }
  const equals = body.indexOf("=");
  return equals < 0 ? { name: body } : { name: body.slice(0, equals), inline: body.slice(equals + 1) };
}

/** What a reader of flags knows of them. */
export interface FlagReader {
  /** Whether a flag needs no separate value; `undefined` for a flag that nobody knows. */
  isBoolean(name: string): boolean | undefined;
  /** Takes one use of a flag. Throws `FlagError` for a bad value. */
  take(name: string, text: string): void;
}

/**
 * Goes through the flags of a command line and returns the words behind them; `undefined` when help was asked for with
 * a flag that `reader` does not know. Throws `FlagError` at the first bad word.
 */
export function readFlagWords(reader: FlagReader, argv: readonly string[]): readonly string[] | undefined {
  let at = 0;
  while (at < argv.length) {
    const word = argv[at] ?? "";
    if (word.length < 2 || !word.startsWith("-")) break;
    at += 1;
    if (word === "--") break;
    const { name, inline } = splitFlagWord(word);
    const isBoolean = reader.isBoolean(name);
    if (isBoolean === undefined) {
      if (name === "h" || name === "help") return undefined;
      throw new FlagError(`flag provided but not defined: -${name}`);
    }
    let text = inline ?? (isBoolean ? "true" : undefined);
    if (text === undefined) {
      text = argv[at];
      at += 1;
    }
    if (text === undefined) throw new FlagError(`flag needs an argument: -${name}`);
    reader.take(name, text);
  }
  return argv.slice(at);
}

/** A value that its flag cannot take, in Go's words. */
export function badFlagValue(
  flag: { readonly name: string; readonly isBoolean: boolean },
  text: string,
  problem: string,
): FlagError {
  const what = flag.isBoolean ? "invalid boolean value" : "invalid value";
  const where = flag.isBoolean ? `-${flag.name}` : `flag -${flag.name}`;
  return new FlagError(`${what} ${JSON.stringify(text)} for ${where}: ${problem}`);
}

/** Reads `argv` (without the program and command words). Throws `FlagError` at the first bad word. */
export function parseFlags(definitions: readonly FlagDefinition[], argv: readonly string[]): ParsedFlags {
  const byName = new Map(definitions.map((definition) => [definition.name, definition]));
  const uses: FlagUse[] = [];
  const isBoolean = (name: string): boolean | undefined => {
    const kind = byName.get(name)?.kind;
    return kind === undefined ? undefined : kind === "bool";
  };
  const take = (name: string, text: string): void => {
    const kind = must(byName.get(name), "only known flags are taken").kind;
    const problem = valueProblem(kind, text);
    if (problem !== undefined) throw badFlagValue({ name, isBoolean: kind === "bool" }, text, problem);
    uses.push([name, text]);
  };
  const rest = readFlagWords({ isBoolean, take }, argv);
  return new ParsedFlags({ uses, rest: rest ?? [], helpWanted: rest === undefined });
}
