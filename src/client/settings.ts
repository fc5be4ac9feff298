/**
 * Which agent to ask, and as whom: command line first, then environment, then the defaults.
 *
 * Order for the token: the flag for a file, the flag for a token, the environment's file, the
 * environment's token. Source: the reference's `api` package and its published CLI page.
 */
import { parseGoBool } from "../lib/flags.ts";
import { ClientSettingsError } from "./errors.ts";
import type { HttpEndpoint, TlsFiles } from "./transport.ts";

/** What the caller asked for; an absent field falls back to the environment. */
export interface ClientOptions {
  readonly address?: string | undefined;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly caPath?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly serverName?: string | undefined;
  readonly datacenter?: string | undefined;
  readonly namespace?: string | undefined;
  readonly partition?: string | undefined;
}

/** Everything a client needs to know, complete. */
export interface ClientSettings {
  readonly endpoint: HttpEndpoint;
  /** Put before every path: a reverse proxy's prefix, "" or "/prefix". */
  readonly pathPrefix: string;
  /** "" sends no token. */
  readonly token: string;
  readonly basicAuth: { readonly user: string; readonly password: string } | undefined;
  readonly tls: TlsFiles;
  readonly datacenter: string | undefined;
  readonly namespace: string | undefined;
  readonly partition: string | undefined;
}

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where settings come from besides the options. */
export interface SettingsSources {
  readonly env: Environment;
  /** Text of a file; rejects with an error whose message says why not. */
  readText(path: string): Promise<string>;
  /** Called with a sentence for each variable that cannot be read and is ignored. */
  warn(text: string): void;
}

const defaultAddress = "127.0.0.1:8500";

function given(...candidates: readonly (string | undefined)[]): string | undefined {
  return candidates.find((candidate) => candidate !== undefined && candidate !== "");
}

function flagFromEnv(sources: SettingsSources, name: string): boolean | undefined {
  const text = sources.env[name];
  if (text === undefined || text === "") return undefined;
  const value = parseGoBool(text);
  if (value === undefined) {
    const quoted = JSON.stringify(text);
    sources.warn(`could not parse ${name}: error="strconv.ParseBool: parsing ${quoted}: invalid syntax"`);
  }
  // The reference reads what it cannot parse as false, also where that turns verification off.
  return value ?? false;
}

/** Takes an address apart. Throws `ClientSettingsError` for a scheme nobody speaks. */
export function parseAddress(
  address: string,
  secureByDefault: boolean,
): { readonly endpoint: HttpEndpoint; readonly pathPrefix: string } {
  const at = address.indexOf("://");
  const scheme = at < 0 ? undefined : address.slice(0, at);
  const rest = at < 0 ? address : address.slice(at + 3);
  if (scheme === "unix") {
    return { endpoint: { kind: "unix", secure: secureByDefault, path: rest }, pathPrefix: "" };
  }
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") {
    throw new ClientSettingsError(`Unknown protocol scheme: ${scheme}`);
  }
  // "http://" never takes back a wish for TLS that the environment expressed.
  const secure = secureByDefault || scheme === "https";
  const slash = scheme === undefined ? -1 : rest.indexOf("/");
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const prefix = slash < 0 ? "" : rest.slice(slash);
  return {
    endpoint: { kind: "tcp", secure, authority },
    pathPrefix: prefix === "/" ? "" : prefix.replace(/\/$/u, ""),
  };
}

function parseBasicAuth(text: string | undefined): ClientSettings["basicAuth"] {
  if (text === undefined || text === "") return undefined;
  const colon = text.indexOf(":");
  return colon < 0
    ? { user: text, password: "" }
    : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

async function readToken(options: ClientOptions, sources: SettingsSources): Promise<string> {
  const { env } = sources;
  const flagToken = given(options.token);
  const file = given(options.tokenFile, flagToken === undefined ? env["CONSUL_HTTP_TOKEN_FILE"] : "");
  const fallback = flagToken ?? given(env["CONSUL_HTTP_TOKEN"]) ?? "";
  if (file === undefined) return fallback;
  let text: string;
  try {
    text = await sources.readText(file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ClientSettingsError(`Error loading token file ${file} : ${why}`, { cause });
  }
  return given(text.trim()) ?? fallback;
}

function tlsFiles(options: ClientOptions, sources: SettingsSources): TlsFiles {
  const { env } = sources;
  const certFile = given(options.certFile, env["CONSUL_CLIENT_CERT"]);
  const keyFile = given(options.keyFile, env["CONSUL_CLIENT_KEY"]);
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new ClientSettingsError("both client cert and client key must be provided");
  }
  return {
    caFile: given(options.caFile, env["CONSUL_CACERT"]),
    caPath: given(options.caPath, env["CONSUL_CAPATH"]),
    certFile,
    keyFile,
    serverName: given(options.serverName, env["CONSUL_TLS_SERVER_NAME"]),
    verify: flagFromEnv(sources, "CONSUL_HTTP_SSL_VERIFY") ?? true,
  };
}

/** Merges options and environment. Rejects with `ClientSettingsError`. */
export async function resolveClientSettings(
  options: ClientOptions,
  sources: SettingsSources,
): Promise<ClientSettings> {
  const { env } = sources;
  const secure = flagFromEnv(sources, "CONSUL_HTTP_SSL") ?? false;
  const address = given(options.address, env["CONSUL_HTTP_ADDR"]) ?? defaultAddress;
  return {
    ...parseAddress(address, secure),
    token: await readToken(options, sources),
    basicAuth: parseBasicAuth(env["CONSUL_HTTP_AUTH"]),
    tls: tlsFiles(options, sources),
    datacenter: given(options.datacenter),
    namespace: given(options.namespace, env["CONSUL_NAMESPACE"]),
    partition: given(options.partition, env["CONSUL_PARTITION"]),
  };
}
