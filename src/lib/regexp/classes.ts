/** Sets of code points: ranges, named classes, Unicode properties, and how case is ignored. */
import { RegexpRefusal, type CodePointSet } from "./syntax.ts";

type Ranges = readonly (readonly [from: number, to: number])[];

/** A set of code points in ranges that include their ends. */
export function ranges(...some: Ranges): CodePointSet {
  return (codePoint) => some.some(([from, to]) => codePoint >= from && codePoint <= to);
}

export function not(set: CodePointSet): CodePointSet {
  return (codePoint) => !set(codePoint);
}

export function union(sets: readonly CodePointSet[]): CodePointSet {
  return (codePoint) => sets.some((set) => set(codePoint));
}

/** The same set, whatever the case. */
export function foldCase(set: CodePointSet): CodePointSet {
  return (codePoint) => {
    if (set(codePoint)) return true;
    const text = String.fromCodePoint(codePoint);
    return [text.toLowerCase(), text.toUpperCase()].some((other) => {
      const folded = other.codePointAt(0) ?? codePoint;
      return folded !== codePoint && String.fromCodePoint(folded) === other && set(folded);
    });
  };
}

const between = (from: string, to: string): readonly [number, number] => [
  from.charCodeAt(0),
  to.charCodeAt(0),
];
const digit = ranges(between("0", "9"));
const lower = ranges(between("a", "z"));
const upper = ranges(between("A", "Z"));
const alpha = union([lower, upper]);
const blanks = ranges([9, 10], [12, 13], [32, 32]);

/** `\w`: ASCII only, as RE2 has it. */
export const word: CodePointSet = union([alpha, digit, ranges(between("_", "_"))]);

/** By the letter of `\d`, `\D` and so on. */
export const perlClasses: Readonly<Record<string, CodePointSet>> = {
  d: digit,
  D: not(digit),
  s: blanks,
  S: not(blanks),
  w: word,
  W: not(word),
};

const posixClasses: Readonly<Record<string, CodePointSet>> = {
  alnum: union([alpha, digit]),
  alpha,
  ascii: ranges([0, 0x7f]),
  blank: ranges([9, 9], [32, 32]),
  cntrl: ranges([0, 0x1f], [0x7f, 0x7f]),
  digit,
  graph: ranges(between("!", "~")),
  lower,
  print: ranges(between(" ", "~")),
  punct: ranges(between("!", "/"), between(":", "@"), between("[", "`"), between("{", "~")),
  space: ranges([9, 13], [32, 32]),
  upper,
  word,
  xdigit: union([digit, ranges(between("a", "f"), between("A", "F"))]),
};

/** `[:alpha:]` and, negated, `[:^alpha:]`; `source` is the whole of it, for the error. */
export function posixClass(name: string, source: string): CodePointSet {
  const isNegated = name.startsWith("^");
  const bare = isNegated ? name.slice(1) : name;
  const set = Object.hasOwn(posixClasses, bare) ? posixClasses[bare] : undefined;
  if (set === undefined) throw new RegexpRefusal(`invalid character class range: \`${source}\``);
  return isNegated ? not(set) : set;
}

/** A Unicode category (`L`, `Lu`) or script (`Greek`); `source` is the whole of it, for the error. */
export function unicodeClass(name: string, source: string): CodePointSet {
  if (name === "Any") return () => true;
  const property = name.length <= 2 ? `gc=${name}` : `sc=${name}`;
  try {
    // One code point is tested at a time, so that nothing can backtrack.
    const regexp = new RegExp(`^\\p{${property}}$`, "u");
    return (codePoint) => regexp.test(String.fromCodePoint(codePoint));
  } catch (error) {
    if (error instanceof SyntaxError) throw new RegexpRefusal(`invalid character class range: \`${source}\``);
    throw error;
  }
}
