/** The selectors of `include` and `exclude`. Each parts a list in two. Source: go-sockaddr, ifaddrs.go. */
import { quoteGo, quoteGoAscii } from "../../lib/go-quote.ts";
import { LinearRegexp } from "../../lib/regexp/linear-regexp.ts";
import { parseGoUint } from "./go-numbers.ts";
import type { InterfaceFlag } from "./host-network.ts";
import type { IfAddr, Parted } from "./if-addr.ts";
import { isInRfc, notForwardableRfc, rfcNetworks } from "./rfc-networks.ts";
import {
  addressBytes,
  contains,
  maskBits,
  parseSocketAddress,
  renderSocketAddress,
  type SocketAddress,
} from "./socket-address.ts";
import { AddressTemplateError } from "./template-error.ts";

function part(list: readonly IfAddr[], takes: (one: IfAddr) => boolean): Parted {
  return { matched: list.filter(takes), rest: list.filter((one) => !takes(one)) };
}

/** Several selections, one after the other: an address may be matched and left, and more than once. */
function each<T>(words: readonly T[], select: (word: T) => Parted): Parted {
  const parts = words.map(select);
  return {
    matched: parts.flatMap(({ matched }) => matched),
    rest: parts.flatMap(({ rest }) => rest),
  };
}

function pattern(what: string, source: string): LinearRegexp {
  const compiled = LinearRegexp.compile(source);
  if (compiled instanceof LinearRegexp) return compiled;
  throw new AddressTemplateError(
    `Unable to compile ${what} regexp ${quoteGoAscii(source)}: ${compiled.problem}`,
  );
}

function ifsByAddress(source: string, list: readonly IfAddr[]): Parted {
  const wanted = pattern("address", source);
  return part(list, ({ socket }) => wanted.test(renderSocketAddress(socket)));
}

/** Interfaces whose name matches a regular expression. */
export function ifsByName(source: string, list: readonly IfAddr[]): Parted {
  const wanted = pattern("name", source);
  return part(list, (one) => wanted.test(one.interface.name));
}

function ifsByPort(source: string, list: readonly IfAddr[]): Parted {
  const wanted = pattern("port", source);
  return part(list, ({ socket }) => wanted.test(String(socket.port)));
}

/** Addresses in a network of an RFC. */
export function ifsByRfc(rfc: number, list: readonly IfAddr[]): Parted {
  if (rfcNetworks(rfc) === undefined) throw new AddressTemplateError(`unsupported RFC ${rfc}`);
  return part(list, ({ socket }) => isInRfc(rfc, socket));
}

function ifsByRfcs(text: string, list: readonly IfAddr[]): Parted {
  return each(text.split("|"), (word) => {
    const wrap = (problem: string): string => `unable to lookup RFC number ${quoteGo(word)}: ${problem}`;
    const rfc = parseGoUint(word, 64, (problem) =>
      wrap(`unable to parse RFC number ${quoteGo(word)}: ${problem}`),
    );
    if (rfcNetworks(rfc) === undefined) throw new AddressTemplateError(wrap(`unsupported RFC ${rfc}`));
    return ifsByRfc(rfc, list);
  });
}

function ifsByNetwork(text: string, list: readonly IfAddr[]): Parted {
  return each(text.split("|"), (word) => {
    const network = parseSocketAddress(word);
    if (network === undefined) {
      throw new AddressTemplateError(
        `unable to create an IP address from ${quoteGoAscii(word)}: invalid IPAddr ${word}`,
      );
    }
    return part(list, ({ socket }) => contains(network, socket));
  });
}

function ifsBySize(text: string, list: readonly IfAddr[]): Parted {
  const size = parseGoUint(
    text,
    64,
    (problem) => `invalid exclude size argument (${quoteGo(text)}): ${problem}`,
  );
  const outOf = list.find(({ socket }) => size > socket.width);
  if (outOf !== undefined) {
    const family = outOf.socket.width === 32 ? "IPv4" : "IPv6";
    throw new AddressTemplateError(`mask size out of bounds for ${family} address: ${size}`);
  }
  return part(list, ({ socket }) => maskBits(socket) === size);
}

const types: Readonly<Record<string, (socket: SocketAddress) => boolean>> = {
  ip: () => true,
  ipv4: ({ width }) => width === 32,
  ipv6: ({ width }) => width === 128,
  unix: () => false,
};

