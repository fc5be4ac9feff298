/**
 * The agent's configuration once files, flags and environment are merged and checked.
 *
 * One frozen value, handed down by the composition root. Times are milliseconds, sizes bytes, and what is
 * switched off is `undefined`. `settings` keeps every accepted key, those of later areas included.
 */
import type { CheckDefinition, ServiceDefinition } from "./definitions.ts";
import type { Settings } from "./settings.ts";

/** Where a listener listens: an IP address with a port, or a unix socket. */
export type ListenAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** An IP address with a port. */
export interface HostPort {
  /** Without brackets, also for IPv6. */
  readonly host: string;
  readonly port: number;
}

/** Addresses to bind and to tell others. An empty list means that the listener is off. */
export interface AddressesConfig {
  readonly bind: string;
  readonly advertiseLan: string;
  readonly advertiseWan: string;
  readonly client: readonly string[];
  readonly http: readonly ListenAddress[];
  readonly https: readonly ListenAddress[];
  /** Each stands for a TCP and a UDP listener. */
  readonly dns: readonly HostPort[];
  readonly grpc: readonly ListenAddress[];
  readonly grpcTls: readonly ListenAddress[];
  readonly rpcBind: HostPort;
  readonly rpcAdvertise: HostPort;
  readonly serfLanBind: HostPort;
  readonly serfLanAdvertise: HostPort;
  readonly serfWanBind: HostPort | undefined;
  readonly serfWanAdvertise: HostPort | undefined;
  /** `lan`, `lan_ipv4`, `wan`, … as the catalog's node entry carries them. */
  readonly tagged: Readonly<Record<string, string>>;
}

/** Ports; `undefined` means that the listener is off. */
export interface PortsConfig {
  readonly http: number | undefined;
  readonly https: number | undefined;
  readonly dns: number | undefined;
  readonly grpc: number | undefined;
  readonly grpcTls: number | undefined;
  readonly server: number;
  readonly serfLan: number;
  readonly serfWan: number | undefined;
  readonly sidecarMin: number | undefined;
  readonly sidecarMax: number | undefined;
  readonly exposeMin: number | undefined;
  readonly exposeMax: number | undefined;
}

/** TLS of one interface, after `tls.defaults` was applied. Paths as configured. */
export interface TlsProtocolConfig {
  readonly caFile: string | undefined;
  readonly caPath: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly minVersion: "TLSv1_0" | "TLSv1_1" | "TLSv1_2" | "TLSv1_3" | "TLS_AUTO";
  readonly cipherSuites: readonly string[];
  readonly verifyIncoming: boolean;
  readonly verifyOutgoing: boolean;
  readonly verifyServerHostname: boolean;
  readonly useAutoCert: boolean;
}

export interface TlsConfig {
  readonly internalRpc: TlsProtocolConfig;
  readonly https: TlsProtocolConfig;
  readonly grpc: TlsProtocolConfig;
  readonly serverName: string | undefined;
  readonly enableAgentTlsForChecks: boolean;
}

/** The reference's level names; `warn` and `err` are accepted spellings. */
export type ConfigLogLevel = "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR";

export interface LogConfig {
  readonly level: ConfigLogLevel;
  readonly json: boolean;
  /** A file, or a directory if it ends in "/" (then `consul.log` in it). */
  readonly file: string | undefined;
  /** Size at which a log file is rotated; `undefined`: never for its size. */
  readonly rotateBytes: number | undefined;
  readonly rotateDurationMs: number;
  readonly rotateFilesMax: RotatedFiles;
  readonly syslog: boolean;
  readonly syslogFacility: string;
}

/** How many rotated log files are kept. */
export type RotatedFiles =
  | { readonly kind: "all" }
  | { readonly kind: "none" }
  | { readonly kind: "count"; readonly count: number };

export interface RaftConfig {
  readonly protocol: number;
  readonly multiplier: number;
  readonly electionTimeoutMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly leaderLeaseTimeoutMs: number;
  readonly snapshotThreshold: number;
  readonly snapshotIntervalMs: number;
  readonly trailingLogs: number;
}

export interface AutopilotConfig {
  readonly cleanupDeadServers: boolean;
  readonly lastContactThresholdMs: number;
  readonly maxTrailingLogs: number;
  readonly minQuorum: number;
  readonly serverStabilizationTimeMs: number;
  readonly serverHealthIntervalMs: number;
}

