/** Members of a gossip pool, as everything above gossip sees them. */

export type MemberStatus = "none" | "alive" | "leaving" | "left" | "failed";

/** Numbers on the wire, by position: 0 none, 1 alive, 2 leaving, 3 left, 4 failed. */
export const memberStatuses: readonly MemberStatus[] = ["none", "alive", "leaving", "left", "failed"];

export interface Member {
  readonly name: string;
  /** IP address in text. */
  readonly address: string;
  /** Port of gossip. */
  readonly port: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly status: MemberStatus;
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly protocolCur: number;
  readonly delegateMin: number;
  readonly delegateMax: number;
  readonly delegateCur: number;
}

/** `leave`: gracefully, or forced. `update`: tags or address changed. `reap`: forgotten for good. */
export type MemberEventKind = "join" | "leave" | "failed" | "update" | "reap";

export interface MemberEvent {
  readonly kind: MemberEventKind;
  readonly member: Member;
}

/** What the layers above watch. */
export interface MemberPool {
  /** Every member that is not reaped, this node included, in no particular order. */
  members(): readonly Member[];
  /** This node. */
  localMember(): Member;
  /** Called after each change, outside of any change; disposing stops it. */
  onMember(listener: (event: MemberEvent) => void): Disposable;
}
