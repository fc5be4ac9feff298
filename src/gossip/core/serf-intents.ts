/** What nodes mean to do, as it is heard and told: joins, leaves, and refutations of leaves that are not true. */
import type { LeaveIntent } from "../../wire/gossip/serf-messages.ts";
import { LamportClock, lamportTime } from "./lamport.ts";
import type { MemberTable } from "./member-table.ts";
import type { SerfContext } from "./serf-context.ts";
import type { Departure } from "./serf-departure.ts";
import type { SerfLanes } from "./serf-lanes.ts";

export interface IntentParts {
  readonly members: MemberTable;
  readonly lanes: SerfLanes;
  readonly departure: Departure;
}

export class Intents {
  /** The members' clock. */
  readonly clock = new LamportClock();
  readonly #context: SerfContext;
  readonly #parts: IntentParts;

  constructor(context: SerfContext, parts: IntentParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Answers whether it is to be told on. */
  hearLeave({ Node, LTime, Prune }: LeaveIntent): boolean {
    const time = lamportTime(LTime);
    this.clock.witness(time);
    const { members, departure } = this.#parts;
    const outcome = members.leaveIntent({ node: Node, time, prune: Prune }, departure.state === "running");
    if (outcome === "refute") {
      this.#context.log("debug", "Refuting an older leave intent");
      this.announceJoin();
    }
    return outcome === "told";
  }

  /** Answers whether it is to be told on. */
  hearJoin(node: string, LTime: number): boolean {
    const time = lamportTime(LTime);
    this.clock.witness(time);
    return this.#parts.members.joinIntent(node, time) === "told";
  }

  /**
   * The time of a member's status, as another node has it. Of this node, a time that it does not know is that of a
   * leave which it missed, as when it was forced to leave while it was cut off: whoever took it would hold this
   * node for leaving for ever. The reference stays silent.
   */
  hearStatus(node: string, LTime: number): void {
    const { members, departure } = this.#parts;
    const isMissed =
      node === this.#context.nodeName && departure.state === "running" && LTime > members.statusTime(node);
    this.hearJoin(node, LTime);
    if (!isMissed) return;
    // Who has the leave from a list of those who left takes it for one later than it was.
    this.clock.witness(lamportTime(LTime + 1));
    this.announceJoin();
  }

  /** Tells everyone that this node is here, as of now: later than any leave that went about. */
  announceJoin(): void {
    const body = { LTime: this.clock.time, Node: this.#context.nodeName };
    this.hearJoin(body.Node, body.LTime);
    this.#parts.lanes.add("intent", this.#context.encode({ kind: "join", body }));
  }

  /** This node leaves in good order. Answers why it cannot, in the reference's words. */
  leave(): string | undefined {
    const problem = this.#parts.departure.begin();
    if (problem === undefined) this.#tellLeave({ Node: this.#context.nodeName, Prune: false }, undefined);
    return problem;
  }

  /** Another node is made to leave. */
  forceLeave({ requestId, node, prune }: ForcedLeave): void {
    this.#tellLeave({ Node: node, Prune: prune }, requestId);
  }

  #tellLeave(intent: Pick<LeaveIntent, "Node" | "Prune">, requestId: number | undefined): void {
    const { members, lanes, departure } = this.#parts;
    // Asked first: the member itself may be the only one to tell, and the only one who can refute.
    const hasAliveOthers = members.hasAliveOthers();
    const body = { ...intent, LTime: this.clock.time };
    this.hearLeave(body);
    if (!hasAliveOthers) return departure.finish(requestId, undefined);
    lanes.add("intent", this.#context.encode({ kind: "leave", body }), departure.expect(requestId));
  }
}

/** A member that no longer can leave by itself. */
export interface ForcedLeave {
  /** Chosen by the caller; echoed by `forceLeft`. */
  readonly requestId: number;
  readonly node: string;
  /** Forget it at once. */
  readonly prune: boolean;
}
