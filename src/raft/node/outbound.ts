/** Requests to peers: each ends in exactly one `response` or `failed` input, at the latest when its time is over. */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Input, OutgoingRequest, SendSnapshot } from "../core/effects.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import type { Transport, TransportAnswer } from "./transport.ts";

/** How often requests that a transport forgot are looked for; a timer for each would cost more than the request. */
const sweepMs = 250;
const noAnswer: TransportAnswer = { kind: "failed" };

export interface OutboundParts {
  readonly transport: Transport;
  readonly snapshots: SnapshotStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly snapshotTimeoutMs: number;
  readonly input: (input: Input) => void;
}

/** A request and whom it went to. */
interface Asked {
  readonly requestId: number;
  readonly to?: string;
}

export class Outbound {
  readonly #parts: OutboundParts;
  /** Deadline by request. */
  readonly #underWay = new Map<number, number>();
  #sweep: Disposable | undefined;
  #isStopped = false;

  constructor(parts: OutboundParts) {
    this.#parts = parts;
  }

  send(request: OutgoingRequest): void {
    const { requestId, to, address, lane, timeoutMs, message } = request;
    this.#track(requestId, timeoutMs);
    const answer = this.#parts.transport.send({ id: to, address, lane, timeoutMs }, message);
    this.#follow({ requestId, to }, answer);
  }

  sendSnapshot(send: SendSnapshot): void {
    this.#track(send.requestId, this.#parts.snapshotTimeoutMs);
    this.#follow(send, this.#streamSnapshot(send));
  }

  stop(): void {
    this.#isStopped = true;
    this.#sweep?.[Symbol.dispose]();
    this.#underWay.clear();
  }

  async #streamSnapshot(send: SendSnapshot): Promise<TransportAnswer> {
    const { snapshots, transport, log, snapshotTimeoutMs } = this.#parts;
    const { lastLogIndex, lastLogTerm } = send.message;
    await using snapshot = await snapshots.open({ index: lastLogIndex, term: lastLogTerm });
    // The store has moved on to a newer one; the core asks again with that.
    if (snapshot === undefined) return noAnswer;
    log.info("sending snapshot", { peer: send.to, id: snapshot.meta.id, bytes: snapshot.meta.sizeBytes });
    const to = { id: send.to, address: send.address, lane: "control", timeoutMs: snapshotTimeoutMs } as const;
    const message = { ...send.message, sizeBytes: snapshot.meta.sizeBytes };
    return await transport.sendSnapshot(to, { message, chunks: snapshot.chunks });
  }

  #follow(request: Asked, answer: Promise<TransportAnswer>): void {
    answer.then(
      (settled) => this.#settle(request, settled),
      (error: unknown) => {
        this.#parts.log.warn("request to a peer failed", { error: String(error) });
        this.#settle(request, noAnswer);
      },
    );
  }

  #settle({ requestId, to }: Asked, answer: TransportAnswer): void {
    if (!this.#underWay.delete(requestId)) return;
    this.#parts.input(
      answer.kind === "response"
        ? { kind: "response", requestId, message: answer.message, from: to }
        : { ...answer, requestId },
    );
  }

  #track(requestId: number, timeoutMs: number): void {
    this.#underWay.set(requestId, this.#parts.clock.monotonicMs() + timeoutMs);
    this.#sweep ??= this.#parts.clock.after(sweepMs, () => this.#sweepNow());
  }

  #sweepNow(): void {
    this.#sweep = undefined;
    if (this.#isStopped) return;
    const nowMs = this.#parts.clock.monotonicMs();
    for (const [requestId, deadlineMs] of this.#underWay) {
      if (deadlineMs <= nowMs) this.#settle({ requestId }, noAnswer);
    }
    if (this.#underWay.size > 0) this.#sweep = this.#parts.clock.after(sweepMs, () => this.#sweepNow());
  }
}
