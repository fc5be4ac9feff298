/** Reads a tree of keys from the JSON of `kv export`. */
import { parse } from "lossless-json";
import { kvPut } from "../../client/kv.ts";
import { textField, toList, toRecord } from "../../client/shape.ts";
import { jsonProblem } from "../../config/go-json.ts";
import { clientFlags, connect, serverFlags, tenancyFlags } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail } from "../command.ts";
import { loadDataSource } from "../data-source.ts";
import { stringFlag } from "../flag-set.ts";
import { fromBase64 } from "../kv-text.ts";

interface Entry {
  readonly key: string;
  readonly flags: bigint;
  readonly value: string;
  readonly namespace: string;
}

function toEntry(item: unknown): Entry {
  const record = toRecord(item, "an entry");
  const flags = record["flags"] ?? 0n;
  if (typeof flags !== "bigint" || flags < 0n)
    throw new CommandFailure("Cannot unmarshal data: flags are no number");
  return {
    key: textField(record, "key"),
    flags,
    value: textField(record, "value"),
    namespace: textField(record, "namespace"),
  };
}

function parseEntries(text: string): readonly Entry[] {
  try {
    // Flags are 64-bit, so every whole number is read exactly.
    const data = parse(text, undefined, (digits) =>
      /^-?\d+$/u.test(digits) ? BigInt(digits) : Number(digits),
    );
    return toList(data).map(toEntry);
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    const why = jsonProblem(text) ?? (error instanceof Error ? error.message : String(error));
    throw new CommandFailure(`Cannot unmarshal data: ${why}`);
  }
}

/** Go's `path.Join` of prefix and key, with the closing slash that marks a folder kept. */
function joinKey(prefix: string, key: string): string {
  const parts: string[] = [];
  const joined = prefix === "" ? key : `${prefix}/${key}`;
  for (const part of joined.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== ".." || !joined.startsWith("/")) parts.push(part);
  }
  const path = (joined.startsWith("/") ? "/" : "") + parts.join("/");
  return key.endsWith("/") ? `${path}/` : path;
}

/** `kv import` */
export const kvImportCommand = defineCommand({
  usage: "kv import [DATA]",
  about: `Writes keys from the JSON that "{program} kv export" wrote. DATA may be a file, marked by "@",
"-" for standard input, or the JSON itself.

    $ {program} kv import @vault.json
    $ {program} kv import - < vault.json`,
  flags: {
    ...clientFlags,
    ...serverFlags,
    ...tenancyFlags,
    prefix: stringFlag("Put before every key."),
  },
  run: async (context) => {
    const { args, host, flags } = context;
    const [source] = args;
    if (source === undefined) throw new CommandFailure("Error! Missing DATA argument");
    if (args.length > 1) {
      throw new CommandFailure(`Error! Too many arguments (expected 1, got ${args.length})`);
    }
    if (source === "") throw new CommandFailure("Error! Empty DATA argument");
    const data = await loadDataSource(host, source, "Error! ");
    const client = await connect(context);
    for (const entry of parseEntries(new TextDecoder().decode(data))) {
      const value = fromBase64(entry.value);
      if (value.kind === "problem") {
        throw new CommandFailure(`Error base 64 decoding value for key ${entry.key}: ${value.problem}`);
      }
      const key = joinKey(flags.prefix, entry.key);
      const namespace = entry.namespace === "" ? {} : { namespace: entry.namespace };
      await orFail(
        kvPut(client, {
          key,
          value: value.bytes,
          flags: entry.flags,
          condition: { kind: "always" },
          ...namespace,
        }),
        (why) => `Error! Failed writing data for key ${key}: ${why}`,
      );
      context.out(`Imported: ${key}`);
    }
    return 0;
  },
});
