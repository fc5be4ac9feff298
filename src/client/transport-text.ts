/**
 * A failed exchange in the words of Go's `net` package.
 *
 * Runtimes report errno names; scripts written for the reference look for "connection refused" or
 * "no such host". Source: Go's syscall errors on Linux, measured with the reference program.
 */
import type { NetworkError } from "../lib/network-error.ts";
import type { HttpEndpoint } from "./transport.ts";

const portMax = 65_535;

const dialTexts: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  EACCES: "connect: permission denied",
  ENOENT: "connect: no such file or directory",
  ETIMEDOUT: "i/o timeout",
};

const exchangeTexts: Readonly<Record<string, string>> = {
  ECONNRESET: "EOF",
  EPIPE: "write: broken pipe",
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority(),
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority(),
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority(),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority(),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority(),
  CERT_HAS_EXPIRED: "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
};

function unknownAuthority(): string {
  return "tls: failed to verify certificate: x509: certificate signed by unknown authority";
}

function joinHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Go's words for `failure`, without the method and address that the client puts in front. */
export function renderExchangeFailure(endpoint: HttpEndpoint, failure: NetworkError): string {
  // Runtimes tell these only in the message of their TLS library, each in its own spelling.
  if (/wrong.version.number/iu.test(failure.message))
    return "http: server gave HTTP response to HTTPS client";
  if (/certificate.required/iu.test(failure.message)) return "remote error: tls: certificate required";
  if (failure.errno === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `tls: failed to verify certificate: x509: ${failure.message}`;
  }
  const exchange = exchangeTexts[failure.errno];
  if (exchange !== undefined) return exchange;
  const dial = dialTexts[failure.errno];
  if (endpoint.kind === "tcp" && endpoint.port > portMax) {
    return `dial tcp: address ${endpoint.port}: invalid port`;
  }
  if (endpoint.kind === "unix") return `dial unix ${endpoint.path}: ${dial ?? failure.message}`;
  const { host, port } = endpoint;
  if (failure.errno === "ENOTFOUND" || failure.errno === "EAI_AGAIN") {
    return `dial tcp: lookup ${host}: no such host`;
  }
  if (dial === undefined) return failure.message;
  return `dial tcp ${joinHostPort(failure.address ?? host, port)}: ${dial}`;
}
