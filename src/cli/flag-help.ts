/**
 * Pages about flags: the long one for `-help` and the short one that follows a bad flag.
 *
 * Both have the reference's shape (sections, `-name=<word>`, 72 columns; Go's "Usage:" list), so that
 * people and completion scripts find what they look for.
 */
import type { Flag, FlagTable } from "./flag-set.ts";

const helpColumns = 72;
const helpIndent = 5;

/** Breaks text at spaces into lines of at most `columns`; a longer word keeps a line to itself. */
export function wrapText(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/u)) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}

function sorted(table: FlagTable): readonly (readonly [string, Flag<unknown>])[] {
  return Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1));
}

function renderSection(
  title: string,
  flags: readonly (readonly [string, Flag<unknown>])[],
): readonly string[] {
  if (flags.length === 0) return [];
  const lines = [title, ""];
  for (const [name, flag] of flags) {
    lines.push(flag.valueName === undefined ? `  -${name}` : `  -${name}=<${flag.valueName}>`);
    for (const line of wrapText(flag.help, helpColumns - helpIndent)) {
      lines.push(" ".repeat(helpIndent) + line);
    }
    lines.push("");
  }
  return lines;
}

/** The flags of a help page, without a line end; "" if there are none. */
export function renderFlagHelp(table: FlagTable): string {
  const flags = sorted(table);
  const lines = [
    ...renderSection(
      "HTTP API Options",
      flags.filter(([, flag]) => flag.section === "http"),
    ),
    ...renderSection(
      "Command Options",
      flags.filter(([, flag]) => flag.section === "command"),
    ),
  ];
  return lines.join("\n").trimEnd();
}

/** The list that Go prints after a bad flag, with a line end. */
export function renderFlagUsage(table: FlagTable): string {
  let text = "Usage:\n";
  for (const [name, flag] of sorted(table)) {
    // Go shows no value for its own switches, but does for those that may be absent.
    const word = flag.valueName === undefined ? "" : ` ${flag.valueName}`;
    const head = `  -${name}${word}`;
    const tail = flag.defaultText === undefined ? "" : ` (default ${flag.defaultText})`;
    text += `${head}${head.length <= 4 ? "\t" : "\n    \t"}${flag.help}${tail}\n`;
  }
  return text;
}
