/** What must hold of proxies, gateways and sidecars. Source: the reference's NodeService.Validate. */
import { renderHostPort } from "../lib/ip.ts";
import type { ServiceDefinition } from "./definitions.ts";

type Fields = Readonly<Record<string, unknown>>;

function text(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : "";
}

function count(fields: Fields, name: string): number {
  const value = fields[name];
  return typeof value === "number" ? value : 0;
}

function objects(fields: Fields, name: string): readonly Fields[] {
  const value = fields[name];
  return Array.isArray(value) ? (value as readonly Fields[]) : [];
}

function object(fields: Fields, name: string): Fields {
  const value = fields[name];
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function upstreamProblem(upstream: Fields): string | undefined {
  const type = text(upstream, "DestinationType");
  const name = text(upstream, "DestinationName");
  const port = count(upstream, "LocalBindPort");
  const socket = text(upstream, "LocalBindSocketPath");
  if (!["", "service", "prepared_query"].includes(type)) {
    return `unknown upstream destination type: ${JSON.stringify(type)}`;
  }
  if (name === "") return "upstream destination name cannot be empty";
  if (name === "*") return "upstream destination name cannot be a wildcard";
  if (text(upstream, "DestinationPeer") !== "" && text(upstream, "Datacenter") !== "") {
    return "upstream cannot specify both destination peer and datacenter";
  }
  if (port === 0 && socket === "")
    return "upstream local bind port or local socket path must be defined and nonzero";
  if (port !== 0 && socket !== "") {
    return "only one of upstream local bind port or local socket path can be defined and nonzero";
  }
  return undefined;
}

function upstreamKey(upstream: Fields): string {
  const quoted = (name: string): string => JSON.stringify(text(upstream, name));
  const type = JSON.stringify(text(upstream, "DestinationType") || "service");
  return `[type=${type}, name=${quoted("DestinationName")}, partition=${quoted("DestinationPartition")}, namespace=${quoted("DestinationNamespace")}, peer=${quoted("DestinationPeer")}, datacenter=${quoted("Datacenter")}]`;
}

function upstreamsProblems(upstreams: readonly Fields[]): readonly string[] {
  const problems: string[] = [];
  const keys = new Set<string>();
  const addresses = new Set<string>();
  for (const upstream of upstreams) {
    const key = upstreamKey(upstream);
    const host = text(upstream, "LocalBindAddress") || "127.0.0.1";
    const address =
      text(upstream, "LocalBindSocketPath") || renderHostPort(host, count(upstream, "LocalBindPort"));
    const problem = upstreamProblem(upstream);
    if (problem !== undefined) problems.push(problem);
    else if (keys.has(key)) problems.push(`upstreams cannot contain duplicates of ${key}`);
    else if (addresses.has(address)) {
      problems.push(
        `upstreams cannot contain duplicates by local bind address and port or unix path; ${JSON.stringify(address)} is specified twice`,
      );
    }
    keys.add(key);
    addresses.add(address);
  }
  return problems;
}

function exposeProblems(paths: readonly Fields[]): readonly string[] {
  const problems: string[] = [];
  const ports = new Set<number>();
  for (const path of paths) {
    const port = count(path, "ListenerPort");
    const protocol = text(path, "Protocol").toLowerCase();
    if (text(path, "Path") === "") problems.push("expose.paths: empty path exposed");
    if (ports.has(port)) problems.push("expose.paths: duplicate listener ports exposed");
    ports.add(port);
    if (port <= 0 || port > 65_535) problems.push(`expose.paths: invalid listener port: ${port}`);
    if (!["", "http", "http2"].includes(protocol)) {
      problems.push(
        `protocol '${protocol}' not supported for path: ${text(path, "Path")}, must be in: [http http2]`,
      );
    }
  }
  return problems;
}

function connectProxyProblems(service: ServiceDefinition, proxy: Fields): readonly string[] {
  const problems: string[] = [];
  const destination = text(proxy, "DestinationServiceName");
  if ((service.Port ?? 0) === 0 && (service.SocketPath ?? "") === "") {
    problems.push("Port or SocketPath must be set for a connect-proxy");
  }
  if (destination.trim() === "") {
    problems.push("Proxy.DestinationServiceName must be non-empty for Connect proxy services");
  }
  if (destination === "*") {
    problems.push("Proxy.DestinationServiceName must not be a wildcard for Connect proxy services");
  }
  if (service.Connect?.Native === true) {
    problems.push("A Proxy cannot also be Connect Native, only typical services");
  }
  return [
    ...problems,
    ...upstreamsProblems(objects(proxy, "Upstreams")),
    ...exposeProblems(objects(object(proxy, "Expose"), "Paths")),
  ];
}

function gatewayProblems(service: ServiceDefinition, proxy: Fields, kind: string): readonly string[] {
  const problems: string[] = [];
  if ((service.Port ?? 0) === 0 && kind !== "ingress-gateway" && kind !== "api-gateway") {
    problems.push(`Port must be non-zero for a ${kind}`);
  }
  if (service.Connect?.SidecarService !== undefined) {
    problems.push(`A ${kind} cannot have a sidecar service defined`);
  }
  const texts = ["DestinationServiceName", "DestinationServiceID", "LocalServiceAddress"].filter(
    (name) => text(proxy, name) !== "",
  );
  const isSet = [
    ...texts,
    ...(count(proxy, "LocalServicePort") === 0 ? [] : ["LocalServicePort"]),
    ...(text(proxy, "LocalServiceSocketPath") === "" ? [] : ["LocalServiceSocketPath"]),
    ...(objects(proxy, "Upstreams").length === 0 ? [] : ["Upstreams"]),
  ];
  return [...problems, ...isSet.map((name) => `The Proxy.${name} configuration is invalid for a ${kind}`)];
}

/** Everything wrong with a service's mesh part, in the reference's words and order. */
export function proxyProblems(service: ServiceDefinition): readonly string[] {
  const proxy = service.Proxy ?? {};
  const kind = service.Kind ?? "";
  const native =
    service.Connect?.Native === true && (service.Port ?? 0) === 0 && (service.SocketPath ?? "") === ""
      ? ["Port or SocketPath must be set for a Connect native service."]
      : [];
  if (kind === "") return native;
  const own =
    kind === "connect-proxy" ? connectProxyProblems(service, proxy) : gatewayProblems(service, proxy, kind);
  return [...own, ...native];
}

/** Values of a proxy that name no mode, or no file permissions; the reference lists these apart. */
export function proxyValueProblems(service: ServiceDefinition): readonly string[] {
  const proxy = service.Proxy ?? {};
  const upstreams = objects(proxy, "Upstreams");
  const gatewayModes = [...upstreams, proxy].map((owner) => text(object(owner, "MeshGateway"), "Mode"));
  const mode = text(proxy, "Mode");
  return [
    ...upstreams
      .map((upstream) => text(upstream, "LocalBindSocketMode"))
      .filter((permissions) => permissions !== "" && !/^[0-7]+$/u.test(permissions))
      .map((permissions) => `local_bind_socket_mode: invalid mode: ${permissions}`),
    ...gatewayModes
      .filter((one) => !["", "none", "local", "remote"].includes(one))
      .map((one) => `Invalid Mesh Gateway Mode: ${JSON.stringify(one)}`),
    ...(["", "transparent", "direct"].includes(mode) ? [] : [`Invalid Proxy Mode: ${JSON.stringify(mode)}`]),
  ];
}
