/**
 * IP addresses with their network and port, and what can be asked of them.
 *
 * Address and mask are one big number each, so that IPv4 and IPv6 share their arithmetic.
 * Source: go-sockaddr, whose attribute names and forms these are.
 */
import { assert } from "../../lib/assert.ts";
import { isIpv4, parseIp, renderIp } from "../../lib/ip.ts";

export interface SocketAddress {
  /** 32 for IPv4, 128 for IPv6. */
  readonly width: 32 | 128;
  readonly address: bigint;
  readonly mask: bigint;
  /** 0 for none, as on every interface. */
  readonly port: number;
}

/** All ones in a width. */
export function allOnes(width: number): bigint {
  return (1n << BigInt(width)) - 1n;
}

/** The mask of a network length. */
export function maskOf(length: number, width: number): bigint {
  return allOnes(width) ^ allOnes(width - length);
}

/** How many leading bits the network has. */
export function maskBits({ width, mask }: SocketAddress): number {
  let bits = 0;
  while (bits < width && ((mask >> BigInt(width - 1 - bits)) & 1n) === 1n) bits += 1;
  return bits;
}

function toBig(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** The address in bytes, 4 or 16. */
export function addressBytes(value: bigint, width: 32 | 128): Uint8Array {
  const bytes = new Uint8Array(width / 8);
  for (let at = bytes.length - 1, rest = value; at >= 0; at -= 1, rest >>= 8n)
    bytes[at] = Number(rest & 255n);
  return bytes;
}

/** An address in text, without network and port. */
export function renderAddress(value: bigint, width: 32 | 128): string {
  const bytes = addressBytes(value, width);
  return width === 32 ? bytes.join(".") : renderIp(bytes);
}

function ipv4(bytes: Uint8Array, length: number, port: number): SocketAddress {
  return { width: 32, address: toBig(bytes.subarray(12)), mask: maskOf(length, 32), port };
}

/** IPv4 as an address, a network or with a port; IPv6 that stands for IPv4 is IPv4. */
function parseIpv4(text: string): SocketAddress | undefined {
  const cut = text.replace(/\/[0f]{8}$/u, "");
  const [host = "", length, ...more] = cut.split("/");
  const ip = parseIp(host);
  if (ip !== undefined) {
    if (!isIpv4(ip) || more.length > 0) return undefined;
    if (length === undefined) return ipv4(ip, 32, 0);
    const isMapped = host.includes(":");
    const bits = /^\d{1,3}$/u.test(length) ? Number(length) : Number.NaN;
    if (!(bits <= (isMapped ? 128 : 32))) return undefined;
    // The reference takes the first four bytes of a longer mask, which are ones from 32 on.
    return ipv4(ip, isMapped ? (bits >= 96 ? bits - 96 : Math.min(bits, 32)) : bits, 0);
  }
  const [, address = "", port = ""] = /^([\d.]+):(\d{1,5})$/u.exec(cut) ?? [];
  const withPort = parseIp(address);
  if (withPort === undefined || Number(port) > 65_535) return undefined;
  return ipv4(withPort, 32, Number(port));
}

/** IPv6 as an address, a network or with a port. */
export function parseIpv6(text: string): SocketAddress | undefined {
  if (!/^[^.]*:/u.test(text)) return undefined;
  const [, inBrackets, port] = /^\[(.*)\](?::(\d{1,5}))?$/u.exec(text) ?? [];
  const [host = "", length, ...more] = (inBrackets ?? text).split("/");
  const ip = parseIp(host);
  if (ip === undefined || !host.includes(":") || more.length > 0) return undefined;
  const bits = length === undefined ? 128 : /^\d{1,3}$/u.test(length) ? Number(length) : 129;
  if (bits > 128 || Number(port ?? 0) > 65_535) return undefined;
  return { width: 128, address: toBig(ip), mask: maskOf(bits, 128), port: Number(port ?? 0) };
}

/** An address of either family; `undefined` if it is none. */
export function parseSocketAddress(text: string): SocketAddress | undefined {
  return parseIpv4(text) ?? parseIpv6(text);
}

/** First address of the network. */
export function networkAddress({ address, mask }: SocketAddress): bigint {
  return address & mask;
}

/** Last address of the network: the broadcast address of IPv4. */
export function lastAddress({ width, address, mask }: SocketAddress): bigint {
  return (address & mask) | (allOnes(width) ^ mask);
}

/** Whether all of `inner` lies in `outer`; never for different families. */
export function contains(outer: SocketAddress, inner: SocketAddress): boolean {
  return (
    outer.width === inner.width &&
    networkAddress(outer) <= networkAddress(inner) &&
    lastAddress(outer) >= lastAddress(inner)
  );
}

/** "10.0.0.1:80", "10.0.0.1/8" or, for a host, "10.0.0.1". */
export function renderSocketAddress(socket: SocketAddress): string {
  const text = renderAddress(socket.address, socket.width);
  if (socket.port !== 0) return socket.width === 32 ? `${text}:${socket.port}` : `[${text}]:${socket.port}`;
  const bits = maskBits(socket);
  return bits === socket.width ? text : `${text}/${bits}`;
}

function host(socket: SocketAddress, address: bigint, port = 0): string {
  return renderSocketAddress({ width: socket.width, address, mask: allOnes(socket.width), port });
}

/** Networks of one address or two have no addresses of their own to spare. */
function spare(socket: SocketAddress): bigint {
  return socket.width === 32 && maskBits(socket) < 31 ? 1n : 0n;
}

type Attribute = (socket: SocketAddress) => string;

const attributes: Readonly<Record<string, Attribute>> = {
  address: ({ address, width }) => renderAddress(address, width),
  binary: ({ address, width }) => address.toString(2).padStart(width, "0"),
  first_usable: (socket) => host(socket, networkAddress(socket) + spare(socket)),
  hex: ({ address, width }) => address.toString(16).padStart(width / 4, "0"),
  host: (socket) => host(socket, socket.address, socket.port),
  last_usable: (socket) => host(socket, lastAddress(socket) - spare(socket)),
  mask_bits: (socket) => String(maskBits(socket)),
  netmask: (socket) => host(socket, socket.mask),
  network: (socket) => renderAddress(networkAddress(socket), socket.width),
  octets: ({ address, width }) => addressBytes(address, width).join(" "),
  port: ({ port }) => String(port),
  size: (socket) => String(1n << BigInt(socket.width - maskBits(socket))),
  string: renderSocketAddress,
  type: ({ width }) => (width === 32 ? "IPv4" : "IPv6"),
};
const ipv4Attributes: Readonly<Record<string, Attribute>> = {
  broadcast: (socket) => host(socket, lastAddress(socket)),
  uint32: ({ address }) => String(address),
};
const ipv6Attributes: Readonly<Record<string, Attribute>> = {
  uint128: ({ address }) => String(address),
};

/** An attribute by its name in lower case; `undefined` if addresses of this family have none of the name. */
export function socketAttribute(socket: SocketAddress, name: string): string | undefined {
  assert(name === name.toLowerCase(), "names of attributes are in lower case");
  const ofFamily = socket.width === 32 ? ipv4Attributes : ipv6Attributes;
  const found = [attributes, ofFamily].find((table) => Object.hasOwn(table, name));
  return found?.[name]?.(socket);
}