/** Timing of one gossip pool. */
export interface GossipPoolConfig {
  readonly gossipIntervalMs: number;
  readonly gossipNodes: number;
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  readonly suspicionMult: number;
  readonly retransmitMult: number;
  /** How long a failed member is remembered; `undefined`: the pool's default of 72 h. */
  readonly reconnectTimeoutMs: number | undefined;
  /** Networks that may join; empty: all. */
  readonly allowedCidrs: readonly string[];
}

export interface GossipConfig {
  readonly lan: GossipPoolConfig;
  readonly wan: GossipPoolConfig;
  /** Base64 key of 16, 24 or 32 bytes. A secret. */
  readonly encryptKey: string | undefined;
  readonly verifyIncoming: boolean;
  readonly verifyOutgoing: boolean;
  readonly keyringFile: boolean;
}

export interface JoinConfig {
  readonly retryLan: readonly string[];
  readonly retryWan: readonly string[];
  readonly retryLanIntervalMs: number;
  readonly retryWanIntervalMs: number;
  /** `undefined`: for ever. */
  readonly retryLanAttemptsMax: number | undefined;
  readonly retryWanAttemptsMax: number | undefined;
  readonly rejoinAfterLeave: boolean;
  /** A server refuses to rejoin with data older than this. */
  readonly serverRejoinAgeMaxMs: number;
}

export interface LimitsConfig {
  /** `undefined`: no limit. */
  readonly httpMaxConnsPerClient: number | undefined;
  readonly httpsHandshakeTimeoutMs: number;
  readonly kvMaxValueSize: number;
  readonly txnMaxReqLen: number;
  readonly rpcClientTimeoutMs: number;
  readonly rpcHandshakeTimeoutMs: number;
  readonly rpcHoldTimeoutMs: number;
  readonly rpcMaxBurst: number;
  readonly rpcMaxConnsPerClient: number | undefined;
  /** Requests a second; `undefined`: no limit. */
  readonly rpcRate: number | undefined;
  readonly requestLimitsMode: "disabled" | "permissive" | "enforcing";
  readonly requestReadRate: number | undefined;
  readonly requestWriteRate: number | undefined;
}

export interface QueryTimesConfig {
  /** Wait of a blocking query that names none. */
  readonly defaultMs: number;
  /** Longest wait that a blocking query may ask for. */
  readonly maxMs: number;
  /** Reads for discovery may be this stale without being asked to; `undefined`: they go to the leader. */
  readonly discoveryMaxStaleMs: number | undefined;
}

export interface ChecksConfig {
  readonly outputMaxSize: number;
  /** How long a change of output alone may wait before it is synced; 0: at once. */
  readonly updateIntervalMs: number;
  readonly discardOutput: boolean;
  /** Script checks from anywhere, the HTTP API included. */
  readonly enableScriptChecks: boolean;
  /** Script checks from configuration files. */
  readonly enableLocalScriptChecks: boolean;
  readonly deregisterIntervalMinMs: number;
  readonly reapIntervalMs: number;
}

export interface AclTokensConfig {
  readonly initialManagement: string | undefined;
  readonly default: string | undefined;
  readonly agent: string | undefined;
  readonly agentRecovery: string | undefined;
  readonly replication: string | undefined;
  readonly configFileRegistration: string | undefined;
}

/** Every token is a secret. */
export interface AclConfig {
  readonly enabled: boolean;
  readonly defaultPolicy: "allow" | "deny";
  readonly downPolicy: "allow" | "deny" | "extend-cache" | "async-cache";
  readonly policyTtlMs: number;
  readonly roleTtlMs: number;
  readonly tokenTtlMs: number;
  readonly tokenReplication: boolean;
  readonly keyListPolicy: boolean;
  readonly tokenPersistence: boolean;
  readonly tokens: AclTokensConfig;
}

export interface HttpConfig {
  readonly blockEndpoints: readonly string[];
  /** CIDRs that may write; empty: anyone. */
  readonly allowWriteFrom: readonly string[];
  readonly responseHeaders: Readonly<Record<string, string>>;
  readonly useCache: boolean;
  /** `undefined`: the HTTP server's own limit. */
  readonly headerBytesMax: number | undefined;
  readonly unprintableCharFilter: boolean;
}

