/**
 * The `DebugConfig` of `/v1/agent/self`: the whole configuration under the reference's names, secrets hidden.
 *
 * Most values come from the key tables' column of names; what is computed is laid over them.
 * Shape measured: the answer of a 1.16.4 agent.
 */
import { unreachable } from "../lib/assert.ts";
import { renderGoDuration, renderGoDurationMs, parseGoDuration } from "../lib/go-duration.ts";
import { renderHostPort } from "../lib/ip.ts";
import type {
  AddressesConfig,
  Config,
  HostPort,
  ListenAddress,
  PortsConfig,
  TlsProtocolConfig,
} from "./config.ts";
import { debugCheck, debugService } from "./debug-definitions.ts";
import { isTree } from "./go-text.ts";
import { allKeys, type KeyInfo } from "./keys.ts";
import { redacted } from "./redact.ts";
import { settingAt, withSetting, type SettingTree, type SettingValue } from "./settings.ts";

/** What the runtime knows and the configuration does not. */
export interface DebugFacts {
  /** The node's ID in use. */
  readonly nodeId: string;
}

/** Go's largest float, which the reference's rate limits use for "no limit". */
const unlimited = Number.MAX_VALUE;

/** Below this name the reference holds untyped values, whose lists and maps are `null` when unset. */
const untyped = "AutoConfig.Authorizer.AuthMethod.Config.";

function zeroValue(key: KeyInfo): SettingValue {
  switch (key.type) {
    case "bool":
      return false;
    case "int":
    case "uint":
    case "float":
      return 0;
    case "strings":
    case "map":
      if (key.debugName.startsWith(untyped)) return null;
      return key.type === "strings" ? [] : {};
    case "object":
      return {};
    case "objects":
    case "services":
    case "checks":
      return [];
    case "string":
    case "duration":
    case "service":
    case "check":
      return "";
    default:
      return unreachable(key.type);
  }
}

function keyValue(key: KeyInfo, tree: SettingTree): SettingValue {
  const value = settingAt(tree, key.path);
  if (key.type === "duration")
    return renderGoDuration(typeof value === "string" ? parseGoDuration(value) : 0n);
  return value ?? zeroValue(key);
}

function fromKeys(tree: SettingTree): SettingTree {
  let result: SettingTree = {};
  for (const key of allKeys) {
    if (key.debugName !== "") result = withSetting(result, key.debugName, keyValue(key, tree));
  }
  return result;
}

/** Lays `upper` over `lower`, object by object. */
function overlay(lower: SettingTree, upper: SettingTree): SettingTree {
  const result: Record<string, SettingValue> = { ...lower };
  for (const [key, value] of Object.entries(upper)) {
    const before = lower[key];
    result[key] = isTree(before) && isTree(value) ? overlay(before, value) : value;
  }
  return result;
}

function tcpText(address: HostPort | undefined): string {
  return address === undefined ? "" : `tcp://${renderHostPort(address.host, address.port)}`;
}

function listenText(address: ListenAddress): string {
  return address.kind === "tcp" ? tcpText(address) : `unix://${address.path}`;
}

function debugAddresses(addresses: AddressesConfig): SettingTree {
  const udp = addresses.dns.map((address) => tcpText(address).replace("tcp:", "udp:"));
  return {
    AdvertiseAddrLAN: addresses.advertiseLan,
    AdvertiseAddrWAN: addresses.advertiseWan,
    BindAddr: addresses.bind,
    ClientAddrs: addresses.client,
    DNSAddrs: [...addresses.dns.map(tcpText), ...udp],
    GRPCAddrs: addresses.grpc.map(listenText),
    GRPCTLSAddrs: addresses.grpcTls.map(listenText),
    HTTPAddrs: addresses.http.map(listenText),
    HTTPSAddrs: addresses.https.map(listenText),
    RPCAdvertiseAddr: tcpText(addresses.rpcAdvertise),
    RPCBindAddr: tcpText(addresses.rpcBind),
    SerfAdvertiseAddrLAN: tcpText(addresses.serfLanAdvertise),
    SerfAdvertiseAddrWAN: tcpText(addresses.serfWanAdvertise),
    SerfBindAddrLAN: tcpText(addresses.serfLanBind),
    SerfBindAddrWAN: tcpText(addresses.serfWanBind),
    TaggedAddresses: addresses.tagged,
  };
}

