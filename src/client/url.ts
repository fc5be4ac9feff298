/**
 * Paths and queries as Go's `net/url` escapes them.
 *
 * A KV key may hold anything, and agents take the path as it arrives: a space is `%20` in a path and
 * `+` in a query, `/` and `..` stay. `encodeURI` differs (it leaves `#` and `?` alone, and refuses
 * lone surrogates), hence our own. Source: https://pkg.go.dev/net/url, `EscapedPath` and `Values.Encode`.
 */

const encoder = new TextEncoder();
const pathSafe = /^[A-Za-z0-9\-_.~$&+,/:;=@]$/u;
const querySafe = /^[A-Za-z0-9\-_.~]$/u;

function escapeBytes(text: string, safe: RegExp): string {
  let escaped = "";
  for (const byte of encoder.encode(text)) {
    const char = String.fromCharCode(byte);
    escaped += byte < 0x80 && safe.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return escaped;
}

/** Escapes a path; slashes stay. */
export function escapePath(path: string): string {
  return escapeBytes(path, pathSafe);
}

/** One name or value of a query. */
export function escapeQuery(text: string): string {
  return escapeBytes(text, querySafe).replaceAll("%20", "+");
}

/** Query parameters: absent ones are left out, several values repeat the name. */
export type QueryParameters = Readonly<Record<string, string | readonly string[] | undefined>>;

/** "a=1&b=2" with names in byte order, "" for none. */
export function renderQuery(parameters: QueryParameters): string {
  const parts: string[] = [];
  for (const name of Object.keys(parameters).sort()) {
    const value = parameters[name];
    if (value === undefined) continue;
    for (const one of typeof value === "string" ? [value] : value) {
      parts.push(`${escapeQuery(name)}=${escapeQuery(one)}`);
    }
  }
  return parts.join("&");
}
