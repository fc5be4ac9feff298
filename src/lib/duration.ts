/**
 * Durations as Go writes them: `1h30m`, `250ms`, `1.5s`; in numbers, nanoseconds.
 *
 * Source: time.ParseDuration and Duration.String.
 */
const unitNs: ReadonlyMap<string, number> = new Map([
  ["ns", 1],
  ["us", 1e3],
  ["µs", 1e3],
  ["μs", 1e3],
  ["ms", 1e6],
  ["s", 1e9],
  ["m", 60e9],
  ["h", 3600e9],
]);
const whole = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/u;
const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gu;

/** One second in nanoseconds. */
export const secondNs = 1e9;
/** One millisecond in nanoseconds. */
export const millisecondNs = 1e6;
/** Go durations are 64-bit: text beyond ±292 years is no duration. */
const durationNsMax = 2 ** 63;

/** Nanoseconds, or `undefined` if `text` is no Go duration. "0" needs no unit. */
export function parseDuration(text: string): number | undefined {
  if (text === "0" || text === "+0" || text === "-0") return 0;
  if (!whole.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(part)) total += Number(amount) * (unitNs.get(unit ?? "") ?? 0);
  if (total >= durationNsMax) return undefined;
  return text.startsWith("-") ? -Math.trunc(total) : Math.trunc(total);
}

/** Go's text of a duration in nanoseconds. */
export function renderDuration(ns: number): string {
  if (ns === 0) return "0s";
  const sign = ns < 0 ? "-" : "";
  const size = Math.abs(ns);
  if (size < 1e3) return `${sign}${size}ns`;
  if (size < 1e6) return `${sign}${trimmed(size, 1e3)}µs`;
  if (size < 1e9) return `${sign}${trimmed(size, 1e6)}ms`;
  const hours = Math.floor(size / 3600e9);
  const minutes = Math.floor((size % 3600e9) / 60e9);
  const seconds = `${trimmed(size % 60e9, 1e9)}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

function trimmed(ns: number, unit: number): string {
  const rest = Math.round(ns % unit);
  const digits = String(unit).length - 1;
  const fraction = String(rest).padStart(digits, "0").replace(/0+$/, "");
  return fraction === "" ? String(Math.floor(ns / unit)) : `${Math.floor(ns / unit)}.${fraction}`;
}
