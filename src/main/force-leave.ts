/** Makes failed members count as left, in both pools. Source: the reference's RemoveFailedNode. */
import { ProconsulError } from "../lib/errors.ts";
import type { MemberPool } from "../lib/members.ts";

/** No pool has such a member. */
export class UnknownMemberError extends ProconsulError {
  readonly code = "unknown-member";
  constructor(name: string) {
    super(`agent: No node found with name '${name}'`);
  }
}

interface LeavablePool extends Pick<MemberPool, "members"> {
  forceLeave(name: string, prune: boolean): Promise<void>;
}

export interface ForcedLeave {
  /** As in the LAN, or with `.datacenter`; with `wanOnly` as in the wide-area pool. */
  readonly name: string;
  readonly datacenter: string;
  readonly wanOnly: boolean;
  /** Forget it at once. */
  readonly prune: boolean;
}

/** Rejects with `UnknownMemberError`, or as the pools do. */
export async function forceLeave(
  { lan, wan }: { readonly lan: LeavablePool; readonly wan: LeavablePool | undefined },
  { name, datacenter, wanOnly, prune }: ForcedLeave,
): Promise<void> {
  const suffix = `.${datacenter}`;
  const wanName = wanOnly || name.endsWith(suffix) ? name : name + suffix;
  const inLan = !wanOnly && (await leaveOne(lan, name, prune));
  const inWan = wan !== undefined && (await leaveOne(wan, wanName, prune));
  if (!inLan && !inWan) throw new UnknownMemberError(name);
}

async function leaveOne(pool: LeavablePool, name: string, prune: boolean): Promise<boolean> {
  if (!pool.members().some((member) => member.name === name)) return false;
  await pool.forceLeave(name, prune);
  return true;
}
