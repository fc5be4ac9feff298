/** From merged settings to the configuration. */
import type {
  AclConfig,
  ChecksConfig,
  Config,
  ConfigLogLevel,
  LogConfig,
  QueryTimesConfig,
} from "./config.ts";
import { buildAddresses, buildPorts, type HostAddresses } from "./build-addresses.ts";
import { buildAutopilot, buildGossip, buildJoin, buildRaft } from "./build-cluster.ts";
import { buildDefinitions } from "./build-definitions.ts";
import { buildDns, buildHttp, buildLimits, buildTelemetry, buildUi } from "./build-doors.ts";
import { buildTls } from "./build-tls.ts";
import { durationMs, durationMsFrom, filled, limit, type BuildContext } from "./readers.ts";

/** What of the configuration comes from the host and not from settings. */
export interface HostFacts {
  readonly hostname: () => string;
  readonly hostAddresses: HostAddresses;
  readonly devMode: boolean;
}

const logLevels: Readonly<Record<string, ConfigLogLevel>> = {
  TRACE: "TRACE",
  DEBUG: "DEBUG",
  INFO: "INFO",
  WARN: "WARN",
  ERR: "ERROR",
  ERROR: "ERROR",
};

const dayMs = 86_400_000;

function buildLog(context: BuildContext): LogConfig {
  const { settings, problems } = context;
  const text = settings.text("log_level") ?? "";
  const level = logLevels[text.toUpperCase()];
  if (level === undefined) {
    problems.stop(`Invalid log level: ${text}. Valid log levels are: [${Object.keys(logLevels).join(" ")}]`);
  }
  const files = settings.number("log_rotate_max_files") ?? 0;
  return {
    level: level ?? "INFO",
    json: settings.bool("log_json") ?? false,
    file: filled(settings.text("log_file")),
    rotateBytes: limit(settings.number("log_rotate_bytes")),
    rotateDurationMs: limit(durationMs(context, "log_rotate_duration")) ?? dayMs,
    rotateFilesMax:
      files === 0 ? { kind: "all" } : files < 0 ? { kind: "none" } : { kind: "count", count: files },
    syslog: settings.bool("enable_syslog") ?? false,
    syslogFacility: settings.text("syslog_facility") ?? "",
  };
}

function buildAcl(context: BuildContext): AclConfig {
  const { settings, problems } = context;
  const policy = settings.text("acl.default_policy") ?? "";
  const isPolicy = policy === "allow" || policy === "deny";
  if (!isPolicy) problems.stop(`Unsupported default ACL policy: ${policy}`);
  const down = settings.text("acl.down_policy") ?? "";
  const isDown = down === "allow" || down === "deny" || down === "extend-cache" || down === "async-cache";
  if (!isDown) problems.stop(`Unsupported down ACL policy: ${down}`);
  return {
    enabled: settings.bool("acl.enabled") ?? false,
    defaultPolicy: isPolicy ? policy : "deny",
    downPolicy: isDown ? down : "extend-cache",
    policyTtlMs: durationMs(context, "acl.policy_ttl"),
    roleTtlMs: durationMs(context, "acl.role_ttl"),
    tokenTtlMs: durationMs(context, "acl.token_ttl"),
    tokenReplication: settings.bool("acl.enable_token_replication") ?? false,
    keyListPolicy: settings.bool("acl.enable_key_list_policy") ?? false,
    tokenPersistence: settings.bool("acl.enable_token_persistence") ?? false,
    tokens: {
      initialManagement: filled(settings.text("acl.tokens.initial_management")),
      default: filled(settings.text("acl.tokens.default")),
      agent: filled(settings.text("acl.tokens.agent")),
      agentRecovery: filled(settings.text("acl.tokens.agent_recovery")),
      replication: filled(settings.text("acl.tokens.replication")),
      configFileRegistration: filled(settings.text("acl.tokens.config_file_service_registration")),
    },
  };
}

function buildChecks(context: BuildContext): ChecksConfig {
  const { settings, problems } = context;
  const outputMaxSize = settings.number("check_output_max_size") ?? 0;
  if (outputMaxSize < 1) {
    problems.stop(
      "check_output_max_size must be positive, to discard check output use the discard_check_output flag",
    );
  }
  const enableScriptChecks = settings.bool("enable_script_checks") ?? false;
  return {
    outputMaxSize,
    updateIntervalMs: durationMs(context, "check_update_interval"),
    discardOutput: settings.bool("discard_check_output") ?? false,
    enableScriptChecks,
    enableLocalScriptChecks: settings.bool("enable_local_script_checks") ?? enableScriptChecks,
    deregisterIntervalMinMs: durationMs(context, "check_deregister_interval_min"),
    reapIntervalMs: durationMs(context, "check_reap_interval"),
  };
}

