/** Services and checks in the shape of `DebugConfig`: every field, absent ones as Go's zero values. */
import { renderGoDuration, parseGoDuration } from "../lib/go-duration.ts";
import { DecodeError } from "../lib/errors.ts";
import type { CheckDefinition, ServiceDefinition } from "./definitions.ts";
import { checkFields, type FieldType } from "./keys-definitions.ts";

type Json = Readonly<Record<string, unknown>>;

function durationText(value: unknown): string {
  if (typeof value !== "string") return "0s";
  try {
    return renderGoDuration(parseGoDuration(value));
  } catch (error) {
    if (error instanceof DecodeError) return value;
    throw error;
  }
}

function fieldValue(type: FieldType, value: unknown): unknown {
  if (type === "duration") return durationText(value);
  if (value !== undefined) return value;
  if (type === "bool") return false;
  if (type === "int") return 0;
  if (type === "strings") return [];
  return type === "stringLists" ? {} : "";
}

function debugFields(check: CheckDefinition | undefined, skip: readonly string[]): Json {
  const given = (check ?? {}) as Json;
  const pairs = checkFields
    .filter(([, , name]) => !skip.includes(name))
    .map(([, type, name]) => [name === "Args" ? "ScriptArgs" : name, fieldValue(type, given[name])] as const);
  return Object.fromEntries(pairs);
}

/** A check of the node itself. */
export function debugCheck(check: CheckDefinition): Json {
  return {
    OutputMaxSize: 4096,
    ...debugFields(check, check.OutputMaxSize === undefined ? ["OutputMaxSize"] : []),
    EnterpriseMeta: {},
  };
}

/** A check inside a service: it has no service or token of its own. */
function debugCheckType(check: CheckDefinition | undefined): Json {
  const size = check === undefined ? 0 : (check.OutputMaxSize ?? 4096);
  return {
    ...debugFields(check, ["ID", "ServiceID", "Token"]),
    CheckID: check?.ID ?? "",
    OutputMaxSize: size,
    ProxyGRPC: "",
    ProxyHTTP: "",
  };
}

const emptyUpstream: Json = {
  CentrallyConfigured: false,
  Config: {},
  Datacenter: "",
  DestinationName: "",
  DestinationNamespace: "",
  DestinationPartition: "",
  DestinationPeer: "",
  DestinationType: "service",
  IngressHosts: [],
  LocalBindAddress: "",
  LocalBindPort: 0,
  LocalBindSocketMode: "",
  LocalBindSocketPath: "",
  MeshGateway: { Mode: "" },
};

const emptyProxy: Json = {
  AccessLogs: {
    DisableListenerLogs: false,
    Enabled: false,
    JSONFormat: "",
    Path: "",
    TextFormat: "",
    Type: "",
  },
  Config: {},
  DestinationServiceID: "",
  DestinationServiceName: "",
  EnvoyExtensions: [],
  Expose: { Checks: false, Paths: [] },
  LocalServiceAddress: "",
  LocalServicePort: 0,
  LocalServiceSocketPath: "",
  MeshGateway: { Mode: "" },
  Mode: "",
  MutualTLSMode: "",
  TransparentProxy: { DialedDirectly: false, OutboundListenerPort: 0 },
  Upstreams: [],
};

function debugProxy(proxy: Json): Json {
  const upstreams = (proxy["Upstreams"] ?? []) as readonly Json[];
  return {
    ...emptyProxy,
    ...proxy,
    Upstreams: upstreams.map((upstream) => ({ ...emptyUpstream, ...upstream })),
  };
}

/** A service with its checks and its sidecar. */
export function debugService(service: ServiceDefinition): Json {
  const { Connect: connect, Proxy: proxy } = service;
  const sidecar = connect?.SidecarService;
  return {
    Address: service.Address ?? "",
    Check: debugCheckType(undefined),
    Checks: service.Checks.map(debugCheckType),
    Connect:
      connect === undefined
        ? null
        : {
            Native: connect.Native ?? false,
            PeerMeta: null,
            SidecarService: sidecar === undefined ? null : debugService(sidecar),
          },
    EnableTagOverride: service.EnableTagOverride ?? false,
    EnterpriseMeta: {},
    ID: service.ID ?? "",
    Kind: service.Kind ?? "",
    Locality: null,
    Meta: service.Meta ?? {},
    Name: service.Name,
    Port: service.Port ?? 0,
    Proxy: proxy === undefined ? null : debugProxy(proxy),
    SocketPath: service.SocketPath ?? "",
    TaggedAddresses: service.TaggedAddresses ?? {},
    Tags: service.Tags ?? [],
    Token: service.Token ?? "",
    Weights: service.Weights,
  };
}
