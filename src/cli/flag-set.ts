/**
 * Flags of a command as a table, and a reader for it.
 *
 * Words are split as Go's `flag` package does: one or two dashes, `-name value` or `-name=value`, a
 * boolean takes no separate value, the first word that is no flag, or `--`, ends the flags. Error
 * texts are Go's, since scripts match on them. Each row yields the value's type, its default, its
 * line in the help page and its reader, so none is written twice.
 * Source: https://pkg.go.dev/flag; texts measured against the reference program.
 */
import { must } from "../lib/assert.ts";
import { ProconsulError } from "../lib/errors.ts";
import { badFlagValue, FlagError, parseGoBool, readFlagWords } from "../lib/flags.ts";
import { parseGoDuration, renderGoDuration } from "../lib/go-duration.ts";

/** Result of reading one value. */
export type FlagReading<Value> =
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "problem"; readonly problem: string };

/** One flag. */
export interface Flag<Value> {
  readonly help: string;
  /** Word shown for the value: `-name=<word>`; `undefined` for a boolean. */
  readonly valueName: string | undefined;
  /** Which part of the help page lists it. */
  readonly section: "http" | "command";
  /** Default as the short usage shows it; `undefined` for a zero value, which is not shown. */
  readonly defaultText: string | undefined;
  /** Needs no value: `-x` means `-x=true`. */
  readonly isBoolean: boolean;
  readonly initial: Value;
  /** Reads one occurrence; `previous` is the value so far, for flags that may be repeated. */
  read(text: string, previous: Value): FlagReading<Value>;
}

/** Flags by name, without dashes. */
export type FlagTable = Readonly<Record<string, Flag<unknown>>>;

/** What a table reads: one field for each flag. */
export type FlagValues<Table extends FlagTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Flag<infer Value> ? Value : never;
};

function value<Value>(read: Value): FlagReading<Value> {
  return { kind: "value", value: read };
}

function problem(text: string): { readonly kind: "problem"; readonly problem: string } {
  return { kind: "problem", problem: text };
}

const base = { section: "command", defaultText: undefined, isBoolean: false } as const;

/** A switch, off unless given or `initial` says otherwise. */
export function boolFlag(help: string, initial = false): Flag<boolean> {
  return {
    ...base,
    help,
    valueName: undefined,
    defaultText: initial ? "true" : undefined,
    isBoolean: true,
    initial,
    read: (text) => {
      const read = parseGoBool(text);
      return read === undefined ? problem("parse error") : value(read);
    },
  };
}

/** A text with a default. `valueName` is the word shown for it. */
export function stringFlag(
  help: string,
  options: { readonly initial?: string; readonly valueName?: string } = {},
): Flag<string> {
  const initial = options.initial ?? "";
  return {
    ...base,
    help,
    valueName: options.valueName ?? "string",
    defaultText: initial === "" ? undefined : JSON.stringify(initial),
    initial,
    read: value,
  };
}

/** A text that may be absent. */
export function optionalStringFlag(help: string, valueName = "value"): Flag<string | undefined> {
  return { ...base, help, valueName, initial: undefined, read: (text) => value<string | undefined>(text) };
}

