/** gRPC's frames inside an HTTP/2 body: a byte (0: not compressed), a length, a message. Source: gRPC over HTTP/2. */
import { DecodeError } from "../../lib/errors.ts";

const prefixBytes = 5;

/** Status codes that this program gives. */
export const grpcStatus = {
  ok: 0,
  unknown: 2,
  invalidArgument: 3,
  permissionDenied: 7,
  aborted: 10,
  unimplemented: 12,
  unavailable: 14,
} as const;

/** A message with its prefix. */
export function encodeGrpcMessage(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(prefixBytes + message.length);
  new DataView(framed.buffer).setUint32(1, message.length);
  framed.set(message, prefixBytes);
  return framed;
}

/** The one message of a whole body. Throws `DecodeError`. */
export function decodeGrpcMessage(body: Uint8Array): Uint8Array {
  if (body.length < prefixBytes) throw new DecodeError("grpc: the body ends inside a prefix");
  if (body[0] !== 0) throw new DecodeError("grpc: compressed messages are not supported");
  const length = new DataView(body.buffer, body.byteOffset, body.length).getUint32(1);
  if (length !== body.length - prefixBytes) throw new DecodeError("grpc: the body is not one message");
  return body.subarray(prefixBytes);
}
