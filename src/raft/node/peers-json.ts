/**
 * `peers.json`: the servers that an operator names after an outage that took a quorum away.
 *
 * Protocol 3 lists `{"id", "address", "non_voter"}`, protocol 2 addresses alone. Error texts are the
 * reference's. Source: protocol/raft.md §6.
 */
import { DecodeError } from "../../lib/errors.ts";
import type { Codec, JsonValue } from "../../wire/schema/codec.ts";
import { list } from "../../wire/schema/collections.ts";
import { bool, str } from "../../wire/schema/scalars.ts";
import { field, fromJsonValue, struct } from "../../wire/schema/struct.ts";
import { serverId, type Configuration } from "../core/entry.ts";

const peerStruct = struct("configEntry", {
  ID: field(str, { json: "id" }),
  Address: field(str, { json: "address" }),
  NonVoter: field(bool, { json: "non_voter" }),
});

interface Peer {
  readonly ID: string;
  readonly Address: string;
  readonly NonVoter: boolean;
}

/** The configuration that the file asks for. Throws `DecodeError` if it is none that could work. */
export function parsePeersJson(text: string, protocolVersion: number): Configuration {
  const peers =
    protocolVersion < 3
      ? (parse(list(str), text) ?? []).map((address) => ({ ID: address, Address: address, NonVoter: false }))
      : (parse(list(peerStruct), text) ?? []);
  const problem = problemOf(peers);
  if (problem !== undefined) throw new DecodeError(problem);
  return {
    servers: peers.map(({ ID, Address, NonVoter }) => ({
      id: serverId(ID),
      address: Address,
      suffrage: NonVoter ? "nonvoter" : "voter",
    })),
  };
}

function parse<T>(codec: Codec<T>, text: string): T {
  let json: JsonValue;
  try {
    json = JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new DecodeError(error instanceof Error ? error.message : String(error), { cause: error });
  }
  return fromJsonValue(codec, json);
}

function problemOf(peers: readonly Peer[]): string | undefined {
  const ids = new Set<string>();
  const addresses = new Set<string>();
  for (const peer of peers) {
    if (peer.ID === "") return `empty ID in configuration: ${renderAll(peers)}`;
    if (peer.Address === "") return `empty address in configuration: ${render(peer)}`;
    if (ids.has(peer.ID)) return `found duplicate ID in configuration: ${peer.ID}`;
    ids.add(peer.ID);
    if (addresses.has(peer.Address)) return `found duplicate address in configuration: ${peer.Address}`;
    addresses.add(peer.Address);
  }
  if (peers.every(({ NonVoter }) => NonVoter))
    return `need at least one voter in configuration: ${renderAll(peers)}`;
  return undefined;
}

/** As Go prints the struct. */
function render({ ID, Address, NonVoter }: Peer): string {
  return `{${NonVoter ? "Nonvoter" : "Voter"} ${ID} ${Address}}`;
}

function renderAll(peers: readonly Peer[]): string {
  return `{[${peers.map(render).join(" ")}]}`;
}
