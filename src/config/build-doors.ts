/** The parts of the configuration that the doors are made from: HTTP, DNS, UI, limits, telemetry. */
import { quoteGo } from "../lib/go-quote.ts";
import { parseIp } from "../lib/ip.ts";
import { expandAddressTemplate } from "./address-template.ts";
import { AddressTemplateError } from "./address/template-error.ts";
import type { SettingValue } from "./settings.ts";
import type { DnsConfig, HttpConfig, LimitsConfig, TelemetryConfig, UiConfig } from "./config.ts";
import { durationMs, filled, limit, rate, readCidrs, readDurationMs, type BuildContext } from "./readers.ts";

/** What the HTTP API accepts and adds. */
export function buildHttp(context: BuildContext): HttpConfig {
  const { settings, problems } = context;
  return {
    blockEndpoints: settings.strings("http_config.block_endpoints"),
    allowWriteFrom: readCidrs(
      problems,
      settings.strings("http_config.allow_write_http_from"),
      "allow_write_http_from",
    ),
    responseHeaders: settings.map("http_config.response_headers"),
    useCache: settings.bool("http_config.use_cache") ?? true,
    headerBytesMax: limit(settings.number("http_config.max_header_bytes")),
    unprintableCharFilter: settings.bool("disable_http_unprintable_char_filter") !== true,
  };
}

/** Bounds on what callers may ask. */
export function buildLimits(context: BuildContext): LimitsConfig {
  const { settings, problems } = context;
  const mode = filled(settings.text("limits.request_limits.mode")) ?? "disabled";
  const isMode = mode === "disabled" || mode === "permissive" || mode === "enforcing";
  if (!isMode) problems.add(`limits.request_limits.mode: invalid mode: ${JSON.stringify(mode)}`);
  return {
    httpMaxConnsPerClient: limit(settings.number("limits.http_max_conns_per_client")),
    httpsHandshakeTimeoutMs: durationMs(context, "limits.https_handshake_timeout"),
    kvMaxValueSize: settings.number("limits.kv_max_value_size") ?? 0,
    txnMaxReqLen: settings.number("limits.txn_max_req_len") ?? 0,
    rpcClientTimeoutMs: durationMs(context, "limits.rpc_client_timeout"),
    rpcHandshakeTimeoutMs: durationMs(context, "limits.rpc_handshake_timeout"),
    rpcHoldTimeoutMs: durationMs(context, "performance.rpc_hold_timeout"),
    rpcMaxBurst: settings.number("limits.rpc_max_burst") ?? 0,
    rpcMaxConnsPerClient: limit(settings.number("limits.rpc_max_conns_per_client")),
    rpcRate: rate(settings.number("limits.rpc_rate")),
    requestLimitsMode: isMode ? mode : "disabled",
    requestReadRate: rate(settings.number("limits.request_limits.read_rate")),
    requestWriteRate: rate(settings.number("limits.request_limits.write_rate")),
  };
}

function readRecursors({ settings, problems, network }: BuildContext): readonly string[] {
  const recursors = settings.strings("recursors").flatMap((text) => {
    try {
      return expandAddressTemplate(text, network).split(/\s+/u);
    } catch (error) {
      if (!(error instanceof AddressTemplateError)) throw error;
      problems.stop(`Invalid DNS recursor template ${quoteGo(text)}: ${error.message}`);
      return [];
    }
  });
  for (const address of recursors) {
    if (address.startsWith("unix://")) problems.stop(`DNS Recursors cannot be unix sockets: ${address}`);
    if (["0.0.0.0", "::", "[::]"].includes(address)) {
      problems.stop("DNS recursor address cannot be 0.0.0.0, :: or [::]");
    }
  }
  return [...new Set(recursors)].filter((address) => address !== "");
}

function countAt(
  context: BuildContext,
  path: "dns_config.udp_answer_limit" | "dns_config.a_record_limit",
): number {
  const count = context.settings.number(path) ?? 0;
  if (count < 0) {
    context.problems.stop(`${path} cannot be ${count}. Must be greater than or equal to zero`);
  }
  return count;
}

function readStrategy({ settings, problems }: BuildContext): DnsConfig["recursorStrategy"] {
  const strategy = settings.text("dns_config.recursor_strategy") ?? "";
  if (strategy === "random") return "random";
  if (strategy !== "" && strategy !== "sequential") {
    problems.add(`dns_config.recursor_strategy: invalid strategy: ${JSON.stringify(strategy)}`);
  }
  return "sequential";
}

/** What DNS answers, and how. */
export function buildDns(context: BuildContext): DnsConfig {
  const { settings, problems } = context;
  const ttls = Object.entries(settings.map("dns_config.service_ttl")).map(([service, text]) => {
    const name = `dns_config.service_ttl[${JSON.stringify(service)}]`;
    return [service, readDurationMs(problems, text, name)] as const;
  });
  const domain = settings.text("domain") ?? "";
  return {
    domain: domain.endsWith(".") ? domain : `${domain}.`,
    altDomain: filled(settings.text("alt_domain")),
    recursors: readRecursors(context),
    recursorStrategy: readStrategy(context),
    recursorTimeoutMs: durationMs(context, "dns_config.recursor_timeout"),
    allowStale: settings.bool("dns_config.allow_stale") ?? false,
    maxStaleMs: durationMs(context, "dns_config.max_stale"),
    nodeTtlMs: durationMs(context, "dns_config.node_ttl"),
    serviceTtlMs: Object.fromEntries(ttls),
    onlyPassing: settings.bool("dns_config.only_passing") ?? false,
    enableTruncate: settings.bool("dns_config.enable_truncate") ?? false,
    compression: settings.bool("dns_config.disable_compression") !== true,
    udpAnswerLimit: countAt(context, "dns_config.udp_answer_limit"),
    aRecordLimit: limit(countAt(context, "dns_config.a_record_limit")),
    nodeMetaTxt: settings.bool("dns_config.enable_additional_node_meta_txt") ?? true,
    useCache: settings.bool("dns_config.use_cache") ?? false,
    cacheMaxAgeMs: limit(durationMs(context, "dns_config.cache_max_age")),
    soa: {
      refresh: settings.number("dns_config.soa.refresh") ?? 3600,
      retry: settings.number("dns_config.soa.retry") ?? 600,
      expire: settings.number("dns_config.soa.expire") ?? 86_400,
      minTtl: settings.number("dns_config.soa.min_ttl") ?? 0,
    },
  };
}

