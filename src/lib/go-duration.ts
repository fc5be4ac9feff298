/**
 * Durations as Go writes and reads them: "1h30m", "200ms", "-1.5s", "0s".
 *
 * Source: https://pkg.go.dev/time#ParseDuration and Duration.String; texts measured against the
 * reference program. Values are whole nanoseconds in a `bigint`: 2⁵³ ns is only 104 days.
 */
import { DecodeError } from "./errors.ts";

const unitNs: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n, // U+00B5, micro sign
  μs: 1_000n, // U+03BC, Greek mu
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const nsMax = (1n << 63n) - 1n;
const termPattern = /^(\d*)(?:(\.)(\d*))?([^\d.]*)/u;

/** Nanoseconds of `text`. Throws `DecodeError` with Go's text (`time: invalid duration "x"`). */
export function parseGoDuration(text: string): bigint {
  const invalid = (): DecodeError => new DecodeError(`time: invalid duration ${JSON.stringify(text)}`);
  const signed = /^[+-]/u.test(text);
  let rest = signed ? text.slice(1) : text;
  if (rest === "0") return 0n;
  if (rest === "") throw invalid();
  let totalNs = 0n;
  while (rest !== "") {
    const [whole, int = "", dot = "", fraction = "", unit = ""] = termPattern.exec(rest) ?? [""];
    if (int === "" && fraction === "") throw invalid();
    if (unit === "") {
      // "1.2.3s" breaks on the second dot, "10" on the missing unit; Go tells both the same way.
      throw new DecodeError(`time: missing unit in duration ${JSON.stringify(text)}`);
    }
    const perUnit = unitNs[unit];
    if (perUnit === undefined) {
      const quoted = JSON.stringify(unit);
      throw new DecodeError(`time: unknown unit ${quoted} in duration ${JSON.stringify(text)}`);
    }
    totalNs += BigInt(int === "" ? "0" : int) * perUnit;
    // Go keeps 18 digits of a fraction; the rest is below a nanosecond of an hour.
    const digits = dot === "" ? "" : fraction.slice(0, 18);
    if (digits !== "") totalNs += (BigInt(digits) * perUnit) / 10n ** BigInt(digits.length);
    if (totalNs > nsMax) throw invalid();
    rest = rest.slice(whole.length);
  }
  return text.startsWith("-") ? -totalNs : totalNs;
}

/** `text` in milliseconds, with a fraction where the text has one. Throws `DecodeError`. */
export function parseGoDurationMs(text: string): number {
  return Number(parseGoDuration(text)) / 1e6;
}

function withFraction(ns: bigint, perUnit: bigint): string {
  const whole = ns / perUnit;
  const digits = String(perUnit).length - 1;
  const fraction = String(ns % perUnit)
    .padStart(digits, "0")
    .replace(/0+$/u, "");
  return fraction === "" ? String(whole) : `${whole}.${fraction}`;
}

/** Go's `Duration.String`: "1h30m0s", "1.5s", "200ms", "0s". */
export function renderGoDuration(ns: bigint): string {
  if (ns === 0n) return "0s";
  if (ns < 0n) return `-${renderGoDuration(-ns)}`;
  if (ns < 1_000n) return `${ns}ns`;
  if (ns < 1_000_000n) return `${withFraction(ns, 1_000n)}µs`;
  if (ns < 1_000_000_000n) return `${withFraction(ns, 1_000_000n)}ms`;
  const hours = ns / 3_600_000_000_000n;
  const minutes = (ns / 60_000_000_000n) % 60n;
  const seconds = `${withFraction(ns % 60_000_000_000n, 1_000_000_000n)}s`;
  if (hours > 0n) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0n ? `${minutes}m${seconds}` : seconds;
}

/** Go's text of a duration given in milliseconds; below a nanosecond it is rounded. */
export function renderGoDurationMs(ms: number): string {
  return renderGoDuration(BigInt(Math.round(ms * 1e6)));
}
