/**
 * Filter expressions from text, by recursive descent over the reference's grammar (bexpr 0.1).
 *
 * The grammar has no reserved words, so `not == x` compares a field called `not`: a reading that fails is
 * taken back and the next one tried. Only a failed `not` is read twice, so the work stays linear.
 */
import type { Expression, Match, Operator } from "./expression.ts";
import { FilterError } from "./filter-error.ts";
import { unquoteDouble, unquoteRaw } from "./unquote.ts";

/** Parentheses and `not`s within each other; ours, so that hostile text cannot exhaust the stack. */
const depthMax = 256;

/** A piece of text that the grammar knows, with the names under which a fault lists it as expected. */
interface Terminal {
  readonly pattern: RegExp;
  /** Expected where the piece does not begin. */
  readonly start: readonly string[];
  /** Expected where the piece ends, since it might have gone on. */
  readonly more: readonly string[];
}

const blank = "[ \\t\\r\\n]";
const space: Terminal = { pattern: /[ \t\r\n]+/y, start: [blank], more: [blank] };
const identifier: Terminal = {
  pattern: /[a-zA-Z][a-zA-Z0-9_]*/y,
  start: ["[a-zA-Z]"],
  more: ["[a-zA-Z0-9_]"],
};
const number: Terminal = {
  pattern: /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?/y,
  start: ['"-"', '"0"', "[1-9]"],
  more: [],
};
const afterNumber = /[ \t\r\n)]|$/y;
const utf8 = new TextEncoder();

