/** Answers gRPC calls: which path is whose, and what becomes of failures. */
import { DecodeError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { decodeGrpcMessage, encodeGrpcMessage, grpcStatus } from "../wire/grpc/framing.ts";
import {
  decodeTransferRequest,
  encodeTransferResponse,
  transferLeaderPath,
} from "../wire/grpc/operator-messages.ts";
import { mayRetry } from "../wire/rpc/error-text.ts";
import { PermissionDeniedError, type Rpc } from "../wire/rpc/method.ts";
import { operatorTransferLeader } from "../wire/rpc/operator-methods.ts";
import { TransferLeaderRequest } from "../wire/structs/operator-state.ts";
import { subscribePath } from "../wire/subscribe/messages.ts";
import type { GrpcCall } from "./grpc-call.ts";
import { serveSubscription } from "./subscriptions.ts";

const requestBytesMax = 64 * 1024;

export interface GrpcParts {
  readonly rpc: Rpc;
  readonly datacenter: string;
  readonly log: Log;
}

/** Answers a call, or refuses it politely. Never rejects. */
export async function serveGrpcCall(parts: GrpcParts, call: GrpcCall): Promise<void> {
  try {
    switch (call.path) {
      case subscribePath:
        return await serveSubscription(parts, call, await message(call));
      case transferLeaderPath:
        return await transferLeader(parts, call);
      default:
        return call.end(grpcStatus.unimplemented, `unknown method ${call.path}`);
    }
  } catch (error) {
    if (call.signal.aborted) return call.end(grpcStatus.ok, "");
    const text = error instanceof Error ? error.message : String(error);
    parts.log.debug("a gRPC call failed", { path: call.path, error: text });
    call.end(statusOf(error), text);
  }
}

async function message(call: GrpcCall): Promise<Uint8Array> {
  return decodeGrpcMessage(await call.body(requestBytesMax));
}

async function transferLeader({ rpc }: GrpcParts, call: GrpcCall): Promise<void> {
  const request = TransferLeaderRequest.make({ ID: decodeTransferRequest(await message(call)) });
  const { Success } = await rpc.call(operatorTransferLeader, request, call.signal);
  await call.send(encodeGrpcMessage(encodeTransferResponse(Success)));
  call.end(grpcStatus.ok, "");
}

function statusOf(error: unknown): number {
  if (error instanceof DecodeError) return grpcStatus.invalidArgument;
  if (error instanceof PermissionDeniedError) return grpcStatus.permissionDenied;
  return mayRetry(error, true) ? grpcStatus.unavailable : grpcStatus.unknown;
}
