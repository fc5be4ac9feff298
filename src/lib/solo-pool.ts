import type { Member, MemberPool } from "./members.ts";

/** A pool of one, in which nothing ever happens: an agent without gossip, and tests. */
export function soloPool(member: Member): MemberPool {
  return {
    members: () => [member],
    localMember: () => member,
    onMember: () => ({ [Symbol.dispose]: () => undefined }),
  };
}
