/** SWIM's nodes as members: the metadata is read as tags. */
import { DecodeError } from "../../lib/errors.ts";
import type { Member, MemberStatus } from "../../lib/members.ts";
import type { SerfCodec } from "../../wire/gossip/serf-codec.ts";
import type { AliveMessage } from "../../wire/gossip/messages.ts";
import type { SwimNode } from "./delegate.ts";

type Described = Pick<SwimNode, "name" | "address" | "meta" | "vsn">;

/** A node with a status. Metadata that cannot be read counts as no tags. */
export function toMember(codec: SerfCodec, node: Described, status: MemberStatus): Member {
  const [
    protocolMin = 0,
    protocolMax = 0,
    protocolCur = 0,
    delegateMin = 0,
    delegateMax = 0,
    delegateCur = 0,
  ] = node.vsn;
  return {
    name: node.name,
    address: node.address.host,
    port: node.address.port,
    tags: readTags(codec, node.meta),
    status,
    protocolMin,
    protocolMax,
    protocolCur,
    delegateMin,
    delegateMax,
    delegateCur,
  };
}

/** The member that an alive message speaks of. */
export function claimedMember(codec: SerfCodec, message: AliveMessage): Member {
  return toMember(codec, { ...message, name: message.node }, "none");
}

function readTags(codec: SerfCodec, meta: Uint8Array): Readonly<Record<string, string>> {
  try {
    return codec.decodeTags(meta);
  } catch (error) {
    if (error instanceof DecodeError) return {};
    throw error;
  }
}
