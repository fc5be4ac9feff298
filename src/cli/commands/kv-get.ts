/** Reads a key, a tree of keys, or names of keys. Values go out as the bytes they are. */
import type { HttpClient } from "../../client/http-client.ts";
import { kvGet, kvKeys, kvList, type KvPair } from "../../client/kv.ts";
import { clientFlags, connect, serverFlags, staleOption, tenancyFlags } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail, takeArgument, type CommandContext } from "../command.ts";
import { boolFlag, stringFlag } from "../flag-set.ts";
import { base64, renderPairHead } from "../kv-text.ts";

const flags = {
  ...clientFlags,
  ...serverFlags,
  ...tenancyFlags,
  base64: boolFlag("Show the value as base 64."),
  detailed: boolFlag("Show everything that is known about the key, not only its value."),
  keys: boolFlag("List the keys that start with the prefix, up to the next separator."),
  recurse: boolFlag("Show all keys that start with the prefix."),
  separator: stringFlag("Where -keys cuts off the rest of a key.", { initial: "/" }),
};

type Context = CommandContext<typeof flags>;

/** Writes one value with what stands before it, byte for byte, and a line end. */
function write(context: Context, head: string, value: Uint8Array): void {
  const { stdout } = context.host;
  stdout.write(head);
  stdout.write(context.flags.base64 ? base64(value) : value);
  stdout.write("\n");
}

function writePairs(context: Context, pairs: readonly KvPair[]): void {
  const { detailed, keys } = context.flags;
  pairs.forEach((pair, at) => {
    if (!detailed) {
      if (keys) context.out(pair.Key);
      else write(context, `${pair.Key}:`, pair.Value);
      return;
    }
    if (keys) context.out(renderPairHead(pair, "without-value"));
    else write(context, renderPairHead(pair, "with-value"), pair.Value);
    if (at < pairs.length - 1) context.out("");
  });
}

async function readMany(context: Context, client: HttpClient, prefix: string): Promise<number> {
  const { recurse, separator } = context.flags;
  const options = staleOption(context.flags);
  const explain = (why: string): string => `Error querying Consul agent: ${why}`;
  if (recurse) {
    writePairs(context, await orFail(kvList(client, prefix, options), explain));
    return 0;
  }
  const keys = await orFail(kvKeys(client, prefix, { ...options, separator }), explain);
  for (const key of keys) context.out(key);
  return 0;
}

/** `kv get` */
export const kvGetCommand = defineCommand({
  usage: "kv get [options] [KEY_OR_PREFIX]",
  about: `Prints the value of a key as it was stored. Without such a key that is an error; a key without
a value prints nothing. The empty name is the root of all keys.

    $ {program} kv get redis/maxconns
    $ {program} kv get -detailed redis/maxconns
    $ {program} kv get -recurse redis/
    $ {program} kv get -keys redis/`,
  flags,
  run: async (context) => {
    const { detailed, keys, recurse } = context.flags;
    const key = takeArgument(context.args, "at-most-one").replace(/^\//u, "");
    if (key === "" && !recurse && !keys) throw new CommandFailure("Error! Missing KEY argument");
    const client = await connect(context);
    if (keys || recurse) return readMany(context, client, key);
    const pair = await orFail(
      kvGet(client, key, staleOption(context.flags)),
      (why) => `Error querying Consul agent: ${why}`,
    );
    if (pair === undefined) throw new CommandFailure(`Error! No key exists at: ${key}`);
    write(context, detailed ? renderPairHead(pair, "with-value") : "", pair.Value);
    return 0;
  },
});
