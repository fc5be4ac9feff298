/** What a service registration must keep to. Source: the reference's NodeService.Validate; texts are its own. */
import type { ConnectProxyConfig, NodeService } from "../wire/structs/service.ts";

const portMax = 65535;
const gatewayKinds = ["mesh-gateway", "terminating-gateway", "ingress-gateway", "api-gateway"];
const exposeProtocols = ["http", "http2", ""];

/** All problems of a service as one text, in the form of a Go multierror; `undefined` if it has none. */
export function serviceProblem(service: NodeService): string | undefined {
  const problems = [
    ...(service.Kind === "connect-proxy" ? proxyProblems(service) : []),
    ...(gatewayKinds.includes(service.Kind) ? gatewayProblems(service) : []),
    ...sidecarProblems(service),
  ];
  if (problems.length === 0) return undefined;
  const count = problems.length === 1 ? "1 error occurred:" : `${problems.length} errors occurred:`;
  return `${count}\n${problems.map((problem) => `\t* ${problem}\n`).join("")}\n`;
}

function proxyProblems(service: NodeService): string[] {
  const problems: string[] = [];
  if (service.Proxy.DestinationServiceName.trim() === "") {
    problems.push("Proxy.DestinationServiceName must be non-empty for Connect proxy services");
  }
  if (service.Proxy.DestinationServiceName === "*") {
    problems.push("Proxy.DestinationServiceName must not be a wildcard for Connect proxy services");
  }
  if (service.Port === 0 && service.SocketPath === "") {
    problems.push("Port must be set for a Connect proxy");
  }
  if (service.Connect.Native) problems.push("A Proxy cannot also be Connect Native, only typical services");
  return [...problems, ...upstreamProblems(service.Proxy), ...exposeProblems(service.Proxy)];
}

function upstreamProblems({ Upstreams: upstreams }: ConnectProxyConfig): string[] {
  const problems: string[] = [];
  const keys = new Set<string>();
  const addresses = new Set<string>();
  for (const upstream of upstreams ?? []) {
    if (upstream.DestinationName === "") {
      problems.push("upstream destination name cannot be empty");
      continue;
    }
    if (upstream.LocalBindPort === 0) {
      problems.push("upstream local bind port or local socket path must be defined and nonzero");
      continue;
    }
    const key = `${upstream.DestinationType}:${upstream.DestinationName}?dc=${upstream.Datacenter}`;
    if (keys.has(key)) problems.push(`upstreams cannot contain duplicates of ${upstream.DestinationName}`);
    keys.add(key);
    const host = upstream.LocalBindAddress === "" ? "127.0.0.1" : upstream.LocalBindAddress;
    const address = `${host.includes(":") ? `[${host}]` : host}:${upstream.LocalBindPort}`;
    if (addresses.has(address)) {
      problems.push(
        `upstreams cannot contain duplicates by local bind address and port or unix path; "${address}" is specified twice`,
      );
    }
    addresses.add(address);
  }
  return problems;
}

function exposeProblems({ Expose: expose }: ConnectProxyConfig): string[] {
  const problems: string[] = [];
  const paths = new Set<string>();
  const ports = new Set<number>();
  for (const { Path: path, ListenerPort: port, Protocol: protocol } of expose.Paths ?? []) {
    if (path === "") problems.push("expose.paths: empty path exposed");
    if (paths.has(path)) problems.push("expose.paths: duplicate paths exposed");
    if (ports.has(port)) problems.push("expose.paths: duplicate listener ports exposed");
    if (port <= 0 || port > portMax) problems.push(`expose.paths: invalid listener port: ${port}`);
    if (!exposeProtocols.includes(protocol.toLowerCase())) {
      problems.push(`protocol '${protocol}' not supported for path: ${path}, must be in: [http http2]`);
    }
    paths.add(path);
    ports.add(port);
  }
  return problems;
}

function gatewayProblems(service: NodeService): string[] {
  const { Kind: kind, Proxy: proxy } = service;
  const invalid = (name: string): string => `The Proxy.${name} configuration is invalid for a ${kind}`;
  const problems: string[] = [];
  if (service.Port === 0 && kind !== "ingress-gateway" && kind !== "api-gateway") {
    problems.push(`Port must be non-zero for a ${kind}`);
  }
  if (service.Connect.SidecarService !== null)
    problems.push(`A ${kind} cannot have a sidecar service defined`);
  if (proxy.DestinationServiceName !== "") problems.push(invalid("DestinationServiceName"));
  if (proxy.DestinationServiceID !== "") problems.push(invalid("DestinationServiceID"));
  if (proxy.LocalServiceAddress !== "") problems.push(invalid("LocalServiceAddress"));
  if (proxy.LocalServicePort !== 0) problems.push(invalid("LocalServicePort"));
  if ((proxy.Upstreams ?? []).length > 0) problems.push(invalid("Upstreams"));
  return problems;
}

function sidecarProblems({ Connect: { SidecarService: sidecar } }: NodeService): string[] {
  if (sidecar === null) return [];
  const problems: string[] = [];
  if (sidecar.ID !== "")
    problems.push("A SidecarService cannot specify an ID as this is managed by the agent");
  if (sidecar.Connect !== null && sidecar.Connect.SidecarService !== null) {
    problems.push("A SidecarService cannot have a nested SidecarService");
  }
  return problems;
}
