/** Deletes a key or a tree of keys. */
import { kvDelete, type KvDeletion } from "../../client/kv.ts";
import { clientFlags, connect, serverFlags, tenancyFlags } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail, takeArgument } from "../command.ts";
import { boolFlag, uintFlag } from "../flag-set.ts";

/** `kv delete` */
export const kvDeleteCommand = defineCommand({
  usage: "kv delete [options] KEY_OR_PREFIX",
  about: `Deletes a key; if there is none, nothing happens. With -recurse, deletes all keys that start
with the prefix: "foo" also stands for "food" and "foo/bar".

    $ {program} kv delete redis/maxconns
    $ {program} kv delete -recurse redis/`,
  flags: {
    ...clientFlags,
    ...serverFlags,
    ...tenancyFlags,
    cas: boolFlag("Delete only if the key has the -modify-index given."),
    "modify-index": uintFlag("ModifyIndex that the key must have, together with -cas."),
    recurse: boolFlag("Delete all keys that start with the prefix."),
  },
  run: async (context) => {
    const { cas, recurse, "modify-index": modifyIndex } = context.flags;
    const key = takeArgument(context.args, "at-most-one").replace(/^\//u, "");
    if (key === "" && !recurse) throw new CommandFailure("Error! Missing KEY argument");
    if (cas && modifyIndex === 0n) {
      throw new CommandFailure(
        "Cannot delete a key that does not exist. Provide a -modify-index greater than than 0.",
      );
    }
    if (modifyIndex !== 0n && !cas) throw new CommandFailure("Cannot specify -modify-index without -cas!");
    if (recurse && cas) throw new CommandFailure("Cannot specify both -cas and -recurse!");
    const client = await connect(context);
    const deletion: KvDeletion = recurse
      ? { kind: "tree", prefix: key }
      : cas
        ? { kind: "cas", key, modifyIndex }
        : { kind: "key", key };
    const done = await orFail(kvDelete(client, deletion), (why) => {
      if (recurse) return `Error! Did not delete prefix ${key}: ${why}`;
      return cas ? `Error! Did not delete key ${key}: ${why}` : `Error deleting key ${key}: ${why}`;
    });
    if (cas && !done) throw new CommandFailure(`Error! Did not delete key ${key}: CAS failed`);
    context.out(recurse ? `Success! Deleted keys with prefix: ${key}` : `Success! Deleted key: ${key}`);
    return 0;
  },
});
