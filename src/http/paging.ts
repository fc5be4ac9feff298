/**
 * Pages of long lists: `?limit=N&after=PLACE`, an addition of Proconsul.
 *
 * A place is where a row stands in the order of the list, and stays so whatever else comes or goes: who follows
 * `X-Proconsul-Next` from page to page sees every row that was there all the while, once.
 */
import { bytesOf, utf8ByteString, type ByteString } from "../lib/byte-string.ts";
import { jsonResponse } from "./respond.ts";
import { decodePath, HttpError, type HttpResponse, type RoutedRequest } from "./types.ts";

/** Part of a list. */
export interface Page<T> {
  readonly rows: readonly T[];
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The part of a list that was asked for; `undefined` if no part was, and then the list is not even made.
 * Throws `HttpError` 400. `placeOf` must tell all rows apart. O(n) in the length of the list, more only where servers
 * give it in another order.
 */
export function pageOf<T>(
  request: RoutedRequest,
  list: () => readonly T[],
  placeOf: (row: T) => ByteString,
): Page<T> | undefined {
  const { query } = request;
  if (!query.has("limit") && !query.has("after")) return undefined;
  if (query.get("near") !== "") throw new HttpError(400, "Cannot specify ?near with ?limit or ?after");
  const limit = limitOf(query.get("limit"));
  const rows = list();
  const placed = inOrder(rows.map((row) => ({ place: placeOf(row), row })));
  const after = rawParam(request.search, "after");
  const start = after === undefined ? 0 : placed.findIndex(({ place }) => place > after);
  const found = start < 0 ? [] : placed.slice(start, start + limit);
  const last = found.at(-1);
  const hasMore = last !== undefined && last !== placed.at(-1);
  return {
    rows: found.map(({ row }) => row),
    headers: {
      "X-Proconsul-Total-Count": String(rows.length),
      ...(hasMore ? { "X-Proconsul-Next": escapePlace(last.place) } : {}),
    },
  };
}

/** The place of a row by the names that order it. Letter case does not order names. */
export function placeOf(...names: readonly string[]): ByteString {
  const [first = "", ...rest] = names;
  return utf8ByteString([first.toLowerCase(), ...rest].join("\u0000"));
}

/** A page as an answer. */
export function pageResponse<T>(
  request: RoutedRequest,
  { rows, headers }: Page<T>,
  { json, more }: { json(rows: readonly T[]): string; readonly more: Readonly<Record<string, string>> },
): HttpResponse {
  return jsonResponse(request, json(rows), { ...more, ...headers });
}

function limitOf(text: string): number {
  if (text === "") return Number.MAX_SAFE_INTEGER;
  if (!/^\d{1,15}$/.test(text)) throw new HttpError(400, `Invalid limit ${JSON.stringify(text)}`);
  return Number(text);
}

interface Placed<T> {
  readonly place: ByteString;
  readonly row: T;
}

function inOrder<T>(placed: readonly Placed<T>[]): readonly Placed<T>[] {
  const isSorted = placed.every(({ place }, at) => at === 0 || (placed[at - 1] as Placed<T>).place <= place);
  if (isSorted) return placed;
  return placed.toSorted((a, b) => (a.place < b.place ? -1 : a.place > b.place ? 1 : 0));
}

/** The bytes of a parameter: a key need not be text. */
function rawParam(search: string, name: string): ByteString | undefined {
  const part = search.split("&").find((one) => one.startsWith(`${name}=`));
  if (part === undefined) return undefined;
  return decodePath(part.slice(name.length + 1).replaceAll("+", "%20"));
}

/** Ready to be put behind `after=`. */
function escapePlace(place: ByteString): string {
  let text = "";
  for (const byte of bytesOf(place)) {
    const unit = String.fromCharCode(byte);
    text += /[A-Za-z0-9_.~-]/.test(unit) ? unit : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}
