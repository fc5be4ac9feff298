/**
 * Proof of leadership for reads, shared by all that wait for one.
 *
 * A read may answer when a majority has acknowledged this leader after the read began. One round
 * of heartbeats serves every read that waits when it starts; reads that come during a round wait
 * for the next, so there is at most one round under way however many reads there are.
 * Source: Ongaro 2014, §6.4.
 */
import type { LogIndex } from "../../lib/log-index.ts";

interface WaitingRead {
  readonly proposalId: number;
  readonly readIndex: LogIndex;
}

/** The reads of one leadership. */
export class ReadBarriers {
  #waiting: WaitingRead[] = [];
  #underWay: WaitingRead[] = [];
  #round = 0;

  /** The newest round that was started; requests sent now prove it. 0: none yet. */
  get round(): number {
    return this.#round;
  }

  get isRoundUnderWay(): boolean {
    return this.#underWay.length > 0;
  }

  get count(): number {
    return this.#waiting.length + this.#underWay.length;
  }

  /** A read that must see everything through `readIndex`. */
  add(read: WaitingRead): void {
    this.#waiting.push(read);
  }

  /** Starts a round if reads wait and none is under way; true if heartbeats must go out. */
  startRound(): boolean {
    if (this.isRoundUnderWay || this.#waiting.length === 0) return false;
    this.#underWay = this.#waiting;
    this.#waiting = [];
    this.#round += 1;
    return true;
  }

  /** The reads of the round under way, which is proved. */
  takeProved(): readonly WaitingRead[] {
    const proved = this.#underWay;
    this.#underWay = [];
    return proved;
  }

  /** Every read, since leadership ended. */
  takeAll(): readonly WaitingRead[] {
    const all = [...this.#underWay, ...this.#waiting];
    this.#underWay = [];
    this.#waiting = [];
    return all;
  }
}
