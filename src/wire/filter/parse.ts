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

const space = /[ \t\r\n]+/y;
const identifier = /[a-zA-Z][a-zA-Z0-9_]*/y;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?/y;
const afterNumber = /[ \t\r\n)]|$/y;
const equality = /[ \t\r\n]*(==|!=)[ \t\r\n]*/y;
const wordThenValue = /[ \t\r\n]+(not[ \t\r\n]+)?(contains|matches)[ \t\r\n]+/y;
const emptiness = /[ \t\r\n]+is[ \t\r\n]+(not[ \t\r\n]+)?empty/y;
const membership = /[ \t\r\n]+(not[ \t\r\n]+)?in[ \t\r\n]+/y;
const conjunctions = { and: /[ \t\r\n]+and[ \t\r\n]+/y, or: /[ \t\r\n]+or[ \t\r\n]+/y } as const;
const negation = /not[ \t\r\n]+/y;

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

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Expression {
    this.#take(space);
    const expression = this.#chain("or");
    this.#take(space);
    if (expression !== undefined && this.#at === this.#text.length) return expression;
    this.#miss();
    const rest = this.#furthest === this.#text.length ? "unexpected end of the expression" : "no match found";
    throw this.#fault(rest, this.#furthest);
  }

  /** `a or b or c`, whose parts are `and` chains. */
  #chain(kind: "and" | "or"): Expression | undefined {
    const next = (): Expression | undefined => (kind === "or" ? this.#chain("and") : this.#negated());
    const first = next();
    if (first === undefined) return undefined;
    const parts = [first];
    for (;;) {
      const start = this.#at;
      const part = this.#take(conjunctions[kind]) === undefined ? undefined : next();
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
    if (this.#take(negation) !== undefined) {
      const part = this.#nested(() => this.#negated());
      if (part !== undefined) return { kind: "not", part };
      this.#back(start);
    }
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
    if (!this.#takeText(")")) throw this.#fault('rule "grouping": Unmatched parentheses', start);
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
    const operator = value === undefined ? undefined : this.#take(membership);
    if (value === undefined || operator === undefined) {
      this.#back(start);
      return undefined;
    }
    const container = this.#selector();
    if (container === undefined) throw this.#fault('rule "match": Invalid selector', start);
    return { kind: "match", selector: container, operator: "in", negated: operator[1] !== undefined, value };
  }

  #afterSelector(selector: readonly string[]): Match | undefined {
    const start = this.#at;
    const compared = this.#comparison();
    if (compared !== undefined) {
      const value = this.#value();
      if (value !== undefined) return { kind: "match", selector, ...compared, value };
      this.#back(start);
    }
    const empty = this.#take(emptiness);
    if (empty === undefined) return undefined;
    return { kind: "match", selector, operator: "empty", negated: empty[1] !== undefined, value: "" };
  }

  #comparison(): { readonly operator: Operator; readonly negated: boolean } | undefined {
    const sign = this.#take(equality);
    if (sign !== undefined) return { operator: "equal", negated: sign[1] === "!=" };
    const word = this.#take(wordThenValue);
    if (word === undefined) return undefined;
    return { operator: word[2] === "contains" ? "in" : "matches", negated: word[1] !== undefined };
  }

  #selector(): readonly string[] | undefined {
    const first = this.#take(identifier);
    if (first === undefined) return undefined;
    const path: string[] = [first[0]];
    for (;;) {
      const start = this.#at;
      if (this.#takeText(".")) {
        const name = this.#take(identifier);
        if (name === undefined) {
          this.#back(start);
          return path;
        }
        path.push(name[0]);
      } else if (this.#takeText("[")) path.push(this.#index(start));
      else return path;
    }
  }

  #index(start: number): string {
    this.#take(space);
    const key = this.#quoted();
    if (key === undefined) throw this.#fault('rule "index": Invalid index', start);
    this.#take(space);
    if (!this.#takeText("]")) throw this.#fault('rule "index": Unclosed index expression', start);
    return key;
  }

  /** A bare word is a selector to the grammar; only its text counts. */
  #value(): string | undefined {
    const start = this.#at;
    const bare = this.#selector();
    if (bare !== undefined) return bare.join(".");
    const digits = this.#take(number);
    if (digits === undefined) return this.#quoted();
    if (this.#take(afterNumber) === undefined) {
      throw this.#fault('rule "number": Invalid number literal', start);
    }
    this.#at = start + digits[0].length;
    return digits[0];
  }

  #quoted(): string | undefined {
    const start = this.#at;
    const quote = this.#text[start];
    if (quote !== '"' && quote !== "`") {
      this.#miss();
      return undefined;
    }
    const end = this.#text.indexOf(quote, start + 1);
    if (end < 0) throw this.#fault('rule "string": Unterminated string literal', start);
    const body = this.#text.slice(start + 1, end);
    const value = quote === "`" ? unquoteRaw(body) : unquoteDouble(body);
    if (value === undefined) throw this.#fault('rule "string": invalid syntax', start);
    this.#at = end + 1;
    return value;
  }

  #nested<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > depthMax) throw this.#fault("the expression is nested too deeply", this.#at);
    const result = read();
    this.#depth -= 1;
    return result;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) {
      this.#miss();
      return undefined;
    }
    this.#at += found[0].length;
    return found;
  }

  #takeText(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #miss(): void {
    this.#furthest = Math.max(this.#furthest, this.#at);
  }

  #back(to: number): void {
    this.#miss();
    this.#at = to;
  }

  /** `line:column (offset)`; lines and columns count from 1, the offset from 0. */
  #fault(why: string, at: number): FilterError {
    const before = this.#text.slice(0, at);
    const line = before.split("\n").length;
    const column = at - before.lastIndexOf("\n");
    return new FilterError(`${line}:${column} (${at}): ${why}`);
  }
}
