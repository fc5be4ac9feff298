/**
 * Cuts a template into tokens: text, and what stands between "{{" and "}}".
 *
 * The language is that of Go's text/template as far as addresses need it; token rules, trim marks ("{{- -}}") and
 * messages are its own. Source: Go, text/template/parse/lex.go.
 */
import { quoteGo } from "../../lib/go-quote.ts";

export type TokenKind =
  | "assign"
  | "bool"
  | "char"
  | "constant"
  | "declare"
  | "dot"
  | "eof"
  | "error"
  | "field"
  | "identifier"
  | "keyword"
  | "left"
  | "leftParen"
  | "nil"
  | "number"
  | "pipe"
  | "raw"
  | "right"
  | "rightParen"
  | "space"
  | "string"
  | "text"
  | "variable";

export interface Token {
  readonly kind: TokenKind;
  /** As it stands in the template; for an error, the message. */
  readonly text: string;
  readonly position: number;
  /** 1 and up. */
  readonly line: number;
}

const keywords: ReadonlySet<string> = new Set(
  "block break continue define else end if range template with".split(" "),
);

/** A token in messages. */
export function shownToken({ kind, text }: Token): string {
  if (kind === "eof") return "EOF";
  if (kind === "error") return text;
  if (kind === "keyword" || kind === "nil" || text === ".") return `<${text}>`;
  const letters = [...text];
  return letters.length > 10 ? `${quoteGo(letters.slice(0, 10).join(""))}...` : quoteGo(text);
}

