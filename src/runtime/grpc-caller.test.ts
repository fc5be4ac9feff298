import { expect, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { silentLog } from "../lib/log.ts";
import type { GrpcCall } from "../rpc/grpc-call.ts";
import { decodeGrpcMessage, encodeGrpcMessage, grpcStatus } from "../wire/grpc/framing.ts";
import { RpcConnectionError, RpcTimeoutError } from "../wire/rpc/error-text.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { openGrpcAcceptor } from "./grpc-acceptor.ts";
import { openGrpcCaller } from "./grpc-caller.ts";
import { systemNet } from "./net.ts";

const leadingByte = 8;
const message = new TextEncoder().encode("hello");

/** A server that answers each path differently. */
async function answer(call: GrpcCall): Promise<void> {
  const body = decodeGrpcMessage(await call.body(1_000));
  switch (call.path) {
    case "/echo":
      await call.send(encodeGrpcMessage(body));
      return call.end(grpcStatus.ok, "");
    case "/refuse":
      return call.end(grpcStatus.unknown, "cannot find peer: 100 %");
    case "/cut":
      await call.send(Uint8Array.of(0, 0));
      return call.end(grpcStatus.ok, "");
    default:
      // Never: the caller has to give up.
      return new Promise(() => undefined);
  }
}

/** Sockets of this process; told by Linux alone. */
function socketCount(): number {
  if (process.platform !== "linux") return 0;
  return readdirSync("/proc/self/fd").filter((fd) => isSocket(`/proc/self/fd/${fd}`)).length;
}

function isSocket(path: string): boolean {
  try {
    return readlinkSync(path).startsWith("socket:");
  } catch {
    // The descriptor that the folder was read with.
    return false;
  }
}

test("a call brings the message, the refusal, or the reason why there is neither, and leaves no socket", async () => {
  const before = socketCount();
  const accept = openGrpcAcceptor(answer, silentLog);
  const listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
    connection.handle({
      data: (bytes) => {
        expect(bytes[0]).toBe(leadingByte);
        accept(connection, bytes.subarray(1));
      },
      ended: () => undefined,
      closed: () => undefined,
    });
  });
  const caller = openGrpcCaller(systemNet, leadingByte);
  const call = (path: string, timeoutMs = 10_000): Promise<Uint8Array | Error> =>
    caller.call(listener.address, { path, message, timeoutMs }).catch((error: Error) => error);
  expect(await call("/echo")).toEqual(message);
  const refusal = await call("/refuse");
  expect(refusal).toBeInstanceOf(RpcError);
  expect(refusal).toHaveProperty("message", "rpc error making call: cannot find peer: 100 %");
  expect(await call("/cut")).toHaveProperty("message", "grpc: the body ends inside a prefix");
  expect(await call("/silence", 50)).toBeInstanceOf(RpcTimeoutError);
  await listener.close();
  expect(await call("/echo")).toBeInstanceOf(RpcConnectionError);
  while (socketCount() > before) await new Promise((resolve) => setTimeout(resolve, 5));
});
