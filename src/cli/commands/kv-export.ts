/** Writes a tree of keys as JSON, for `kv import`. */
import { kvList, type KvPair } from "../../client/kv.ts";
import { clientFlags, connect, serverFlags, staleOption, tenancyFlags } from "../client-flags.ts";
import { defineCommand, orFail, takeArgument } from "../command.ts";
import { base64 } from "../kv-text.ts";

/** One entry; written by hand since JSON.stringify would round flags beyond 53 bits. */
function renderEntry(pair: KvPair): string {
  const fields = [
    `"key": ${JSON.stringify(pair.Key)}`,
    `"flags": ${pair.Flags}`,
    `"value": "${base64(pair.Value)}"`,
    ...(pair.Namespace === "" ? [] : [`"namespace": ${JSON.stringify(pair.Namespace)}`]),
    ...(pair.Partition === "" ? [] : [`"partition": ${JSON.stringify(pair.Partition)}`]),
  ];
  return `\t{\n\t\t${fields.join(",\n\t\t")}\n\t}`;
}

/** `kv export` */
export const kvExportCommand = defineCommand({
  usage: "kv export [KEY_OR_PREFIX]",
  about: `Writes all keys that start with the prefix to standard output, as JSON that
"{program} kv import" reads.

    $ {program} kv export vault/ > vault.json`,
  flags: { ...clientFlags, ...serverFlags, ...tenancyFlags },
  run: async (context) => {
    const prefix = takeArgument(context.args, "at-most-one").replace(/^\//u, "");
    const client = await connect(context);
    const pairs = await orFail(
      kvList(client, prefix, staleOption(context.flags)),
      (why) => `Error querying Consul agent: ${why}`,
    );
    context.out(pairs.length === 0 ? "[]" : `[\n${pairs.map(renderEntry).join(",\n")}\n]`);
    return 0;
  },
});
