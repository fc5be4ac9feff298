/**
 * `peers.json`: the servers that an operator names after an outage that took a quorum away.
 *
 * Its form is a list of `{"id", "address", "non_voter"}`. The old form, of servers without ids, is a list of addresses;
 * their ids are those that the server knew last. Error texts are the reference's. Source: protocol/raft.md §6.
 */
import { DecodeError } from "../../lib/errors.ts";
import type { JsonValue } from "../../wire/schema/codec.ts";
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

/**
 * The configuration that the file asks for; `known` is the last that this server knew of. Throws `DecodeError` if it
 * is none that could work.
 */
export function parsePeersJson(text: string, known?: Configuration): Configuration {
  const json = parse(text);
  const peers = isOldForm(json)
    ? json.map((address) => ({ ID: idOf(address, known), Address: address, NonVoter: false }))
    : (fromJsonValue(list(peerStruct), json) ?? []);
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

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new DecodeError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function isOldForm(json: JsonValue): json is readonly string[] {
  return Array.isArray(json) && json.length > 0 && json.every((one) => typeof one === "string");
}

function idOf(address: string, known: Configuration | undefined): string {
  const server = known?.servers.find((one) => one.address === address);
  if (server !== undefined) return server.id;
  throw new DecodeError(
    `this server knows of no server at ${address}: give its id as well, as {"id": "…", "address": "${address}"}`,
  );
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
