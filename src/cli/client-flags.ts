/** Flags that many commands share, and the client that they describe. */
import { HttpClient, type ReadOptions } from "../client/http-client.ts";
import { resolveClientSettings } from "../client/settings.ts";
import { orFail, type CommandContext } from "./command.ts";
import { httpSection, optionalBoolFlag, optionalStringFlag, type FlagTable } from "./flag-set.ts";

/** Which agent to ask, and how. Every command that talks to an agent has these. */
export const clientFlags = {
  "http-addr": httpSection(
    optionalStringFlag(
      "Address of the agent's HTTP API, with its port. May start with http://, https:// or " +
        "unix:// followed by a socket's path. The environment variable is CONSUL_HTTP_ADDR, the " +
        "default http://127.0.0.1:8500. CONSUL_HTTP_SSL=true asks for HTTPS.",
      "address",
    ),
  ),
  token: httpSection(
    optionalStringFlag(
      "ACL token to send. The environment variable is CONSUL_HTTP_TOKEN. Without one the agent " +
        "uses its own default token.",
    ),
  ),
  "token-file": httpSection(
    optionalStringFlag(
      "File that holds the ACL token; wins over -token. The environment variable is " +
        "CONSUL_HTTP_TOKEN_FILE.",
    ),
  ),
  "ca-file": httpSection(
    optionalStringFlag(
      "File with certificates of authorities to trust for TLS. The environment variable is " +
        "CONSUL_CACERT.",
    ),
  ),
  "ca-path": httpSection(
    optionalStringFlag(
      "Folder with certificates of authorities to trust for TLS. The environment variable is " +
        "CONSUL_CAPATH.",
    ),
  ),
  "client-cert": httpSection(
    optionalStringFlag(
      "File with the client's certificate, for agents with verify_incoming. The environment " +
        "variable is CONSUL_CLIENT_CERT.",
    ),
  ),
  "client-key": httpSection(
    optionalStringFlag(
      "File with the key of the client's certificate. The environment variable is " + "CONSUL_CLIENT_KEY.",
    ),
  ),
  "tls-server-name": httpSection(
    optionalStringFlag(
      "Name to ask for (SNI) and to expect in the agent's certificate. The environment variable " +
        "is CONSUL_TLS_SERVER_NAME.",
    ),
  ),
} satisfies FlagTable;

/** Which datacenter's servers to ask, and how fresh the answer has to be. */
export const serverFlags = {
  datacenter: httpSection(optionalStringFlag("Datacenter to ask; the agent's own if absent.")),
  stale: httpSection(
    optionalBoolFlag(
      "Let any server answer, not only the leader: faster, and possible without a leader, but " +
        "the data may lag. Reads only.",
    ),
  ),
} satisfies FlagTable;

/** Admin partition, of the reference's Enterprise edition; sent as it is. */
export const partitionFlag = {
  partition: optionalStringFlag(
    "Admin partition to ask, in clusters that have them (Enterprise edition of the reference).",
  ),
} satisfies FlagTable;

/** Namespace and admin partition, of the reference's Enterprise edition; sent as they are. */
export const tenancyFlags = {
  namespace: optionalStringFlag(
    "Namespace to ask, in clusters that have them (Enterprise edition of the reference).",
  ),
  ...partitionFlag,
} satisfies FlagTable;

/** The values of any set of the flags above. */
export interface ClientFlagValues {
  readonly "http-addr": string | undefined;
  readonly token: string | undefined;
  readonly "token-file": string | undefined;
  readonly "ca-file": string | undefined;
  readonly "ca-path": string | undefined;
  readonly "client-cert": string | undefined;
  readonly "client-key": string | undefined;
  readonly "tls-server-name": string | undefined;
  readonly datacenter?: string | undefined;
  readonly namespace?: string | undefined;
  readonly partition?: string | undefined;
}

/** The part of a context that `connect` needs. */
export type ConnectContext = Pick<CommandContext, "host" | "err" | "defer"> & {
  readonly flags: ClientFlagValues;
};

/** A client for the agent that flags and environment name; closed when the command ends. */
export async function connect(
  context: ConnectContext,
  failurePrefix = "Error connecting to Consul agent",
): Promise<HttpClient> {
  const { host, flags } = context;
  const explain = (reason: string): string => `${failurePrefix}: ${reason}`;
  const open = async (): Promise<HttpClient> => {
    const settings = await resolveClientSettings(
      {
        address: flags["http-addr"],
        token: flags.token,
        tokenFile: flags["token-file"],
        caFile: flags["ca-file"],
        caPath: flags["ca-path"],
        certFile: flags["client-cert"],
        keyFile: flags["client-key"],
        serverName: flags["tls-server-name"],
        datacenter: flags.datacenter,
        namespace: flags.namespace,
        partition: flags.partition,
      },
      {
        env: host.env,
        readText: async (path) => new TextDecoder().decode(await host.files.read(path)),
        listFiles: (path) => host.files.listTree(path),
        warn: (text) => context.err(text),
      },
    );
    const transport = host.transports.open(settings.endpoint, settings.tls);
    context.defer(() => transport.close());
    return new HttpClient(transport, settings);
  };
  return orFail(open(), explain);
}

/** Read options from `-stale`. */
export function staleOption(flags: { readonly stale: boolean | undefined }): ReadOptions {
  return { stale: flags.stale === true };
}