function debugPorts(ports: PortsConfig): SettingTree {
  return {
    DNSPort: ports.dns ?? -1,
    HTTPPort: ports.http ?? -1,
    HTTPSPort: ports.https ?? -1,
    GRPCPort: ports.grpc ?? -1,
    GRPCTLSPort: ports.grpcTls ?? -1,
    SerfPortLAN: ports.serfLan,
    SerfPortWAN: ports.serfWan ?? -1,
    ServerPort: ports.server,
    ConnectSidecarMinPort: ports.sidecarMin ?? -1,
    ConnectSidecarMaxPort: ports.sidecarMax ?? -1,
    ExposeMinPort: ports.exposeMin ?? -1,
    ExposeMaxPort: ports.exposeMax ?? -1,
  };
}

function debugProtocol(tls: TlsProtocolConfig): SettingTree {
  return {
    CAFile: tls.caFile ?? "",
    CAPath: tls.caPath ?? "",
    CertFile: tls.certFile ?? "",
    CipherSuites: tls.cipherSuites,
    KeyFile: tls.keyFile ?? "",
    TLSMinVersion: tls.minVersion,
    UseAutoCert: tls.useAutoCert,
    VerifyIncoming: tls.verifyIncoming,
    VerifyOutgoing: tls.verifyOutgoing,
    VerifyServerHostname: tls.verifyServerHostname,
  };
}

function debugTls({ tls, settings, ...config }: Config): SettingTree {
  return {
    AutoTLS: settings.bool("auto_encrypt.tls") === true || settings.bool("auto_config.enabled") === true,
    Domain: config.dns.domain,
    EnableAgentTLSForChecks: tls.enableAgentTlsForChecks,
    GRPC: debugProtocol(tls.grpc),
    HTTPS: debugProtocol(tls.https),
    InternalRPC: debugProtocol(tls.internalRpc),
    NodeName: config.nodeName,
    ServerMode: config.server,
    ServerName: tls.serverName ?? "",
  };
}

/** Names of mesh CA settings in the reference's answer, where they are not the key itself. */
function caConfigName(key: string): string {
  const acronyms = new Map(
    Object.entries({
      ttl: "TTL",
      pki: "PKI",
      ca: "CA",
      csr: "CSR",
      tls: "TLS",
    }),
  );
  if (!/^[a-z_]+$/u.test(key)) return key;
  return key
    .split("_")
    .map((part) => acronyms.get(part) ?? part.charAt(0).toUpperCase() + part.slice(1))
    .join("");
}

function debugMesh(config: Config): SettingTree {
  const ca = config.settings.at("connect.ca_config") ?? {};
  const caPairs = Object.entries(ca as SettingTree).map(
    ([key, value]) => [caConfigName(key), value] as const,
  );
  const region = config.settings.text("locality.region");
  const zone = config.settings.text("locality.zone");
  const isPlaced = region !== undefined || zone !== undefined;
  return {
    ConnectCAConfig: Object.fromEntries(caPairs),
    ConnectEnabled: config.connectEnabled,
    Locality: isPlaced ? { Region: region ?? null, Zone: zone ?? null } : null,
    RPCConfig: { EnableStreaming: config.settings.bool("rpc.enable_streaming") ?? config.server },
    Cloud: {
      ManagementToken: "",
      NodeID: config.nodeId ?? "",
      NodeName: config.nodeName,
      ResourceID: config.settings.text("cloud.resource_id") ?? "",
      TLSConfig: null,
    },
    AutoConfig: {
      Authorizer: {
        AuthMethod: {
          ACLAuthMethodEnterpriseFields: {},
          Config: { ClockSkewLeeway: 0, ExpirationLeeway: 0, NotBeforeLeeway: 0 },
          Description: "",
          DisplayName: "",
          EnterpriseMeta: {},
          MaxTokenTTL: "0s",
          Name: "Auto Config Authorizer",
          RaftIndex: { CreateIndex: 0, ModifyIndex: 0 },
          TokenLocality: "",
          Type: "jwt",
        },
      },
    },
  };
}

