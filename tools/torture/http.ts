/**
 * One HTTP request on one connection, so that it is known what became of it.
 *
 * Clients of libraries send a request again when a kept connection turns out to be closed: a write might then
 * happen twice. Here nothing is sent twice, and a request that never left is told from one that got no answer.
 */
import { connect } from "node:net";

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** What became of a request. `unsent`: nobody listened. `lost`: it was sent, and no whole answer came. */
export type Exchange =
  | ({ readonly kind: "answer" } & Answer)
  | { readonly kind: "unsent"; readonly why: string }
  | { readonly kind: "lost"; readonly why: string };

export interface Request {
  readonly method: "GET" | "PUT" | "DELETE";
  /** With the query. */
  readonly path: string;
  readonly body?: string;
}

/** Sends `request` to `host` and waits at most `timeoutMs`. Never rejects. */
export function exchange(
  host: { readonly address: string; readonly port: number },
  request: Request,
  timeoutMs: number,
): Promise<Exchange> {
  return new Promise((resolve) => {
    const socket = connect({ host: host.address, port: host.port });
    let isSent = false;
    let received = Buffer.alloc(0);
    const end = (outcome: Exchange): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const lost = (why: string): void => end({ kind: isSent ? "lost" : "unsent", why });
    const timer = setTimeout(() => lost("timeout"), timeoutMs);
    socket.on("connect", () => {
      isSent = true;
      socket.write(render(host.address, request));
    });
    socket.on("data", (piece: Buffer) => {
      received = Buffer.concat([received, piece]);
      const answer = parseAnswer(received, false);
      if (answer !== undefined) end({ kind: "answer", ...answer });
    });
    socket.on("error", (error) => lost(error.message));
    socket.on("close", () => {
      const answer = parseAnswer(received, true);
      if (answer === undefined) lost("connection closed");
      else end({ kind: "answer", ...answer });
    });
  });
}

function render(address: string, { method, path, body = "" }: Request): string {
  const length = Buffer.byteLength(body);
  return `${method} ${path} HTTP/1.1\r\nHost: ${address}\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n${body}`;
}

/** The answer when it is there as a whole; without a length it ends with the connection. */
export function parseAnswer(received: Buffer, isClosed: boolean): Answer | undefined {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = received.subarray(0, headEnd).toString("latin1");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]);
  if (!Number.isInteger(status)) return undefined;
  const body = received.subarray(headEnd + 4);
  if (/^transfer-encoding:\s*chunked/im.test(head)) {
    const whole = joinChunks(body);
    return whole === undefined ? undefined : { status, body: whole };
  }
  const length = /^content-length:\s*(\d+)/im.exec(head)?.[1];
  if (length === undefined) return isClosed ? { status, body: body.toString() } : undefined;
  return body.length < Number(length)
    ? undefined
    : { status, body: body.subarray(0, Number(length)).toString() };
}

function joinChunks(bytes: Buffer): string | undefined {
  const pieces: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const length = Number.parseInt(bytes.subarray(at, lineEnd).toString("latin1"), 16);
    if (!Number.isInteger(length) || bytes.length < lineEnd + 2 + length + 2) return undefined;
    if (length === 0) return Buffer.concat(pieces).toString();
    pieces.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + length));
    at = lineEnd + 2 + length + 2;
  }
}
