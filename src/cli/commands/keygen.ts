/** Makes a gossip key. */
import { defineCommand } from "../command.ts";

const keyBytes = 32;

/** `keygen` */
export const keygenCommand = defineCommand({
  usage: "keygen",
  about: "Makes a new 32-byte key for encrypting gossip, in the form that the agent's configuration takes.",
  flags: {},
  run: async ({ host, out }) => {
    out(btoa(String.fromCharCode(...host.randomBytes(keyBytes))));
    return 0;
  },
});
