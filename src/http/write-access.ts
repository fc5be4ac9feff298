/** Who may change things over HTTP: `http_config.allow_write_http_from`. */
import { networkContains, parseCidr, parseIp, type IpNetwork } from "../lib/ip.ts";
import { HttpError, type HttpRequest } from "./types.ts";

/** Methods that change nothing, in the reference's opinion. */
const reading: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * A check of requests that write: throws `HttpError` 403 for clients outside of all networks. Without networks nobody
 * is refused. Clients of Unix sockets have no address, so they are outside.
 */
export function writeAccess(networks: readonly string[]): (request: HttpRequest) => void {
  const allowed = networks.map(parseCidr).filter((network): network is IpNetwork => network !== undefined);
  if (networks.length === 0) return () => undefined;
  return ({ method, remoteAddress }) => {
    if (reading.has(method)) return;
    const ip = parseIp(remoteAddress);
    if (ip === undefined || !allowed.some((network) => networkContains(network, ip)))
      throw new HttpError(403, "Access is restricted");
  };
}
