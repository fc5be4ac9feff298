/**
 * What is wrong with a JSON text, in the words of Go's `encoding/json`.
 *
 * `JSON.parse` reads; this only explains a failure, since scripts and people know these sentences.
 * Source: https://pkg.go.dev/encoding/json, texts measured.
 */

/** One byte for a message, quoted as Go does. */
function quoted(char: string): string {
  if (char === "'") return String.raw`'\''`;
  if (char === '"') return `'"'`;
  const escaped = JSON.stringify(char).slice(1, -1);
  return `'${escaped}'`;
}

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/uy;
/** Go gives up at this many open brackets. */
const depthMax = 10_000;

/** Walks a text that is known or suspected to be bad; throws `Trouble` at the first byte that breaks JSON. */
class Scanner {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The sentence about the first thing wrong, or `undefined` if the text is one JSON value. */
  problem(): string | undefined {
    try {
      this.#value();
      this.#spaces();
      if (this.#at < this.#text.length) this.#fail("after top-level value");
      return undefined;
    } catch (error) {
      if (error instanceof Trouble) return error.message;
      throw error;
    }
  }

  #fail(where: string): never {
    const char = this.#text[this.#at];
    throw new Trouble(
      char === undefined ? "unexpected end of JSON input" : `invalid character ${quoted(char)} ${where}`,
    );
  }

  #spaces(): void {
    while (" \t\r\n".includes(this.#text[this.#at] ?? "x")) this.#at += 1;
  }

  #value(): void {
    this.#spaces();
    const char = this.#text[this.#at];
    if (char === "{" || char === "[") this.#nested(char);
    else if (char === '"') this.#string();
    else if (char === "t") this.#word("true");
    else if (char === "f") this.#word("false");
    else if (char === "n") this.#word("null");
    else if (char !== undefined && /[-\d]/u.test(char)) this.#number();
    else this.#fail("looking for beginning of value");
  }

  #nested(open: "{" | "["): void {
    this.#depth += 1;
    if (this.#depth > depthMax) throw new Trouble("exceeded max depth");
    if (open === "{") this.#object();
    else this.#list();
    this.#depth -= 1;
  }

  #object(): void {
    this.#at += 1;
    this.#spaces();
    if (this.#text[this.#at] === "}") {
      this.#at += 1;
      return;
    }
    for (;;) {
      this.#spaces();
      if (this.#text[this.#at] !== '"') this.#fail("looking for beginning of object key string");
      this.#string();
      this.#spaces();
      if (this.#text[this.#at] !== ":") this.#fail("after object key");
      this.#at += 1;
      this.#value();
      this.#spaces();
      if (this.#ends("}", "after object key:value pair")) return;
    }
  }

  #list(): void {
    this.#at += 1;
    this.#spaces();
    if (this.#text[this.#at] === "]") {
      this.#at += 1;
      return;
    }
    for (;;) {
      this.#value();
      this.#spaces();
      if (this.#ends("]", "after array element")) return;
    }
  }

  /** Takes a comma (false) or the closing bracket (true). */
  #ends(close: string, where: string): boolean {
    const char = this.#text[this.#at];
    if (char !== close && char !== ",") this.#fail(where);
    this.#at += 1;
    return char === close;
  }

  #string(): void {
    this.#at += 1;
    for (;;) {
      const char = this.#text[this.#at] ?? this.#fail("in string literal");
      if (char < " ") this.#fail("in string literal");
      this.#at += 1;
      if (char === '"') return;
      if (char === "\\") this.#escape();
    }
  }

  #escape(): void {
    const char = this.#text[this.#at] ?? "";
    if (!'"\\/bfnrtu'.includes(char) || char === "") this.#fail("in string escape code");
    this.#at += 1;
    if (char !== "u") return;
    for (let digit = 0; digit < 4; digit += 1) {
      if (!/[\da-f]/iu.test(this.#text[this.#at] ?? "")) this.#fail("in \\u hexadecimal character escape");
      this.#at += 1;
    }
  }

  #word(word: string): void {
    for (const [index, letter] of [...word].entries()) {
      if (this.#text[this.#at] !== letter)
        this.#fail(`in literal ${word} (expecting ${quoted(word[index] ?? "")})`);
      this.#at += 1;
    }
  }

  #number(): void {
    numberPattern.lastIndex = this.#at;
    const match = numberPattern.exec(this.#text);
    if (match === null) {
      this.#at += 1;
      this.#fail("in numeric literal");
    }
    this.#at += match[0].length;
    // "1." and "1e" stop the pattern before the point or the e.
    const next = this.#text[this.#at];
    if (next !== "." && next !== "e" && next !== "E") return;
    this.#at += 1;
    this.#fail(next === "." ? "after decimal point in numeric literal" : "in exponent of numeric literal");
  }
}

class Trouble extends Error {}

/** Why `text` is not one JSON value; `undefined` if it is. O(n). */
export function jsonProblem(text: string): string | undefined {
  return new Scanner(text).problem();
}
