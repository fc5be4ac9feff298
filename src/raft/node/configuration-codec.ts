/** How a configuration stands in entries, InstallSnapshot and a snapshot's metadata. Source: protocol/raft.md §2. */
import { DecodeError } from "../../lib/errors.ts";
import { decodeMsgpack, encodeMsgpack, type Infer } from "../../wire/schema/codec.ts";
import { list } from "../../wire/schema/collections.ts";
import { bytes, int, str } from "../../wire/schema/scalars.ts";
import { struct } from "../../wire/schema/struct.ts";
import { serverId, type Configuration, type ConfigurationCodec, type Suffrage } from "../core/entry.ts";

const serverStruct = struct("Server", { Suffrage: int, ID: str, Address: str });
/** HashiCorp's `Configuration`; in JSON as in `meta.json`. */
export const configurationStruct = struct("Configuration", { Servers: list(serverStruct) });
export type ConfigurationStruct = Infer<typeof configurationStruct>;

const suffrages: readonly Suffrage[] = ["voter", "nonvoter", "staging"];
const peersCodec = list(bytes);
const utf8 = new TextEncoder();

/** The configuration as a struct. */
export function toConfigurationStruct(configuration: Configuration): ConfigurationStruct {
  return {
    Servers: configuration.servers.map((server) => ({
      Suffrage: suffrages.indexOf(server.suffrage),
      ID: server.id,
      Address: server.address,
    })),
  };
}

/** Throws `DecodeError` on an unknown suffrage or an empty id. */
export function fromConfigurationStruct(value: ConfigurationStruct): Configuration {
  return {
    servers: (value.Servers ?? []).map((server) => {
      const suffrage = suffrages[server.Suffrage];
      if (suffrage === undefined) throw new DecodeError(`raft: unknown suffrage ${server.Suffrage}`);
      if (server.ID === "") throw new DecodeError("raft: a server without an id");
      return { id: serverId(server.ID), address: server.Address, suffrage };
    }),
  };
}

/** The codec that the core is given. */
export const configurationCodec: ConfigurationCodec = {
  encode: (configuration) => encodeMsgpack(configurationStruct, toConfigurationStruct(configuration)),
  decode: (data) => fromConfigurationStruct(decodeMsgpack(configurationStruct, data)),
};

/** The voters' addresses as old peers read them (`Peers` of a snapshot). */
export function encodeLegacyPeers(configuration: Configuration): Uint8Array {
  const voters = configuration.servers.filter((server) => server.suffrage === "voter");
  return encodeMsgpack(
    peersCodec,
    voters.map((server) => utf8.encode(server.address)),
  );
}
