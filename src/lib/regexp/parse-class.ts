/** Classes in brackets: `[a-z_\d[:alpha:]]`. */
import { foldCase, not, posixClass, ranges, union } from "./classes.ts";
import type { Cursor } from "./cursor.ts";
import { escapedCodePoint, escapedSet } from "./parse-escape.ts";
import { RegexpRefusal, type CodePointSet } from "./syntax.ts";

/** The members of a class whose bracket at `start` was just taken. `fold` makes a set ignore case. */
export function classMembers(cursor: Cursor, start: number, fold: typeof foldCase): CodePointSet {
  const isNegated = cursor.takeIf("^");
  const sets: CodePointSet[] = [];
  for (let isFirst = true; isFirst || !cursor.takeIf("]"); isFirst = false) {
    if (cursor.atEnd) throw new RegexpRefusal(`missing closing ]: \`${cursor.source.slice(start)}\``);
    sets.push(member(cursor));
  }
  const set = fold(union(sets));
  return isNegated ? not(set) : set;
}

function member(cursor: Cursor): CodePointSet {
  const named = cursor.match(/\[:(\^?\w*):\]/y);
  if (named !== undefined) return posixClass(named[1] ?? "", named[0]);
  if (cursor.sees("\\") && /[dDsSwWpP]/.test(cursor.peek(1))) return escapedSet(cursor);
  const start = cursor.at;
  const from = codePoint(cursor);
  if (!cursor.sees("-") || cursor.peek(1) === "]" || cursor.peek(1) === "") return ranges([from, from]);
  cursor.skip(1);
  const to = codePoint(cursor);
  if (to < from)
    throw new RegexpRefusal(`invalid character class range: \`${cursor.source.slice(start, cursor.at)}\``);
  return ranges([from, to]);
}

function codePoint(cursor: Cursor): number {
  return cursor.sees("\\") ? escapedCodePoint(cursor) : (cursor.next().codePointAt(0) ?? 0);
}
