/** Manages the keys that encrypt gossip. */
import { keyringChange, keyringList, type KeyringPool } from "../../client/keyring.ts";
import { clientFlags, connect } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail, renderHelp, type CommandContext } from "../command.ts";
import { boolFlag, intFlag, stringFlag } from "../flag-set.ts";

const relayFactorMax = 5;

const page = {
  usage: "keyring [options]",
  about: `Shows and changes the keys that encrypt gossip, on every node of the LAN and WAN pools at once, so that
keys can be rotated while the cluster runs. The agent has to be a server.

The exit code is 0 if all nodes answered and none had an error, else 1.`,
  flags: {
    ...clientFlags,
    install: stringFlag("Install this key on every node, beside those that are there."),
    use: stringFlag("Encrypt with this key from here on; it has to be installed."),
    remove: stringFlag("Remove this key from every node; it must not be the one that encrypts."),
    list: boolFlag("List all installed keys."),
    "list-primary": boolFlag("List the keys that encrypt."),
    "relay-factor": intFlag(
      "How many other nodes relay a second copy of each node's answer, in case the first is lost: 0 to 5.",
    ),
    "local-only": boolFlag("Ask this datacenter only. For -list alone."),
  },
};

type Context = CommandContext<(typeof page)["flags"]>;
type Change = "install" | "use" | "remove";

const announcements: Readonly<Record<Change, string>> = {
  install: "Installing new gossip encryption key...",
  use: "Changing primary gossip encryption key...",
  remove: "Removing gossip encryption key...",
};

/** `keyring` */
export const keyringCommand = defineCommand({ ...page, run });

async function run(context: Context): Promise<number> {
  const { flags, host } = context;
  const changes = (["install", "use", "remove"] as const).filter((change) => flags[change] !== "");
  const count = changes.length + Number(flags.list) + Number(flags["list-primary"]);
  if (count === 0) {
    context.err(renderHelp(page, host.programName));
    return 1;
  }
  if (count > 1) throw new CommandFailure("Only a single action is allowed");
  const relayFactor = flags["relay-factor"];
  if (relayFactor < 0 || relayFactor > relayFactorMax) {
    const range = `Relay factor must be in range: [0, ${relayFactorMax}]`;
    throw new CommandFailure(`Error parsing relay factor: ${range}`);
  }
  if (flags["local-only"] && !flags.list)
    throw new CommandFailure("Error validating local-only: local-only can only be set for list requests");
  const [change] = changes;
  return change === undefined ? list(context) : apply(context, change);
}

async function list(context: Context): Promise<number> {
  const { flags } = context;
  const client = await connect(context);
  const what = flags.list ? "installed" : "installed primary";
  context.out(`==> Gathering ${what} encryption keys...`);
  const pools = await orFail(
    keyringList(client, { relayFactor: flags["relay-factor"], localOnly: flags["local-only"] }),
    explain,
  );
  for (const pool of pools) context.out(render(pool, flags.list ? pool.Keys : pool.PrimaryKeys));
  return 0;
}

async function apply(context: Context, change: Change): Promise<number> {
  const { flags } = context;
  const client = await connect(context);
  context.out(`==> ${announcements[change]}`);
  const options = { relayFactor: flags["relay-factor"], key: flags[change] };
  await orFail(keyringChange(client, change, options), explain);
  return 0;
}

function explain(why: string): string {
  return `error: ${why}`;
}

/** One pool: its name, what nodes said, and its keys with how many nodes have them. */
function render(pool: KeyringPool, keys: Readonly<Record<string, number>>): string {
  const name = pool.WAN ? "WAN" : `${pool.Datacenter} (LAN)`;
  const segment = pool.Segment === "" ? "" : ` [${pool.Segment}]`;
  const messages = Object.entries(pool.Messages).map(([node, text]) => `  ===> ${node}: ${text}`);
  const counted = Object.keys(keys)
    .toSorted()
    .map((key) => `  ${key} [${keys[key]}/${pool.NumNodes}]`);
  return ["", `${name}${segment}:`, ...messages.toSorted(), ...counted].join("\n");
}
