/** TLS of each interface: its own keys, else those of `tls.defaults`. Source: builder.go, buildTLSConfig. */
import type { TlsConfig, TlsProtocolConfig } from "./config.ts";
import { filled, type BuildContext } from "./readers.ts";

type Interface = "internal_rpc" | "https" | "grpc";
type Version = TlsProtocolConfig["minVersion"];

const versions: readonly Version[] = ["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"];

const cipherSuites: ReadonlySet<string> = new Set([
  "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
  "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
  "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
  "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
  "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
  "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
  "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
]);

function minVersion(context: BuildContext, stanza: Interface | "defaults"): Version | undefined {
  const path = `tls.${stanza}.tls_min_version` as const;
  const text = context.settings.text(path);
  if (text === undefined) return undefined;
  if (text === "") return "TLS_AUTO";
  const version = versions.find((one) => one === text);
  if (version === undefined) {
    context.problems.add(
      `${path}: invalid TLS version: no matching TLS version found for ${text}, please specify one of [${versions.join(", ")}]`,
    );
  }
  return version;
}

/** The suites of a stanza, or `undefined` if it names none. */
function suites(
  context: BuildContext,
  stanza: Interface | "defaults",
  version: Version,
): readonly string[] | undefined {
  const path = `tls.${stanza}.tls_cipher_suites` as const;
  const text = context.settings.text(path)?.trim();
  if (text === undefined) return undefined;
  if (version === "TLSv1_3") {
    context.problems.add(`${path}: TLS 1.3 cipher suites are not configurable`);
    return [];
  }
  if (text === "") return [];
  const names = text.split(",");
  const unknown = names.filter((name) => !cipherSuites.has(name));
  if (unknown.length === 0) return names;
  context.problems.add(
    `${path}: invalid TLS cipher suites: no matching Consul Agent TLS cipher suite found for ${unknown.join(",")}`,
  );
  return [];
}

interface Defaults {
  readonly version: Version;
  readonly suites: readonly string[];
}

function buildProtocol(context: BuildContext, stanza: Interface, defaults: Defaults): TlsProtocolConfig {
  const { settings } = context;
  const text = (key: "ca_file" | "ca_path" | "cert_file" | "key_file"): string | undefined =>
    filled(settings.text(`tls.${stanza}.${key}`) ?? settings.text(`tls.defaults.${key}`));
  const flag = (key: "verify_incoming" | "verify_outgoing"): boolean =>
    settings.bool(`tls.${stanza}.${key}`) ?? settings.bool(`tls.defaults.${key}`) ?? false;
  const version = minVersion(context, stanza) ?? defaults.version;
  // Suites that are inherited do not clash with TLS 1.3: they are left out.
  const inherited = version === "TLSv1_3" ? [] : defaults.suites;
  const verifyServerHostname = settings.bool(`tls.${stanza}.verify_server_hostname`) ?? false;
  return {
    caFile: text("ca_file"),
    caPath: text("ca_path"),
    certFile: text("cert_file"),
    keyFile: text("key_file"),
    minVersion: version,
    cipherSuites: suites(context, stanza, version) ?? inherited,
    verifyIncoming: flag("verify_incoming"),
    // Checking the name implies TLS, or names would be checked on plain connections (CVE-2018-19653).
    verifyOutgoing: stanza !== "grpc" && (flag("verify_outgoing") || verifyServerHostname),
    verifyServerHostname,
    useAutoCert: settings.bool(`tls.${stanza}.use_auto_cert`) ?? false,
  };
}

/** Keys that mean nothing in a stanza. */
function checkStanzas({ settings, problems }: BuildContext): void {
  if (settings.bool("tls.grpc.verify_outgoing") !== undefined) {
    problems.stop("verify_outgoing is not valid in the tls.grpc stanza");
  }
  const hostname = ["tls.defaults", "tls.grpc", "tls.https"] as const;
  if (hostname.some((stanza) => settings.bool(`${stanza}.verify_server_hostname`) !== undefined)) {
    problems.stop("verify_server_hostname is only valid in the tls.internal_rpc stanza");
  }
  const autoCert = ["tls.defaults", "tls.internal_rpc", "tls.https"] as const;
  if (autoCert.some((stanza) => settings.bool(`${stanza}.use_auto_cert`) !== undefined)) {
    problems.stop("use_auto_cert is only valid in the tls.grpc stanza");
  }
}

/** TLS of all interfaces. */
export function buildTls(context: BuildContext): TlsConfig {
  const { settings } = context;
  checkStanzas(context);
  const version = minVersion(context, "defaults") ?? "TLS_AUTO";
  const defaults: Defaults = { version, suites: suites(context, "defaults", version) ?? [] };
  return {
    internalRpc: buildProtocol(context, "internal_rpc", defaults),
    https: buildProtocol(context, "https", defaults),
    grpc: buildProtocol(context, "grpc", defaults),
    serverName: filled(settings.text("server_name")),
    enableAgentTlsForChecks: settings.bool("enable_agent_tls_for_checks") ?? false,
  };
}
