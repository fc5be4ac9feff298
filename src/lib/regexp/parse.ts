/**
 * Go's syntax of regular expressions (RE2), read into a tree.
 *
 * Source: https://github.com/google/re2/wiki/Syntax, as Go's `regexp.Compile` takes it; error texts are Go's.
 */
import { classMembers } from "./parse-class.ts";
import { Cursor } from "./cursor.ts";
import { escapedSet } from "./parse-escape.ts";
import { foldCase, not, ranges } from "./classes.ts";
import { RegexpRefusal, type Assertion, type RegexpNode } from "./syntax.ts";

interface Flags {
  readonly ignoreCase: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
  /** Repetition prefers few, and a question mark behind it many. */
  readonly ungreedy: boolean;
}

const repeatMax = 1000;
const depthMax = 250;
const newline = ranges([10, 10]);
const assertions: Readonly<Record<string, Assertion>> = {
  A: "textStart",
  z: "textEnd",
  b: "wordBoundary",
  B: "noWordBoundary",
};

/** Throws `RegexpRefusal`. */
export function parseRegexp(source: string): RegexpNode {
  const parser = new Parser(source);
  return parser.whole();
}

class Parser {
  readonly #cursor: Cursor;
  #flags: Flags = { ignoreCase: false, multiLine: false, dotAll: false, ungreedy: false };
  #depth = 0;
  #groupCount = 0;

  constructor(source: string) {
    this.#cursor = new Cursor(source);
  }

