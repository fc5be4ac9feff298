/**
 * The header fields of a request, and what they say about its frame.
 *
 * Strict where leniency lets two readers of one stream disagree about where a request ends (request smuggling):
 * no folded lines, no blank before the colon, no bare CR or LF, one `Content-Length` of digits only, no other
 * transfer coding than `chunked`, and never both. Source: RFC 9112 sections 5 and 6; RFC 9110 section 5.
 */
import { HttpSyntaxError } from "./syntax-error.ts";

/** Fields of one request; more are refused. */
export const headerFieldsMax = 1000;

/** How the length of a body is known. */
export type BodyFraming =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" };

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible characters, blanks, tabs and bytes beyond ASCII. */
const fieldText = /^[\t -~\u0080-\u00ff]*$/;
const digits = /^[0-9]{1,15}$/;
const noBody: BodyFraming = { kind: "none" };

/** Whether `text` is a method or a field name. */
export function isToken(text: string): boolean {
  return token.test(text);
}

/** Parsed fields; names in lower case. Of a repeated field the first counts, as in the reference. */
export class HeaderFields {
  readonly #values: ReadonlyMap<string, string>;
  readonly framing: BodyFraming;
  /** What `Connection` asks for; `undefined` leaves it to the version. */
  readonly connection: "close" | "keep-alive" | undefined;
  /** The sender waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
    this.framing = framingOf(values);
    const wishes = (values.get("connection") ?? "").toLowerCase().split(",");
    const wants = (wish: string): boolean => wishes.some((one) => one.trim() === wish);
    this.connection = wants("close") ? "close" : wants("keep-alive") ? "keep-alive" : undefined;
    const expect = values.get("expect");
    this.expectsContinue = expect !== undefined;
    if (expect !== undefined && expect.toLowerCase() !== "100-continue")
      throw new HttpSyntaxError(417, "Expectation Failed");
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }
}

/** Parses lines between the request line and the empty line, in Latin-1. Throws `HttpSyntaxError`. */
export function parseHeaderFields(text: string): HeaderFields {
  const values = new Map<string, string>();
  if (text !== "") {
    const lines = text.split("\r\n", headerFieldsMax + 1);
    if (lines.length > headerFieldsMax) throw new HttpSyntaxError(431, "Request Header Fields Too Large");
    for (const line of lines) addField(values, line);
  }
  return new HeaderFields(values);
}

/** Names that decide where a request ends or whom it is for: twice is once too often. */
const single: ReadonlySet<string> = new Set(["content-length", "transfer-encoding", "host", "expect"]);

function addField(values: Map<string, string>, line: string): void {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(0, colon)).toLowerCase();
  const value = line.slice(colon + 1);
  if (!token.test(name) || !fieldText.test(value)) throw new HttpSyntaxError(400, "malformed header field");
  if (!values.has(name)) values.set(name, trimmed(value));
  else if (single.has(name)) throw new HttpSyntaxError(400, `repeated header field ${name}`);
}

/** Without blanks and tabs around; `trim` would also take U+00A0, which is a byte of the value. */
function trimmed(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) start += 1;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end -= 1;
  return value.slice(start, end);
}

function isBlank(unit: number): boolean {
  return unit === 0x20 || unit === 0x09;
}

function framingOf(values: ReadonlyMap<string, string>): BodyFraming {
  const length = values.get("content-length");
  const coding = values.get("transfer-encoding");
  if (coding !== undefined) {
    if (length !== undefined)
      throw new HttpSyntaxError(400, "both Content-Length and Transfer-Encoding are given");
    if (coding.toLowerCase() !== "chunked") throw new HttpSyntaxError(501, "Unsupported transfer encoding");
    return { kind: "chunked" };
  }
  if (length === undefined) return noBody;
  if (!digits.test(length)) throw new HttpSyntaxError(400, "malformed Content-Length");
  const bytes = Number(length);
  return bytes === 0 ? noBody : { kind: "length", bytes };
}