function debugIdentity(config: Config): SettingTree {
  return {
    ACLResolverSettings: {
      ACLsEnabled: config.acl.enabled,
      Datacenter: config.datacenter,
      EnterpriseMeta: {},
      NodeName: config.nodeName,
    },
    ACLTokens: { DataDir: config.dataDir ?? "", EnterpriseConfig: {} },
    Bootstrap: config.bootstrap,
    BootstrapExpect: config.bootstrapExpect,
    BuildDate: "1970-01-01 00:00:01 +0000 UTC",
    DataDir: config.dataDir ?? "",
    Datacenter: config.datacenter,
    DevMode: config.devMode,
    EnterpriseRuntimeConfig: {},
    LeaveOnTerm: config.leaveOnTerminate,
    Logging: { Name: "" },
    NodeName: config.nodeName,
    PrimaryDatacenter: config.primaryDatacenter,
    Reporting: { License: { Enabled: false } },
    Segments: [],
    ServerMode: config.server,
    SkipLeaveOnInt: config.skipLeaveOnInterrupt,
    AutoReloadConfigCoalesceInterval: "1s",
    LocalProxyConfigResyncInterval: "30s",
  };
}

const requestModes = ["disabled", "permissive", "enforcing"];

function debugNumbers(config: Config): SettingTree {
  const { limits, raft, settings } = config;
  const cacheRate = settings.number("cache.entry_fetch_rate") ?? -1;
  return {
    Cache: { EntryFetchRate: cacheRate < 0 ? unlimited : cacheRate, Logger: null },
    ConsulRaftElectionTimeout: renderGoDurationMs(raft.electionTimeoutMs),
    ConsulRaftHeartbeatTimeout: renderGoDurationMs(raft.heartbeatTimeoutMs),
    ConsulRaftLeaderLeaseTimeout: renderGoDurationMs(raft.leaderLeaseTimeoutMs),
    EnableLocalScriptChecks: config.checksConfig.enableLocalScriptChecks,
    RPCRateLimit: limits.rpcRate ?? unlimited,
    RaftLogStoreConfig: {
      WAL: { SegmentSize: (settings.number("raft_logstore.wal.segment_size_mb") ?? 0) * 1024 * 1024 },
    },
    RequestLimitsMode: requestModes.indexOf(limits.requestLimitsMode),
    RequestLimitsReadRate: limits.requestReadRate ?? unlimited,
    RequestLimitsWriteRate: limits.requestWriteRate ?? unlimited,
  };
}

function debugDoors({ dns, http, telemetry, ui, ...config }: Config): SettingTree {
  const ttls = Object.entries(dns.serviceTtlMs).map(([name, ms]) => [name, renderGoDurationMs(ms)] as const);
  return {
    AllowWriteHTTPFrom: http.allowWriteFrom,
    DNSDomain: config.settings.text("domain") ?? "",
    DNSRecursorStrategy: dns.recursorStrategy,
    DNSRecursors: dns.recursors,
    DNSSOA: {
      Expire: dns.soa.expire,
      Minttl: dns.soa.minTtl,
      Refresh: dns.soa.refresh,
      Retry: dns.soa.retry,
    },
    DNSServiceTTL: Object.fromEntries(ttls),
    SerfAllowedCIDRsLAN: config.gossip.lan.allowedCidrs,
    SerfAllowedCIDRsWAN: config.gossip.wan.allowedCidrs,
    Telemetry: {
      AllowedPrefixes: telemetry.allowedPrefixes,
      BlockedPrefixes: telemetry.blockedPrefixes,
      Disable: false,
      PrometheusOpts: {
        CounterDefinitions: [],
        GaugeDefinitions: [],
        Name: telemetry.metricsPrefix,
        Registerer: null,
        SummaryDefinitions: [],
      },
    },
    UIConfig: {
      ContentPath: ui.contentPath,
      Dir: ui.dir ?? "",
      Enabled: ui.enabled,
      HCPEnabled: false,
      MetricsProxy: {
        AddHeaders: ui.metricsProxyHeaders.map(({ name, value }) => ({ Name: name, Value: value })),
        PathAllowlist: ui.metricsProxyPathAllowlist,
      },
    },
  };
}

/** The configuration as `/v1/agent/self` shows it. Holds no secret. */
export function debugConfig(config: Config, facts: DebugFacts): SettingTree {
  const layers: readonly SettingTree[] = [
    debugIdentity(config),
    debugAddresses(config.addresses),
    debugPorts(config.ports),
    debugMesh(config),
    debugNumbers(config),
    debugDoors(config),
    {
      Checks: config.checks.map(debugCheck) as SettingValue,
      Services: config.services.map(debugService) as SettingValue,
      NodeID: facts.nodeId,
      TLS: debugTls(config),
    },
  ];
  const whole = layers.reduce(overlay, fromKeys(config.settings.tree));
  return redacted("", whole) as SettingTree;
}
