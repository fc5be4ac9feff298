/** A gRPC call as it reaches this layer; `src/runtime/grpc-acceptor.ts` speaks HTTP/2 for it. */
export interface GrpcCall {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Fires when the caller is gone. */
  readonly signal: AbortSignal;
  /** The whole request, once the caller has ended it. Rejects with `BodyTooLargeError`, or if the caller goes. */
  body(bytesMax: number): Promise<Uint8Array>;
  /** Sends bytes of the answer; settles when more may follow, or the caller is gone. */
  send(bytes: Uint8Array): Promise<void>;
  /** Ends the answer with a status of `wire/grpc/framing.ts`. */
  end(status: number, message: string): void;
}
