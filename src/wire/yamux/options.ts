/** Knobs of a yamux session. */
export interface YamuxOptions {
  /** Streams that the peer opened and this side has not accepted yet; more are reset. Also our own unanswered ones. */
  readonly backlogMax: number;
  /** Streams that the peer may have open at once; more are reset. The protocol has no such limit: ours. */
  readonly peerStreamsMax: number;
  /** Receive window of each stream. Both sides start with the protocol's 256 KiB; it is not negotiated. */
  readonly windowBytes: number;
  readonly keepAliveIntervalMs: number;
  /** A ping without an answer for this long ends the session. */
  readonly pingTimeoutMs: number;
  /** A stream that the peer has not acknowledged for this long ends the session. */
  readonly openTimeoutMs: number;
  /** A stream that only this side has ended is reset after this long. */
  readonly closeTimeoutMs: number;
}

/** Source: protocol reference, RPC section 2 (yamux 0.1.1's defaults), but for `peerStreamsMax`. */
export const defaultYamuxOptions: YamuxOptions = {
  backlogMax: 256,
  peerStreamsMax: 65_536,
  windowBytes: 256 * 1024,
  keepAliveIntervalMs: 30_000,
  pingTimeoutMs: 10_000,
  openTimeoutMs: 75_000,
  closeTimeoutMs: 300_000,
};
