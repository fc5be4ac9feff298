/** A remote procedure by its wire name, with the structs that travel. */
import { ProconsulError } from "../../lib/errors.ts";
import type { Codec } from "../schema/codec.ts";

export interface RpcMethod<Q, R> {
  /** As peers spell it: `KVS.Get`. */
  readonly name: string;
  readonly request: Codec<Q>;
  readonly reply: Codec<R>;
}

/** Declares a method. */
export function method<Q, R>(name: string, request: Codec<Q>, reply: Codec<R>): RpcMethod<Q, R> {
  return { name, request, reply };
}

/** Calls servers, wherever they are. */
export interface Rpc {
  /**
   * Answers when the server does. `signal` ends a waiting (blocking) call early.
   * Rejects with `RpcError`, `NoLeaderError` or another `ProconsulError`.
   */
  call<Q, R>(method: RpcMethod<Q, R>, request: Q, signal?: AbortSignal): Promise<R>;
  /**
   * The reply of a read that can be answered here and now; otherwise `undefined`, and `call` is the way. Spares hot
   * reads the turns of promises, which cost more than the look-up. Throws what `call` rejects with.
   */
  callNow?<Q, R>(method: RpcMethod<Q, R>, request: Q): R | undefined;
  /**
   * Like `callNow`, for callers that want to use the reply again: it says at any time whether the same call would
   * still be answered like this. Throws what `call` rejects with.
   */
  keep?<Q, R>(method: RpcMethod<Q, R>, request: Q): KeptReply<R> | undefined;
}

/** A reply that knows whether it still holds. Dispose of it when it is not wanted any more. */
export interface KeptReply<R> extends Disposable {
  readonly reply: R;
  /**
   * How long before its last reply the server had heard its leader; absent where it leads, so that it is never behind.
   */
  readonly lastContactMs?: number;
  /** Once `false`, never `true` again for long: ask anew. With `refresh`, it holds only just after that. */
  isCurrent(): boolean;
  /** Asks again, so that it is known whether the reply holds; absent where it always is. Rejects as `call` does. */
  refresh?(): Promise<void>;
}

/** A refusal by an endpoint; the text is what clients see. */
export class RpcError extends ProconsulError {
  readonly code = "rpc";
}
/** The token may not do this. */
export class PermissionDeniedError extends ProconsulError {
  readonly code = "permission-denied";
  constructor(detail?: string) {
    super(detail === undefined ? "Permission denied" : `Permission denied: ${detail}`);
  }

  /** The same refusal by another server; `text` is all that it and the hops in between said. */
  static relayed(text: string): PermissionDeniedError {
    return Object.assign(new PermissionDeniedError(), { message: text });
  }
}
