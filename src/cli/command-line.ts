/**
 * Splits a command line into the command's words and what belongs to it.
 *
 * `-h`, `-help` or `--help` anywhere before `--` asks for help, also behind a child command's words;
 * `-v`, `-version`, `--version` count only before the first word; the command is the longest sequence
 * of words that names one. Source: measured against the reference program, whose library does so.
 */

/** A command line, taken apart. */
export interface CommandLine {
  /** Longest known sequence of words, or the first word if none is known; "" without any. */
  readonly name: string;
  /** What follows those words. */
  readonly argv: readonly string[];
  readonly helpWanted: boolean;
  readonly versionWanted: boolean;
  /** Flags before the first word; the program has none but help and version. */
  readonly strayFlags: readonly string[];
}

const helpWords: ReadonlySet<string> = new Set(["-h", "-help", "--help"]);
const versionWords: ReadonlySet<string> = new Set(["-v", "-version", "--version"]);

function longestName(words: readonly string[], isKnown: (name: string) => boolean): readonly string[] {
  for (let count = words.length; count > 0; count -= 1) {
    const candidate = words.slice(0, count);
    if (isKnown(candidate.join(" "))) return candidate;
  }
  return words.slice(0, 1);
}

/** Splits `argv`, which starts after the program's name. `isKnown` tells the names of commands. */
export function splitCommandLine(argv: readonly string[], isKnown: (name: string) => boolean): CommandLine {
  const end = argv.indexOf("--");
  const flagged = end < 0 ? argv : argv.slice(0, end);
  const first = flagged.findIndex((word) => word !== "" && !word.startsWith("-"));
  const lead = first < 0 ? flagged : argv.slice(0, first);
  const words: string[] = [];
  for (const word of first < 0 ? [] : argv.slice(first)) {
    // A word with a blank, an empty word or a flag is an argument, never part of a command's name.
    if (word === "" || word.includes(" ") || word.startsWith("-")) break;
    words.push(word);
  }
  const name = longestName(words, isKnown);
  return {
    name: name.join(" "),
    argv: first < 0 ? [] : argv.slice(first + name.length),
    helpWanted: flagged.some((word) => helpWords.has(word)),
    versionWanted: lead.some((word) => versionWords.has(word)),
    strayFlags: lead.filter(
      (word) => word.startsWith("-") && !helpWords.has(word) && !versionWords.has(word),
    ),
  };
}
