/** The sets of addresses that templates begin with. Source: go-sockaddr, ifaddr.go and ifaddrs.go. */
import { quoteGo } from "../../lib/go-quote.ts";
import type { HostNetwork } from "./host-network.ts";
import { ifAttribute, type IfAddr } from "./if-addr.ts";
import { ifsByFlag, ifsByName, ifsByRfc } from "./if-filters.ts";
import { sortIfs } from "./if-sort.ts";
import { notForwardableRfc } from "./rfc-networks.ts";
import { parseSocketAddress } from "./socket-address.ts";
import { AddressTemplateError } from "./template-error.ts";

/** Every address of every interface. */
export function allInterfaces(host: HostNetwork): readonly IfAddr[] {
  return host.interfaces().flatMap((one) =>
    one.addresses.map((text): IfAddr => {
      const socket = parseSocketAddress(text);
      if (socket === undefined)
        throw new AddressTemplateError(`unable to create an IP address from ${quoteGo(text)}`);
      return { socket, interface: one };
    }),
  );
}

/** The addresses of the interface that has the default route. */
export function defaultInterfaces(host: HostNetwork): readonly IfAddr[] {
  const name = host.defaultInterface();
  if (name === undefined) throw new AddressTemplateError("No default interface found");
  return allInterfaces(host).filter((one) => one.interface.name === name);
}

/** Forwardable addresses of interfaces that are up, the default interface's first. */
function outward(host: HostNetwork): readonly IfAddr[] {
  const up = ifsByFlag("up", ifsByFlag("forwardable", allInterfaces(host)).matched).matched;
  return sortIfs("default,type,size", up, host);
}

const specialRfc = 6890;

/** Outward addresses that are private by RFC 6890. */
export function privateInterfaces(host: HostNetwork): readonly IfAddr[] {
  return ifsByRfc(specialRfc, outward(host)).matched;
}

/** Outward addresses that are not. */
export function publicInterfaces(host: HostNetwork): readonly IfAddr[] {
  return ifsByRfc(specialRfc, outward(host)).rest;
}

function addressOf(one: IfAddr): string {
  return ifAttribute(one, "address");
}

/** The first of a list, or "". */
export function firstAddress(list: readonly IfAddr[]): string {
  const [first] = list;
  return first === undefined ? "" : addressOf(first);
}

function joined(list: readonly IfAddr[]): string {
  return list.map(addressOf).join(" ");
}

/** Every private address that can be forwarded, with or without a default route. */
export function privateIps(host: HostNetwork): string {
  const special = ifsByRfc(specialRfc, sortIfs("type,size", allInterfaces(host), host)).matched;
  return joined(ifsByRfc(notForwardableRfc, special).rest);
}

/** Every public address. */
export function publicIps(host: HostNetwork): string {
  return joined(ifsByRfc(specialRfc, sortIfs("type,size", allInterfaces(host), host)).rest);
}

/** The first forwardable address of the interfaces whose name matches, largest network first. */
export function interfaceIp(host: HostNetwork, name: string): string {
  const named = ifsByName(name, allInterfaces(host)).matched;
  return firstAddress(sortIfs("+type,+size", ifsByFlag("forwardable", named).matched, host));
}

/** All addresses of the interfaces whose name matches, largest network first. */
export function interfaceIps(host: HostNetwork, name: string): string {
  return joined(sortIfs("+type,+size", ifsByName(name, allInterfaces(host)).matched, host));
}
