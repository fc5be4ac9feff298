/**
 * Which agent to ask, and as whom: command line first, then environment, then the defaults.
 *
 * Order for the token: the flag for a file, the flag for a token, the environment's file, the
 * environment's token. Source: the reference's `api` package and its published CLI page.
 */
import { parseGoBool } from "../lib/flags.ts";
import { FileError } from "../lib/file-error.ts";
import { ClientSettingsError } from "./errors.ts";
import type { HttpEndpoint, TlsMaterial } from "./transport.ts";

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
  readonly tls: TlsMaterial;
  readonly datacenter: string | undefined;
  readonly namespace: string | undefined;
  readonly partition: string | undefined;
}

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where settings come from besides the options. */
export interface SettingsSources {
  readonly env: Environment;
  /** Text of a file. Rejects with `FileError`. */
  readText(path: string): Promise<string>;
  /** Paths of all files below a folder, also in folders of it, sorted. Rejects with `FileError`. */
  listFiles(path: string): Promise<readonly string[]>;
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
    const problem = JSON.stringify(`strconv.ParseBool: parsing ${quoted}: invalid syntax`);
    sources.warn(`[WARN]  consul-api: could not parse ${name}: error=${problem}`);
  }
  // The reference reads what it cannot parse as false, also where that turns verification off.
  return value ?? false;
}

/** `host` and `port` of an authority; the port is the scheme's if none is written. */
function splitAuthority(
  authority: string,
  secure: boolean,
): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/u.exec(authority);
  const host = match?.[1] ?? match?.[2] ?? authority;
  const portText = match?.[3] ?? "";
  const port = portText === "" ? (secure ? 443 : 80) : Number(portText);
  return { host: host === "" ? "localhost" : host, port };
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
    endpoint: { kind: "tcp", secure, authority, ...splitAuthority(authority, secure) },
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

/** The result of `work`; a file that cannot be read is told as `Error loading WHAT: …`. */
async function loading<Value>(what: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause;
    throw new ClientSettingsError(`Error loading ${what}: ${cause.message}`, { cause });
  }
}

async function readToken(options: ClientOptions, sources: SettingsSources): Promise<string> {
  const { env } = sources;
  const flagToken = given(options.token);
  const file = given(options.tokenFile, flagToken === undefined ? env["CONSUL_HTTP_TOKEN_FILE"] : "");
  const fallback = flagToken ?? given(env["CONSUL_HTTP_TOKEN"]) ?? "";
  if (file === undefined) return fallback;
  const text = await loading(`token file ${file} `, sources.readText(file));
  return given(text.trim()) ?? fallback;
}

async function readAuthorities(
  options: ClientOptions,
  sources: SettingsSources,
): Promise<readonly string[] | undefined> {
  const file = given(options.caFile, sources.env["CONSUL_CACERT"]);
  if (file !== undefined) return [await readPem("CA File", file, sources)];
  const folder = given(options.caPath, sources.env["CONSUL_CAPATH"]);
  if (folder === undefined) return undefined;
  const paths = await sources.listFiles(folder);
  return Promise.all(paths.map((path) => readPem("CA Path", path, sources)));
}

async function readPem(what: string, path: string, sources: SettingsSources): Promise<string> {
  const text = await loading(what, sources.readText(path));
  if (/-----BEGIN CERTIFICATE-----[^]*-----END CERTIFICATE-----/u.test(text)) return text;
  throw new ClientSettingsError(`Error loading ${what}: Couldn't parse PEM in: ${path}`);
}

async function readTls(options: ClientOptions, sources: SettingsSources): Promise<TlsMaterial> {
  const { env } = sources;
  const certFile = given(options.certFile, env["CONSUL_CLIENT_CERT"]);
  const keyFile = given(options.keyFile, env["CONSUL_CLIENT_KEY"]);
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new ClientSettingsError("both client cert and client key must be provided");
  }
  return {
    // Read even where TLS is not used, so that a wrong path is told at once, as the reference does.
    authorities: await readAuthorities(options, sources),
    certificate: certFile === undefined ? undefined : await sources.readText(certFile),
    key: keyFile === undefined ? undefined : await sources.readText(keyFile),
    serverName: given(options.serverName, env["CONSUL_TLS_SERVER_NAME"])?.replace(/:\d+$/u, ""),
    verify: flagFromEnv(sources, "CONSUL_HTTP_SSL_VERIFY") ?? true,
  };
}

/** Merges options and environment. Rejects with `ClientSettingsError` or `FileError`. */
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
    tls: await readTls(options, sources),
    datacenter: given(options.datacenter),
    namespace: given(options.namespace, env["CONSUL_NAMESPACE"]),
    partition: given(options.partition, env["CONSUL_PARTITION"]),
  };
}