function buildQueryTimes(context: BuildContext): QueryTimesConfig {
  return {
    defaultMs: durationMs(context, "default_query_time"),
    maxMs: durationMs(context, "max_query_time"),
    discoveryMaxStaleMs: limit(durationMs(context, "discovery_max_stale")),
  };
}

type Identity = Pick<
  Config,
  "nodeName" | "nodeId" | "nodeMeta" | "datacenter" | "primaryDatacenter" | "dataDir" | "devMode" | "pidFile"
>;

function buildIdentity({ settings }: BuildContext, facts: HostFacts): Identity {
  const datacenter = (settings.text("datacenter") ?? "").toLowerCase();
  const primary = (settings.text("primary_datacenter") ?? "").toLowerCase();
  return {
    nodeName: (filled(settings.text("node_name")) ?? facts.hostname()).trim(),
    nodeId: filled(settings.text("node_id"))?.toLowerCase(),
    nodeMeta: settings.map("node_meta"),
    datacenter,
    primaryDatacenter: primary === "" ? datacenter : primary,
    dataDir: filled(settings.text("data_dir")),
    devMode: facts.devMode,
    pidFile: filled(settings.text("pid_file")),
  };
}

type Switches = Pick<
  Config,
  | "translateWanAddrs"
  | "debug"
  | "anonymousSignature"
  | "coordinates"
  | "remoteExec"
  | "updateCheck"
  | "hostNodeId"
  | "peeringEnabled"
  | "autoReloadConfig"
  | "connectEnabled"
>;

function buildSwitches({ settings }: BuildContext): Switches {
  const on = (value: boolean | undefined): boolean => value === true;
  return {
    translateWanAddrs: on(settings.bool("translate_wan_addrs")),
    debug: on(settings.bool("enable_debug")),
    anonymousSignature: !on(settings.bool("disable_anonymous_signature")),
    coordinates: !on(settings.bool("disable_coordinates")),
    remoteExec: !on(settings.bool("disable_remote_exec")),
    updateCheck: !on(settings.bool("disable_update_check")),
    hostNodeId: !on(settings.bool("disable_host_node_id")),
    peeringEnabled: on(settings.bool("peering.enabled")),
    autoReloadConfig: on(settings.bool("auto_reload_config")),
    // Both hand out mesh certificates.
    connectEnabled:
      on(settings.bool("connect.enabled")) ||
      on(settings.bool("auto_encrypt.allow_tls")) ||
      on(settings.bool("auto_config.enabled")),
  };
}

/** `bootstrap_expect = 1` is another way to say `bootstrap`. */
function buildBootstrap({ settings, problems }: BuildContext): Pick<Config, "bootstrap" | "bootstrapExpect"> {
  const expect = settings.number("bootstrap_expect") ?? 0;
  if (expect !== 1) return { bootstrap: settings.bool("bootstrap") ?? false, bootstrapExpect: expect };
  problems.warn("BootstrapExpect is set to 1; this is the same as Bootstrap mode.");
  return { bootstrap: true, bootstrapExpect: 0 };
}

/** The configuration that the settings say. What is wrong is on record; then the result is not to be used. */
export function buildConfig(context: BuildContext, facts: HostFacts): Config {
  const { settings } = context;
  const server = settings.bool("server") ?? false;
  const definitions = buildDefinitions(context);
  const ports = buildPorts(context, server);
  return {
    ...definitions,
    ports,
    addresses: buildAddresses(context, ports, facts.hostAddresses),
    ...buildIdentity(context, facts),
    server,
    ui: buildUi(context),
    telemetry: buildTelemetry(context),
    raft: buildRaft(context),
    autopilot: buildAutopilot(context),
    gossip: buildGossip(context),
    acl: buildAcl(context),
    dns: buildDns(context),
    http: buildHttp(context),
    limits: buildLimits(context),
    checksConfig: buildChecks(context),
    queryTimes: buildQueryTimes(context),
    join: buildJoin(context),
    log: buildLog(context),
    tls: buildTls(context),
    ...buildSwitches(context),
    ...buildBootstrap(context),
    unixSockets: {
      user: filled(settings.text("unix_sockets.user")),
      group: filled(settings.text("unix_sockets.group")),
      mode: filled(settings.text("unix_sockets.mode")),
    },
    watches: settings.objects("watches"),
    sessionTtlMinMs: durationMs(context, "session_ttl_min"),
    antiEntropyIntervalMs: durationMs(context, "ae_interval"),
    leaveOnTerminate: settings.bool("leave_on_terminate") ?? !server,
    skipLeaveOnInterrupt: settings.bool("skip_leave_on_interrupt") ?? server,
    leaveDrainTimeMs: durationMs(context, "performance.leave_drain_time"),
    rpcProtocol: settings.number("protocol") ?? 2,
    grpcKeepalive: {
      intervalMs: durationMsFrom(context, "performance.grpc_keepalive_interval", "1s"),
      timeoutMs: durationMsFrom(context, "performance.grpc_keepalive_timeout", "1s"),
    },
    settings,
  };
}
