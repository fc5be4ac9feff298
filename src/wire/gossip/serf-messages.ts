/**
 * Serf's messages: each is a type byte and one MessagePack map.
 *
 * They travel as user messages of SWIM, as the user state of a full exchange, or inside one another
 * (a key response is the payload of a query response). Source: protocol reference, gossip-serf section 1.
 */
import { DecodeError } from "../../lib/errors.ts";
import type { Codec, Infer } from "../schema/codec.ts";
import { list, map, ptr } from "../schema/collections.ts";
import { bool, bytes, durationNs, int, str, uint } from "../schema/scalars.ts";
import { struct } from "../schema/struct.ts";

/** One below the largest whole number that a double holds: a clock that saw it can still move on. */
const lamportMax = Number.MAX_SAFE_INTEGER - 1;

/** A logical time. Larger ones than any clock can reach are refused. */
const lamport: Codec<number> = {
  ...uint,
  decode: (reader) => {
    const value = reader.uint();
    if (value > lamportMax) throw new DecodeError("serf: logical time out of range");
    return value;
  },
};

function ranged(max: number): Codec<number> {
  return {
    ...uint,
    decode: (reader) => {
      const value = reader.uint();
      if (value > max) throw new DecodeError(`serf: a number above ${max}`);
      return value;
    },
  };
}

const u8 = ranged(0xff);
const u16 = ranged(0xffff);
const u32 = ranged(0xffff_ffff);

/** A node means to leave, or is made to. `Prune`: forget it at once. */
export const LeaveIntent = struct("LeaveIntent", { LTime: lamport, Node: str, Prune: bool });
export type LeaveIntent = Infer<typeof LeaveIntent>;

/** A node is here, as of a time that is later than any leave before. */
export const JoinIntent = struct("JoinIntent", { LTime: lamport, Node: str });
export type JoinIntent = Infer<typeof JoinIntent>;

export const UserEventBody = struct("UserEventBody", { Name: str, Payload: bytes });
export type UserEventBody = Infer<typeof UserEventBody>;

/** The events of one logical time. */
export const UserEvents = struct("UserEvents", { LTime: lamport, Events: list(UserEventBody) });
export type UserEvents = Infer<typeof UserEvents>;

/** Everything one node knows beyond SWIM. `Events` is a ring; slots that were never used are `null`. */
export const SerfPushPull = struct("SerfPushPull", {
  LTime: lamport,
  StatusLTimes: map(lamport),
  LeftMembers: list(str),
  EventLTime: lamport,
  Events: list(ptr(UserEvents)),
  QueryLTime: lamport,
});
export type SerfPushPull = Infer<typeof SerfPushPull>;

/** `CC`: receivers may merge events of one name. */
export const SerfUserEvent = struct("SerfUserEvent", { LTime: lamport, Name: str, Payload: bytes, CC: bool });
export type SerfUserEvent = Infer<typeof SerfUserEvent>;

/** A question to many. `Addr` and `Port`: where answers go. `Timeout` in nanoseconds. */
export const SerfQuery = struct("SerfQuery", {
  LTime: lamport,
  ID: u32,
  Addr: bytes,
  Port: u16,
  SourceNode: str,
  Filters: list(bytes),
  Flags: u32,
  RelayFactor: u8,
  Timeout: durationNs,
  Name: str,
  Payload: bytes,
});
export type SerfQuery = Infer<typeof SerfQuery>;

/** An answer, or with flag `ack` an acknowledgement, matched by `LTime` and `ID`. */
export const SerfQueryResponse = struct("SerfQueryResponse", {
  LTime: lamport,
  ID: u32,
  From: str,
  Flags: u32,
  Payload: bytes,
});
export type SerfQueryResponse = Infer<typeof SerfQueryResponse>;

/** A member as an answer to a name conflict shows it. `Status` as in `memberStatuses`. */
export const ConflictMember = struct("ConflictMember", {
  Name: str,
  Addr: bytes,
  Port: u16,
  Tags: map(str),
  Status: int,
  ProtocolMin: u8,
  ProtocolMax: u8,
  ProtocolCur: u8,
  DelegateMin: u8,
  DelegateMax: u8,
  DelegateCur: u8,
});
export type ConflictMember = Infer<typeof ConflictMember>;

export const KeyRequest = struct("KeyRequest", { Key: bytes });
export type KeyRequest = Infer<typeof KeyRequest>;

/** Keys are base64. */
export const KeyResponse = struct("KeyResponse", {
  Result: bool,
  Message: str,
  Keys: list(str),
  PrimaryKey: str,
});
export type KeyResponse = Infer<typeof KeyResponse>;

/** Where a relayed message is to go. */
export const RelayHeader = struct("RelayHeader", {
  DestAddr: struct("RelayAddress", { IP: bytes, Port: int, Zone: str }),
  DestName: str,
});
export type RelayHeader = Infer<typeof RelayHeader>;

export const TagFilter = struct("TagFilter", { Tag: str, Expr: str });
export type TagFilter = Infer<typeof TagFilter>;

/** Any message. `unknown`: of a type that this version does not know, to be ignored. */
export type SerfMessage =
  | { readonly kind: "leave"; readonly body: LeaveIntent }
  | { readonly kind: "join"; readonly body: JoinIntent }
  | { readonly kind: "pushPull"; readonly body: SerfPushPull }
  | { readonly kind: "userEvent"; readonly body: SerfUserEvent }
  | { readonly kind: "query"; readonly body: SerfQuery }
  | { readonly kind: "queryResponse"; readonly body: SerfQueryResponse }
  /** `null`: the node is not known. */
  | { readonly kind: "conflictResponse"; readonly body: ConflictMember | null }
  | { readonly kind: "keyRequest"; readonly body: KeyRequest }
  | { readonly kind: "keyResponse"; readonly body: KeyResponse }
  /** `inner` is a whole message with its type byte. */
  | { readonly kind: "relay"; readonly body: RelayHeader; readonly inner: Uint8Array }
  | { readonly kind: "unknown"; readonly type: number };

/** Who is meant by a query; all filters of a query must pass. */
export type QueryFilter =
  | { readonly kind: "nodes"; readonly nodes: readonly string[] }
  | { readonly kind: "tag"; readonly tag: string; readonly expression: string };
