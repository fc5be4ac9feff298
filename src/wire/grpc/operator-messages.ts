/**
 * Handing leadership on over gRPC: what servers of Consul 1.15 and later ask the leader in place of an RPC method.
 * Source: the reference's private/pboperator messages (1.16).
 */
import { decodeProto, protoText } from "../protobuf/decode.ts";
import { ProtoWriter } from "../protobuf/encode.ts";

/** Path of the one method. */
export const transferLeaderPath = "/hashicorp.consul.internal.operator.OperatorService/TransferLeader";

/** The id of the server that is to lead; empty if the leader may choose. Throws `DecodeError`. */
export function decodeTransferRequest(bytes: Uint8Array): string {
  const id = decodeProto(bytes).findLast(({ fieldNumber }) => fieldNumber === 1);
  return id === undefined ? "" : protoText(id);
}

/** See `decodeTransferRequest`. */
export function encodeTransferRequest(id: string): Uint8Array {
  const writer = new ProtoWriter();
  writer.text(1, id);
  return writer.bytes();
}

/** Whether leadership was handed on. Throws `DecodeError`. */
export function decodeTransferResponse(bytes: Uint8Array): boolean {
  const success = decodeProto(bytes).findLast(({ fieldNumber }) => fieldNumber === 1);
  return success?.kind === "int" && success.value !== 0;
}

/** See `decodeTransferResponse`. */
export function encodeTransferResponse(success: boolean): Uint8Array {
  const writer = new ProtoWriter();
  writer.bool(1, success);
  return writer.bytes();
}
