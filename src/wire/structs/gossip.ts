/** Requests about gossip: user events and encryption keys. Source: protocol reference, RPC sections 6 and 9. */
import type { Infer } from "../schema/codec.ts";
import { list, map, ptr } from "../schema/collections.ts";
import { bool, bytes, int, str, uint } from "../schema/scalars.ts";
import { field, struct } from "../schema/struct.ts";
import { queryMeta, queryOptions } from "./common.ts";

/** `Payload` is the whole event as it travels by gossip; `Name` is the user's, without a prefix. */
export const EventFireRequest = struct("EventFireRequest", {
  Datacenter: str,
  Name: str,
  Payload: bytes,
  ...queryOptions,
});
export type EventFireRequest = Infer<typeof EventFireRequest>;

export const EventFireResponse = struct("EventFireResponse", { ...queryMeta });
export type EventFireResponse = Infer<typeof EventFireResponse>;

/**
 * `Operation`: list, install, use or remove. `Key`: base64. `Forwarded`: the other datacenters are asked by
 * somebody else.
 */
export const KeyringOperationRequest = struct("KeyringRequest", {
  Operation: str,
  Key: str,
  Datacenter: str,
  Forwarded: bool,
  RelayFactor: uint,
  LocalOnly: bool,
  ...queryOptions,
});
export type KeyringOperationRequest = Infer<typeof KeyringOperationRequest>;

/** How one pool fared. Keys are base64, with the number of nodes that have them. */
export const KeyringResponse = struct("KeyringResponse", {
  WAN: bool,
  Datacenter: str,
  Segment: str,
  Partition: field(str, { omitEmptyJson: true }),
  Messages: field(map(str), { omitEmptyJson: true }),
  Keys: map(int),
  PrimaryKeys: map(int),
  NumNodes: int,
  Error: field(str, { omitEmptyJson: true }),
});
export type KeyringResponse = Infer<typeof KeyringResponse>;

export const KeyringResponses = struct("KeyringResponses", {
  Responses: list(ptr(KeyringResponse)),
  ...queryMeta,
});
export type KeyringResponses = Infer<typeof KeyringResponses>;