  whole(): RegexpNode {
    const node = this.#choice();
    if (!this.#cursor.atEnd) throw new RegexpRefusal(`unexpected ): \`${this.#cursor.source}\``);
    return node;
  }

  #choice(): RegexpNode {
    const items = [this.#sequence()];
    while (this.#cursor.takeIf("|")) items.push(this.#sequence());
    return items.length === 1 ? (items[0] as RegexpNode) : { kind: "choice", items };
  }

  #sequence(): RegexpNode {
    const items: RegexpNode[] = [];
    while (!this.#cursor.atEnd && !this.#cursor.sees("|") && !this.#cursor.sees(")")) {
      const start = this.#cursor.at;
      const atoms = this.#atoms();
      const last = atoms.pop();
      items.push(...atoms);
      if (last !== undefined) items.push(this.#repeated(last, start));
    }
    return { kind: "sequence", items };
  }

  /** One thing; several for a quoted text; none for flags. */
  #atoms(): RegexpNode[] {
    const cursor = this.#cursor;
    const start = cursor.at;
    if (this.#quantifier() !== undefined) {
      const shown = cursor.source.slice(start, cursor.at);
      throw new RegexpRefusal(`missing argument to repetition operator: \`${shown}\``);
    }
    if (cursor.takeIf("(")) return this.#group(start);
    if (cursor.takeIf("[")) return [this.#set(classMembers(cursor, start, this.#fold()))];
    if (cursor.takeIf("^"))
      return [{ kind: "assertion", what: this.#flags.multiLine ? "lineStart" : "textStart" }];
    if (cursor.takeIf("$"))
      return [{ kind: "assertion", what: this.#flags.multiLine ? "lineEnd" : "textEnd" }];
    if (cursor.takeIf(".")) return [this.#set(this.#flags.dotAll ? () => true : not(newline))];
    if (cursor.takeIf("\\Q")) return Array.from(cursor.until("\\E"), (one) => this.#literal(one));
    const assertion = cursor.sees("\\") ? assertions[cursor.peek(1)] : undefined;
    if (assertion !== undefined) {
      cursor.skip(2);
      return [{ kind: "assertion", what: assertion }];
    }
    if (cursor.sees("\\")) return [this.#set(this.#fold()(escapedSet(cursor)))];
    return [this.#literal(cursor.next())];
  }

  #literal(character: string): RegexpNode {
    const codePoint = character.codePointAt(0) ?? 0;
    return this.#set(this.#fold()(ranges([codePoint, codePoint])));
  }

  #set(has: (codePoint: number) => boolean): RegexpNode {
    return { kind: "set", has };
  }

  #fold(): typeof foldCase {
    return this.#flags.ignoreCase ? foldCase : (set) => set;
  }

  /** After "(". */
  #group(start: number): RegexpNode[] {
    const cursor = this.#cursor;
    const outer = this.#flags;
    let isNumbered = true;
    if (cursor.sees("?")) {
      isNumbered = cursor.match(/\?P?<([A-Za-z0-9_]+)>/y) !== undefined;
      if (!isNumbered && this.#takeFlags(start)) return [];
    }
    const number = isNumbered ? (this.#groupCount += 1) : 0;
    this.#depth += 1;
    if (this.#depth > depthMax) throw new RegexpRefusal(`expression nests too deeply: \`${cursor.source}\``);
    const node = this.#choice();
    this.#depth -= 1;
    if (!cursor.takeIf(")")) throw new RegexpRefusal(`missing closing ): \`${cursor.source}\``);
    this.#flags = outer;
    return [isNumbered ? { kind: "group", number, item: node } : node];
  }

  /** After "(", flags to set. Answers whether that is all: they hold until the end of the group around. */
  #takeFlags(start: number): boolean {
    const found = this.#cursor.match(/\?([imsU]*)(?:-([imsU]+))?([:)])/y);
    if (found === undefined) {
      const rest = this.#cursor.source.slice(start);
      const shown = /^\(\?(?:P?<?[^>)]*>?|.?)/.exec(rest)?.[0] ?? rest;
      throw new RegexpRefusal(
        `invalid or unsupported Perl syntax: \`${/^\(\?<?[=!]/.exec(rest)?.[0] ?? shown}\``,
      );
    }
    const [, on = "", off = "", end] = found;
    const { ignoreCase, multiLine, dotAll, ungreedy } = this.#flags;
    const flag = (letter: string, now: boolean): boolean =>
      (now || on.includes(letter)) && !off.includes(letter);
    this.#flags = {
      ignoreCase: flag("i", ignoreCase),
      multiLine: flag("m", multiLine),
      dotAll: flag("s", dotAll),
      ungreedy: flag("U", ungreedy),
    };
    return end === ")";
  }

  #repeated(item: RegexpNode, start: number): RegexpNode {
    const quantifierAt = this.#cursor.at;
    const bounds = this.#quantifier();
    if (bounds === undefined) return item;
    const greedy = this.#cursor.takeIf("?") === this.#flags.ungreedy;
    if (this.#quantifier() !== undefined) {
      const both = this.#cursor.source.slice(quantifierAt, this.#cursor.at);
      throw new RegexpRefusal(`invalid nested repetition operator: \`${both}\``);
    }
    const node: RegexpNode = { kind: "repeat", item, ...bounds, greedy };
    if (copies(node) > repeatMax)
      throw new RegexpRefusal(
        `invalid repeat count: \`${this.#cursor.source.slice(start, this.#cursor.at)}\``,
      );
    return node;
  }

  /** `*`, `+`, `?` or counted braces, if that is next. Braces that count nothing are only braces. */
  #quantifier(): { readonly min: number; readonly max: number | undefined } | undefined {
    const cursor = this.#cursor;
    if (cursor.takeIf("*")) return { min: 0, max: undefined };
    if (cursor.takeIf("+")) return { min: 1, max: undefined };
    if (cursor.takeIf("?")) return { min: 0, max: 1 };
    const counted = cursor.match(/\{(\d+)(,?)(\d*)\}/y);
    if (counted === undefined) return undefined;
    const [whole, least = "", comma = "", most = ""] = counted;
    const min = Number(least);
    const max = comma === "" ? min : most === "" ? undefined : Number(most);
    const tooMany = min > repeatMax || (max ?? 0) > repeatMax || (max !== undefined && max < min);
    if (tooMany || (comma === "" && most !== ""))
      throw new RegexpRefusal(`invalid repeat count: \`${whole}\``);
    return { min, max };
  }
}

/** How many copies counted repetition makes of the innermost thing. */
function copies(node: RegexpNode): number {
  switch (node.kind) {
    case "set":
    case "assertion":
      return 1;
    case "group":
      return copies(node.item);
    case "sequence":
    case "choice":
      return Math.max(1, ...node.items.map(copies));
    case "repeat":
      return Math.max(1, node.min, node.max ?? 0) * copies(node.item);
  }
}
