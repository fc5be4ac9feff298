/** HTTP/2 for checks: PING, and the gRPC health protocol (grpc.health.v1). */
import { STATUS_CODES } from "node:http";
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { connect as tlsConnect } from "node:tls";
import type { GrpcProbe, Http2Probe } from "../agent/check-io.ts";
import { hostPort } from "../lib/net.ts";
import { decodeGrpcMessage, encodeGrpcMessage } from "../wire/grpc/framing.ts";
import { decodeProto } from "../wire/protobuf/decode.ts";
import { encodeProto, type ProtoTable } from "../wire/protobuf/encode.ts";
import { connectionTls, type TlsMaterial } from "./check-tls.ts";
import { dialTarget } from "./check-sockets.ts";
import { networkWords } from "./check-words.ts";

/** A health answer is a few bytes. */
const answerBytesMax = 65_536;
const healthRequest: ProtoTable = { service: [1, { kind: "text" }] };
const statusField = 1;

/** Names of gRPC's status codes by number. Source: gRPC, "Status codes". */
const statusNames: readonly string[] =
  "OK Canceled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ResourceExhausted FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss Unauthenticated".split(
    " ",
  );
const unavailable = 14;
const deadlineExceeded = 4;
const internal = 13;

/** Answers when the other side answers a PING. */
export function probeH2Ping(probe: Http2Probe, tls: TlsMaterial, signal: AbortSignal): Promise<void> {
  const failed = (stage: Stage, reason: string): Error => {
    const where =
      stage === "dial" || stage === "handshake" ? `Failed to dial to ${probe.address}` : "HTTP2 ping failed";
    return new Error(`${where}: ${reason}`);
  };
  return withSession({ probe, tls, signal, failed }, (session, settled) => {
    session.ping((error: Error | null) => settled(error ?? undefined));
  });
}

/** The serving status. */
export function probeGrpc(probe: GrpcProbe, tls: TlsMaterial, signal: AbortSignal): Promise<number> {
  const failed = (stage: Stage, reason: string): Error => {
    if (reason === timeoutText) {
      const waiting = "received context error while waiting for new LB policy update: ";
      return grpcError(deadlineExceeded, (stage === "session" ? "" : waiting) + timeoutText);
    }
    if (stage === "session") return grpcError(unavailable, reason);
    return grpcError(unavailable, `connection error: desc = "${connectionWords(stage, reason)}"`);
  };
  return withSession({ probe, tls, signal, failed }, (session, settled) => {
    callHealth(session, probe).then(
      (status) => settled(undefined, status),
      (error: unknown) => settled(error instanceof Error ? error : new Error(String(error))),
    );
  });
}

function connectionWords(stage: Stage, reason: string): string {
  if (stage === "preface") return `error reading server preface: ${reason}`;
  const step = stage === "handshake" ? "authentication handshake failed" : "Error while dialing";
  return `transport: ${step}: ${reason}`;
}

function grpcError(code: number, description: string): Error {
  return new GrpcCallError(`rpc error: code = ${statusNames[code] ?? code} desc = ${description}`);
}

/** A status that came from the other side or stands for one; its text is complete. */
class GrpcCallError extends Error {}

async function callHealth(session: ClientHttp2Session, probe: GrpcProbe): Promise<number> {
  const call = session.request({
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Check",
    ":authority": probe.address,
    "content-type": "application/grpc",
    te: "trailers",
    "user-agent": "Consul Health Check",
  });
  call.end(encodeGrpcMessage(encodeProto(healthRequest, { service: probe.service })));
  const { headers, body } = await new Promise<{ headers: IncomingHttpHeaders; body: Uint8Array }>(
    (resolve, reject) => {
      const chunks: Uint8Array[] = [];
      let byteCount = 0;
      let last: IncomingHttpHeaders = {};
      // Answers without a body carry the status in their only headers.
      call.on("response", (found) => (last = { ...found }));
      call.on("trailers", (found) => (last = { ...last, ...found }));
      call.on("data", (chunk: Uint8Array) => {
        byteCount += chunk.length;
        if (byteCount > answerBytesMax) reject(new Error("the answer is too long"));
        else chunks.push(chunk);
      });
      call.on("error", reject);
      call.on("close", () => resolve({ headers: last, body: Buffer.concat(chunks) }));
    },
  );
  return readAnswer(headers, body);
}