/** A switch that may be absent, so that "off" can be told from "not given". */
export function optionalBoolFlag(help: string, valueName?: string): Flag<boolean | undefined> {
  return {
    ...base,
    help,
    valueName,
    isBoolean: true,
    initial: undefined,
    read: (text) => {
      const read = parseGoBool(text);
      if (read !== undefined) return value<boolean | undefined>(read);
      return problem(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
    },
  };
}

const uint64Max = (1n << 64n) - 1n;

function readInteger(text: string, range: { readonly min: bigint; readonly max: bigint }): bigint | string {
  if (!/^[+-]?(?:\d+|0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+)$/u.test(text)) return "parse error";
  const negative = text.startsWith("-");
  const digits = text.replace(/^[+-]/u, "");
  // Go reads a leading zero as octal.
  const octal = /^0[0-7]+$/u.test(digits) ? `0o${digits.slice(1)}` : digits;
  const read = negative ? -BigInt(octal) : BigInt(octal);
  return read < range.min || read > range.max ? "value out of range" : read;
}

/** An unsigned 64-bit number; 0 unless given. */
export function uintFlag(help: string): Flag<bigint> {
  return {
    ...base,
    help,
    valueName: "uint",
    initial: 0n,
    read: (text) => {
      if (/^[+-]/u.test(text)) return problem("parse error");
      const read = readInteger(text, { min: 0n, max: uint64Max });
      return typeof read === "string" ? problem(read) : value(read);
    },
  };
}

/** A signed number. */
export function intFlag(help: string, initial = 0): Flag<number> {
  return {
    ...base,
    help,
    valueName: "int",
    defaultText: initial === 0 ? undefined : String(initial),
    initial,
    read: (text) => {
      const range = { min: BigInt(Number.MIN_SAFE_INTEGER), max: BigInt(Number.MAX_SAFE_INTEGER) };
      const read = readInteger(text, range);
      return typeof read === "string" ? problem(read) : value(Number(read));
    },
  };
}

/** An unsigned number that may be absent. */
export function optionalUintFlag(help: string): Flag<number | undefined> {
  return {
    ...base,
    help,
    valueName: "value",
    initial: undefined,
    read: (text) => {
      const quoted = JSON.stringify(text);
      if (!/^\d+$/u.test(text)) return problem(`strconv.ParseUint: parsing ${quoted}: invalid syntax`);
      const read = Number(text);
      if (Number.isSafeInteger(read)) return value<number | undefined>(read);
      return problem(`strconv.ParseUint: parsing ${quoted}: value out of range`);
    },
  };
}

/** A duration in Go's form that may be absent; in nanoseconds. */
export function optionalDurationFlag(help: string, valueName = "value"): Flag<bigint | undefined> {
  return {
    ...base,
    help,
    valueName,
    initial: undefined,
    read: (text) => {
      try {
        return value<bigint | undefined>(parseGoDuration(text));
      } catch (error) {
        if (error instanceof ProconsulError) return problem(error.message);
        throw error;
      }
    },
  };
}

/** A duration in Go's form; in nanoseconds. `initialNs` unless given. */
export function durationFlag(help: string, initialNs: bigint): Flag<bigint> {
  return {
    ...base,
    help,
    valueName: "duration",
    defaultText: initialNs === 0n ? undefined : renderGoDuration(initialNs),
    initial: initialNs,
    read: (text) => {
      try {
        return value(parseGoDuration(text));
      } catch (error) {
        // What Go's flag package makes of every failure of a duration.
        if (error instanceof ProconsulError) return problem("parse error");
        throw error;
      }
    },
  };
}

/** A text that may be given several times. */
export function listFlag(help: string): Flag<readonly string[]> {
  return {
    ...base,
    help,
    valueName: "value",
    initial: [],
    read: (text, previous) => value([...previous, text]),
  };
}

/** A `key=value` pair that may be given several times; a later one wins. */
export function mapFlag(help: string, valueName = "value"): Flag<Readonly<Record<string, string>>> {
  return {
    ...base,
    help,
    valueName,
    initial: {},
    read: (text, previous) => {
      const equals = text.indexOf("=");
      if (equals < 0) return problem(`Missing "=" value in argument: ${text}`);
      return value({ ...previous, [text.slice(0, equals)]: text.slice(equals + 1) });
    },
  };
}

/** The same flag, listed among the HTTP options. */
export function httpSection<Value>(flag: Flag<Value>): Flag<Value> {
  return { ...flag, section: "http" };
}

/**
 * Reads `argv` (without program and command words). `rest` is what follows the flags. Throws `FlagError` at the first
 * bad word; help is not asked for here, so that its flags are unknown ones.
 */
export function readFlags<Table extends FlagTable>(
  table: Table,
  argv: readonly string[],
): { readonly values: FlagValues<Table>; readonly rest: readonly string[] } {
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(table)) values[name] = flag.initial;
  const flagOf = (name: string): Flag<unknown> | undefined =>
    Object.hasOwn(table, name) ? table[name] : undefined;
  const take = (name: string, text: string): void => {
    const flag = must(flagOf(name), "only known flags are taken");
    const reading = flag.read(text, values[name]);
    if (reading.kind === "problem") {
      throw badFlagValue({ name, isBoolean: flag.isBoolean }, text, reading.problem);
    }
    values[name] = reading.value;
  };
  const rest = readFlagWords({ isBoolean: (name) => flagOf(name)?.isBoolean, take }, argv);
  if (rest === undefined) throw new FlagError("flag: help requested");
  return { values: values as FlagValues<Table>, rest };
}
