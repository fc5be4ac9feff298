/**
 * Keys of service and check definitions in configuration files, with their names in the HTTP API.
 *
 * Source: the reference's agent/config/config.go (names, aliases) and the pages "Service configuration" and
 * "Health check configuration". In a path `[]` is every element of a list, `<name>` every key of an object.
 */
import type { KeyType } from "./key-row.ts";

/** The JSON form of a field: as for keys, and `stringLists`, an object of lists of strings. */
export type FieldType = KeyType | "stringLists";

/** Path in a file, JSON form, name in the HTTP API (of the last part of the path). */
export type FieldRow = readonly [path: string, type: FieldType, apiName: string];

// oxfmt-ignore
/** Fields of a check. */
export const checkFields: readonly FieldRow[] = [
  ["id", "string", "ID"],
  ["name", "string", "Name"],
  ["notes", "string", "Notes"],
  ["service_id", "string", "ServiceID"],
  ["token", "string", "Token"],
  ["status", "string", "Status"],
  ["args", "strings", "Args"],
  ["http", "string", "HTTP"],
  ["header", "stringLists", "Header"],
  ["method", "string", "Method"],
  ["body", "string", "Body"],
  ["disable_redirects", "bool", "DisableRedirects"],
  ["output_max_size", "int", "OutputMaxSize"],
  ["tcp", "string", "TCP"],
  ["tcp_use_tls", "bool", "TCPUseTLS"],
  ["udp", "string", "UDP"],
  ["interval", "duration", "Interval"],
  ["docker_container_id", "string", "DockerContainerID"],
  ["shell", "string", "Shell"],
  ["grpc", "string", "GRPC"],
  ["grpc_use_tls", "bool", "GRPCUseTLS"],
  ["tls_server_name", "string", "TLSServerName"],
  ["tls_skip_verify", "bool", "TLSSkipVerify"],
  ["alias_node", "string", "AliasNode"],
  ["alias_service", "string", "AliasService"],
  ["timeout", "duration", "Timeout"],
  ["ttl", "duration", "TTL"],
  ["h2ping", "string", "H2PING"],
  ["h2ping_use_tls", "bool", "H2PingUseTLS"],
  ["os_service", "string", "OSService"],
  ["success_before_passing", "int", "SuccessBeforePassing"],
  ["failures_before_warning", "int", "FailuresBeforeWarning"],
  ["failures_before_critical", "int", "FailuresBeforeCritical"],
  ["deregister_critical_service_after", "duration", "DeregisterCriticalServiceAfter"],
];

/** Further spellings of a check's fields, in lower case. */
export const checkAliases: Readonly<Record<string, string>> = {
  serviceid: "service_id",
  scriptargs: "args",
  dockercontainerid: "docker_container_id",
  tlsskipverify: "tls_skip_verify",
  deregistercriticalserviceafter: "deregister_critical_service_after",
};

// oxfmt-ignore
/** Fields of a service, apart from its proxy's. */
export const serviceFields: readonly FieldRow[] = [
  ["kind", "string", "Kind"],
  ["id", "string", "ID"],
  ["name", "string", "Name"],
  ["tags", "strings", "Tags"],
  ["address", "string", "Address"],
  ["tagged_addresses.<name>.address", "string", "Address"],
  ["tagged_addresses.<name>.port", "int", "Port"],
  ["meta", "map", "Meta"],
  ["port", "int", "Port"],
  ["socket_path", "string", "SocketPath"],
  ["check", "check", "Check"],
  ["checks", "checks", "Checks"],
  ["token", "string", "Token"],
  ["weights.passing", "int", "Passing"],
  ["weights.warning", "int", "Warning"],
  ["enable_tag_override", "bool", "EnableTagOverride"],
  ["connect.native", "bool", "Native"],
  ["connect.sidecar_service", "service", "SidecarService"],
];

// oxfmt-ignore
/** Fields of a service's proxy. */
export const proxyFields: readonly FieldRow[] = [
  ["destination_service_name", "string", "DestinationServiceName"],
  ["destination_service_id", "string", "DestinationServiceID"],
  ["local_service_address", "string", "LocalServiceAddress"],
  ["local_service_port", "int", "LocalServicePort"],
  ["local_service_socket_path", "string", "LocalServiceSocketPath"],
  ["mode", "string", "Mode"],
  ["transparent_proxy.outbound_listener_port", "int", "OutboundListenerPort"],
  ["transparent_proxy.dialed_directly", "bool", "DialedDirectly"],
  ["config", "object", "Config"],
  ["mesh_gateway.mode", "string", "Mode"],
  ["expose.checks", "bool", "Checks"],
  ["expose.port", "int", "Port"],
  ["expose.paths[].listener_port", "int", "ListenerPort"],
  ["expose.paths[].path", "string", "Path"],
  ["expose.paths[].protocol", "string", "Protocol"],
  ["expose.paths[].local_path_port", "int", "LocalPathPort"],
  ["upstreams[].destination_type", "string", "DestinationType"],
  ["upstreams[].destination_namespace", "string", "DestinationNamespace"],
  ["upstreams[].destination_partition", "string", "DestinationPartition"],
  ["upstreams[].destination_peer", "string", "DestinationPeer"],
  ["upstreams[].destination_name", "string", "DestinationName"],
  ["upstreams[].datacenter", "string", "Datacenter"],
  ["upstreams[].local_bind_address", "string", "LocalBindAddress"],
  ["upstreams[].local_bind_port", "int", "LocalBindPort"],
  ["upstreams[].local_bind_socket_path", "string", "LocalBindSocketPath"],
  ["upstreams[].local_bind_socket_mode", "string", "LocalBindSocketMode"],
  ["upstreams[].config", "object", "Config"],
  ["upstreams[].mesh_gateway.mode", "string", "Mode"],
];

/** Objects inside definitions: their names in files and in the HTTP API. */
export const definitionObjects: Readonly<Record<string, string>> = {
  tagged_addresses: "TaggedAddresses",
  weights: "Weights",
  connect: "Connect",
  proxy: "Proxy",
  transparent_proxy: "TransparentProxy",
  mesh_gateway: "MeshGateway",
  expose: "Expose",
  paths: "Paths",
  upstreams: "Upstreams",
};
