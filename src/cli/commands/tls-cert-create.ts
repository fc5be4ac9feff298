/** Creates a certificate for an agent or a command line, signed by the cluster's authority. */
import { CommandFailure, defineCommand, orFail, type CommandContext } from "../command.ts";
import { boolFlag, intFlag, listFlag, stringFlag } from "../flag-set.ts";
import type { CertificateRequest } from "../host.ts";
import { saveCertificate, type CertificateNames } from "../save-certificate.ts";

const daysIfAbsent = 365;
const filesMax = 10_000;

const flags = {
  ca: stringFlag("File with the authority's certificate; #DOMAIN# stands for the domain.", {
    initial: "#DOMAIN#-agent-ca.pem",
  }),
  key: stringFlag("File with the authority's key; #DOMAIN# stands for the domain.", {
    initial: "#DOMAIN#-agent-ca-key.pem",
  }),
  server: boolFlag("Create a certificate for a server."),
  client: boolFlag("Create a certificate for a client agent."),
  cli: boolFlag("Create a certificate for the command line."),
  node: stringFlag(
    "Name of the server's node: adds the DNS name <node>.server.<datacenter>.<domain>. For -server.",
  ),
  days: intFlag("How many days the certificate is valid from now on. Defaults to one year.", daysIfAbsent),
  dc: stringFlag("Datacenter that the certificate is for. Defaults to dc1.", { initial: "dc1" }),
  domain: stringFlag("DNS domain of the cluster. Defaults to consul.", { initial: "consul" }),
  "additional-dnsname": listFlag(
    "Another DNS name of a server or client, beside its own and localhost. May be given several times.",
  ),
  "additional-ipaddress": listFlag(
    "Another IP address, beside 127.0.0.1, which servers and clients have. May be given several times.",
  ),
};

type Context = CommandContext<typeof flags>;
type Kind = "server" | "client" | "cli";

const serverWarning = `==> WARNING: Server Certificates grants authority to become a
    server and access all state in the cluster including root keys
    and all ACL tokens. Do not distribute them to production hosts
    that are not server nodes. Store them as securely as CA keys.`;

/** `tls cert create` */
export const tlsCertCreateCommand = defineCommand({
  usage: "tls cert create [options]",
  about: `Creates a certificate, and its key, for one of -server, -client and -cli. Who has the certificate of a
server can become one and read all that the cluster holds: keep it on servers only, as safe as the
authority's key.

    $ {program} tls cert create -server
    ==> Using consul-agent-ca.pem and consul-agent-ca-key.pem
    ==> Saved dc1-server-consul-0.pem
    ==> Saved dc1-server-consul-0-key.pem
    $ {program} tls cert create -client
    ==> Using consul-agent-ca.pem and consul-agent-ca-key.pem
    ==> Saved dc1-client-consul-0.pem
    ==> Saved dc1-client-consul-0-key.pem`,
  flags,
  flagErrorLine: (message) => `Failed to parse args: ${message}`,
  run,
});

async function run(context: Context): Promise<number> {
  const { host, out } = context;
  const { dc, domain, ca, key, node, days } = context.flags;
  if (ca === "") throw new CommandFailure("Please provide the ca");
  if (key === "") throw new CommandFailure("Please provide the key");
  const kind = kindOf(context);
  if (node !== "" && kind !== "server") throw new CommandFailure("-node requires -server");
  const names = await freeNames(context, `${dc}-${kind}-${domain}`);
  const caFile = ca.replace("#DOMAIN#", () => domain);
  const keyFile = key.replace("#DOMAIN#", () => domain);
  const authority = {
    cert: await readText(context, caFile, "CA"),
    key: await readText(context, keyFile, "CA key"),
  };
  if (kind === "server") out(serverWarning);
  out(`==> Using ${caFile} and ${keyFile}`);
  const pair = await orFail(
    host.certificates.createCertificate({
      authority,
      days,
      nowMs: host.clock.wallMs(),
      ...contents(context, kind),
    }),
    (why) => why,
  );
  await saveCertificate(context, pair, names);
  return 0;
}

function kindOf({ flags: given }: Context): Kind {
  const [kind, ...more] = (["server", "client", "cli"] as const).filter((one) => given[one]);
  if (kind === undefined || more.length > 0) {
    throw new CommandFailure("Please provide either -server, -client, or -cli");
  }
  return kind;
}

/** The first pair of names of which neither is taken. */
async function freeNames({ host }: Context, prefix: string): Promise<CertificateNames> {
  for (let index = 0; index < filesMax; index += 1) {
    const names = { cert: `${prefix}-${index}.pem`, key: `${prefix}-${index}-key.pem` };
    if ((await host.files.exists(names.cert)) || (await host.files.exists(names.key))) continue;
    return names;
  }
  throw new CommandFailure("Could not find a filename that doesn't already exist");
}

async function readText({ host }: Context, path: string, what: string): Promise<string> {
  const bytes = await orFail(host.files.read(path), (why) => `Error reading ${what}: ${why}`);
  return new TextDecoder().decode(bytes);
}

/** Whom a certificate is for. What a command line serves has no names, so those that are added do not count there. */
function contents(
  { flags: given }: Context,
  kind: Kind,
): Pick<CertificateRequest, "commonName" | "dnsNames" | "ipAddresses" | "roles"> {
  const commonName = `${kind}.${given.dc}.${given.domain}`;
  const own = [commonName, "localhost"];
  const dnsNames = filled(given["additional-dnsname"]);
  const ipAddresses = filled(given["additional-ipaddress"]);
  if (kind === "cli") return { commonName, dnsNames: own, ipAddresses, roles: [] };
  const nodeNames = given.node === "" ? [] : [`${given.node}.${commonName}`];
  return {
    commonName,
    dnsNames: [...dnsNames, ...nodeNames, ...own],
    ipAddresses: [...ipAddresses, "127.0.0.1"],
    roles: kind === "server" ? ["server", "client"] : ["client", "server"],
  };
}

function filled(texts: readonly string[]): readonly string[] {
  return texts.filter((text) => text !== "").map((text) => text.trim());
}
