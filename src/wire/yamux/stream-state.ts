/** One stream of a session: two windows, two ends, and what waits to be sent. */
import { assert } from "../../lib/assert.ts";
import type { MonotonicMs } from "../../lib/clock.ts";

/**
 * `queued`: opened here, not announced yet. `announced`: the peer has not acknowledged it. `offered`: the
 * peer opened it, not accepted here yet.
 */
export type StreamPhase = "queued" | "announced" | "offered" | "established";

export class StreamState {
  readonly id: number;
  /** The peer opened it. */
  readonly isPeers: boolean;
  phase: StreamPhase;
  /** Bytes that the peer still allows. */
  sendWindow: number;
  /** Bytes that we still allow. */
  receiveWindow: number;
  /** Consumed here and not given back to the peer's window yet. */
  consumedBytes = 0;
  /** This side wants to end; its FIN follows what is pending. */
  wantsEnd = false;
  finSent = false;
  finReceived = false;
  announcedMs: MonotonicMs | undefined;
  endedMs: MonotonicMs | undefined;
  readonly #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(id: number, phase: StreamPhase, windowBytes: number) {
    this.id = id;
    this.isPeers = phase === "offered";
    this.phase = phase;
    this.sendWindow = windowBytes;
    this.receiveWindow = windowBytes;
  }

  /** Bytes that wait for the window or the socket. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
  }

  /** The next pending bytes, at most as many as the window allows; spends the window. */
  takePending(): Uint8Array | undefined {
    const first = this.#pending[0];
    if (first === undefined || this.sendWindow === 0) return undefined;
    const taken = first.length <= this.sendWindow ? first : first.subarray(0, this.sendWindow);
    if (taken.length === first.length) this.#pending.shift();
    else this.#pending[0] = first.subarray(taken.length);
    this.#pendingBytes -= taken.length;
    this.sendWindow -= taken.length;
    assert(this.#pendingBytes >= 0, "a stream takes what was pushed");
    return taken;
  }
}