export interface DnsConfig {
  /** With a trailing dot. */
  readonly domain: string;
  readonly altDomain: string | undefined;
  readonly recursors: readonly string[];
  readonly recursorStrategy: "sequential" | "random";
  readonly recursorTimeoutMs: number;
  readonly allowStale: boolean;
  readonly maxStaleMs: number;
  readonly nodeTtlMs: number;
  /** By service name, or a prefix that ends in `*`. */
  readonly serviceTtlMs: Readonly<Record<string, number>>;
  readonly onlyPassing: boolean;
  readonly enableTruncate: boolean;
  readonly compression: boolean;
  readonly udpAnswerLimit: number;
  /** `undefined`: no limit. */
  readonly aRecordLimit: number | undefined;
  readonly nodeMetaTxt: boolean;
  readonly useCache: boolean;
  /** `undefined`: any age. */
  readonly cacheMaxAgeMs: number | undefined;
  readonly soa: {
    readonly refresh: number;
    readonly retry: number;
    readonly expire: number;
    readonly minTtl: number;
  };
}

export interface UiConfig {
  readonly enabled: boolean;
  readonly dir: string | undefined;
  /** Begins and ends with "/". */
  readonly contentPath: string;
  readonly metricsProvider: string | undefined;
  readonly metricsProviderFiles: readonly string[];
  readonly metricsProviderOptionsJson: string | undefined;
  readonly metricsProxyBaseUrl: string | undefined;
  /** Header values are secrets. */
  readonly metricsProxyHeaders: readonly { readonly name: string; readonly value: string }[];
  readonly metricsProxyPathAllowlist: readonly string[];
  readonly dashboardUrlTemplates: Readonly<Record<string, string>>;
}

export interface TelemetryConfig {
  readonly metricsPrefix: string;
  readonly disableHostname: boolean;
  readonly enableHostMetrics: boolean;
  readonly filterDefault: boolean;
  readonly allowedPrefixes: readonly string[];
  readonly blockedPrefixes: readonly string[];
  /** `undefined`: the Prometheus format is off. */
  readonly prometheusRetentionMs: number | undefined;
  readonly statsdAddr: string | undefined;
  readonly statsiteAddr: string | undefined;
  readonly dogstatsdAddr: string | undefined;
  readonly dogstatsdTags: readonly string[];
  readonly retryFailedConnection: boolean;
}

export interface UnixSocketsConfig {
  readonly user: string | undefined;
  readonly group: string | undefined;
  /** Octal text such as "0770". */
  readonly mode: string | undefined;
}

/** The whole configuration of an agent. Made by `loadConfig` only. */
export interface Config {
  readonly nodeName: string;
  /** As configured; `undefined`: the runtime keeps one in the data directory. */
  readonly nodeId: string | undefined;
  readonly nodeMeta: Readonly<Record<string, string>>;
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  /** `undefined` only in development mode: everything stays in memory. */
  readonly dataDir: string | undefined;
  readonly devMode: boolean;
  readonly server: boolean;
  /** This server elects itself without waiting for others; also for `bootstrap_expect = 1`. */
  readonly bootstrap: boolean;
  /** How many servers to wait for; 0: none. 1 is turned into `bootstrap`. */
  readonly bootstrapExpect: number;
  readonly pidFile: string | undefined;
  readonly addresses: AddressesConfig;
  readonly ports: PortsConfig;
  readonly unixSockets: UnixSocketsConfig;
  readonly tls: TlsConfig;
  readonly log: LogConfig;
  readonly raft: RaftConfig;
  readonly autopilot: AutopilotConfig;
  readonly gossip: GossipConfig;
  readonly join: JoinConfig;
  readonly limits: LimitsConfig;
  readonly queryTimes: QueryTimesConfig;
  readonly checksConfig: ChecksConfig;
  readonly acl: AclConfig;
  readonly http: HttpConfig;
  readonly dns: DnsConfig;
  readonly ui: UiConfig;
  readonly telemetry: TelemetryConfig;
  readonly services: readonly ServiceDefinition[];
  readonly checks: readonly CheckDefinition[];
  readonly watches: readonly Readonly<Record<string, unknown>>[];
  /** 0: the server's own minimum of 10 s. */
  readonly sessionTtlMinMs: number;
  readonly antiEntropyIntervalMs: number;
  readonly leaveOnTerminate: boolean;
  readonly skipLeaveOnInterrupt: boolean;
  readonly leaveDrainTimeMs: number;
  readonly rpcProtocol: number;
  readonly grpcKeepalive: { readonly intervalMs: number; readonly timeoutMs: number };
  readonly translateWanAddrs: boolean;
  readonly debug: boolean;
  readonly anonymousSignature: boolean;
  readonly coordinates: boolean;
  readonly remoteExec: boolean;
  readonly updateCheck: boolean;
  readonly hostNodeId: boolean;
  readonly connectEnabled: boolean;
  readonly peeringEnabled: boolean;
  readonly autoReloadConfig: boolean;
  /** Every accepted key, merged with its defaults, by path. */
  readonly settings: Settings;
}
