/** Networks that RFCs set apart, as address templates name them by number. Source: go-sockaddr, rfc.go. */
import { must } from "../../lib/assert.ts";
import { contains, parseIpv6, parseSocketAddress, type SocketAddress } from "./socket-address.ts";

function words(...lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => line.split(" "));
}

const testNetworks = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"];
const texts: ReadonlyMap<number, readonly string[]> = new Map([
  [919, ["255.255.255.255/32"]],
  [1122, ["0.0.0.0/8", "127.0.0.0/8"]],
  [1112, ["224.0.0.0/4"]],
  [1918, ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]],
  [2544, ["198.18.0.0/15"]],
  [2765, ["0:0:0:0:0:ffff:0:0/96"]],
  [2928, ["2001::/16"]],
  [3056, ["2002::/16"]],
  [3068, ["192.88.99.0/24", "2002:c058:6301::/120"]],
  [3171, ["224.0.0.0/4"]],
  [
    3330,
    words(
      "0.0.0.0/8 10.0.0.0/8 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16",
      "198.18.0.0/15 224.0.0.0/4 240.0.0.0/4",
    ),
  ],
  [3849, ["2001:db8::/32"]],
  [3927, ["169.254.0.0/16"]],
  [4038, ["0:0:0:0:0:ffff::/96"]],
  [4193, ["fc00::/7"]],
  [4291, ["::/128", "::1/128", "::/96", "::ffff:0:0/96", "fe80::/10", "fec0::/10", "ff00::/8"]],
  [4380, ["2001:0000::/32"]],
  [4773, ["2001:0000::/23"]],
  [4843, ["2001:10::/28"]],
  [5180, ["2001:0200::/48"]],
  [5735, [...testNetworks, "198.18.0.0/15"]],
  [5737, testNetworks],
  [6052, ["64:ff9b::/96"]],
  [6333, ["192.0.0.0/29"]],
  [6598, ["100.64.0.0/10"]],
  [6666, ["0100::/64"]],
  [
    6890,
    words(
      "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29",
      "192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4",
      "255.255.255.255/32 ::1/128 ::/128 64:ff9b::/96 ::ffff:0:0/96 100::/64 2001::/16 2002::/16 fc00::/7 fe80::/10",
    ),
  ],
  [7335, ["192.0.0.0/29"]],
]);

const notForwardableTexts = words(
  "0.0.0.0/8 127.0.0.0/8 169.254.0.0/16 192.0.0.0/24 192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4",
  "255.255.255.255/32 ::1/128 ::/128 ::ffff:0:0/96 2001:db8::/32 2001:10::/28 fe80::/10",
);

function parse(text: string): SocketAddress {
  // Networks in the part of IPv6 that stands for IPv4 are IPv6 here.
  const network = text.includes(":") ? parseIpv6(text) : parseSocketAddress(text);
  return must(network, "the list holds networks");
}

const networks = new Map([...texts].map(([rfc, list]) => [rfc, list.map(parse)] as const));
const notForwardable = notForwardableTexts.map(parse);

/** The number that stands for addresses that no router passes on. */
export const notForwardableRfc = 4_294_967_295;

/** The networks of an RFC; `undefined` for one that is not known here. */
export function rfcNetworks(rfc: number): readonly SocketAddress[] | undefined {
  return rfc === notForwardableRfc ? notForwardable : networks.get(rfc);
}

/** Whether an address lies in a network of the RFC. */
export function isInRfc(rfc: number, socket: SocketAddress): boolean {
  return (rfcNetworks(rfc) ?? []).some((network) => contains(network, socket));
}
