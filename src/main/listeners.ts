/** Opens the HTTP listeners that the configuration asks for. */
import type { Config, ListenAddress } from "../config/config.ts";
import type { App } from "../http/app.ts";
import type { Log } from "../lib/log.ts";
import {
  listenHttp,
  type Listener,
  type ListenSettings,
  type ListenTarget,
} from "../runtime/http-listener.ts";
import { readHttpsTls } from "../runtime/https-tls.ts";

/** The open listeners of an agent. */
export interface HttpDoors {
  /** Takes over limits and certificates. Rejects with `TlsSetupError`, and changes nothing, when a file is no good. */
  reload(config: Config): Promise<void>;
  close(): Promise<void>;
}

interface Opened {
  readonly listener: Listener;
  readonly isTls: boolean;
}

/** Listens everywhere or nowhere: when one address fails, those already open are closed. */
export async function openListeners(app: App, config: Config, log: Log): Promise<HttpDoors> {
  const opened: Opened[] = [];
  const settings = listenSettings(config);
  const limits =
    config.http.headerBytesMax === undefined ? {} : { headerBytesMax: config.http.headerBytesMax };
  const close = async (): Promise<void> => {
    await Promise.all(opened.map(({ listener }) => listener.close()));
  };
  try {
    for (const address of config.addresses.http) {
      const listener = await listenHttp(app, target(address, config), { ...settings.http, ...limits });
      opened.push({ listener, isTls: false });
      log.info("Started HTTP server", { address: shown(address), network: address.kind });
    }
    for (const address of config.addresses.https) {
      if (settings.https.tls === undefined) {
        log.warn("the HTTPS port is set but no certificate and key are configured: HTTPS stays off", {
          address: shown(address),
        });
        continue;
      }
      const listener = await listenHttp(app, target(address, config), { ...settings.https, ...limits });
      opened.push({ listener, isTls: true });
      log.info("Started HTTPS server", { address: shown(address), network: address.kind });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    reload: async (next) => {
      const { http, https } = listenSettings(next);
      for (const { listener, isTls } of opened) {
        // A door that served TLS stays one: without a certificate it keeps what it has until a restart.
        if (!isTls) await listener.configure(http);
        else if (https.tls !== undefined) await listener.configure(https);
      }
    },
    close,
  };
}

function listenSettings({ limits, tls, addresses }: Config): {
  readonly http: ListenSettings;
  readonly https: ListenSettings;
} {
  const { httpMaxConnsPerClient: most } = limits;
  const http = most === undefined ? {} : { connectionsPerClientMax: most };
  if (addresses.https.length === 0) return { http, https: http };
  const material = readHttpsTls(tls.https, limits.httpsHandshakeTimeoutMs);
  return { http, https: material === undefined ? http : { ...http, tls: material } };
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
