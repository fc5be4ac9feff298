/** Creates the authority that signs the certificates of a cluster's agents. */
import { CommandFailure, defineCommand, orFail } from "../command.ts";
import { boolFlag, intFlag, listFlag, stringFlag } from "../flag-set.ts";
import { saveCertificate } from "../save-certificate.ts";

/** Five years. */
const daysIfAbsent = 1825;

/** `tls ca create` */
export const tlsCaCreateCommand = defineCommand({
  usage: "tls ca create [options]",
  about: `Creates a certificate authority for the agents of a cluster: its certificate, and its key, which
whoever has it can sign with.

    $ {program} tls ca create
    ==> Saved consul-agent-ca.pem
    ==> Saved consul-agent-ca-key.pem`,
  flags: {
    days: intFlag("How many days the authority is valid. Defaults to 1825, about five years.", daysIfAbsent),
    "name-constraint": boolFlag(
      `Limits the authority to localhost, the domain of -domain and those of -additional-name-constraint. If the
HTTP API or the UI are reached by another name, add that.`.replaceAll("\n", " "),
    ),
    domain: stringFlag(
      "DNS domain of the cluster. Defaults to consul. Begins the names of the files; limits the authority if -name-constraint is set.",
      { initial: "consul" },
    ),
    "cluster-id": stringFlag(
      "ID of the cluster: the authority gets the SPIFFE ID of this cluster and the domain as a URI.",
    ),
    "common-name": stringFlag(
      "Common name of the authority. Defaults to Proconsul Agent CA and its serial number.",
    ),
    "additional-name-constraint": listFlag(
      "Another domain that the authority may sign for. May be given several times. Only used with -name-constraint.",
    ),
  },
  flagErrorLine: (message) => `Failed to parse args: ${message}`,
  run: async (context) => {
    const { flags, host } = context;
    const { domain } = flags;
    const names = { cert: `${domain}-agent-ca.pem`, key: `${domain}-agent-ca-key.pem` };
    for (const name of [names.cert, names.key]) {
      if (await host.files.exists(name)) throw new CommandFailure(`${name} already exists.`);
    }
    const pair = await orFail(
      host.certificates.createAuthority({
        commonName: flags["common-name"],
        days: flags.days,
        nowMs: host.clock.wallMs(),
        permittedDnsNames: flags["name-constraint"]
          ? [...flags["additional-name-constraint"], domain, "localhost"]
          : [],
        uris: flags["cluster-id"] === "" ? [] : [spiffeUri(flags["cluster-id"], domain)],
      }),
      (why) => why,
    );
    await saveCertificate(context, pair, names);
    return 0;
  },
});

/** The ID of a trust domain: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md */
function spiffeUri(clusterId: string, domain: string): string {
  const trustDomain = `${clusterId}.${domain}`.toLowerCase();
  // What Go leaves as it is in a host.
  const escaped = trustDomain.replaceAll(/[^\w.~!$&'()*+,;=:[\]<>"-]+/gu, encodeURIComponent);
  return `spiffe://${escaped}`;
}
