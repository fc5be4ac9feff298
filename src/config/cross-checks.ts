/** Rules between keys, and warnings. Source: the reference's agent/config/builder.go, `validate`; measured. */
import type { Config } from "./config.ts";
import { checkAddressesUnique } from "./build-addresses.ts";
import { checkLogStore } from "./build-cluster.ts";
import { warnBadIps } from "./build-doors.ts";
import { metadataProblem } from "./metadata.ts";
import { nodeIdProblem } from "./node-id.ts";
import { allKeys, type KeyPath } from "./keys.ts";
import { durationMs, type BuildContext } from "./readers.ts";

function basicNameProblem(field: string, value: string): string | undefined {
  if (/^[a-z0-9_-]+$/u.test(value)) return undefined;
  return `${field} can only contain lowercase alphanumeric, - or _ characters. received: ${JSON.stringify(value)}`;
}

function checkIdentity({ problems }: BuildContext, config: Config): void {
  const stop = (problem: string | undefined): void => {
    if (problem !== undefined) problems.stop(problem);
  };
  if (config.datacenter === "") stop("datacenter cannot be empty");
  else stop(basicNameProblem("datacenter", config.datacenter));
  if (config.primaryDatacenter !== config.datacenter) {
    stop(basicNameProblem("primary_datacenter", config.primaryDatacenter));
  }
  if (config.dataDir === undefined && !config.devMode) stop("data_dir cannot be empty");
  if (config.nodeName === "") stop("node_name cannot be empty");
  if (config.nodeId !== undefined) {
    const problem = nodeIdProblem(config.nodeId);
    if (problem !== undefined) stop(`failed to setup node ID: specified NodeID is invalid: ${problem}`);
  }
  const meta = metadataProblem(config.nodeMeta);
  if (meta !== undefined) stop(`node_meta invalid: ${meta}`);
}

function warnNodeName({ problems }: BuildContext, name: string): void {
  const quoted = JSON.stringify(name);
  // The reference's pattern lets a backslash pass, by a slip that is kept.
  if (/[^A-Za-z0-9\\-]/u.test(name)) {
    problems.warn(
      `Node name ${quoted} will not be discoverable via DNS due to invalid characters. Valid characters include all alpha-numerics and dashes.`,
    );
  } else if (name.length > 63) {
    problems.warn(
      `Node name ${quoted} will not be discoverable via DNS due to it being too long. Valid lengths are between 1 and 63 bytes.`,
    );
  }
}

function checkBootstrap({ problems }: BuildContext, config: Config): void {
  const { bootstrap, bootstrapExpect: expect, server } = config;
  if (bootstrap && !server) problems.stop("'bootstrap = true' requires 'server = true'");
  if (expect < 0) {
    problems.stop(`bootstrap_expect cannot be ${expect}. Must be greater than or equal to zero`);
  }
  if (expect > 0 && !server) problems.stop("'bootstrap_expect > 0' requires 'server = true'");
  if (expect > 0 && config.devMode) problems.stop("'bootstrap_expect > 0' not allowed in dev mode");
  if (expect > 0 && bootstrap) {
    problems.stop("'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive");
  }
}

function warnBootstrap({ problems }: BuildContext, config: Config): void {
  const { bootstrap, bootstrapExpect: expect } = config;
  const see = "See https://www.consul.io/docs/internals/consensus.html#deployment-table";
  if (!config.server) return;
  if (!config.devMode && !bootstrap && expect === 2) {
    problems.warn(`bootstrap_expect = 2: A cluster with 2 servers will provide no failure tolerance. ${see}`);
  }
  if (!bootstrap && expect > 2 && expect % 2 === 0) {
    problems.warn(
      `bootstrap_expect is even number: A cluster with an even number of servers does not achieve optimum fault tolerance. ${see}`,
    );
  }
  if (bootstrap && expect === 0) problems.warn("bootstrap = true: do not enable unless necessary");
  if (!config.devMode && !bootstrap && expect > 1) {
    problems.warn(`bootstrap_expect > 0: expecting ${expect} servers`);
  }
}

function isHttpUrl(text: string): boolean {
  return /^https?:/iu.test(text) && URL.canParse(text);
}

