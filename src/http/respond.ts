/** Helpers that handlers share: JSON in and out, and the meta headers of reads. */
import { parse as parseLossless } from "lossless-json";
import { DecodeError } from "../lib/errors.ts";
import type { Codec, JsonValue } from "../wire/schema/codec.ts";
import { readHeaders, type ReadMeta } from "./read-headers.ts";
import type { HttpBody, HttpResponse, RoutedRequest } from "./types.ts";

/** The meta headers of a read that says how it was made. */
export function metaHeaders(meta: ReadMeta & { readonly ConsistencyLevel: string }): Record<string, string> {
  return {
    ...readHeaders(meta),
    "X-Consul-Effective-Consistency": meta.ConsistencyLevel === "" ? "leader" : meta.ConsistencyLevel,
  };
}

/** A JSON answer from rendered text, indented where that is wanted. */
export function jsonResponse(
  request: RoutedRequest,
  json: string,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  const body = request.isPretty ? indentJson(json) : json;
  return { status: 200, headers: { "Content-Type": "application/json", ...headers }, body };
}

/** An answer without JSON. */
export function plainResponse(
  status: number,
  body: HttpBody,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  return {
    status,
    headers: body === "" ? headers : { "Content-Type": "text/plain; charset=utf-8", ...headers },
    body,
  };
}

/** Re-indents JSON text by four blanks, keeping numbers and strings as they are, with a line feed at the end. */
export function indentJson(json: string): string {
  let out = "";
  let depth = 0;
  for (let at = 0; at < json.length; at += 1) {
    const unit = json[at] as string;
    if (unit === '"') {
      const start = at;
      for (at += 1; json[at] !== '"'; at += 1) if (json[at] === "\\") at += 1;
      out += json.slice(start, at + 1);
    } else if (unit === "{" || unit === "[") {
      const close = unit === "{" ? "}" : "]";
      if (json[at + 1] === close) {
        out += unit + close;
        at += 1;
      } else out += `${unit}\n${"    ".repeat((depth += 1))}`;
    } else if (unit === "}" || unit === "]") out += `\n${"    ".repeat((depth -= 1))}${unit}`;
    else if (unit === ",") out += `,\n${"    ".repeat(depth)}`;
    else out += unit === ":" ? ": " : unit;
  }
  return `${out}\n`;
}

/** Parses a JSON body; integers beyond 53 bits stay exact. Throws `DecodeError`. */
export function parseJson(bytes: Uint8Array): JsonValue {
  const text = new TextDecoder().decode(bytes);
  try {
    if (!/\d{16}/.test(text)) return JSON.parse(text) as JsonValue;
    return parseLossless(text, undefined, { parseNumber: exactNumber }) as JsonValue;
  } catch (error) {
    throw new DecodeError(text.trim() === "" ? "EOF" : "invalid JSON", { cause: error });
  }
}

function exactNumber(text: string): number | bigint {
  const value = Number(text);
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

/** Renders a value with its schema. */
export function renderJson<T>(codec: Codec<T>, value: T): string {
  return codec.json(value);
}
