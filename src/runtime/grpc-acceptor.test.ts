import { expect, test } from "bun:test";
import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import { connect as connectTcp } from "node:net";
import { silentLog } from "../lib/log.ts";
import type { NetListener } from "../lib/net.ts";
import type { GrpcCall } from "../rpc/grpc-call.ts";
import { openGrpcAcceptor } from "./grpc-acceptor.ts";
import { systemNet } from "./net.ts";

interface Door extends AsyncDisposable {
  readonly session: ClientHttp2Session;
}

/** A listener whose connections are gRPC from the first byte on, and a client of it. */
async function open(serve: (call: GrpcCall) => Promise<void>): Promise<Door> {
  const accept = openGrpcAcceptor(serve, silentLog);
  const listener: NetListener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (connection) =>
    accept(connection, new Uint8Array(0)),
  );
  const socket = connectTcp(listener.address.port, "127.0.0.1");
  const session = connectHttp2("http://proconsul", { createConnection: () => socket });
  session.on("error", () => undefined);
  return {
    session,
    [Symbol.asyncDispose]: async () => {
      session.destroy();
      await listener.close();
    },
  };
}

interface Answer {
  readonly bytes: Buffer;
  readonly status: unknown;
  readonly message: unknown;
}

function call(session: ClientHttp2Session, body: Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/a.B/C",
      "content-type": "application/grpc",
    });
    const chunks: Buffer[] = [];
    let trailers: Readonly<Record<string, unknown>> = {};
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("trailers", (given) => (trailers = given));
    stream.on("error", reject);
    stream.on("end", () =>
      resolve({
        bytes: Buffer.concat(chunks),
        status: trailers["grpc-status"],
        message: trailers["grpc-message"],
      }),
    );
    stream.end(body);
  });
}

test("a call's body comes in, its answer goes out in order, and the status is a trailer", async () => {
  const large = new Uint8Array(300_000).fill(3);
  await using door = await open(async (one) => {
    const body = await one.body(1000);
    await one.send(body);
    await one.send(large);
    one.end(5, `${one.path} sees ${body.length} ü`);
  });
  const answer = await call(door.session, Uint8Array.of(1, 2));
  expect(answer.bytes.length).toBe(2 + large.length);
  expect([...answer.bytes.subarray(0, 3)]).toEqual([1, 2, 3]);
  expect(answer.status).toBe("5");
  expect(decodeURIComponent(String(answer.message))).toBe("/a.B/C sees 2 ü");
});

test("a call ends with its caller", async () => {
  const gone = Promise.withResolvers<boolean>();
  const started = Promise.withResolvers<void>();
  await using door = await open(async (one) => {
    await one.body(1000);
    await one.send(Uint8Array.of(1));
    started.resolve();
    one.signal.addEventListener("abort", () => gone.resolve(true));
  });
  const stream = door.session.request({ ":method": "POST", ":path": "/a.B/C" });
  stream.on("error", () => undefined);
  stream.end(Uint8Array.of(1));
  await started.promise;
  stream.close();
  expect(await gone.promise).toBe(true);
});

test("a body beyond the limit is refused", async () => {
  await using door = await open(async (one) => {
    const text = await one.body(10).then(
      () => "taken",
      (error: unknown) => String(error),
    );
    one.end(3, text);
  });
  const answer = await call(door.session, new Uint8Array(11));
  expect(decodeURIComponent(String(answer.message))).toContain("too large");
});
