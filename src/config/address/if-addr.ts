/** One address on one interface, and what it tells of itself. Source: go-sockaddr, ifaddr.go. */
import { quoteGo } from "../../lib/go-quote.ts";
import type { HostInterface } from "./host-network.ts";
import { renderSocketAddress, socketAttribute, type SocketAddress } from "./socket-address.ts";
import { AddressTemplateError } from "./template-error.ts";

/** One address on one interface. */
export interface IfAddr {
  readonly socket: SocketAddress;
  readonly interface: HostInterface;
}

/** What a filter took and what it left. */
export interface Parted {
  readonly matched: readonly IfAddr[];
  readonly rest: readonly IfAddr[];
}

/** As Go prints it. */
export function renderIfAddr({ socket, interface: own }: IfAddr): string {
  const { index, mtu, name, hardwareAddress } = own;
  return `${renderSocketAddress(socket)} {${index} ${mtu} ${name} ${hardwareAddress} ${renderFlags(own)}}`;
}

function renderFlags({ flags }: HostInterface): string {
  return flags.length === 0 ? "0" : flags.join("|");
}

/** An attribute of the interface or the address. Throws `AddressTemplateError` if there is none. */
export function ifAttribute(one: IfAddr, selector: string): string {
  const name = selector.toLowerCase();
  if (name === "flags") return renderFlags(one.interface);
  if (name === "name") return one.interface.name;
  const found = socketAttribute(one.socket, name);
  if (found === undefined) throw new AddressTemplateError(`unsupported attribute name ${quoteGo(name)}`);
  return found;
}
