/** Opens the HTTP listeners that the configuration asks for. */
import type { Config, ListenAddress } from "../config/config.ts";
import type { App } from "../http/app.ts";
import type { Log } from "../lib/log.ts";
import {
  listenHttp,
  readTlsPair,
  type Listener,
  type ListenOptions,
  type ListenTarget,
} from "../runtime/http-listener.ts";

/** Listens everywhere or nowhere: when one address fails, those already open are closed. */
export async function openListeners(app: App, config: Config, log: Log): Promise<readonly Listener[]> {
  const opened: Listener[] = [];
  const options: ListenOptions = {
    ...(config.http.headerBytesMax === undefined ? {} : { headerBytesMax: config.http.headerBytesMax }),
    ...(config.limits.httpMaxConnsPerClient === undefined
      ? {}
      : { connectionsPerClientMax: config.limits.httpMaxConnsPerClient }),
  };
  try {
    for (const address of config.addresses.http) {
      opened.push(await listenHttp(app, target(address, config), options));
      log.info("Started HTTP server", { address: shown(address), network: address.kind });
    }
    const { certFile, keyFile } = config.tls.https;
    for (const address of config.addresses.https) {
      if (certFile === undefined || keyFile === undefined) {
        log.warn("the HTTPS port is set but no certificate and key are configured: HTTPS stays off", {
          address: shown(address),
        });
        continue;
      }
      const tls = readTlsPair({ certFile, keyFile });
      opened.push(await listenHttp(app, target(address, config), { ...options, tls }));
      log.info("Started HTTPS server", { address: shown(address), network: address.kind });
    }
  } catch (error) {
    for (const listener of opened) await listener.close();
    throw error;
  }
  return opened;
}

function target(address: ListenAddress, config: Config): ListenTarget {
  if (address.kind === "tcp") return address;
  return { kind: "unix", path: address.path, owner: config.unixSockets };
}

/** An address as people write it. */
export function shown(address: ListenAddress): string {
  if (address.kind === "unix") return address.path;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
