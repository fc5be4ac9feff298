/** A proxy that is registered as part of the service it stands beside. Source: the reference's sidecar_service. */
import { RpcError } from "../wire/rpc/method.ts";
import { CheckType, type NodeService, type ServiceDefinition } from "../wire/structs/service.ts";
import { checksOfDefinition, metaProblem, toNodeService } from "./service-rules.ts";

const suffix = "-sidecar-proxy";
const listenIntervalNs = 10e9;

/** The id of the proxy beside a service. */
export function sidecarId(serviceId: string): string {
  return serviceId + suffix;
}

export interface Sidecar {
  readonly service: NodeService;
  readonly checks: readonly CheckType[];
  readonly token: string;
}

/** The proxy that a service's definition asks for, or `undefined`. Throws `RpcError` for bad metadata. */
export function sidecarOf(parent: NodeService, token: string): Sidecar | undefined {
  const definition = parent.Connect.SidecarService;
  if (definition === null) return undefined;
  const base = toNodeService(definition);
  const problem = metaProblem(base.Kind, base.Meta);
  if (problem !== undefined) throw new RpcError(problem);
  return {
    service: {
      ...base,
      ID: sidecarId(parent.ID),
      Kind: base.Kind === "" ? "connect-proxy" : base.Kind,
      Service: base.Service === "" ? parent.Service + suffix : base.Service,
      Address: base.Address === "" ? parent.Address : base.Address,
      Meta: Object.keys(base.Meta ?? {}).length === 0 ? parent.Meta : base.Meta,
      Tags: (base.Tags ?? []).length === 0 ? parent.Tags : base.Tags,
      LocallyRegisteredAsSidecar: true,
      Proxy: proxyOf(parent, base),
    },
    checks: checksOfDefinition(definition),
    token: definition.Token === "" ? token : definition.Token,
  };
}

function proxyOf(parent: NodeService, base: NodeService): NodeService["Proxy"] {
  const proxy = {
    ...base.Proxy,
    DestinationServiceName:
      base.Proxy.DestinationServiceName === "" ? parent.Service : base.Proxy.DestinationServiceName,
    DestinationServiceID:
      base.Proxy.DestinationServiceID === "" ? parent.ID : base.Proxy.DestinationServiceID,
  };
  if (proxy.LocalServiceSocketPath !== "") return proxy;
  if (proxy.LocalServiceAddress !== "" && proxy.LocalServicePort > 0) return proxy;
  if (parent.SocketPath !== "") return { ...proxy, LocalServiceSocketPath: parent.SocketPath };
  return {
    ...proxy,
    LocalServiceAddress: proxy.LocalServiceAddress === "" ? "127.0.0.1" : proxy.LocalServiceAddress,
    LocalServicePort: proxy.LocalServicePort < 1 ? parent.Port : proxy.LocalServicePort,
  };
}

/** A service without the sidecar in its definition. */
export function withoutSidecar(service: NodeService): NodeService {
  return { ...service, Connect: { ...service.Connect, SidecarService: null as ServiceDefinition | null } };
}

/** The lowest free port of the range, or the one that the sidecar already has. Throws `RpcError`. */
export function sidecarPort(
  id: string,
  services: readonly NodeService[],
  range: { readonly min: number; readonly max: number } | undefined,
): number {
  if (range === undefined || range.min < 1) {
    throw new RpcError("no port provided for sidecar_service and auto-assignment disabled in config");
  }
  const used = new Set<number>();
  for (const service of services) {
    const inRange = service.Port >= range.min && service.Port <= range.max;
    if (inRange && service.ID === id) return service.Port;
    if (inRange) used.add(service.Port);
  }
  for (let port = range.min; port <= range.max; port += 1) if (!used.has(port)) return port;
  throw new RpcError(
    `no port provided for sidecar_service and none left in the configured range [${range.min}, ${range.max}]`,
  );
}

/** The checks of a sidecar whose definition has none. */
export function sidecarChecks(sidecar: NodeService): readonly CheckType[] {
  const address = sidecar.Address === "" ? sidecar.Proxy.LocalServiceAddress : sidecar.Address;
  const host = address.includes(":") ? `[${address}]` : address;
  const parentId = sidecar.ID.endsWith(suffix) ? sidecar.ID.slice(0, -suffix.length) : sidecar.ID;
  return [
    CheckType.make({
      Name: "Connect Sidecar Listening",
      TCP: `${host}:${sidecar.Port}`,
      Interval: listenIntervalNs,
    }),
    CheckType.make({ Name: `Connect Sidecar Aliasing ${parentId}`, AliasService: parentId }),
  ];
}
