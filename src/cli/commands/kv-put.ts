/** Writes a key. */
import { kvPut, type KvCondition } from "../../client/kv.ts";
import { unreachable } from "../../lib/assert.ts";
import { clientFlags, connect, serverFlags, tenancyFlags } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail } from "../command.ts";
import { loadDataSource } from "../data-source.ts";
import { boolFlag, stringFlag, uintFlag, type FlagValues } from "../flag-set.ts";
import { fromBase64 } from "../kv-text.ts";

const flags = {
  ...clientFlags,
  ...serverFlags,
  ...tenancyFlags,
  cas: boolFlag("Write only if the key has the -modify-index given; with 0, only if there is no such key."),
  flags: uintFlag("Number to store with the key; its meaning is up to you."),
  base64: boolFlag("DATA is base 64; store what it stands for."),
  "modify-index": uintFlag("ModifyIndex that the key must have, together with -cas."),
  session: stringFlag("Session to hold the key with, for -acquire and -release."),
  acquire: boolFlag("Lock the key with the -session given; creates the key if needed."),
  release: boolFlag("Unlock the key that the -session given holds."),
};

function condition(values: FlagValues<typeof flags>): KvCondition {
  if (values.cas) return { kind: "cas", modifyIndex: values["modify-index"] };
  if (values.acquire) return { kind: "acquire", session: values.session };
  if (values.release) return { kind: "release", session: values.session };
  return { kind: "always" };
}

/** The sentence for a write whose condition did not hold; `undefined` where the reference lets it pass. */
function refusal(key: string, wanted: KvCondition): string | undefined {
  switch (wanted.kind) {
    case "always":
      return undefined;
    case "cas":
      return wanted.modifyIndex === 0n
        ? `Error! Did not write to ${key}: CAS performed with index=0 and key already exists.`
        : `Error! Did not write to ${key}: CAS failed`;
    case "acquire":
      return "Error! Did not acquire lock";
    case "release":
      return "Error! Did not release lock";
    default:
      return unreachable(wanted);
  }
}

const successes: Readonly<Record<KvCondition["kind"], string>> = {
  always: "Data written to",
  cas: "Data written to",
  acquire: "Lock acquired on",
  release: "Lock released on",
};

/** `kv put` */
export const kvPutCommand = defineCommand({
  usage: "kv put [options] KEY [DATA]",
  about: `Writes a value. DATA may be a file, marked by "@", or "-" for standard input; without it the
value is empty.

    $ {program} kv put redis/maxconns 5
    $ {program} kv put certs/web @web.pem
    $ date | {program} kv put last-run -
    $ {program} kv put -cas -modify-index=844 redis/maxconns 6`,
  flags,
  run: async (context) => {
    const { args, host, flags: values } = context;
    const [key, data = ""] = args;
    if (key === undefined) throw new CommandFailure("Error! Missing KEY argument");
    if (args.length > 2) {
      throw new CommandFailure(`Error! Too many arguments (expected 1 or 2, got ${args.length})`);
    }
    let value = await loadDataSource(host, data, "Error! ");
    if (values.base64) {
      const decoded = fromBase64(new TextDecoder().decode(value));
      // The reference complains and then stores an empty value; losing data quietly helps nobody.
      if (decoded.kind === "problem") {
        throw new CommandFailure(`Error! Cannot base 64 decode data: ${decoded.problem}`);
      }
      value = decoded.bytes;
    }
    if ((values.acquire || values.release) && values.session === "") {
      throw new CommandFailure("Error! Missing -session (required with -acquire and -release)");
    }
    const wanted = condition(values);
    const client = await connect(context);
    const done = await orFail(kvPut(client, { key, value, flags: values.flags, condition: wanted }), (why) =>
      wanted.kind === "cas" ? `Error! Did not write to ${key}: ${why}` : `Error! Failed writing data: ${why}`,
    );
    const refused = done ? undefined : refusal(key, wanted);
    if (refused !== undefined) throw new CommandFailure(refused);
    context.out(`Success! ${successes[wanted.kind]}: ${key}`);
    return 0;
  },
});