function ifsByType(text: string, list: readonly IfAddr[]): Parted {
  const wanted = text
    .toLowerCase()
    .split("|")
    .map((word) => {
      const takes = Object.hasOwn(types, word) ? types[word] : undefined;
      if (takes !== undefined) return takes;
      throw new AddressTemplateError(`unsupported type ${quoteGo(word)} ${quoteGo(text)}`);
    });
  const tried = list.flatMap((one) => wanted.map((takes) => ({ one, isTaken: takes(one.socket) })));
  return {
    matched: tried.flatMap(({ one, isTaken }) => (isTaken ? [one] : [])),
    rest: tried.flatMap(({ one, isTaken }) => (isTaken ? [] : [one])),
  };
}

interface FlagRule {
  /** Must be set on the interface, together with those of all other words. */
  readonly flags?: readonly InterfaceFlag[];
  /** Or the address is of this kind. */
  readonly takes?: (socket: SocketAddress) => boolean;
}

function startsWith(
  socket: SocketAddress,
  width: number,
  starts: (a: number, b: number) => boolean,
): boolean {
  const [a = 0, b = 0] = addressBytes(socket.address, socket.width);
  return socket.width === width && starts(a, b);
}

const isUnspecified = ({ address }: SocketAddress): boolean => address === 0n;
const isLoopback = (socket: SocketAddress): boolean =>
  startsWith(socket, 32, (a) => a === 127) || (socket.width === 128 && socket.address === 1n);
const isMulticast = (socket: SocketAddress): boolean =>
  startsWith(socket, 32, (a) => a >> 4 === 14) || startsWith(socket, 128, (a) => a === 255);
const isLinkLocal = (socket: SocketAddress): boolean =>
  startsWith(socket, 32, (a, b) => a === 169 && b === 254) ||
  startsWith(socket, 128, (a, b) => a === 0xfe && (b & 0xc0) === 0x80);
const isBroadcast = ({ width, address }: SocketAddress): boolean => width === 32 && address === 0xffff_ffffn;

const flagRules: Readonly<Record<string, FlagRule>> = {
  broadcast: { flags: ["broadcast"] },
  // The reference means "up is not asked for", which every interface satisfies.
  down: { flags: [] },
  forwardable: { takes: (socket) => !isInRfc(notForwardableRfc, socket) },
  "global unicast": {
    takes: (socket) =>
      ![isBroadcast, isUnspecified, isLoopback, isMulticast, isLinkLocal].some((is) => is(socket)),
  },
  "interface-local multicast": {
    takes: (socket) => startsWith(socket, 128, (a, b) => a === 255 && (b & 15) === 1),
  },
  "link-local multicast": {
    takes: (socket) =>
      startsWith(socket, 128, (a, b) => a === 255 && (b & 15) === 2) ||
      (socket.width === 32 && socket.address >> 8n === 0xe000_00n),
  },
  "link-local unicast": { takes: isLinkLocal },
  loopback: { flags: ["loopback"], takes: isLoopback },
  multicast: { flags: ["multicast"], takes: isMulticast },
  "point-to-point": { flags: ["pointtopoint"] },
  unspecified: { takes: isUnspecified },
  up: { flags: ["up"] },
};

/** Interfaces with all the flags, or addresses of one of the kinds, that `text` names, parted by "|". */
export function ifsByFlag(text: string, list: readonly IfAddr[]): Parted {
  const rules = text
    .toLowerCase()
    .split("|")
    .map((word) => {
      const rule = Object.hasOwn(flagRules, word) ? flagRules[word] : undefined;
      if (rule === undefined) throw new AddressTemplateError(`Unknown interface flag: ${quoteGoAscii(word)}`);
      return rule;
    });
  const checksFlags = rules.some(({ flags }) => flags !== undefined);
  const flags = rules.flatMap((rule) => rule.flags ?? []);
  return part(
    list,
    (one) =>
      (checksFlags && flags.every((flag) => one.interface.flags.includes(flag))) ||
      rules.some(({ takes }) => takes?.(one.socket) === true),
  );
}

type Selector = (parameter: string, list: readonly IfAddr[]) => Parted;

const selectors: Readonly<Record<string, Selector>> = {
  address: ifsByAddress,
  flag: ifsByFlag,
  flags: ifsByFlag,
  name: ifsByName,
  network: ifsByNetwork,
  port: ifsByPort,
  rfc: ifsByRfcs,
  rfcs: ifsByRfcs,
  size: ifsBySize,
  type: ifsByType,
};

/** The selector of a name; `verb` is "include" or "exclude", for the message. */
export function ifSelector(verb: string, name: string): Selector {
  const lower = name.toLowerCase();
  const found = Object.hasOwn(selectors, lower) ? selectors[lower] : undefined;
  if (found === undefined) throw new AddressTemplateError(`invalid ${verb} selector ${quoteGo(name)}`);
  return found;
}
