/** Parameters of key writes, refused in the words of the reference's libraries. */
import { millisecondNs, parseDuration } from "../lib/duration.ts";
import { quoteGo } from "../lib/go-quote.ts";
import { foreignServerText } from "../wire/gossip/agent-tags.ts";
import { HttpError, QueryParams, type HttpContext, type RoutedRequest } from "./types.ts";

const uint64Max = (1n << 64n) - 1n;

/** A whole number of 64 bits. Throws `HttpError` 500, as the reference answers. */
export function parseUint64(text: string): bigint {
  if (!/^[0-9]+$/.test(text))
    throw new HttpError(500, `strconv.ParseUint: parsing ${quoteGo(text)}: invalid syntax`);
  const value = BigInt(text);
  if (value > uint64Max)
    throw new HttpError(500, `strconv.ParseUint: parsing ${quoteGo(text)}: value out of range`);
  return value;
}

/** A log index: beyond 53 bits there are none, so larger ones become one that nothing has. */
export function parseUint(text: string): number {
  const value = parseUint64(text);
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}

/** Throws `HttpError` 400 if more than one of `names` is given. */
export function refuseConflicts(request: RoutedRequest, names: readonly string[]): void {
  let given = 0;
  for (const name of names) if (request.query.has(name)) given += 1;
  if (given > 1) throw new HttpError(400, `Conflicting flags: ${encodeQuery(request.search)}`);
}

/**
 * The time to live of a key, in nanoseconds: an addition of Proconsul. Throws `HttpError` 400 for none that is above 0,
 * and where there is a server of the reference, which would keep the key for ever.
 */
export function ttlNs(text: string, { foreignServer }: Pick<HttpContext, "foreignServer">): number {
  const ttl = parseDuration(text);
  if (ttl === undefined || ttl < millisecondNs) throw new HttpError(400, `Invalid ttl ${quoteGo(text)}`);
  const foreign = foreignServer?.();
  if (foreign !== undefined) throw new HttpError(400, foreignServerText(foreign));
  return ttl;
}

/** Throws `HttpError` 413 if the announced body is too long; a body without length is cut off while it is read. */
export function checkBodyLength(request: RoutedRequest, bytesMax: number, help: string): void {
  const length = Number(request.header("content-length") ?? "0");
  if (length > bytesMax) {
    throw new HttpError(
      413,
      `Request body(${length} bytes) too large, max size: ${bytesMax} bytes. See ${help}.`,
    );
  }
}

/** A query in Go's canonical form: by name, escaped anew. */
function encodeQuery(search: string): string {
  const pairs = search
    .split("&")
    .filter((part) => part !== "")
    .map((part) => {
      const params = new QueryParams(part);
      const name = new QueryParams(`n=${part.split("=", 1)[0] ?? ""}`).get("n");
      return { name, value: params.get(name) };
    });
  pairs.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return pairs.map(({ name, value }) => `${escapeQuery(name)}=${escapeQuery(value)}`).join("&");
}

function escapeQuery(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (unit) => `%${unit.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}
