/**
 * The head of an HTTP/1.x request: request line and header fields.
 *
 * The target stays as it was sent (dot segments, empty segments and escapes may be part of a key); only bytes
 * beyond ASCII, which clients may send unescaped, become escapes. Source: RFC 9112 sections 2, 3 and 5.
 */
import { HttpSyntaxError } from "./syntax-error.ts";
import { isToken, parseHeaderFields, type HeaderFields } from "./header-fields.ts";

export interface RequestHead {
  readonly method: string;
  /** `/path?query`, or `*`. */
  readonly target: string;
  /** 0: HTTP/1.0, 1: HTTP/1.1. */
  readonly minor: 0 | 1;
  readonly fields: HeaderFields;
}

const asciiTarget = /^[!-~]+$/;
const byteTarget = /^[!-~\u0080-\u00ff]+$/;
const highBytes = /[\u0080-\u00ff]/g;
const absoluteForm = /^https?:\/\/[^/?#]*/i;
const usualMethods: ReadonlySet<string> = new Set(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"]);

/**
 * Parses the heads of one connection. Clients send the same fields again and again, so that those of the last
 * head are kept and compared first.
 */
export class RequestHeadParser {
  #fieldsText: string | undefined;
  #fields: HeaderFields | undefined;

  /** `text`: the bytes before the empty line, in Latin-1, without their last CR LF. Throws `HttpSyntaxError`. */
  parse(text: string): RequestHead {
    const lineEnd = text.indexOf("\r\n");
    const line = lineEnd < 0 ? text : text.slice(0, lineEnd);
    const first = line.indexOf(" ");
    const second = line.indexOf(" ", first + 1);
    if (first < 0 || second < 0) throw new HttpSyntaxError(400, "malformed request line");
    const method = line.slice(0, first);
    if (!usualMethods.has(method) && !isToken(method)) throw new HttpSyntaxError(400, "malformed method");
    const minor = minorOf(line.slice(second + 1));
    const target = targetOf(line.slice(first + 1, second));
    const fields = this.#fieldsOf(lineEnd < 0 ? "" : text.slice(lineEnd + 2));
    if (minor === 1 && fields.get("host") === undefined)
      throw new HttpSyntaxError(400, "missing required Host header");
    // Nothing before HTTP/1.1 knows chunks: whoever sent them means something else than we would read.
    if (minor === 0 && fields.framing.kind === "chunked")
      throw new HttpSyntaxError(400, "Transfer-Encoding in HTTP/1.0");
    return { method, target, minor, fields };
  }

  #fieldsOf(text: string): HeaderFields {
    if (this.#fields !== undefined && this.#fieldsText === text) return this.#fields;
    this.#fields = parseHeaderFields(text);
    this.#fieldsText = text;
    return this.#fields;
  }
}

function minorOf(version: string): 0 | 1 {
  if (version === "HTTP/1.1") return 1;
  if (version === "HTTP/1.0") return 0;
  if (/^HTTP\/[0-9]\.[0-9]$/.test(version)) throw new HttpSyntaxError(505, "HTTP Version Not Supported");
  throw new HttpSyntaxError(400, "malformed HTTP version");
}

function targetOf(given: string): string {
  if (!asciiTarget.test(given) && !byteTarget.test(given)) throw new HttpSyntaxError(400, "malformed target");
  if (given.startsWith("/") || given === "*") return escaped(given);
  const origin = absoluteForm.exec(given)?.[0];
  if (origin === undefined) throw new HttpSyntaxError(400, "malformed target");
  const rest = given.slice(origin.length);
  return escaped(rest.startsWith("/") ? rest : `/${rest}`);
}

function escaped(target: string): string {
  return target.replace(highBytes, (unit) => `%${unit.charCodeAt(0).toString(16).toUpperCase()}`);
}
