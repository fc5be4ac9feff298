/** Tries the ports that a server usually listens on. */
import { CommandFailure, defineCommand } from "../command.ts";
import { stringFlag } from "../flag-set.ts";

/** DNS, HTTP, HTTPS, gRPC, gRPC with TLS, gossip within and between datacenters, RPC. */
const defaultPorts = [8600, 8500, 8501, 8502, 8503, 8301, 8302, 8300];
const timeoutMs = 5_000;
const portMax = 65_535;

/** The host in an address as CONSUL_HTTP_ADDR may hold it: without scheme, path and port. */
function hostOf(address: string): string {
  const authority = address.replace(/^[a-z]+:\/\//u, "").replace(/\/.*$/u, "");
  const bracketed = /^\[([^\]]*)\]/u.exec(authority);
  if (bracketed !== null) return bracketed[1] ?? "";
  return authority.split(":").length === 2 ? authority.replace(/:.*$/u, "") : authority;
}

/** `troubleshoot ports` */
export const troubleshootPortsCommand = defineCommand({
  usage: "troubleshoot ports [options]",
  about: `Tries to connect to the default ports of a server, or to those of -ports, and tells which are open.

    $ {program} troubleshoot ports -host=10.0.0.5
    $ {program} troubleshoot ports -host=10.0.0.5 -ports=8500,8300`,
  flags: {
    host: stringFlag("Name or address of the server. The environment variable is CONSUL_HTTP_ADDR."),
    ports: stringFlag("Ports to try, with commas between them."),
  },
  flagErrorLine: (message) => `Failed to parse args: ${message}`,
  run: async ({ host, flags, out }) => {
    const address = flags.host === "" ? (host.env["CONSUL_HTTP_ADDR"] ?? "") : flags.host;
    if (address === "") {
      throw new CommandFailure("-host is required. or set environment variable CONSUL_HTTP_ADDR");
    }
    const name = hostOf(address);
    const ports = flags.ports === "" ? defaultPorts.map(String) : flags.ports.split(",");
    const lines = ports.map(async (text) => {
      const port = /^\d+$/u.test(text.trim()) ? Number(text) : 0;
      const isOpen = port > 0 && port <= portMax && (await host.canConnect({ host: name, port }, timeoutMs));
      return isOpen
        ? `TCP: Port ${text} on ${name} is open.`
        : `TCP: Port ${text} on ${name} is closed, unreachable, or the connection timed out.`;
    });
    for (const line of await Promise.all(lines)) out(line);
    return 0;
  },
});
