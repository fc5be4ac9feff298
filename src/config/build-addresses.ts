/** Ports and addresses: what to bind, what to tell others, and what clashes. */
import {
  isIpv4,
  parseCidr,
  networkContains,
  parseIp,
  renderHostPort,
  renderIp,
  type IpBytes,
} from "../lib/ip.ts";
import { must } from "../lib/assert.ts";
import type { AddressesConfig, HostPort, ListenAddress, PortsConfig } from "./config.ts";
import type { KeyPath } from "./keys.ts";
import { expandAddress, filled, portAt, type BuildContext } from "./readers.ts";

/** One address of this host, as the system lists it. */
export interface HostAddress {
  readonly address: string;
  /** The interface is the loopback one. */
  readonly internal: boolean;
}

/** Where addresses come from when none is configured. */
export type HostAddresses = () => readonly HostAddress[];

/** Networks that the reference does not take for public. Source: its ipaddr/detect.go. */
const privateNetworks = [
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.168.0.0/16",
  "::1/128",
  "fe80::/10",
  "fc00::/7",
  "fec0::/10",
  "2001:db8::/32",
].map((text) => must(parseCidr(text), "the list holds networks"));

function isPrivate(ip: IpBytes): boolean {
  return privateNetworks.some((network) => networkContains(network, ip));
}

function isAny(address: string): boolean {
  return address === "0.0.0.0" || address === "::" || address === "[::]";
}

/** The one address to advertise when an ANY address is bound. A problem if there is none, or more than one. */
function detectAddress(context: BuildContext, bound: string, host: HostAddresses): string {
  const wantsIpv4 = bound === "0.0.0.0";
  const kind = wantsIpv4 ? "private IPv4" : "public IPv6";
  const all = host();
  // For IPv4 the loopback counts only on a host that has nothing else.
  const outward = wantsIpv4 ? all.filter((address) => !address.internal) : all;
  const found = (outward.length > 0 ? outward : all).flatMap(({ address }) => {
    const ip = parseIp(address.replace(/%.*$/u, ""));
    const fits = ip !== undefined && isIpv4(ip) === wantsIpv4 && isPrivate(ip) === wantsIpv4;
    return fits ? [renderIp(ip)] : [];
  });
  if (found.length === 0) context.problems.stop(`No ${kind} address found`);
  if (found.length > 1) {
    context.problems.stop(
      `Multiple ${kind} addresses found. Please configure one with 'bind' and/or 'advertise'.`,
    );
  }
  return found[0] ?? bound;
}

type Address =
  | { readonly kind: "ip"; readonly host: string }
  | { readonly kind: "unix"; readonly path: string };

/** Addresses parted by spaces, or a template that makes such; a bad one is on record and empties the list. */
function readAddresses(context: BuildContext, path: KeyPath<"string">): readonly Address[] {
  const text = expandAddress(context, path, context.settings.text(path) ?? "");
  if (text === undefined) return [];
  const addresses: Address[] = [];
  for (const word of text.split(/\s+/u).filter((part) => part !== "")) {
    const ip = parseIp(word === "[::]" ? "::" : word);
    if (word.startsWith("unix://")) addresses.push({ kind: "unix", path: word.slice("unix://".length) });
    else if (ip !== undefined) addresses.push({ kind: "ip", host: renderIp(ip) });
    else {
      context.problems.add(`${path}: invalid ip address: ${word}`);
      return [];
    }
  }
  return addresses;
}

/** The one IP address of a key, or `undefined` if it is unset; anything else is on record. */
function readIp(context: BuildContext, path: KeyPath<"string">): string | undefined {
  const addresses = readAddresses(context, path);
  const [first, ...more] = addresses;
  if (first === undefined) return undefined;
  if (more.length > 0) {
    const all = addresses.map((one) => (one.kind === "ip" ? one.host : one.path)).join(" ");
    context.problems.add(`${path}: multiple addresses found: ${all}`);
  }
  if (first.kind === "ip") return first.host;
  context.problems.add(`${path} cannot be a unix socket`);
  return undefined;
}

