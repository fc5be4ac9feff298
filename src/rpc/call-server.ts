/**
 * A call to one server, over whichever protocol that server takes it.
 *
 * Handing leadership on has no RPC method at servers of Consul, which take it over gRPC; they are asked our way first.
 */
import {
  decodeTransferResponse,
  encodeTransferRequest,
  transferLeaderPath,
} from "../wire/grpc/operator-messages.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { operatorTransferLeader } from "../wire/rpc/operator-methods.ts";
import { TransferLeaderRequest } from "../wire/structs/operator-state.ts";
import type { GrpcCaller } from "./grpc-caller.ts";
import type { PoolCall, RpcPool } from "./rpc-pool.ts";
import type { RpcServer } from "./service.ts";

/** A pool, and what speaks gRPC; without that, servers of our kind are reached. */
export interface ServerCaller {
  readonly pool: RpcPool;
  readonly grpc?: GrpcCaller;
}

const transferTimeoutMs = 60_000;

/** Rejects as `RpcPool.call` does. */
export async function callServer<Q, R>(
  { pool, grpc }: ServerCaller,
  server: RpcServer,
  call: PoolCall<Q, R>,
): Promise<R> {
  try {
    return await pool.call(server, call);
  } catch (error) {
    if (grpc === undefined || !isTransferUnknown(error, call)) throw error;
    const { ID } = TransferLeaderRequest.make(call.request as object);
    const answer = await grpc.call(server.rpc, {
      path: transferLeaderPath,
      message: encodeTransferRequest(ID),
      timeoutMs: transferTimeoutMs,
    });
    return { Success: decodeTransferResponse(answer) } as R;
  }
}

function isTransferUnknown<Q, R>(error: unknown, { method }: PoolCall<Q, R>): boolean {
  if (method.name !== operatorTransferLeader.name || !(error instanceof RpcError)) return false;
  return error.message.includes("rpc: can't find ");
}
