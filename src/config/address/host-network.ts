/** What the host says of its network interfaces; passed in, so that templates can be evaluated anywhere. */

/** Flags of an interface, in Go's words and order. */
export const interfaceFlags = [
  "up",
  "broadcast",
  "loopback",
  "pointtopoint",
  "multicast",
  "running",
] as const;
export type InterfaceFlag = (typeof interfaceFlags)[number];

/** One interface with its addresses, IPv4 first. */
export interface HostInterface {
  readonly name: string;
  /** 1 and up; interfaces are listed in this order. */
  readonly index: number;
  readonly mtu: number;
  /** "aa:bb:cc:dd:ee:ff", or "" where there is none. */
  readonly hardwareAddress: string;
  readonly flags: readonly InterfaceFlag[];
  /** With the length of the network: "10.0.0.5/8", "fe80::1/64"; no zones. */
  readonly addresses: readonly string[];
}

/** The host's side of address templates. */
export interface HostNetwork {
  /** Called only if a template asks. */
  interfaces(): readonly HostInterface[];
  /** Name of the interface of the default route; `undefined` if there is none. */
  defaultInterface(): string | undefined;
}

/** A host without any interface. */
export const noNetwork: HostNetwork = { interfaces: () => [], defaultInterface: () => undefined };
