/** The network interfaces of this machine, as address templates see them. */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { HostInterface, HostNetwork, InterfaceFlag } from "../config/address/host-network.ts";

/** Bits of an interface's flags in Linux. Source: linux/if.h. */
const linuxFlags: readonly (readonly [bit: number, flag: InterfaceFlag])[] = [
  [0x1, "up"],
  [0x2, "broadcast"],
  [0x8, "loopback"],
  [0x10, "pointtopoint"],
  [0x1000, "multicast"],
];
const gatewayFlag = 0x2;

/** This machine. What the system does not tell (outside Linux) is what is usual. */
export const systemNetwork: HostNetwork = { interfaces: listInterfaces, defaultInterface };

function listInterfaces(): readonly HostInterface[] {
  const listed = Object.entries(networkInterfaces()).map(([name, found], at): HostInterface => {
    const addresses = found ?? [];
    const fact = (file: string): string | undefined => sysfs(name, file);
    const mac = fact("address") ?? addresses[0]?.mac ?? "";
    const inOrder = [...addresses].sort((a, b) => Number(isIpv6(a)) - Number(isIpv6(b)));
    return {
      name,
      index: Number(fact("ifindex") ?? at + 1),
      mtu: Number(fact("mtu") ?? 0),
      // The loopback interface has none, which the system shows as zeros.
      hardwareAddress: /^[0:]*$/u.test(mac) ? "" : mac,
      flags: flagsOf(fact("flags"), addresses[0]?.internal === true),
      addresses: inOrder.flatMap(({ cidr }) => (cidr === null ? [] : [cidr.replace(/%[^/]*/u, "")])),
    };
  });
  return listed.sort((a, b) => a.index - b.index);
}

function isIpv6({ family }: { readonly family: string }): boolean {
  return family === "IPv6";
}

function sysfs(name: string, file: string): string | undefined {
  try {
    return readFileSync(`/sys/class/net/${name}/${file}`, "utf8").trim();
  } catch {
    return undefined; // Another system, or an interface that has just gone.
  }
}

function flagsOf(hex: string | undefined, isInternal: boolean): readonly InterfaceFlag[] {
  if (hex === undefined) {
    return isInternal
      ? ["up", "loopback", "multicast", "running"]
      : ["up", "broadcast", "multicast", "running"];
  }
  const bits = Number(hex);
  // The file does not say that an interface is running, but only those that are get listed.
  return [...linuxFlags.filter(([bit]) => (bits & bit) !== 0).map(([, flag]) => flag), "running"];
}

/** The interface of the IPv4 default route with the smallest metric. */
function defaultInterface(): string | undefined {
  let table: string;
  try {
    table = readFileSync("/proc/net/route", "utf8");
  } catch {
    return undefined; // Not Linux.
  }
  const routes = table
    .split("\n")
    .slice(1)
    .map((line) => line.split(/\s+/u))
    .filter(
      ([, destination, , flags, , , , mask]) =>
        destination === "00000000" &&
        mask === "00000000" &&
        (Number.parseInt(flags ?? "0", 16) & gatewayFlag) !== 0,
    )
    .sort((a, b) => Number(a[6] ?? 0) - Number(b[6] ?? 0));
  return routes[0]?.[0];
}
