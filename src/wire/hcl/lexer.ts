/**
 * The tokens of an HCL 1 text.
 *
 * Comments (`#`, `//`, `/* … *\/`) are left out. A string keeps its `${…}` parts as they are, quotes and line breaks in
 * them included. Source: hashicorp/hcl v1, its scanner; texts of errors as it gives them.
 */
import { HclError, positionAt } from "./hcl-error.ts";
import { unindentHeredoc, unquote } from "./strings.ts";

export type HclToken =
  | { readonly kind: "EOF"; readonly at: number; readonly text: string }
  | {
      readonly kind: "IDENT" | "STRING" | "HEREDOC";
      readonly at: number;
      readonly text: string;
      readonly value: string;
    }
  | { readonly kind: "NUMBER" | "FLOAT"; readonly at: number; readonly text: string; readonly value: number }
  | { readonly kind: "BOOL"; readonly at: number; readonly text: string; readonly value: boolean }
  | { readonly kind: Punctuation; readonly at: number; readonly text: string };

type Punctuation = "LBRACK" | "RBRACK" | "LBRACE" | "RBRACE" | "COMMA" | "ASSIGN" | "PERIOD" | "ADD" | "SUB";

const punctuation: Readonly<Record<string, Punctuation>> = {
  "[": "LBRACK",
  "]": "RBRACK",
  "{": "LBRACE",
  "}": "RBRACE",
  ",": "COMMA",
  "=": "ASSIGN",
  ".": "PERIOD",
  "+": "ADD",
  "-": "SUB",
};

const spaces = /[ \t\r\n]*/uy;
const identifier = /[\p{L}_][\p{L}\p{Nd}_.-]*/uy;
const floating = /-?(?:\d+\.\d*(?:[eE][+-]?\d*)?|\d+[eE][+-]?\d*)|\.\d+(?:[eE][+-]?\d*)?/uy;
const integer = /-?(?:0[xX][\da-fA-F]*|\d+)/uy;
const heredocAnchor = /<<(-?)([\p{L}\p{Nd}_]*)\r*\n/uy;

/** Reads one token after another. Every read goes forward or throws `HclError`. */
export class HclLexer {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next token; `EOF` for ever at the end. */
  next(): HclToken {
    this.#skip();
    const at = this.#at;
    const char = this.#text[at];
    if (char === undefined) return { kind: "EOF", at, text: "" };
    if (char === '"') return this.#string(at);
    if (char === "<") return this.#heredoc(at);
    const word = this.#match(identifier);
    if (word === "true" || word === "false") return { kind: "BOOL", at, text: word, value: word === "true" };
    if (word !== undefined) return { kind: "IDENT", at, text: word, value: word };
    const float = this.#match(floating);
    if (float !== undefined) return this.#number(at, float, "FLOAT");
    const whole = this.#match(integer);
    if (whole !== undefined) return this.#number(at, whole, "NUMBER");
    const kind = Object.hasOwn(punctuation, char) ? punctuation[char] : undefined;
    if (kind === undefined)
      this.fail(at, char === "\0" ? "unexpected null character (0x00)" : "illegal char");
    this.#at += 1;
    return { kind, at, text: char };
  }

  /** Throws for the token at an offset. */
  fail(offset: number, reason: string): never {
    const { line, column } = positionAt(this.#text, offset);
    // The end of the text counts as a character, as it does for the reference.
    throw new HclError({ line, column: offset >= this.#text.length ? column + 1 : column }, reason);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined || found === "") return undefined;
    this.#at += found.length;
    return found;
  }

  #skip(): void {
    for (;;) {
      this.#match(spaces);
      const two = this.#text.slice(this.#at, this.#at + 2);
      if (two.startsWith("#") || two === "//") {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end < 0 ? this.#text.length : end;
      } else if (two === "/*") {
        const end = this.#text.indexOf("*/", this.#at + 2);
        if (end < 0) this.fail(this.#text.length, "comment not terminated");
        this.#at = end + 2;
      } else if (two.startsWith("/")) {
        this.fail(this.#at, "expected '/' for comment");
      } else {
        return;
      }
    }
  }

  #number(at: number, text: string, kind: "NUMBER" | "FLOAT"): HclToken {
    if (kind === "FLOAT") return { kind, at, text, value: Number.parseFloat(text) };
    const digits = text.replace("-", "");
    const sign = text.startsWith("-") ? -1 : 1;
    if (/^0[xX]$/u.test(digits)) this.fail(at, "illegal hexadecimal number");
    if (/^0[xX]/u.test(digits)) return { kind, at, text, value: sign * Number.parseInt(digits.slice(2), 16) };
    if (/^0\d*[89]/u.test(digits)) this.fail(at, "illegal octal number");
    const value = sign * Number.parseInt(digits, digits.startsWith("0") && digits.length > 1 ? 8 : 10);
    return { kind, at, text, value };
  }

  /** `${` begins a part in which quotes do not end the string; it ends with its own closing brace. */
  #string(start: number): HclToken {
    let braces = 0;
    for (let at = start + 1; ; at += 1) {
      const char = this.#text[at];
      if (char === undefined || (char === "\n" && braces === 0)) this.fail(at, "literal not terminated");
      if (char === '"' && braces === 0) {
        const text = this.#text.slice(start, at + 1);
        const value = unquote(text.slice(1, -1));
        if (value === undefined) this.fail(start, "illegal char escape");
        this.#at = at + 1;
        return { kind: "STRING", at: start, text, value };
      }
      if (braces === 0 && char === "$" && this.#text[at + 1] === "{") {
        braces = 1;
        at += 1;
      } else if (braces > 0 && char === "{") {
        braces += 1;
      } else if (braces > 0 && char === "}") {
        braces -= 1;
      } else if (char === "\\") {
        at += 1;
      }
    }
  }

  #heredoc(start: number): HclToken {
    if (this.#text[start + 1] !== "<") this.fail(start + 1, "heredoc expected second '<', didn't see it");
    heredocAnchor.lastIndex = start;
    const anchor = heredocAnchor.exec(this.#text);
    const [opening = "", dash = "", name = ""] = anchor ?? [];
    if (anchor === null) {
      const isOpen = this.#text.includes("\n", start);
      this.fail(start, isOpen ? "invalid characters in heredoc anchor" : "heredoc not terminated");
    }
    if (name === "") this.fail(start, "zero-length heredoc anchor");
    const bodyStart = start + opening.length;
    for (let lineStart = bodyStart; ;) {
      const lineEnd = this.#text.indexOf("\n", lineStart);
      if (lineEnd < 0) this.fail(this.#text.length, "heredoc not terminated");
      const line = this.#text.slice(lineStart, lineEnd);
      if (line.trimStart().replace(/\r+$/u, "") === name) {
        this.#at = lineEnd + 1;
        const body = this.#text.slice(bodyStart, lineStart);
        const indent = line.slice(0, line.length - line.trimStart().length);
        const value = dash === "" ? body : unindentHeredoc(body, indent);
        return { kind: "HEREDOC", at: start, text: this.#text.slice(start, lineEnd), value };
      }
      lineStart = lineEnd + 1;
    }
  }
}