function checkUi({ problems }: BuildContext, config: Config): void {
  const { ui } = config;
  const path = JSON.stringify(ui.contentPath);
  if (!/^[A-Za-z0-9/_-]+$/u.test(ui.contentPath)) {
    problems.stop(`ui-content-path can only contain alphanumeric, -, _, or /. received: ${path}`);
  }
  if (/^\/v\d+\/$/u.test(ui.contentPath)) {
    problems.stop(`ui-content-path cannot have 'v[0-9]'. received: ${path}`);
  }
  if (!config.devMode && ui.enabled && ui.dir !== undefined) {
    problems.stop(
      "Both the ui_config.enabled and ui_config.dir (or -ui and -ui-dir) were specified, please provide only one.\n" +
        "If trying to use your own web UI resources, use ui_config.dir or the -ui-dir flag.\n" +
        "The web UI is included in the binary so use ui_config.enabled or the -ui flag to enable it",
    );
  }
  checkUiMetrics(problems, ui);
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return value === null || (typeof value === "object" && !Array.isArray(value));
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function checkUiMetrics(problems: BuildContext["problems"], ui: Config["ui"]): void {
  const { metricsProvider: provider, metricsProviderOptionsJson: options, metricsProxyBaseUrl: base } = ui;
  const providerProblem =
    provider === undefined ? undefined : basicNameProblem("ui_config.metrics_provider", provider);
  if (providerProblem !== undefined) problems.stop(providerProblem);
  if (options !== undefined && !isJsonObject(options)) {
    problems.stop(
      `ui_config.metrics_provider_options_json must be empty or a string containing a valid JSON object. received: ${JSON.stringify(options)}`,
    );
  }
  if (base !== undefined && !isHttpUrl(base)) {
    problems.stop(
      `ui_config.metrics_proxy.base_url must be a valid http or https URL. received: ${JSON.stringify(base)}`,
    );
  }
  for (const path of ui.metricsProxyPathAllowlist) {
    if (/^\/[^?#]*$/u.test(path)) continue;
    problems.stop(
      `ui_config.metrics_proxy.path_allowlist: path ${JSON.stringify(path)} is not an absolute path`,
    );
  }
  for (const [name, url] of Object.entries(ui.dashboardUrlTemplates)) {
    const problem = basicNameProblem("ui_config.dashboard_url_templates key names", name);
    if (problem !== undefined) problems.stop(problem);
    if (isHttpUrl(url)) continue;
    problems.stop(
      `ui_config.dashboard_url_templates values must be a valid http or https URL. received: ${JSON.stringify(url)}`,
    );
  }
}

function checkMesh({ settings, problems }: BuildContext, config: Config): void {
  const { server } = config;
  if (settings.bool("connect.enable_mesh_gateway_wan_federation") === true) {
    if (!config.connectEnabled) {
      problems.stop("'connect.enable_mesh_gateway_wan_federation=true' requires 'connect.enabled=true'");
    }
    if (!server) {
      problems.stop("'connect.enable_mesh_gateway_wan_federation = true' requires 'server = true'");
    }
    if (config.nodeName.includes("/")) {
      problems.stop(
        "'connect.enable_mesh_gateway_wan_federation = true' requires that 'node_name' not contain '/' characters",
      );
    }
    if (config.join.retryWan.length > 0) {
      problems.stop(
        "'retry_join_wan' is incompatible with 'connect.enable_mesh_gateway_wan_federation = true'",
      );
    }
  }
  if (settings.strings("primary_gateways").length > 0) {
    if (!server) problems.stop("'primary_gateways' requires 'server = true'");
    else if (config.primaryDatacenter === config.datacenter) {
      problems.stop("'primary_gateways' should only be configured in a secondary datacenter");
    }
  }
  const provider = settings.text("connect.ca_provider") ?? "";
  if (!["", "consul", "vault"].includes(provider)) problems.stop(`${provider} is not a valid CA provider`);
}

function checkAutomation({ settings, problems }: BuildContext, config: Config): void {
  const { server } = config;
  const encryptTls = settings.bool("auto_encrypt.tls") === true;
  const autoConfig = settings.bool("auto_config.enabled") === true;
  if (server && encryptTls) problems.stop("auto_encrypt.tls can only be used on a client.");
  if (!server && settings.bool("auto_encrypt.allow_tls") === true) {
    problems.stop("auto_encrypt.allow_tls can only be used on a server.");
  }
  if (server && (settings.text("advertise_reconnect_timeout") ?? "0s") !== "0s") {
    problems.stop("advertise_reconnect_timeout can only be used on a client");
  }
  if (autoConfig && encryptTls) {
    problems.stop("both auto_encrypt.tls and auto_config.enabled cannot be set to true.");
  }
  if (autoConfig && !config.tls.internalRpc.verifyOutgoing) {
    problems.stop("auto_config.enabled cannot be set without configuring TLS for server communications");
  }
  if (autoConfig && server) problems.stop("auto_config.enabled cannot be set to true for server agents.");
  if (config.tls.grpc.certFile !== undefined && config.ports.grpc !== undefined) {
    if (settings.number("ports.grpc_tls") === undefined) {
      problems.stop(
        "the `ports.grpc` listener no longer supports TLS. Use `ports.grpc_tls` instead. This message is appearing because GRPC is configured to use TLS, but `ports.grpc_tls` is not defined",
      );
    }
  }
}

/** Durations that nothing reads are read here, so that a bad one is told like any other. */
function checkDurations(context: BuildContext): void {
  for (const { path, type } of allKeys) {
    if (type === "duration" && !/[[<]/u.test(path)) durationMs(context, path as KeyPath<"duration">);
  }
}

function checkOther({ settings, problems }: BuildContext, config: Config): void {
  const burst = settings.number("cache.entry_fetch_max_burst") ?? 0;
  if (burst <= 0) problems.stop(`cache.entry_fetch_max_burst must be strictly positive, was: ${burst}`);
  // A negative rate is no limit.
  if (settings.number("cache.entry_fetch_rate") === 0) {
    problems.stop("cache.entry_fetch_rate must be strictly positive, was: 0");
  }
  if ((settings.text("segment") ?? "") !== "" || settings.objects("segments").length > 0) {
    problems.stop("Network segments are not supported in this version of Consul");
  }
  const { datacenter } = config;
  const reserved = ["service", "connect", "node", "query", "addr", datacenter];
  if (reserved.some((label) => (config.dns.altDomain ?? "").startsWith(`${label}.`))) {
    problems.stop(`alt_domain cannot start with {service,connect,node,query,addr,${datacenter}}`);
  }
}

function warnOther({ settings, problems }: BuildContext, config: Config): void {
  const streaming = settings.bool("rpc.enable_streaming");
  if (config.server && settings.bool("use_streaming_backend") === true && streaming === false) {
    problems.warn("use_streaming_backend = true requires rpc.enable_streaming on servers to work properly");
  }
  if (!config.server && streaming === true) {
    problems.warn("rpc.enable_streaming = true has no effect when not running in server mode");
  }
  if (settings.bool("auto_encrypt.allow_tls") === true && !config.tls.internalRpc.verifyIncoming) {
    problems.warn(
      "if auto_encrypt.allow_tls is turned on, tls.internal_rpc.verify_incoming should be enabled (either explicitly or via tls.defaults.verify_incoming). It is necessary to turn it off during a migration to TLS, but it should definitely be turned on afterwards.",
    );
  }
  if (
    config.checksConfig.enableScriptChecks &&
    !config.acl.enabled &&
    config.http.allowWriteFrom.length === 0
  ) {
    problems.warn(
      "using enable-script-checks without ACLs and without allow_write_http_from is DANGEROUS, use enable-local-script-checks instead, see https://www.hashicorp.com/blog/protecting-consul-from-rce-risk-in-specific-configurations/",
    );
  }
}

/** Puts on record which rules between keys the configuration breaks, and what is odd about it. */
export function checkConfig(context: BuildContext, config: Config): void {
  checkIdentity(context, config);
  checkDurations(context);
  checkUi(context, config);
  warnNodeName(context, config.nodeName);
  checkBootstrap(context, config);
  checkMesh(context, config);
  if (config.server) checkLogStore(context);
  checkAddressesUnique(context, config.addresses);
  checkAutomation(context, config);
  checkOther(context, config);
  warnBootstrap(context, config);
  warnOther(context, config);
  warnBadIps(context);
}
