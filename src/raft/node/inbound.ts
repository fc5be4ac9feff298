/** Requests of peers: each waits here, under a number, until the core has its answer. */
import type { Input, OutgoingReply } from "../core/effects.ts";
import type { RaftRequest } from "../core/messages.ts";
import type { SnapshotTransfer, TransportHandler, TransportReply } from "./transport.ts";

/** More unanswered requests than this are refused: peers keep far fewer under way. */
const waitingMax = 4_096;

const shutDown: TransportReply = { kind: "error", error: "raft is already shutdown" };
const tooMany: TransportReply = { kind: "error", error: "too many unanswered requests" };

export class Inbound implements TransportHandler {
  readonly #input: (input: Input) => void;
  readonly #waiting = new Map<number, (reply: TransportReply) => void>();
  readonly #transfers = new Map<number, SnapshotTransfer>();
  #lastId = 0;
  #isStopped = false;

  constructor(input: (input: Input) => void) {
    this.#input = input;
  }

  request(message: RaftRequest, from?: string): Promise<TransportReply> {
    if (this.#isStopped) return Promise.resolve(shutDown);
    if (this.#waiting.size >= waitingMax) return Promise.resolve(tooMany);
    this.#lastId += 1;
    const inboundId = this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(inboundId, resolve);
      this.#input({ kind: "request", inboundId, message, from });
    });
  }

  snapshot(transfer: SnapshotTransfer, from?: string): Promise<TransportReply> {
    const before = this.#lastId;
    const reply = this.request(transfer.message, from);
    // Unchanged if the request was refused.
    if (this.#lastId !== before) this.#transfers.set(this.#lastId, transfer);
    return reply;
  }

  /** The bytes of an announced snapshot; undefined if the peer has gone. */
  takeTransfer(inboundId: number): SnapshotTransfer | undefined {
    const transfer = this.#transfers.get(inboundId);
    this.#transfers.delete(inboundId);
    return transfer;
  }

  /** Hands the core's answer to who asked. */
  reply(reply: OutgoingReply): void {
    const resolve = this.#waiting.get(reply.inboundId);
    this.#waiting.delete(reply.inboundId);
    this.#transfers.delete(reply.inboundId);
    resolve?.(
      "error" in reply ? { kind: "error", error: reply.error } : { kind: "response", message: reply.message },
    );
  }

  /** Answers everybody that there is nobody here. */
  stop(): void {
    this.#isStopped = true;
    for (const resolve of this.#waiting.values()) resolve(shutDown);
    this.#waiting.clear();
    this.#transfers.clear();
  }
}
