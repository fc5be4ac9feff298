/** HTTP/2 for gRPC, over connections that came in by another door. */
import { createServer, type ServerHttp2Stream } from "node:http2";
import { BodyTooLargeError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Connection } from "../lib/net.ts";
import type { GrpcCall } from "../rpc/grpc-call.ts";
import { toDuplex } from "./connection-duplex.ts";

const streamsMax = 4_096;

/** Answers what takes over a connection and hands each call on it to `serve`, which must end it. */
export function openGrpcAcceptor(
  serve: (call: GrpcCall) => Promise<void>,
  log: Log,
): (connection: Connection, rest: Uint8Array) => void {
  const server = createServer({ settings: { maxConcurrentStreams: streamsMax } });
  server.on("stream", (stream, headers) => {
    const path = headers[":path"];
    // A server has only streams of this kind.
    serve(toCall(stream as ServerHttp2Stream, typeof path === "string" ? path : "")).catch(
      (error: unknown) => {
        log.error("a gRPC call failed unexpectedly", { error: String(error) });
        stream.close();
      },
    );
  });
  server.on("sessionError", (error) => log.debug("gRPC connection failed", { error: error.message }));
  return (connection, rest) => {
    const stream = toDuplex(connection, rest);
    // The session of a stream that it did not open itself leaves it open when the peer has gone.
    stream.on("end", () => stream.destroy());
    server.emit("connection", stream);
  };
}

function toCall(stream: ServerHttp2Stream, path: string): GrpcCall {
  const gone = new AbortController();
  // What goes wrong with a stream shows in its closing.
  stream.on("error", () => undefined);
  stream.on("close", () => gone.abort());
  let isOpen = false;
  const open = (): void => {
    if (isOpen) return;
    isOpen = true;
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  };
  return {
    path,
    signal: gone.signal,
    body: (bytesMax) => readBody(stream, bytesMax),
    send: async (bytes) => {
      if (stream.destroyed) return;
      open();
      if (stream.write(bytes)) return;
      await new Promise<void>((resolve) => {
        stream.once("drain", resolve);
        stream.once("close", resolve);
      });
    },
    end: (status, message) => {
      if (stream.destroyed) return;
      open();
      stream.once("wantTrailers", () => {
        stream.sendTrailers({ "grpc-status": String(status), "grpc-message": encodeURIComponent(message) });
      });
      stream.end();
    },
  };
}

function readBody(stream: ServerHttp2Stream, bytesMax: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let byteCount = 0;
    stream.on("data", (chunk: Uint8Array) => {
      byteCount += chunk.length;
      if (byteCount > bytesMax) reject(new BodyTooLargeError(bytesMax));
      else chunks.push(chunk);
    });
    stream.on("end", () => resolve(new Uint8Array(Buffer.concat(chunks))));
    stream.on("close", () => reject(new Error("the caller is gone")));
  });
}
