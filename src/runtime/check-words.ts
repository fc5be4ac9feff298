/** Failures of the network in the words of Go's packages, since people and scripts match on a check's output. */

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ConnectionRefused: "connection refused",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  ETIMEDOUT: "connection timed out",
};

const unknownAuthority = "tls: failed to verify certificate: x509: certificate signed by unknown authority";

/** The other side answered a handshake with something else. */
export const noTlsWords = "tls: first record does not look like a TLS handshake";

const tlsReasons: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  CERT_SIGNATURE_FAILURE: unknownAuthority,
  CERT_HAS_EXPIRED: "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
  CERT_NOT_YET_VALID: "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
  ERR_SSL_WRONG_VERSION_NUMBER: noTlsWords,
  ERR_HTTP2_ERROR: "http2: frame too large",
};

function field(error: unknown, name: string): unknown {
  return typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined;
}

function textField(error: unknown, name: string): string {
  const value = field(error, name);
  return typeof value === "string" ? value : "";
}

/** What is wrong with the names of a certificate, as Go's x509 says it. */
function nameWords(error: unknown): string {
  const host = textField(error, "host");
  const names = textField(field(error, "cert"), "subjectaltname")
    .split(/,\s*/u)
    .map((name) => /^(?<kind>DNS|IP Address):(?<value>.*)$/u.exec(name)?.groups);
  const isIp = /^[\d.]+$|:/u.test(host);
  const valid = names.flatMap((name) => {
    if (name === undefined || (name["kind"] === "IP Address") !== isIp) return [];
    return [name["value"] ?? ""];
  });
  const prefix = "tls: failed to verify certificate: x509:";
  if (valid.length > 0) return `${prefix} certificate is valid for ${valid.join(", ")}, not ${host}`;
  return isIp
    ? `${prefix} cannot validate certificate for ${host} because it doesn't contain any IP SANs`
    : `${prefix} certificate is not valid for any names, but wanted to match ${host}`;
}

/** A failure to connect to `address`, or of the connection. */
export function networkWords(error: unknown, address: string): string {
  const code = textField(error, "code");
  const reason = reasons[code];
  if (reason !== undefined) return `dial tcp ${address}: connect: ${reason}`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return `dial tcp: lookup ${address.slice(0, address.lastIndexOf(":"))}: no such host`;
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return nameWords(error);
  const message = error instanceof Error ? error.message : String(error);
  if (code === "ECONNRESET") return /hang up|closed/iu.test(message) ? "EOF" : "connection reset by peer";
  return tlsReasons[code] ?? message;
}
