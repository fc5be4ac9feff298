/** Failures of the network in the words of Go's `net` package, which is what operators of the reference look for. */
import { NetworkError } from "../../lib/network-error.ts";
import { hostPort, type Connection, type NetAddress } from "../../lib/net.ts";

const dialTexts: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  ECONNRESET: "connect: connection reset by peer",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  EACCES: "connect: permission denied",
  EADDRNOTAVAIL: "connect: cannot assign requested address",
  ETIMEDOUT: "i/o timeout",
};

/** Why there is no connection to `to`. */
export function dialText(to: NetAddress, error: unknown): string {
  const known = error instanceof NetworkError ? dialTexts[error.errno] : undefined;
  return `dial tcp ${hostPort(to)}: ${known ?? textOf(error)}`;
}

/** Why nothing more can be read from a connection. */
export function readText({ local, remote }: Connection, error: unknown): string {
  const route = `read tcp ${hostPort(local)}->${hostPort(remote)}`;
  if (error === "timeout") return `${route}: i/o timeout`;
  if (error instanceof NetworkError && error.errno === "ECONNRESET") {
    return `${route}: read: connection reset by peer`;
  }
  return error === undefined ? "EOF" : `${route}: ${textOf(error)}`;
}

/** Why a name has no address. */
export function lookupText(host: string, error: unknown): string {
  const isUnknown = error instanceof NetworkError && /ENOTFOUND|EAI_/.test(error.errno);
  return `lookup ${host}: ${isUnknown ? "no such host" : textOf(error)}`;
}

/** Any failure's own words. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