function readBind(context: BuildContext): string {
  const before = context.problems.count;
  const [first, ...more] = readAddresses(context, "bind_addr");
  if (first?.kind === "ip" && more.length === 0) return first.host;
  if (context.problems.count === before) {
    if (first === undefined) context.problems.stop("bind_addr cannot be empty");
    else if (more.length > 0) {
      context.problems.stop(
        "bind_addr cannot contain multiple addresses. Use 'addresses.{dns,http,https}' instead.",
      );
    } else context.problems.stop("bind_addr cannot be a unix socket");
  }
  return "127.0.0.1";
}

function readClient(context: BuildContext): readonly string[] {
  const before = context.problems.count;
  const addresses = readAddresses(context, "client_addr");
  if (addresses.some((address) => address.kind === "unix"))
    context.problems.add("client_addr cannot be a unix socket");
  else if (addresses.length === 0 && context.problems.count === before) {
    context.problems.warn(
      "client_addr is empty, client services (DNS, HTTP, HTTPS, GRPC) will not be listening for connections",
    );
  }
  return addresses.flatMap((address) => (address.kind === "ip" ? [address.host] : []));
}

interface Listener {
  readonly path: KeyPath<"string">;
  readonly port: number | undefined;
  readonly client: readonly string[];
}

function listenAddresses(context: BuildContext, listener: Listener): readonly ListenAddress[] {
  const own = readAddresses(context, listener.path);
  const { port } = listener;
  if (port === undefined) return [];
  const addresses = own.length > 0 ? own : listener.client.map((host): Address => ({ kind: "ip", host }));
  return addresses.map((one) => (one.kind === "ip" ? { kind: "tcp", host: one.host, port } : one));
}

interface Advertised {
  readonly lan: string;
  readonly wan: string;
  readonly tagged: Readonly<Record<string, string>>;
}

/** An address of one family: the key's own, or `fallback` if it is of that family. */
function familyAddress(context: BuildContext, path: KeyPath<"string">, fallback: string): string | undefined {
  const wantsIpv4 = path.endsWith("ipv4");
  const own = readIp(context, path);
  const isV4 = (address: string): boolean => !address.includes(":");
  if (own === undefined) return isV4(fallback) === wantsIpv4 ? fallback : undefined;
  if (isV4(own) !== wantsIpv4) {
    context.problems.stop(`${path} must be an ${wantsIpv4 ? "ipv4" : "ipv6"} address`);
  }
  return own;
}

function readAdvertised(context: BuildContext, bind: string, host: HostAddresses): Advertised {
  const { settings, problems } = context;
  const lanText = settings.text("advertise_addr") ?? "";
  const wanText = settings.text("advertise_addr_wan") ?? "";
  if (isAny(lanText)) problems.stop("Advertise address cannot be 0.0.0.0, :: or [::]");
  if (isAny(wanText)) problems.stop("Advertise WAN address cannot be 0.0.0.0, :: or [::]");
  const own = readIp(context, "advertise_addr");
  const configured = own ?? bind;
  // Where the key itself is no good, that is on record already.
  const mustDetect = isAny(configured) && (own !== undefined || lanText === "") && !isAny(lanText);
  const lan = mustDetect ? detectAddress(context, configured, host) : configured;
  const wan = readIp(context, "advertise_addr_wan") ?? lan;
  const tags: readonly (readonly [string, string | undefined])[] = [
    ["lan", lan],
    ["lan_ipv4", familyAddress(context, "advertise_addr_ipv4", lan)],
    ["lan_ipv6", familyAddress(context, "advertise_addr_ipv6", lan)],
    ["wan", wan],
    ["wan_ipv4", familyAddress(context, "advertise_addr_wan_ipv4", wan)],
    ["wan_ipv6", familyAddress(context, "advertise_addr_wan_ipv6", wan)],
  ];
  const known = tags.flatMap(([tag, address]) => (address === undefined ? [] : [[tag, address] as const]));
  return { lan, wan, tagged: { ...settings.map("tagged_addresses"), ...Object.fromEntries(known) } };
}

