import type { NetAddress } from "../lib/net.ts";

/** A gRPC call to a server; `src/runtime/grpc-caller.ts` speaks HTTP/2 for it. */
export interface GrpcRequest {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The one message of the request. */
  readonly message: Uint8Array;
  readonly timeoutMs: number;
}

/** Makes calls with one message each way. */
export interface GrpcCaller {
  /**
   * The answer's message. Rejects with `RpcError` and the server's text where that refuses, with `RpcTimeoutError`
   * when the time is over, and with `RpcConnectionError` where there is no connection.
   */
  call(to: NetAddress, request: GrpcRequest): Promise<Uint8Array>;
}
