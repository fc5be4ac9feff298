/** Connections for single requests (votes, TimeoutNow): one request at a time on each; a few are kept for the next. */
import { AnswerTimeoutError, RequestLane, toTransportAnswer } from "./request-lane.ts";
import type { LaneAnswer, LaneParts, LaneRequest } from "./request-lane.ts";
import type { TransportAnswer } from "./transport.ts";

/** As the reference keeps. */
const idleMax = 3;
/** More at once than this are refused; the core has a vote and a TimeoutNow under way at most. */
const busyMax = 16;
/** What peers of raft 1.7 and later answer to a type that they do not know; the core knows what it means. */
const unexpectedCommand = "unexpected command";

export class ControlPool {
  readonly #parts: LaneParts;
  readonly #idle: RequestLane[] = [];
  readonly #busy = new Set<RequestLane>();
  #isClosed = false;

  constructor(parts: LaneParts) {
    const lost = (lane: RequestLane, error: Error): void => {
      const at = this.#idle.indexOf(lane);
      if (at >= 0) this.#idle.splice(at, 1);
      else if (error instanceof AnswerTimeoutError) parts.lost(lane, error);
    };
    this.#parts = { ...parts, lost };
  }

  /** Sends at once. Never rejects. */
  async send(request: LaneRequest): Promise<TransportAnswer> {
    if (this.#busy.size >= busyMax) return { kind: "failed" };
    const kept = this.#idle.pop();
    if (kept !== undefined) {
      const answer = await this.#sendOn(kept, request);
      // The peer may have restarted since it answered last; Raft's requests may be repeated.
      if (answer.kind !== "gone" || this.#isClosed) return toTransportAnswer(answer);
    }
    const answer = await this.#sendOn(new RequestLane(this.#parts), request);
    // Peers before pre-votes close a connection on which they see one. They must not keep us from being elected.
    if (answer.kind === "gone" && request.kind === "requestPreVote")
      return { kind: "failed", remoteError: unexpectedCommand };
    return toTransportAnswer(answer);
  }

  /** Closes what was not used since `beforeMs`; true when nothing is left. */
  sweep(beforeMs: number): boolean {
    for (const lane of this.#idle.splice(0)) {
      if (lane.lastUsedMs < beforeMs) lane.close();
      else this.#idle.push(lane);
    }
    return this.#idle.length + this.#busy.size === 0;
  }

  close(): void {
    this.#isClosed = true;
    for (const lane of [...this.#busy, ...this.#idle.splice(0)]) lane.close();
  }

  async #sendOn(lane: RequestLane, request: LaneRequest): Promise<LaneAnswer> {
    this.#busy.add(lane);
    const answer = lane.send(request);
    lane.flush();
    const settled = await answer;
    this.#busy.delete(lane);
    if (lane.isConnected && !this.#isClosed && this.#idle.length < idleMax) this.#idle.push(lane);
    else lane.close();
    return settled;
  }
}