/** Rules inside an action, tried in this order at the place where the last one ended. */
const rules: readonly (readonly [TokenKind, RegExp])[] = [
  ["space", /[ \t\r\n]+/uy],
  ["declare", /:=/uy],
  ["assign", /=/uy],
  ["pipe", /\|/uy],
  ["string", /"(?:[^"\\\n]|\\[^\n])*"/uy],
  ["raw", /`[^`]*`/uy],
  ["constant", /'(?:[^'\\\n]|\\[^\n])*'/uy],
  ["variable", /\$[\p{L}\p{Nd}_]*/uy],
  ["field", /\.[\p{L}_][\p{L}\p{Nd}_]*/uy],
  [
    "number",
    /(?:[+-]|(?=\.?\d))(?:0[xX][\da-fA-F_]*|0[oO][0-7_]*|0[bB][01_]*|[\d_]*)(?:\.[\d_]*)?(?:[eE][+-]?[\d_]*)?i?/uy,
  ],
  ["dot", /\./uy],
  ["identifier", /[\p{L}\p{Nd}_]+/uy],
  ["leftParen", /\(/uy],
  ["rightParen", /\)/uy],
  ["char", /[!-~]/uy],
];

/** What may follow a word. */
const terminator = /[ \t\r\n.,|:()]|\}\}|$/uy;

/** Reads a template token by token; the last one is an "eof" or an "error", for ever. */
export class TemplateLexer {
  readonly #input: string;
  #position = 0;
  #isInside = false;
  #depth = 0;
  #last: Token | undefined;

  constructor(input: string) {
    this.#input = input;
  }

  next(): Token {
    if (this.#last !== undefined) return this.#last;
    const token = this.#isInside ? this.#inside() : this.#outside();
    if (token.kind === "eof" || token.kind === "error") this.#last = token;
    return token;
  }

  #token(kind: TokenKind, from: number, to: number): Token {
    this.#position = to;
    return this.#made(kind, this.#input.slice(from, to), from);
  }

  #made(kind: TokenKind, text: string, position: number): Token {
    return { kind, text, position, line: this.#input.slice(0, position).split("\n").length };
  }

  #error(text: string): Token {
    return this.#made("error", text, this.#position);
  }

  /** Text up to the next action, which may ask for spaces before it to go. */
  #outside(): Token {
    for (;;) {
      const from = this.#position;
      const at = this.#input.indexOf("{{", from);
      if (at < 0) {
        const end = this.#input.length;
        return end > from ? this.#token("text", from, end) : this.#token("eof", end, end);
      }
      const trims = /^\{\{-[ \t\r\n]/u.test(this.#input.slice(at, at + 4));
      const text = this.#input.slice(from, at);
      const kept = trims ? text.replace(/[ \t\r\n]+$/u, "") : text;
      if (kept !== "") {
        this.#position = at;
        return this.#made("text", kept, from);
      }
      const after = at + (trims ? 4 : 2);
      if (this.#input.startsWith("/*", after)) {
        const problem = this.#comment(after);
        if (problem !== undefined) return problem;
        continue;
      }
      this.#isInside = true;
      this.#depth = 0;
      this.#position = after;
      return this.#made("left", "{{", at);
    }
  }

  /** Passes a comment over. */
  #comment(from: number): Token | undefined {
    const end = this.#input.indexOf("*/", from + 2);
    this.#position = from;
    if (end < 0) return this.#error("unclosed comment");
    this.#position = end + 2;
    return this.#rightDelimiter() === undefined
      ? this.#error("comment ends before closing delimiter")
      : undefined;
  }

  /** Passes "}}" or " -}}" over, with the spaces that the latter trims. */
  #rightDelimiter(): Token | undefined {
    const from = this.#position;
    const trims = /^[ \t\r\n]-\}\}/u.test(this.#input.slice(from, from + 4));
    const at = trims ? from + 2 : from;
    if (!this.#input.startsWith("}}", at)) return undefined;
    const token = this.#token("right", at, at + 2);
    if (trims) {
      const spaced = /^[ \t\r\n]*/u.exec(this.#input.slice(at + 2))?.[0] ?? "";
      this.#position += spaced.length;
    }
    this.#isInside = false;
    return token;
  }

  #inside(): Token {
    const isEnd = /^(?:[ \t\r\n]-)?\}\}/u.test(this.#input.slice(this.#position, this.#position + 4));
    if (isEnd) {
      if (this.#depth > 0) return this.#error("unclosed left paren");
      const right = this.#rightDelimiter();
      if (right !== undefined) return right;
    }
    const from = this.#position;
    if (from >= this.#input.length) return this.#error("unclosed action");
    for (const [kind, rule] of rules) {
      rule.lastIndex = from;
      const found = rule.exec(this.#input)?.[0];
      if (found !== undefined) return this.#checked(kind, found);
    }
    return this.#error(`unrecognized character in action: ${codePoint(this.#input, from)}`);
  }

  #checked(kind: TokenKind, text: string): Token {
    const from = this.#position;
    const to = from + text.length;
    if (kind === "space") return this.#space(from, to);
    if (kind === "leftParen") this.#depth += 1;
    if (kind === "rightParen") {
      this.#depth -= 1;
      if (this.#depth < 0) return this.#error("unexpected right paren");
    }
    if (kind === "char" && text === ":") return this.#error("expected :=");
    if (kind === "char" && text === '"') return this.#error("unterminated quoted string");
    if (kind === "char" && text === "`") return this.#error("unterminated raw quoted string");
    if (kind === "char" && text === "'") return this.#error("unterminated character constant");
    if (kind === "number") {
      const next = /^[\p{L}\p{Nd}_]/u.exec(this.#input.slice(to))?.[0];
      if (next !== undefined)
        return this.#error(`bad number syntax: ${quoteGo(this.#input.slice(from, to + next.length))}`);
    }
    const isWord = kind === "identifier" || kind === "variable" || kind === "field" || kind === "dot";
    terminator.lastIndex = to;
    if (isWord && !terminator.test(this.#input)) {
      return this.#error(`bad character ${codePoint(this.#input, to)}`);
    }
    return this.#token(kind === "identifier" ? wordKind(text) : kind, from, to);
  }

  /** A run of spaces; the last may belong to a trim mark. */
  #space(from: number, to: number): Token {
    if (!this.#input.startsWith("-}}", to)) return this.#token("space", from, to);
    this.#position = to - 1;
    const right = to - from === 1 ? this.#rightDelimiter() : undefined;
    return right ?? this.#made("space", this.#input.slice(from, to - 1), from);
  }
}

function wordKind(word: string): TokenKind {
  if (word === "nil") return "nil";
  if (word === "true" || word === "false") return "bool";
  return keywords.has(word) ? "keyword" : "identifier";
}

/** As Go's `%#U` shows it: U+0021 '!'. */
function codePoint(text: string, at: number): string {
  const code = text.codePointAt(at);
  if (code === undefined) return "U+FFFFFFFFFFFFFFFF";
  const hex = code.toString(16).toUpperCase().padStart(4, "0");
  return code < 0x20 ? `U+${hex}` : `U+${hex} '${String.fromCodePoint(code)}'`;
}
