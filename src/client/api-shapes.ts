/** The structs of the reference's Go client that watches hand out. Source: its `api` package, measured. */
import {
  goAny,
  goBytes,
  goDuration,
  goFlag,
  goList,
  goMap,
  goNumber,
  goPointer,
  goStruct,
  goText,
} from "./go-shape.ts";

/** A key and its value. */
export const kvPairShape = goStruct({
  Key: goText,
  CreateIndex: goNumber,
  ModifyIndex: goNumber,
  LockIndex: goNumber,
  Flags: goNumber,
  Value: goBytes,
  Session: goText,
  "Namespace?": goText,
  "Partition?": goText,
});

const locality = goPointer(goStruct({ Region: goText, Zone: goText }));

/** A node of the catalog. */
export const nodeShape = goStruct({
  ID: goText,
  Node: goText,
  Address: goText,
  Datacenter: goText,
  TaggedAddresses: goMap(goText),
  Meta: goMap(goText),
  CreateIndex: goNumber,
  ModifyIndex: goNumber,
  "Partition?": goText,
  "PeerName?": goText,
  "Locality?": locality,
});

const meshGateway = goStruct({ "Mode?": goText });

const upstream = goStruct({
  "DestinationType?": goText,
  "DestinationPartition?": goText,
  "DestinationNamespace?": goText,
  "DestinationPeer?": goText,
  DestinationName: goText,
  "Datacenter?": goText,
  "LocalBindAddress?": goText,
  "LocalBindPort?": goNumber,
  "LocalBindSocketPath?": goText,
  "LocalBindSocketMode?": goText,
  "Config?": goAny,
  "MeshGateway?": meshGateway,
  "CentrallyConfigured?": goFlag,
});

const expose = goStruct({
  "Checks?": goFlag,
  "Paths?": goList(
    goStruct({
      "ListenerPort?": goNumber,
      "Path?": goText,
      "LocalPathPort?": goNumber,
      "Protocol?": goText,
      ParsedFromCheck: goFlag,
    }),
  ),
});

const proxy = goStruct({
  "EnvoyExtensions?": goList(
    goStruct({
      Name: goText,
      Required: goFlag,
      Arguments: goAny,
      ConsulVersion: goText,
      EnvoyVersion: goText,
    }),
  ),
  "DestinationServiceName?": goText,
  "DestinationServiceID?": goText,
  "LocalServiceAddress?": goText,
  "LocalServicePort?": goNumber,
  "LocalServiceSocketPath?": goText,
  "Mode?": goText,
  "TransparentProxy?": goPointer(goStruct({ "OutboundListenerPort?": goNumber, "DialedDirectly?": goFlag })),
  "Config?": goAny,
  "Upstreams?": goList(upstream),
  "MeshGateway?": meshGateway,
  "Expose?": expose,
  "AccessLogs?": goPointer(
    goStruct({
      "Enabled?": goFlag,
      "DisableListenerLogs?": goFlag,
      "Type?": goText,
      "Path?": goText,
      "JSONFormat?": goText,
      "TextFormat?": goText,
    }),
  ),
});

/** A service of an agent. */
export const agentServiceShape = goStruct({
  "Kind?": goText,
  ID: goText,
  Service: goText,
  Tags: goList(goText),
  Meta: goMap(goText),
  Port: goNumber,
  Address: goText,
  "SocketPath?": goText,
  "TaggedAddresses?": goMap(goStruct({ Address: goText, Port: goNumber })),
  Weights: goStruct({ Passing: goNumber, Warning: goNumber }),
  EnableTagOverride: goFlag,
  "CreateIndex?": goNumber,
  "ModifyIndex?": goNumber,
  "ContentHash?": goText,
  "Proxy?": goPointer(proxy),
  "Connect?": goPointer(goStruct({ "Native?": goFlag, "SidecarService?": goAny })),
  "PeerName?": goText,
  "Namespace?": goText,
  "Partition?": goText,
  "Datacenter?": goText,
  "Locality?": locality,
});

/** A check in the catalog. */
export const healthCheckShape = goStruct({
  Node: goText,
  CheckID: goText,
  Name: goText,
  Status: goText,
  Notes: goText,
  Output: goText,
  ServiceID: goText,
  ServiceName: goText,
  ServiceTags: goList(goText),
  Type: goText,
  "Namespace?": goText,
  "Partition?": goText,
  ExposedPort: goNumber,
  "PeerName?": goText,
  Definition: goStruct({
    Interval: goDuration,
    Timeout: goDuration,
    DeregisterCriticalServiceAfter: goDuration,
    HTTP: goText,
    Header: goMap(goList(goText)),
    Method: goText,
    Body: goText,
    TLSServerName: goText,
    TLSSkipVerify: goFlag,
    TCP: goText,
    TCPUseTLS: goFlag,
    UDP: goText,
    GRPC: goText,
    OSService: goText,
    GRPCUseTLS: goFlag,
  }),
  CreateIndex: goNumber,
  ModifyIndex: goNumber,
});

/** An instance of a service with its node and checks. */
export const serviceEntryShape = goStruct({
  Node: goPointer(nodeShape),
  Service: goPointer(agentServiceShape),
  Checks: goList(healthCheckShape),
});

/** A user event. */
export const userEventShape = goStruct({
  ID: goText,
  Name: goText,
  Payload: goBytes,
  NodeFilter: goText,
  ServiceFilter: goText,
  TagFilter: goText,
  Version: goNumber,
  LTime: goNumber,
});

/** Certificate authorities of the mesh. */
export const caRootsShape = goStruct({
  ActiveRootID: goText,
  TrustDomain: goText,
  Roots: goList(
    goStruct({
      ID: goText,
      Name: goText,
      RootCert: goText,
      Active: goFlag,
      CreateIndex: goNumber,
      ModifyIndex: goNumber,
    }),
  ),
});

/** A certificate of a service of the mesh. */
export const leafCertShape = goStruct({
  SerialNumber: goText,
  "CertPEM?": goText,
  "PrivateKeyPEM?": goText,
  Service: goText,
  ServiceURI: goText,
  ValidAfter: goText,
  ValidBefore: goText,
  CreateIndex: goNumber,
  ModifyIndex: goNumber,
});