/** What is measured and where it goes. */
export function buildTelemetry(context: BuildContext): TelemetryConfig {
  const { settings, problems } = context;
  const allowed: string[] = [];
  const blocked: string[] = [];
  const prefix = settings.text("telemetry.metrics_prefix") ?? "";
  for (const rule of settings.strings("telemetry.prefix_filter")) {
    if (rule === "") problems.warn("Cannot have empty filter rule in prefix_filter");
    else if (rule.startsWith("+")) allowed.push(rule.slice(1));
    else if (rule.startsWith("-")) blocked.push(rule.slice(1));
    else problems.warn(`Filter rule must begin with either '+' or '-': ${JSON.stringify(rule)}`);
  }
  // The reference keeps this one quiet until someone asks for it by name.
  const quiet = `${prefix}.rpc.server.call`;
  if (!allowed.includes(quiet) && !blocked.includes(quiet)) blocked.push(quiet);
  return {
    metricsPrefix: prefix,
    disableHostname: settings.bool("telemetry.disable_hostname") ?? false,
    enableHostMetrics: settings.bool("telemetry.enable_host_metrics") ?? false,
    filterDefault: settings.bool("telemetry.filter_default") ?? true,
    allowedPrefixes: allowed,
    blockedPrefixes: blocked,
    prometheusRetentionMs: limit(durationMs(context, "telemetry.prometheus_retention_time")),
    statsdAddr: filled(settings.text("telemetry.statsd_address")),
    statsiteAddr: filled(settings.text("telemetry.statsite_address")),
    dogstatsdAddr: filled(settings.text("telemetry.dogstatsd_addr")),
    dogstatsdTags: settings.strings("telemetry.dogstatsd_tags"),
    retryFailedConnection: settings.bool("telemetry.retry_failed_connection") ?? true,
  };
}

/** "/ui/" for "" and for anything else with one slash at each end. */
function contentPath(text: string): string {
  return text === "" ? "/ui/" : `/${text.replace(/^\/+|\/+$/gu, "")}/`;
}

/** A text that the schema allows to be absent. */
function textOf(value: SettingValue | undefined): string {
  return typeof value === "string" ? value : "";
}

/** The web UI. Old top-level keys fill in where the stanza says nothing. */
export function buildUi({ settings, problems }: BuildContext): UiConfig {
  const old = (key: "ui" | "ui_dir" | "ui_content_path", today: string): void => {
    if (settings.at(key) === undefined) return;
    problems.warn(`The '${key}' field is deprecated. Use the 'ui_config.${today}' field instead.`);
  };
  old("ui", "enabled");
  old("ui_dir", "dir");
  old("ui_content_path", "content_path");
  const proxyPaths = settings.strings("ui_config.metrics_proxy.path_allowlist");
  const provider = filled(settings.text("ui_config.metrics_provider"));
  const prometheusPaths = ["/api/v1/query", "/api/v1/query_range"];
  return {
    enabled: settings.bool("ui_config.enabled") ?? settings.bool("ui") ?? false,
    dir: filled(settings.text("ui_config.dir") ?? settings.text("ui_dir")),
    contentPath: contentPath(
      settings.text("ui_config.content_path") ?? settings.text("ui_content_path") ?? "",
    ),
    metricsProvider: provider,
    metricsProviderFiles: settings.strings("ui_config.metrics_provider_files"),
    metricsProviderOptionsJson: filled(settings.text("ui_config.metrics_provider_options_json")),
    metricsProxyBaseUrl: filled(settings.text("ui_config.metrics_proxy.base_url")),
    metricsProxyHeaders: settings.objects("ui_config.metrics_proxy.add_headers").map((header) => ({
      name: textOf(header["name"]),
      value: textOf(header["value"]),
    })),
    metricsProxyPathAllowlist:
      provider === "prometheus" && proxyPaths.length === 0 ? prometheusPaths : proxyPaths,
    dashboardUrlTemplates: settings.map("ui_config.dashboard_url_templates"),
  };
}

/** IP addresses of a list of subject names; a bad one is warned about and left out, as in the reference. */
export function warnBadIps({ settings, problems }: BuildContext): void {
  for (const text of settings.strings("auto_encrypt.ip_san")) {
    if (parseIp(text) === undefined) {
      problems.warn(`Cannot parse ip ${JSON.stringify(text)} from AutoEncrypt.IPSAN`);
    }
  }
  for (const text of settings.strings("auto_config.ip_sans")) {
    if (parseIp(text) === undefined) {
      problems.warn(`Cannot parse ip ${JSON.stringify(text)} from auto_config.ip_sans`);
    }
  }
}
