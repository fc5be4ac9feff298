/** How long a call to a server may take. Source: the reference's RPC pool (1.16). */

export interface CallTimeouts {
  /** Calls that do not wait for changes: `rpc_client_timeout`. */
  readonly rpcClientTimeoutMs: number;
  /** Time that a server may spend on finding a leader, beyond a read's own waiting. */
  readonly rpcHoldTimeoutMs: number;
  readonly defaultQueryTimeMs: number;
  readonly maxQueryTimeMs: number;
}

const millisecondNs = 1e6;
/** Servers add up to this fraction to a wait at random. */
const jitterFraction = 16;

interface BlockingRequest {
  readonly MinQueryIndex?: number;
  readonly MaxQueryTime?: number;
}

/** The limit for `request`: a blocking read may wait as long as it asks for, and its server may add jitter. */
export function callTimeoutMs(request: unknown, timeouts: CallTimeouts): number {
  const { MinQueryIndex = 0, MaxQueryTime = 0 } = request as BlockingRequest;
  if (MinQueryIndex <= 0) return timeouts.rpcClientTimeoutMs;
  const asked = MaxQueryTime <= 0 ? timeouts.defaultQueryTimeMs : MaxQueryTime / millisecondNs;
  const waitMs = Math.min(asked, timeouts.maxQueryTimeMs);
  return waitMs + waitMs / jitterFraction + timeouts.rpcHoldTimeoutMs;
}
