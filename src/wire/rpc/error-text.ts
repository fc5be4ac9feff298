/**
 * Errors that travel as text, and what their receivers may do about them.
 *
 * Every hop puts a prefix before the text, so all of this goes by what a text contains.
 * Source: protocol reference, RPC section 3.
 */
import { noLeaderText, transferInProgressText } from "../../lib/consensus.ts";
import { ProconsulError } from "../../lib/errors.ts";
import { PermissionDeniedError, RpcError } from "./method.ts";

/** Clients match on these texts. */
export const noPathToDatacenter = "No path to datacenter";
export const noServersText = "No known Consul servers";
export const tryElsewhereText = "rate limit exceeded, try again later or against a different server";
export const tryLaterText =
  "rate limit exceeded for operation that can only be performed by the leader, try again later";
export const rateExceededText = "RPC rate limit exceeded";
const resubmitText = "please resubmit call for rechunking";
const leaderNotTrackedText = "Raft leader not found in server lookup mapping";
const notReadyText = "Not ready to serve consistent reads";
const permissionDeniedText = "Permission denied";

/** What a hop puts before the text of an error. */
export const makingCallPrefix = "rpc error making call: ";
export const gettingClientPrefix = "rpc error getting client: ";

/** There was no connection, or it ended before the answer came. */
export class RpcConnectionError extends ProconsulError {
  readonly code = "rpc-connection";
  /** The request may have reached the server, so only what changes nothing may be made again. */
  readonly mayHaveArrived: boolean;
  constructor(message: string, facts: { readonly mayHaveArrived: boolean; readonly cause?: unknown }) {
    super(message, { cause: facts.cause });
    this.mayHaveArrived = facts.mayHaveArrived;
  }
}

/** The answer did not come in time. The server may still be at it. */
export class RpcTimeoutError extends ProconsulError {
  readonly code = "rpc-timeout";
}

/** This client has made as many calls as it may. */
export class RateExceededError extends ProconsulError {
  readonly code = "rate-exceeded";
  constructor() {
    super(rateExceededText);
  }
}

/** No server is known to ask. */
export class NoServersError extends ProconsulError {
  readonly code = "no-servers";
  constructor() {
    super(noServersText);
  }
}

/** The error that a peer answered, with the prefix of this hop. */
export function relayedError(text: string): ProconsulError {
  const whole = makingCallPrefix + text;
  return text.includes(permissionDeniedText) ? PermissionDeniedError.relayed(whole) : new RpcError(whole);
}

/** Nothing was changed by a call that failed like this, wherever it failed. */
const harmlessTexts = [
  noLeaderText,
  transferInProgressText,
  resubmitText,
  tryElsewhereText,
  leaderNotTrackedText,
  notReadyText,
];
/** Ends of connections, as peers word them. */
const connectionTexts = ["stream closed", "session shutdown", "EOF"];

/**
 * Whether a call that failed with `error` after a long time had been accepted and was under way, so that the time
 * does not count as waiting for a leader. What a server answered it has held itself for as long as one waits.
 */
export function wasUnderWay(error: unknown): boolean {
  return error instanceof RpcConnectionError ? error.mayHaveArrived : !(error instanceof RpcError);
}

/**
 * Whether a call that failed with `error` may be made again, perhaps with another server. `isRead`: the call
 * changes nothing.
 */
export function mayRetry(error: unknown, isRead: boolean): boolean {
  if (error instanceof RpcConnectionError) return isRead || !error.mayHaveArrived;
  if (!(error instanceof ProconsulError)) return false;
  const { message } = error;
  if (harmlessTexts.some((text) => message.includes(text))) return true;
  return isRead && error instanceof RpcError && connectionTexts.some((text) => message.endsWith(text));
}
