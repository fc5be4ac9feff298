/**
 * Text with expressions in it, as tokens: `web-${match(1)}` is a literal, an opening, what stands inside, an end.
 *
 *     literal ──"${"──▶ inside ──"}"──▶ literal          a quote inside opens a string, which is scanned like a
 *                          └──'"'──▶ string ──'"'──▶ …   literal and may open expressions of its own
 *
 * Source: HIL, https://github.com/hashicorp/hil, whose texts of errors these are.
 */
import { unreachable } from "../assert.ts";
import { quoteGo } from "../go-quote.ts";

/** Where a token starts, both from 1; a column is a character. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export type TokenKind =
  | "literal"
  | "string"
  | "begin"
  | "end"
  | "openQuote"
  | "closeQuote"
  | "integer"
  | "float"
  | "bool"
  | "identifier"
  /** An operator or a bracket: what it is stands in `text`. */
  | "symbol"
  | "invalid"
  | "eof";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly at: Position;
}

/** How errors name a token. */
export function tokenName({ kind, text }: Token): string {
  switch (kind) {
    case "eof":
      return "end of string";
    case "invalid":
      return `invalid sequence ${quoteGo(text)}`;
    case "integer":
    case "float":
      return `${kind} ${text}`;
    case "string":
    case "literal":
      return `${kind} ${quoteGo(text)}`;
    case "openQuote":
      return "opening quote";
    case "closeQuote":
      return "closing quote";
    case "symbol":
      return text.length === 2 ? text : quoteGo(text);
    case "begin":
    case "end":
    case "bool":
    case "identifier":
      return quoteGo(text);
    default:
      return unreachable(kind);
  }
}

/** All tokens; the last one is `eof`. Never throws: what is no token is `invalid`, and ends the scan. */
export function scan(text: string): readonly Token[] {
  return new Scanner(text).all();
}

const symbols = new Set([...Array.from("()[],.+-*/%?:<>!"), "!=", "<=", ">=", "==", "&&", "||"]);
const blank = /^[ \t\r\n]$/u;
const letter = /^[\p{L}_]$/u;
const identifierPart = /^[\p{L}\p{N}\p{M}_\-.*]$/u;
const digit = /^\d$/u;

class Scanner {
  /** Characters, which columns count. */
  readonly #text: readonly string[];
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;
  #column = 1;
  /** How many openings are open. */
  #nesting = 0;

  constructor(text: string) {
    this.#text = Array.from(text);
  }

  all(): readonly Token[] {
    while (this.#literal() && this.#inside());
    if (this.#tokens.at(-1)?.kind !== "eof") this.#emit("eof", "", this.#position());
    return this.#tokens;
  }

  /** Answers whether an expression goes on behind it. */
  #literal(): boolean {
    const start = this.#position();
    const nested = this.#nesting > 0;
    const from = this.#at;
    for (;;) {
      const [one, two] = [this.#text[this.#at], this.#text[this.#at + 1]];
      const whole = this.#text.slice(from, this.#at).join("");
      if (one === undefined) {
        if (nested) this.#emit("invalid", whole, start);
        else if (whole !== "") this.#emit("literal", whole, start);
        return false;
      }
      const isQuote = nested && one === '"';
      if (isQuote || (one === "$" && two === "{")) {
        if (whole !== "") this.#emit(nested ? "string" : "literal", whole, start);
        if (isQuote) this.#take("closeQuote", 1);
        else {
          this.#take("begin", 2);
          this.#nesting += 1;
        }
        return true;
      }
      const isEscape = (one === "$" && two === "$") || (nested && one === "\\" && /^["\\]$/u.test(two ?? ""));
      this.#advance(isEscape ? 2 : 1);
    }
  }

  /** Answers whether a literal goes on behind it. */
  #inside(): boolean {
    for (;;) {
      while (blank.test(this.#text[this.#at] ?? "")) this.#advance(1);
      const one = this.#text[this.#at];
      if (one === undefined) return false;
      if (one === "}") {
        this.#take("end", 1);
        this.#nesting = Math.max(0, this.#nesting - 1);
        return true;
      }
      if (one === '"') {
        this.#take("openQuote", 1);
        return true;
      }
      const pair = one + (this.#text[this.#at + 1] ?? "");
      if (pair.length === 2 && symbols.has(pair)) this.#take("symbol", 2);
      else if (symbols.has(one)) this.#take("symbol", 1);
      else if (digit.test(one)) this.#number();
      else if (letter.test(one)) this.#identifier();
      else {
        this.#take("invalid", 1);
        return false;
      }
    }
  }

  /** Digits with at most one point, which is no part of it at the end. */
  #number(): void {
    let length = 0;
    let point = -1;
    for (;;) {
      const one = this.#text[this.#at + length] ?? "";
      if (one === "." && point < 0) point = length;
      else if (!digit.test(one)) break;
      length += 1;
    }
    const atEnd = this.#at + length >= this.#text.length;
    if (point === length - 1 && !atEnd) return this.#take("integer", length - 1);
    this.#take(point < 0 ? "integer" : "float", length);
  }

  /** A star stands only between points. */
  #identifier(): void {
    let length = 0;
    for (;;) {
      const one = this.#text[this.#at + length] ?? "";
      const before = this.#text[this.#at + length - 1];
      if (!identifierPart.test(one) || (one === "*" && before !== ".")) break;
      if (length > 0 && before === "*" && one !== ".") {
        length -= this.#text[this.#at + length - 2] === "." ? 2 : 1;
        break;
      }
      length += 1;
    }
    const name = this.#text.slice(this.#at, this.#at + length).join("");
    this.#take(name === "true" || name === "false" ? "bool" : "identifier", length);
  }

  #take(kind: TokenKind, length: number): void {
    const at = this.#position();
    const text = this.#text.slice(this.#at, this.#at + length).join("");
    this.#advance(length);
    this.#tokens.push({ kind, text, at });
  }

  #emit(kind: TokenKind, text: string, at: Position): void {
    this.#tokens.push({ kind, text, at });
  }

  #position(): Position {
    return { line: this.#line, column: this.#column };
  }

  #advance(length: number): void {
    for (let left = length; left > 0; left -= 1) {
      if (this.#text[this.#at] === "\n") {
        this.#line += 1;
        this.#column = 1;
      } else this.#column += 1;
      this.#at += 1;
    }
  }
}
