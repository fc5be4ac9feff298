/** What the text between quotes or heredoc anchors means. Source: hashicorp/hcl v1, strconv and token. */

const simple: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
};

const escape = /\\(?:([abfnrtv\\"])|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3}))/uy;

/** Resolves escapes, but none inside `${…}`; `undefined` if one is wrong. Takes the text without its quotes. */
export function unquote(text: string): string | undefined {
  if (!text.includes("\\")) return text;
  let result = "";
  for (let at = 0; at < text.length;) {
    if (text.startsWith("${", at)) {
      const end = interpolationEnd(text, at + 2);
      if (end === undefined) return undefined;
      result += text.slice(at, end);
      at = end;
    } else if (text[at] === "\\") {
      escape.lastIndex = at;
      const match = escape.exec(text);
      const char = match === null ? undefined : escaped(match);
      if (match === null || char === undefined) return undefined;
      result += char;
      at += match[0].length;
    } else {
      result += text[at] ?? "";
      at += 1;
    }
  }
  return result;
}

function escaped(match: RegExpExecArray): string | undefined {
  const [, letter, byte, four, eight, octal] = match;
  if (letter !== undefined) return simple[letter];
  const code =
    octal === undefined ? Number.parseInt(byte ?? four ?? eight ?? "", 16) : Number.parseInt(octal, 8);
  if (code > 0x10_ffff || (octal !== undefined && code > 255)) return undefined;
  return String.fromCodePoint(code);
}

function interpolationEnd(text: string, start: number): number | undefined {
  let braces = 1;
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === "{") braces += 1;
    if (text[at] === "}") braces -= 1;
    if (braces === 0) return at + 1;
  }
  return undefined;
}

/**
 * A `<<-` heredoc without its hanging indent, if every line has at least that of the closing anchor; otherwise as it
 * is. `body` ends in a line break.
 */
export function unindentHeredoc(body: string, indent: string): string {
  const lines = body.split("\n");
  const last = lines.pop();
  if (last !== "" || !lines.every((line) => line.startsWith(indent))) return body;
  return lines.map((line) => `${line.slice(indent.length)}\n`).join("");
}
