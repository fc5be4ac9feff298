/** What a service may look like, and how a definition becomes a catalog entry. Texts are the reference's. */
import {
  NodeService,
  type CheckType,
  type ServiceDefinition,
  type Weights,
} from "../wire/structs/service.ts";
import { CheckType as CheckTypeCodec, ConnectProxyConfig } from "../wire/structs/service.ts";
import { checkProblem } from "./check-kind.ts";

const metaPairsMax = 64;
const metaKeyCharsMax = 128;
const metaValueCharsMax = 512;
const reservedPrefix = "consul-";
const weightMax = 65_535;
const anyAddresses: readonly string[] = ["0.0.0.0", "::", "[::]", "0:0:0:0:0:0:0:0"];
const gatewayKinds: readonly string[] = [
  "mesh-gateway",
  "terminating-gateway",
  "ingress-gateway",
  "api-gateway",
];
/** Metadata that mesh gateways may carry although it is reserved. */
const gatewayMetaKeys: readonly string[] = ["consul-wan-federation"];

/** Whether an address means every interface, so names none. */
export function isAnyAddress(address: string): boolean {
  return anyAddresses.includes(address);
}

/** The catalog entry of a definition; its sidecar stays in `Connect`. */
export function toNodeService(definition: ServiceDefinition): NodeService {
  const proxy = definition.Proxy ?? ConnectProxyConfig.zero;
  return NodeService.make({
    Kind: definition.Kind,
    ID: definition.ID === "" ? definition.Name : definition.ID,
    Service: definition.Name,
    Tags: definition.Tags,
    Address: definition.Address,
    TaggedAddresses: definition.TaggedAddresses,
    Meta: definition.Meta,
    Port: definition.Port,
    SocketPath: definition.SocketPath,
    Weights: definition.Weights,
    EnableTagOverride: definition.EnableTagOverride,
    Locality: definition.Locality,
    Proxy: {
      ...proxy,
      Upstreams:
        proxy.Upstreams?.map((one) =>
          one.DestinationType === "" ? { ...one, DestinationType: "service" } : one,
        ) ?? null,
    },
    ...(definition.Connect === null ? {} : { Connect: definition.Connect }),
  });
}

/** Every check of a definition: `Check` if it says anything, then `Checks`. */
export function checksOfDefinition(definition: ServiceDefinition): readonly CheckType[] {
  const listed = (definition.Checks ?? []).filter((check) => check !== null);
  return isEmptyCheck(definition.Check) ? listed : [definition.Check, ...listed];
}

function isEmptyCheck(check: CheckType): boolean {
  return CheckTypeCodec.isEmpty(check);
}

