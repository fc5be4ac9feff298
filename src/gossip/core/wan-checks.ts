/** Who may be in the WAN pool: servers. Source: protocol reference, gossip-serf section 9; text is the reference's. */
import type { Member } from "../../lib/members.ts";
import type { MemberCheck } from "./member-checks.ts";

/** `isServer`: whether a member's tags are those of a server. */
export function wanChecks(isServer: (member: Member) => boolean): MemberCheck {
  return (members) => {
    const stranger = members.find((member) => !isServer(member));
    return stranger === undefined ? undefined : `Member '${stranger.name}' is not a server`;
  };
}