function readAnswer(headers: IncomingHttpHeaders, body: Uint8Array): number {
  const status = headers["grpc-status"];
  if (status === undefined) throw httpError(Number(headers[":status"] ?? 0), headers["content-type"]);
  if (status !== "0") throw grpcError(Number(status), decodeMessage(String(headers["grpc-message"] ?? "")));
  try {
    const field = decodeProto(decodeGrpcMessage(body)).find((one) => one.fieldNumber === statusField);
    return field?.kind === "int" ? field.value : 0;
  } catch (error) {
    throw grpcError(internal, error instanceof Error ? error.message : String(error));
  }
}

/** Statuses of HTTP as statuses of gRPC; others are unknown. Source: gRPC, "HTTP to gRPC status code mapping". */
const codesOfHttp: Readonly<Record<number, number>> = {
  400: internal,
  401: 16,
  403: 7,
  404: 12,
  429: unavailable,
  502: unavailable,
  503: unavailable,
  504: unavailable,
};
const unknownCode = 2;

/** An answer of a server that does not speak gRPC. */
function httpError(status: number, contentType: string | undefined): Error {
  const odd =
    contentType === undefined
      ? "malformed header: missing HTTP content-type"
      : `transport: received unexpected content-type ${JSON.stringify(contentType)}`;
  if (status === 200) return grpcError(unknownCode, odd);
  const name = STATUS_CODES[status] ?? "";
  return grpcError(
    codesOfHttp[status] ?? unknownCode,
    `unexpected HTTP status code received from server: ${status} (${name}); ${odd}`,
  );
}

/** Percent-encoding undone; text that is not encoded stays as it came. */
function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const timeoutText = "context deadline exceeded";
/** How far a connection got: `preface` waits for the other side's settings. */
type Stage = "dial" | "handshake" | "preface" | "session";

interface SessionRequest {
  readonly probe: Http2Probe;
  readonly tls: TlsMaterial;
  readonly signal: AbortSignal;
  /** The error for what went wrong where. */
  failed(stage: Stage, reason: string): Error;
}

/** Connects, lets `use` work with the session within the time, and closes it. */
async function withSession<T>(
  { probe, tls, signal, failed }: SessionRequest,
  use: (session: ClientHttp2Session, settled: (error?: Error, value?: T) => void) => void,
): Promise<T> {
  let target;
  try {
    target = dialTarget("tcp", probe.address);
  } catch (error) {
    throw failed("dial", error instanceof Error ? error.message : String(error));
  }
  return new Promise<T>((resolve, reject) => {
    let stage: Stage = "dial";
    const session = openSession(probe, tls, target);
    const settle = (error: unknown, value?: T): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      session.removeAllListeners();
      session.on("error", () => undefined);
      session.destroy();
      if (error === undefined) resolve(value as T);
      else if (error instanceof GrpcCallError) reject(error);
      else reject(failed(isHandshake(error) ? "handshake" : stage, networkWords(error, probe.address)));
    };
    const giveUp = (): void => settle(new Error("the check was stopped"));
    const timer = setTimeout(() => settle(new Error(timeoutText)), probe.timeoutMs);
    signal.addEventListener("abort", giveUp);
    session.on("error", (error) => settle(error));
    session.on("close", () => settle(new Error("the connection was closed")));
    session.on("remoteSettings", () => (stage = "session"));
    session.on("connect", () => {
      if (stage === "dial") stage = "preface";
      use(session, (error, value) => settle(error, value));
    });
  });
}

function openSession(
  probe: Http2Probe,
  tls: TlsMaterial,
  target: { readonly host: string; readonly port: number },
): ClientHttp2Session {
  const authority = hostPort(target);
  if (probe.tls === undefined) return connect(`http://${authority}`);
  const options = { ...connectionTls(tls, probe.tls), ALPNProtocols: ["h2"] };
  return connect(`https://${authority}`, {
    createConnection: () => tlsConnect({ ...target, ...options }),
  });
}

function isHandshake(error: unknown): boolean {
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" && /CERT|SSL|TLS|ISSUER|LEAF/u.test(code);
}
