/** Help pages of commands from their flag tables, laid out as the reference does. */
import type { FlagDefinition } from "./flags.ts";

const lineLengthMax = 72;
const indent = 5;
const overlongPenalty = 100_000;

/**
 * Breaks `text` into lines of at most `width` characters so that their ends differ little: the sum of the
 * squares of what is left free is least, the last line not counted. Source: the reference wraps its help so.
 */
export function wrapText(text: string, width: number): readonly string[] {
  const words = text.split(/\s+/u).filter((word) => word !== "");
  const count = words.length;
  // breakAfter[i]: where the line that begins with word i ends in the best layout of words i…
  const costs = Array.from({ length: count + 1 }, () => 0);
  const breakAfter = Array.from({ length: count + 1 }, () => count);
  for (let first = count - 1; first >= 0; first -= 1) {
    if (words.slice(first).join(" ").length <= width) continue;
    let best = Number.POSITIVE_INFINITY;
    let length = -1;
    for (let end = first + 1; end < count; end += 1) {
      length += (words[end - 1]?.length ?? 0) + 1;
      const cost = (width - length) ** 2 + (costs[end] ?? 0) + (length > width ? overlongPenalty : 0);
      if (cost >= best) continue;
      best = cost;
      breakAfter[first] = end;
    }
    // A last word that is too long by itself has no later break.
    costs[first] = best === Number.POSITIVE_INFINITY ? 0 : best;
  }
  const lines: string[] = [];
  for (let at = 0; at < count; at = breakAfter[at] ?? count) {
    lines.push(words.slice(at, breakAfter[at]).join(" "));
  }
  return lines;
}

function valueName(flag: FlagDefinition): string {
  return flag.valueName ?? "value";
}

function byName(flags: readonly FlagDefinition[]): readonly FlagDefinition[] {
  return flags.filter((flag) => flag.hidden !== true).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** One section of a help page: a title and its flags in the order of their names. */
export function renderFlagSection(title: string, flags: readonly FlagDefinition[]): string {
  const entries = byName(flags).map((flag) => {
    const head = flag.kind === "bool" ? `  -${flag.name}` : `  -${flag.name}=<${valueName(flag)}>`;
    const lines = wrapText(flag.help, lineLengthMax - indent).map((line) => " ".repeat(indent) + line);
    return [head, ...lines].join("\n");
  });
  return `${title}\n\n${entries.join("\n\n")}`;
}

/** What Go's flag package prints below the message about a bad flag. */
export function renderFlagDefaults(flags: readonly FlagDefinition[]): string {
  const entries = byName(flags).map((flag) => {
    const head = flag.kind === "bool" ? `  -${flag.name}` : `  -${flag.name} ${valueName(flag)}`;
    return `${head}\n    \t${flag.help}`;
  });
  return `Usage:\n${entries.join("\n")}\n`;
}