/** Parses an expression. Throws `FilterError` with the line, column and offset of the fault. */
export function parseFilter(text: string): Expression {
  return new Parser(text).parse();
}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  /** The furthest place where nothing fitted, which is where a person would look for the fault. */
  #furthest = 0;
  readonly #expected = new Set<string>();

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Expression {
    this.#take(space);
    const expression = this.#chain("or");
    this.#take(space);
    if (expression !== undefined && this.#at === this.#text.length) return expression;
    if (expression !== undefined) this.#miss(["EOF"]);
    this.#at = this.#furthest;
    throw this.#fault(`no match found, expected: ${renderExpected(this.#expected)}`);
  }

  /** `a or b or c`, whose parts are `and` chains. */
  #chain(kind: "and" | "or"): Expression | undefined {
    const next = (): Expression | undefined => (kind === "or" ? this.#chain("and") : this.#negated());
    const first = next();
    if (first === undefined) return undefined;
    const parts = [first];
    for (;;) {
      const start = this.#at;
      const part = this.#words(kind) ? next() : undefined;
      if (part === undefined) {
        this.#back(start);
        break;
      }
      parts.push(part);
    }
    return parts.length === 1 ? first : { kind, parts };
  }

  #negated(): Expression | undefined {
    const start = this.#at;
    if (this.#takeText("not") && this.#take(space) !== undefined) {
      const part = this.#nested(() => this.#negated());
      if (part !== undefined) return { kind: "not", part };
    }
    this.#back(start);
    return this.#group() ?? this.#match();
  }

  #group(): Expression | undefined {
    const start = this.#at;
    if (!this.#takeText("(")) return undefined;
    this.#take(space);
    const inner = this.#nested(() => this.#chain("or"));
    if (inner === undefined) {
      this.#back(start);
      return undefined;
    }
    this.#take(space);
    if (!this.#takeText(")")) throw this.#fault('rule "grouping": Unmatched parentheses');
    return inner;
  }

  #match(): Match | undefined {
    const start = this.#at;
    const selector = this.#selector();
    if (selector !== undefined) {
      const found = this.#afterSelector(selector);
      if (found !== undefined) return found;
      this.#back(start);
    }
    const value = this.#value();
    const negated = value === undefined ? undefined : this.#maybeNot("in");
    if (value === undefined || negated === undefined) {
      this.#back(start);
      return undefined;
    }
    const container = this.#selector();
    if (container === undefined) throw this.#fault('rule "match": Invalid selector');
    return { kind: "match", selector: container, operator: "in", negated, value };
  }

  #afterSelector(selector: readonly string[]): Match | undefined {
    const start = this.#at;
    const compared = this.#comparison();
    if (compared !== undefined) {
      const value = this.#value();
      if (value !== undefined) return { kind: "match", selector, ...compared, value };
      this.#back(start);
    }
    const negated = this.#emptiness();
    if (negated === undefined) return undefined;
    return { kind: "match", selector, operator: "empty", negated, value: "" };
  }

  #comparison(): { readonly operator: Operator; readonly negated: boolean } | undefined {
    const start = this.#at;
    this.#take(space);
    const equal = this.#takeText("==");
    if (equal || this.#takeText("!=")) {
      this.#take(space);
      return { operator: "equal", negated: !equal };
    }
    this.#back(start);
    for (const [word, operator] of [
      ["contains", "in"],
      ["matches", "matches"],
    ] as const) {
      const negated = this.#maybeNot(word);
      if (negated !== undefined) return { operator, negated };
    }
    return undefined;
  }

  /** ` word ` or ` not word `: whether there was a `not`, `undefined` if it is neither. */
  #maybeNot(word: string): boolean | undefined {
    if (this.#words(word)) return false;
    return this.#words("not", word) ? true : undefined;
  }

  #emptiness(): boolean | undefined {
    const start = this.#at;
    for (const words of [["is"], ["is", "not"]]) {
      if (this.#words(...words) && this.#takeText("empty")) return words.length > 1;
      this.#back(start);
    }
    return undefined;
  }

  /** Words with white space around each; nothing is taken unless all are there. */
  #words(...words: readonly string[]): boolean {
    const start = this.#at;
    const found =
      this.#take(space) !== undefined &&
      words.every((word) => this.#takeText(word) && this.#take(space) !== undefined);
    if (!found) this.#back(start);
    return found;
  }

  #selector(): readonly string[] | undefined {
    const first = this.#take(identifier);
    if (first === undefined) return undefined;
    const path: string[] = [first];
    for (;;) {
      const start = this.#at;
      if (this.#takeText(".")) {
        const name = this.#take(identifier);
        if (name === undefined) {
          this.#back(start);
          return path;
        }
        path.push(name);
      } else if (this.#takeText("[")) path.push(this.#index());
      else return path;
    }
  }

  #index(): string {
    this.#take(space);
    const key = this.#quoted();
    if (key === undefined) throw this.#fault('rule "index": Invalid index');
    this.#take(space);
    if (!this.#takeText("]")) throw this.#fault('rule "index": Unclosed index expression');
    return key;
  }

  /** A bare word is a selector to the grammar; only its text counts. */
  #value(): string | undefined {
    const bare = this.#selector();
    if (bare !== undefined) return bare.join(".");
    const digits = this.#take(number);
    if (digits === undefined) return this.#quoted();
    this.#miss([
      ...(digits.includes(".") ? ["[0-9]"] : ['"."', ...(/^-?0/.test(digits) ? [] : ["[0-9]"])]),
      blank,
      "EOF",
      '")"',
    ]);
    afterNumber.lastIndex = this.#at;
    if (!afterNumber.test(this.#text)) throw this.#fault('rule "number": Invalid number literal');
    return digits;
  }

  #quoted(): string | undefined {
    const start = this.#at;
    const quote = this.#text[start];
    if (quote !== '"' && quote !== "`") {
      this.#miss(['"\\""', '"`"']);
      return undefined;
    }
    const end = this.#text.indexOf(quote, start + 1);
    if (end < 0) {
      this.#at = this.#text.length;
      throw this.#fault('rule "string": Unterminated string literal');
    }
    const body = this.#text.slice(start + 1, end);
    const value = quote === "`" ? unquoteRaw(body) : unquoteDouble(body);
    if (value === undefined) throw this.#fault('rule "string": invalid syntax');
    this.#at = end + 1;
    return value;
  }

  #nested<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > depthMax) throw this.#fault("the expression is nested too deeply");
    const result = read();
    this.#depth -= 1;
    return result;
  }

  #take({ pattern, start, more }: Terminal): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    this.#miss(found === undefined ? start : more);
    return found;
  }

  #takeText(text: string): boolean {
    if (this.#text.startsWith(text, this.#at)) {
      this.#at += text.length;
      return true;
    }
    this.#miss([`"${text}"`]);
    return false;
  }

  /** Notes what would have fitted here. */
  #miss(expected: readonly string[]): void {
    if (this.#at < this.#furthest || expected.length === 0) return;
    if (this.#at > this.#furthest) this.#expected.clear();
    this.#furthest = this.#at;
    for (const one of expected) this.#expected.add(one);
  }

  #back(to: number): void {
    this.#at = to;
  }

  /** `line:column (offset)` of where we are: lines and characters from 1, and bytes from 0. */
  #fault(why: string): FilterError {
    const before = this.#text.slice(0, this.#at);
    const lines = before.split("\n");
    const column = Array.from(lines.at(-1) ?? "").length + 1;
    return new FilterError(`${lines.length}:${column} (${utf8.encode(before).length}): ${why}`);
  }
}

/** `a, b or c`, sorted, the end of the text last. */
function renderExpected(expected: ReadonlySet<string>): string {
  const names = [...expected].filter((name) => name !== "EOF").toSorted();
  if (expected.has("EOF")) names.push("EOF");
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}
