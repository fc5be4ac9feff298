/**
 * Go's regular expressions (RE2) as JavaScript's: what both have is carried over, the rest is refused.
 *
 * JavaScript's engine backtracks, so a hostile pattern can be slow where RE2's cannot.
 */

/** A pattern, or why it is none. */
export type Translated = { readonly regexp: RegExp } | { readonly problem: string };

class Refusal extends Error {}

const asciiClasses: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7f",
  blank: "\\t ",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`\\{-~",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};
const blanks = "\\t\\n\\f\\r ";
const repeat = /\{\d+(?:,\d*)?\}/y;
const repeatMax = 1000;

/** Compiles a Go pattern. Flags may lead it, as in `(?i)`. */
export function translateRegexp(source: string): Translated {
  try {
    const lead = /^\(\?([ims]+)\)/.exec(source);
    const flags = lead?.[1] ?? "";
    const body = new Translator(source.slice(lead?.[0].length ?? 0), flags.includes("s")).translate();
    return { regexp: new RegExp(body, [...new Set(`${flags}u`)].join("")) };
  } catch (error) {
    if (error instanceof Refusal) return { problem: `error parsing regexp: ${error.message}` };
    if (error instanceof SyntaxError)
      return { problem: `error parsing regexp: invalid pattern: \`${source}\`` };
    throw error;
  }
}

class Translator {
  readonly #source: string;
  readonly #dotAll: boolean;
  #at = 0;

  constructor(source: string, dotAll: boolean) {
    this.#source = source;
    this.#dotAll = dotAll;
  }

  translate(): string {
    let out = "";
    while (this.#at < this.#source.length) out += this.#one();
    return out;
  }

  #one(): string {
    const unit = this.#source[this.#at];
    if (unit === "\\") return this.#escape(false);
    if (unit === "[") return this.#class();
    if (unit === "(") return this.#open();
    if (unit === "{") return this.#brace();
    this.#at += 1;
    if (unit === "}" || unit === "]") return `\\${unit}`;
    if (unit === ".") return this.#dotAll ? "." : "[^\\n]";
    return unit ?? "";
  }

  #open(): string {
    const rest = this.#source.slice(this.#at);
    const foreign = /^\(\?(?:<?[=!])/.exec(rest);
    if (foreign !== null) throw new Refusal(`invalid or unsupported Perl syntax: \`${foreign[0]}\``);
    const named = /^\(\?P</.exec(rest);
    this.#at += named === null ? 1 : named[0].length;
    return named === null ? "(" : "(?<";
  }

  /** A brace that counts nothing is only a brace to Go. */
  #brace(): string {
    repeat.lastIndex = this.#at;
    const found = repeat.exec(this.#source)?.[0];
    if (found === undefined) {
      this.#at += 1;
      return "\\{";
    }
    if ((found.match(/\d+/g) ?? []).some((count) => Number(count) > repeatMax)) {
      throw new Refusal(`invalid repeat count: \`${found}\``);
    }
    this.#at += found.length;
    return found;
  }

  #class(): string {
    const start = this.#at;
    this.#at += 1;
    let out = "[";
    if (this.#takeIf("^")) out += "^";
    if (this.#takeIf("]")) out += "\\]";
    for (;;) {
      const unit = this.#source[this.#at];
      if (unit === undefined) throw new Refusal(`missing closing ]: \`${this.#source.slice(start)}\``);
      if (this.#takeIf("]")) return `${out}]`;
      const ascii = /^\[:(\^?)(\w+):\]/.exec(this.#source.slice(this.#at));
      if (ascii !== null) {
        const members = ascii[1] === "" ? asciiClasses[ascii[2] ?? ""] : undefined;
        if (members === undefined) throw new Refusal(`invalid character class range: \`${ascii[0]}\``);
        this.#at += ascii[0].length;
        out += members;
      } else if (unit === "\\") out += this.#escape(true);
      else {
        this.#at += 1;
        out += unit;
      }
    }
  }

  #takeIf(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #escape(inClass: boolean): string {
    const rest = this.#source.slice(this.#at);
    const property = /^\\([pP])(?:([A-Z])|\{(\^?)(\w+)\})/.exec(rest);
    if (property !== null) return this.#property(property);
    const code = /^\\x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]+)\})/.exec(rest);
    if (code !== null) {
      this.#at += code[0].length;
      return `\\u{${code[1] ?? code[2]}}`;
    }
    const letter = String.fromCodePoint(rest.codePointAt(1) ?? 0);
    if (rest.length < 2) throw new Refusal("trailing backslash at end of expression: ``");
    if (letter === "Q" && !inClass) return this.#literal();
    this.#at += 1 + letter.length;
    if (letter === "s") return inClass ? blanks : `[${blanks}]`;
    if (letter === "S" && !inClass) return `[^${blanks}]`;
    if (letter === "a") return "\\x07";
    if (letter === "A" && !inClass) return "(?<![^])";
    if (letter === "z" && !inClass) return "(?![^])";
    if ((inClass ? /[dDwWfnrtv]/ : /[dDwWbBfnrtv]/).test(letter)) return `\\${letter}`;
    if (/[0-9A-Za-z_]/.test(letter) || letter > "\u007f") {
      throw new Refusal(`invalid escape sequence: \`\\${letter}\``);
    }
    return exactly(letter);
  }

  #property([whole, sign, short, caret, name]: RegExpExecArray): string {
    this.#at += whole.length;
    const negative = (sign === "P") !== (caret === "^");
    const property = short ?? name ?? "";
    return `\\${negative ? "P" : "p"}{${property.length > 2 ? `Script=${property}` : property}}`;
  }

  /** `\Q…\E`. */
  #literal(): string {
    const start = this.#at + 2;
    const end = this.#source.indexOf("\\E", start);
    this.#at = end < 0 ? this.#source.length : end + 2;
    return Array.from(this.#source.slice(start, end < 0 ? undefined : end), exactly).join("");
  }
}

function exactly(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