/** The first problem among checks, or `undefined`. */
export function checksProblem(checks: readonly CheckType[]): string | undefined {
  for (const check of checks) {
    const problem = checkProblem(check);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

export function weightsProblem(weights: Weights | null): string | undefined {
  if (weights === null) return undefined;
  if (weights.Passing < 1) return "Passing must be greater than 0";
  if (weights.Warning < 0) return "Warning must be greater or equal than 0";
  if (weights.Passing > weightMax || weights.Warning > weightMax)
    return "DNS Weight must be between 0 and 65535";
  return undefined;
}

/** What is wrong with a service's metadata, or `undefined`. */
export function metaProblem(kind: string, meta: Readonly<Record<string, string>> | null): string | undefined {
  const pairs = Object.entries(meta ?? {});
  if (pairs.length > metaPairsMax)
    return `Node metadata cannot contain more than ${metaPairsMax} key/value pairs`;
  for (const [key, value] of pairs) {
    const problem = metaPairProblem(kind, key, value);
    if (problem !== undefined) return `Couldn't load metadata pair ('${key}', '${value}'): ${problem}`;
  }
  return undefined;
}

function metaPairProblem(kind: string, key: string, value: string): string | undefined {
  if (key === "") return "Key cannot be blank";
  if (!/^[a-zA-Z0-9_-]+$/.test(key)) return "Key contains invalid characters";
  if (key.length > metaKeyCharsMax) return `Key is too long (limit: ${metaKeyCharsMax} characters)`;
  const allowed = kind === "mesh-gateway" && gatewayMetaKeys.includes(key);
  if (key.startsWith(reservedPrefix) && !allowed)
    return `Key prefix '${reservedPrefix}' is reserved for internal use`;
  if (value.length > metaValueCharsMax) return `Value is too long (limit: ${metaValueCharsMax} characters)`;
  return undefined;
}

/** Everything that is wrong with a service, as one text, or `undefined`. */
export function serviceProblem(service: NodeService): string | undefined {
  const problems = [
    ...(service.Kind === "connect-proxy" ? proxyProblems(service) : []),
    ...(gatewayKinds.includes(service.Kind) ? gatewayProblems(service) : []),
  ];
  const sidecar = service.Connect.SidecarService;
  if (sidecar !== null && sidecar.ID !== "") {
    problems.push("A SidecarService cannot specify an ID as this is managed by the agent");
  }
  if (sidecar !== null && (sidecar.Connect?.SidecarService ?? null) !== null) {
    problems.push("A SidecarService cannot have a nested SidecarService");
  }
  if (service.Connect.Native && service.Port === 0 && service.SocketPath === "") {
    problems.push("Port or SocketPath must be set for a Connect native service.");
  }
  return problems.length === 0 ? undefined : listedErrors(problems);
}

function proxyProblems(service: NodeService): string[] {
  const problems: string[] = [];
  if (service.Proxy.DestinationServiceName.trim() === "") {
    problems.push("Proxy.DestinationServiceName must be non-empty for Connect proxy services");
  }
  if (service.Proxy.DestinationServiceName === "*") {
    problems.push("Proxy.DestinationServiceName must not be a wildcard for Connect proxy services");
  }
  if (service.Port === 0 && service.SocketPath === "") problems.push("Port must be set for a Connect proxy");
  if (service.Connect.Native) problems.push("A Proxy cannot also be Connect Native, only typical services");
  const bound = new Set<string>();
  for (const upstream of service.Proxy.Upstreams ?? []) {
    if (upstream.DestinationName === "") problems.push("upstream destination name cannot be empty");
    if (upstream.LocalBindPort === 0)
      problems.push("upstream local bind port or local socket path must be defined and nonzero");
    const host = upstream.LocalBindAddress === "" ? "127.0.0.1" : upstream.LocalBindAddress;
    const address = `${host}:${upstream.LocalBindPort}`;
    if (bound.has(address)) {
      problems.push(
        `upstreams cannot contain duplicates by local bind address and port or unix path; "${address}" is specified twice`,
      );
    }
    bound.add(address);
  }
  return problems;
}

function gatewayProblems(service: NodeService): string[] {
  const problems: string[] = [];
  const free = service.Kind === "ingress-gateway" || service.Kind === "api-gateway";
  if (service.Port === 0 && !free) problems.push(`Port must be non-zero for a ${service.Kind}`);
  if (service.Connect.SidecarService !== null)
    problems.push(`A ${service.Kind} cannot have a sidecar service defined`);
  const { DestinationServiceName, DestinationServiceID, Upstreams } = service.Proxy;
  const given = { DestinationServiceName, DestinationServiceID, Upstreams: Upstreams?.length ?? 0 };
  for (const [name, value] of Object.entries(given)) {
    if (value !== "" && value !== 0) {
      problems.push(`The Proxy.${name} configuration is invalid for a ${service.Kind}`);
    }
  }
  return problems;
}

/** Several errors in one text, as the reference lists them. */
export function listedErrors(problems: readonly string[]): string {
  const head = problems.length === 1 ? "1 error occurred" : `${problems.length} errors occurred`;
  return `${head}:\n${problems.map((one) => `\t* ${one}`).join("\n")}\n\n`;
}

/** The addresses that the agent tags by itself: an IP address is reachable at itself. */
export function withTaggedAddresses(service: NodeService): NodeService {
  const family = /^\d+\.\d+\.\d+\.\d+$/.test(service.Address)
    ? "ipv4"
    : service.Address.includes(":")
      ? "ipv6"
      : "";
  if (family === "") return service;
  const own = { Address: service.Address, Port: service.Port };
  return {
    ...service,
    TaggedAddresses: { [`lan_${family}`]: own, [`wan_${family}`]: own, ...service.TaggedAddresses },
  };
}
