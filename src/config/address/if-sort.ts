/** The orders of `sort`. Source: go-sockaddr, ifaddrs.go and sockaddrs.go. */
import { quoteGo } from "../../lib/go-quote.ts";
import type { HostNetwork } from "./host-network.ts";
import type { IfAddr } from "./if-addr.ts";
import { isInRfc } from "./rfc-networks.ts";
import { AddressTemplateError } from "./template-error.ts";

/** -1: the first one comes first. 0: not decided here. */
type Compare = (a: IfAddr, b: IfAddr) => -1 | 0 | 1;

function order<T extends bigint | number | string>(a: T, b: T): -1 | 0 | 1 {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

const specialRfc = 6890;

function byPrivate(a: IfAddr, b: IfAddr): -1 | 0 | 1 {
  const [first, second] = [isInRfc(specialRfc, a.socket), isInRfc(specialRfc, b.socket)];
  if (a.socket.width !== b.socket.width) return first ? -1 : 0;
  if (first === second) return 0;
  return first ? -1 : 1;
}

function comparisons(host: HostNetwork): Readonly<Record<string, Compare>> {
  const sameFamily =
    (compare: Compare): Compare =>
    (a, b) =>
      a.socket.width === b.socket.width ? compare(a, b) : 0;
  return {
    address: sameFamily((a, b) => order(a.socket.address, b.socket.address)),
    default: (a, b) => {
      const name = host.defaultInterface();
      const [first, second] = [a.interface.name === name, b.interface.name === name];
      if (first === second) return 0;
      return first ? -1 : 1;
    },
    name: (a, b) => order(a.interface.name, b.interface.name),
    port: (a, b) => order(a.socket.port, b.socket.port),
    private: byPrivate,
    // The larger the network, the smaller its mask.
    size: sameFamily((a, b) => order(a.socket.mask, b.socket.mask)),
    type: (a, b) => order(a.socket.width, b.socket.width),
  };
}

/** Sorted by clauses parted by commas, each with "+" or "-" before it for the direction. */
export function sortIfs(clauses: string, list: readonly IfAddr[], host: HostNetwork): readonly IfAddr[] {
  const known = comparisons(host);
  const compares = clauses.split(",").map((clause): Compare => {
    const [, sign = "", name = ""] = /^([+-]?)(.*)$/su.exec(clause.toLowerCase().trim()) ?? [];
    const compare = Object.hasOwn(known, name) ? known[name] : undefined;
    if (compare === undefined) throw new AddressTemplateError(`unknown sort type: ${quoteGo(clause)}`);
    if (sign !== "-") return compare;
    return (a, b) => {
      const ascending = compare(a, b);
      if (ascending === 0) return 0;
      return ascending === 1 ? -1 : 1;
    };
  });
  const isBefore = (a: IfAddr, b: IfAddr): boolean => {
    for (const compare of compares) {
      const decision = compare(a, b);
      if (decision !== 0) return decision < 0;
    }
    return false;
  };
  return insertionSort(list, isBefore);
}

/**
 * By insertion, as Go sorts up to twelve: some comparisons do not agree with themselves (private addresses of
 * two families), and then the result depends on who is compared with whom.
 */
function insertionSort(
  list: readonly IfAddr[],
  isBefore: (a: IfAddr, b: IfAddr) => boolean,
): readonly IfAddr[] {
  const sorted: IfAddr[] = [];
  for (const one of list) {
    let at = sorted.length;
    for (; at > 0; at -= 1) {
      const previous = sorted[at - 1];
      if (previous === undefined || !isBefore(one, previous)) break;
    }
    sorted.splice(at, 0, one);
  }
  return sorted;
}
