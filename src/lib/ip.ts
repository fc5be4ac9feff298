/**
 * IP addresses and networks as text and bytes.
 *
 * Reads what Go's `net.ParseIP` and `net.ParseCIDR` read (no zones, no leading zeros in IPv4) and writes
 * what Go writes: RFC 5952, with IPv4 in IPv6 shown as IPv4.
 */

/** 16 bytes; an IPv4 address is mapped into ::ffff:0:0/96, so one address has one form. */
export type IpBytes = Uint8Array;

/** A network: its first address and how many leading bits all its addresses share (of 128). */
export interface IpNetwork {
  readonly base: IpBytes;
  readonly bits: number;
}

const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

function parseIpv4(text: string): readonly number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/u.test(part))) return undefined;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

/** The 16-bit groups of colon-separated text; IPv4 may stand for the last two. */
function parseGroups(text: string): readonly number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (index === parts.length - 1 && part.includes(".")) {
      const tail = parseIpv4(part);
      if (tail === undefined) return undefined;
      const [a = 0, b = 0, c = 0, d = 0] = tail;
      groups.push(a * 256 + b, c * 256 + d);
    } else if (/^[\da-f]{1,4}$/iu.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function parseIpv6(text: string): readonly number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? "");
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? "") : [];
  if (head === undefined || tail === undefined) return undefined;
  const zeros = 8 - head.length - tail.length;
  // "::" stands for at least one group; IPv4 may only end the text, not what is before "::".
  if (halves.length === 2 ? zeros < 1 || (halves[0] ?? "").includes(".") : zeros !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: zeros }, () => 0), ...tail];
  return groups.flatMap((group) => [group >> 8, group & 255]);
}

/** The address that `text` names, or `undefined`. Brackets and zones are not part of an address. */
export function parseIp(text: string): IpBytes | undefined {
  const v4 = parseIpv4(text);
  if (v4 !== undefined) return Uint8Array.from([...mappedPrefix, ...v4]);
  const v6 = text.includes(":") ? parseIpv6(text) : undefined;
  return v6 === undefined ? undefined : Uint8Array.from(v6);
}

/** Whether the address is IPv4 (or IPv4 mapped into IPv6, which is the same). */
export function isIpv4(ip: IpBytes): boolean {
  return mappedPrefix.every((byte, index) => ip[index] === byte);
}

/** Start and length of the first longest run of zero groups; length 0 if no run is worth "::". */
function longestZeros(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let index = 0; index <= groups.length; index += 1) {
    if (groups[index] === 0) continue;
    if (index - start > Math.max(best.length, 1)) best = { start, length: index - start };
    start = index + 1;
  }
  return best;
}

/** The text of an address, RFC 5952. */
export function renderIp(ip: IpBytes): string {
  if (isIpv4(ip)) return ip.subarray(12).join(".");
  const groups = Array.from(
    { length: 8 },
    (_, index) => (ip[index * 2] ?? 0) * 256 + (ip[index * 2 + 1] ?? 0),
  );
  const hex = (some: readonly number[]): string => some.map((group) => group.toString(16)).join(":");
  const zeros = longestZeros(groups);
  if (zeros.length === 0) return hex(groups);
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`;
}

/** The network that `text` ("10.0.0.0/8") names, host bits cleared, or `undefined`. */
export function parseCidr(text: string): IpNetwork | undefined {
  const [address = "", length = "", ...more] = text.split("/");
  const ip = parseIp(address);
  if (ip === undefined || more.length > 0 || !/^\d{1,3}$/u.test(length)) return undefined;
  const width = address.includes(":") ? 128 : 32;
  if (Number(length) > width) return undefined;
  const bits = Number(length) + 128 - width;
  return {
    base: ip.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - index * 8)))),
    bits,
  };
}

/** The text of a network: "10.0.0.0/8". */
export function renderCidr(network: IpNetwork): string {
  const isV4 = isIpv4(network.base) && network.bits >= 96;
  return `${renderIp(network.base)}/${isV4 ? network.bits - 96 : network.bits}`;
}

/** Whether `ip` lies in `network`. */
export function networkContains(network: IpNetwork, ip: IpBytes): boolean {
  for (let index = 0; index * 8 < network.bits; index += 1) {
    const mask = 0xff00 >> Math.min(8, network.bits - index * 8);
    if (((ip[index] ?? 0) & mask & 0xff) !== ((network.base[index] ?? 0) & mask & 0xff)) return false;
  }
  return true;
}

/** "127.0.0.1:80" or "[::1]:80". */
export function renderHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An address of 4 or 16 bytes, as peers send it, in text; `undefined` for any other length. */
export function unpackIp(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join(".");
  return bytes.length === 16 ? renderIp(bytes) : undefined;
}

/** The 4 bytes of an IPv4 or 16 of an IPv6 address in text, or `undefined`. */
export function packIp(text: string): Uint8Array | undefined {
  const ip = parseIp(text);
  return ip === undefined || !isIpv4(ip) ? ip : ip.subarray(12);
}
