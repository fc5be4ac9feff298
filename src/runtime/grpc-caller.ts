/** gRPC calls to servers, each on a connection of its own: they are rare. */
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import type { Connection, Net, NetAddress } from "../lib/net.ts";
import { hostPort } from "../lib/net.ts";
import type { GrpcCaller, GrpcRequest } from "../rpc/grpc-caller.ts";
import { decodeGrpcMessage, encodeGrpcMessage, grpcStatus } from "../wire/grpc/framing.ts";
import {
  gettingClientPrefix,
  makingCallPrefix,
  RpcConnectionError,
  RpcTimeoutError,
} from "../wire/rpc/error-text.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { toDuplex } from "./connection-duplex.ts";

const connectTimeoutMs = 10_000;
const answerBytesMax = 1024 * 1024;

/** Calls over connections of `net`; `leadingByte` says to the server's door that HTTP/2 follows. */
export function openGrpcCaller(net: Pick<Net, "connect">, leadingByte: number): GrpcCaller {
  return {
    call: async (to, request) => {
      const connection = await dial(net, to);
      const session = openSession(connection, { to, leadingByte });
      try {
        return await call(session, request);
      } finally {
        session.destroy();
        // The session of a stream that it did not open itself leaves it open.
        connection.destroy();
      }
    },
  };
}

async function dial(net: Pick<Net, "connect">, to: NetAddress): Promise<Connection> {
  try {
    return await net.connect(to, { timeoutMs: connectTimeoutMs });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new RpcConnectionError(`${gettingClientPrefix}failed to get conn: ${text}`, {
      mayHaveArrived: false,
      cause: error,
    });
  }
}

function openSession(
  connection: Connection,
  { to, leadingByte }: { readonly to: NetAddress; readonly leadingByte: number },
): ClientHttp2Session {
  connection.write(Uint8Array.of(leadingByte));
  return connect(`http://${hostPort(to)}`, {
    createConnection: () => toDuplex(connection, new Uint8Array()),
  });
}

function call(session: ClientHttp2Session, { path, message, timeoutMs }: GrpcRequest): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(
        new RpcConnectionError(makingCallPrefix + error.message, { mayHaveArrived: true, cause: error }),
      );
    session.on("error", fail);
    const stream: ClientHttp2Stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const late = setTimeout(
      () => reject(new RpcTimeoutError(`${makingCallPrefix}no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const chunks: Uint8Array[] = [];
    let byteCount = 0;
    // An answer without a message has its status among the headers.
    let outcome: Outcome | undefined;
    const note = (headers: Readonly<Record<string, unknown>>): void => {
      outcome = outcomeOf(headers) ?? outcome;
    };
    stream.on("response", note);
    stream.on("trailers", note);
    stream.on("data", (chunk: Uint8Array) => {
      byteCount += chunk.length;
      if (byteCount > answerBytesMax) fail(new Error("the answer is too long"));
      else chunks.push(chunk);
    });
    stream.on("error", fail);
    stream.on("close", () => {
      clearTimeout(late);
      if (outcome === undefined) return fail(new Error("the answer ended without a status"));
      if (outcome.status !== grpcStatus.ok) return reject(new RpcError(makingCallPrefix + outcome.text));
      try {
        resolve(decodeGrpcMessage(new Uint8Array(Buffer.concat(chunks))));
      } catch (error) {
        reject(error);
      }
    });
    stream.end(encodeGrpcMessage(message));
  });
}

interface Outcome {
  readonly status: number;
  readonly text: string;
}

function outcomeOf(headers: Readonly<Record<string, unknown>>): Outcome | undefined {
  const { "grpc-status": status, "grpc-message": text } = headers;
  if (status === undefined) return undefined;
  return { status: Number(status), text: decodePercent(typeof text === "string" ? text : "") };
}

/** Texts of gRPC have their unusual bytes as percent codes; what is not well formed stays as it is. */
function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