/** Ports of all listeners. `server` decides the default of `ports.grpc_tls`. */
export function buildPorts(context: BuildContext, server: boolean): PortsConfig {
  const { settings, problems } = context;
  const at = (path: KeyPath<"int">): number | undefined => portAt(context, path);
  const grpcTls = settings.number("ports.grpc_tls") === undefined && server ? 8503 : at("ports.grpc_tls");
  const serverPort = at("ports.server");
  const serfLan = at("ports.serf_lan");
  if (serverPort === undefined) problems.stop("server-port must be greater than zero");
  if (serfLan === undefined) problems.stop("serf-lan-port must be greater than zero");
  for (const range of ["proxy", "sidecar", "expose"] as const) {
    const min = at(`ports.${range}_min_port`) ?? -1;
    const max = at(`ports.${range}_max_port`) ?? -1;
    if (max < min) {
      problems.stop(`${range}_min_port must be less than ${range}_max_port. To disable, set both to zero.`);
    }
  }
  return {
    dns: at("ports.dns"),
    http: at("ports.http"),
    https: at("ports.https"),
    grpc: at("ports.grpc"),
    grpcTls,
    server: serverPort ?? 8300,
    serfLan: serfLan ?? 8301,
    serfWan: at("ports.serf_wan"),
    sidecarMin: at("ports.sidecar_min_port"),
    sidecarMax: at("ports.sidecar_max_port"),
    exposeMin: at("ports.expose_min_port"),
    exposeMax: at("ports.expose_max_port"),
  };
}

/** Addresses of all listeners, and those that others are told. */
export function buildAddresses(
  context: BuildContext,
  ports: PortsConfig,
  host: HostAddresses,
): AddressesConfig {
  const bind = readBind(context);
  const { lan, wan, tagged } = readAdvertised(context, bind, host);
  const client = readClient(context);
  const listen = (path: KeyPath<"string">, port: number | undefined): readonly ListenAddress[] =>
    listenAddresses(context, { path, port, client });
  const dns = listen("addresses.dns", ports.dns);
  if (dns.some((address) => address.kind === "unix"))
    context.problems.stop("DNS address cannot be a unix socket");
  const serfLan = readIp(context, "serf_lan") ?? bind;
  const serfWan =
    filled(context.settings.text("serf_wan")) === undefined ? bind : readIp(context, "serf_wan");
  const onWan = (address: string | undefined): HostPort | undefined =>
    ports.serfWan === undefined ? undefined : { host: address ?? bind, port: ports.serfWan };
  return {
    bind,
    advertiseLan: lan,
    advertiseWan: wan,
    client,
    http: listen("addresses.http", ports.http),
    https: listen("addresses.https", ports.https),
    dns: dns.flatMap((one) => (one.kind === "tcp" ? [{ host: one.host, port: one.port }] : [])),
    grpc: listen("addresses.grpc", ports.grpc),
    grpcTls: listen("addresses.grpc_tls", ports.grpcTls),
    rpcBind: { host: bind, port: ports.server },
    rpcAdvertise: { host: lan, port: ports.server },
    serfLanBind: { host: serfLan, port: ports.serfLan },
    serfLanAdvertise: { host: lan, port: ports.serfLan },
    serfWanBind: onWan(serfWan),
    serfWanAdvertise: onWan(wan),
    tagged,
  };
}

/** Records every address that two listeners would share. Source: the reference checks the same six. */
export function checkAddressesUnique(context: BuildContext, addresses: AddressesConfig): void {
  const taken = new Map<string, string>();
  const claim = (owner: string, network: "tcp" | "unix", address: string): void => {
    const key = `${network}:${address}`;
    const other = taken.get(key);
    if (other === undefined) taken.set(key, owner);
    else context.problems.stop(`${owner} address ${address} already configured for ${other}`);
  };
  const claimTcp = (owner: string, { host, port }: HostPort): void =>
    claim(owner, "tcp", renderHostPort(host, port));
  const claimListener = (owner: string, address: ListenAddress): void =>
    address.kind === "tcp" ? claimTcp(owner, address) : claim(owner, "unix", address.path);
  for (const address of addresses.dns) claimTcp("DNS", address);
  for (const address of addresses.http) claimListener("HTTP", address);
  for (const address of addresses.https) claimListener("HTTPS", address);
  claimTcp("RPC Advertise", addresses.rpcAdvertise);
  claimTcp("Serf Advertise LAN", addresses.serfLanAdvertise);
  if (addresses.serfWanAdvertise !== undefined) claimTcp("Serf Advertise WAN", addresses.serfWanAdvertise);
}
