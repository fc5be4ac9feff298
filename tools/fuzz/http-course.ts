/**
 * One connection of the HTTP door: however the network cuts the same bytes, the same answers come, whole and in order.
 */
import { createHash } from "node:crypto";
import { BodyTooLargeError, DecodeError } from "../../src/lib/errors.ts";
import { seededRng, type Rng } from "../../src/lib/rng.ts";
import type { HttpRequest, HttpResponse } from "../../src/http/types.ts";
import { HttpConnection } from "../../src/runtime/http-connection.ts";
import { HttpDate } from "../../src/runtime/http-date.ts";
import { GzipCache } from "../../src/runtime/http-gzip.ts";
import { JoinedAnswers } from "../../src/runtime/http-joined.ts";
import { NearSocket } from "./near-socket.ts";
import { Turns } from "./turns.ts";

const headBytesMax = 8 * 1024;
const bodyBytesMax = 2_000;
/** What may depend on what has arrived already: whether a body that nobody wants is worth reading. */
const dependsOnTime = /100-continue|content-length:[ \t]*\d{6}/i;
const refusals: ReadonlySet<string> = new Set(["400", "417", "431", "501", "505"]);
const shared = { headBytesMax, date: new HttpDate(), gzip: new GzipCache(), joined: new JoinedAnswers() };

/** Throws if the answers are not well formed, or depend on where the bytes were cut. */
export function runHttpCourse(input: Uint8Array): void {
  const seed = createHash("sha1").update(input).digest().readUInt32BE(0);
  const rng = seededRng(seed);
  const whole = answersTo(input, () => input.length);
  const cuts = [(): number => 1 + rng.below(40), (): number => (rng.chance(1, 2) ? 1 : 1 + rng.below(700))];
  for (const cut of cuts) {
    const cutAnswers = answersTo(input, cut, rng);
    if (Bun.deepEquals(whole, cutAnswers) || dependsOnTime.test(Buffer.from(input).toString("latin1")))
      continue;
    throw new Error(`${JSON.stringify(whole)} in one piece, ${JSON.stringify(cutAnswers)} in many`);
  }
}

/** With `rng`, the client does not always read at once. */
function answersTo(input: Uint8Array, cut: () => number, rng?: Rng): readonly string[] {
  const turns = new Turns();
  const socket = new NearSocket();
  const connection = new HttpConnection(socket.asSocket, { ...shared, app: answer });
  for (let at = 0; at < input.length;) {
    const end = at + Math.max(1, cut());
    socket.feed(input.subarray(at, end));
    at = end;
    if (rng?.chance(1, 8) === true) socket.writableNeedDrain = true;
    turns.run();
    if (rng?.chance(1, 3) === true) socket.drain();
    turns.run();
  }
  socket.drain();
  turns.run();
  socket.half();
  turns.run();
  connection.end();
  socket.destroy();
  turns.run();
  return readAnswers(socket.taken());
}

/** Answers at once, later, in pieces or never, by the path; every body is read first, as handlers do. */
function answer(request: HttpRequest): HttpResponse | Promise<HttpResponse> {
  const hasBody =
    request.header("content-length") !== undefined || request.header("transfer-encoding") !== undefined;
  return hasBody ? answerWithBody(request) : answerTo(request, "");
}

async function answerWithBody(request: HttpRequest): Promise<HttpResponse> {
  try {
    const body = await request.body(bodyBytesMax);
    return await answerTo(request, Buffer.from(body).toString("hex"));
  } catch (error) {
    if (error instanceof BodyTooLargeError) return respond(request, 413, "too large");
    if (error instanceof DecodeError) return respond(request, 400, "malformed");
    throw error;
  }
}

function answerTo(request: HttpRequest, body: string): HttpResponse | Promise<HttpResponse> {
  const text = `${request.method} ${request.path}?${request.search} ${body}`;
  if (request.path.startsWith("/none")) return respond(request, 204, "");
  if (request.path.startsWith("/wait"))
    return new Promise((resolve) => {
      request.signal.addEventListener("abort", () => resolve(respond(request, 200, "gone")));
    });
  if (request.path.startsWith("/later")) return Promise.resolve(respond(request, 200, text));
  if (request.path.startsWith("/pieces")) return { ...respond(request, 200, text), body: pieces(text) };
  return respond(request, 200, text);
}

function respond(request: HttpRequest, status: number, body: string): HttpResponse {
  return { status, headers: { "X-Method": request.method }, body };
}

async function* pieces(text: string): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += 7) yield text.slice(at, at + 7);
}

/** Status of each answer, with the body where it is a handler's. Throws unless they are whole. */
function readAnswers(bytes: Buffer): readonly string[] {
  const answers: string[] = [];
  let rest = bytes.toString("latin1");
  while (rest.length > 0) {
    const head = /^HTTP\/1\.[01] (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/.exec(rest);
    if (head === null) throw new Error(`no answer: ${JSON.stringify(rest.slice(0, 80))}`);
    const [lines, status = "", fields = ""] = head;
    rest = rest.slice(lines.length);
    if (status === "100") continue;
    const { body, length } = readBody(fields, status, rest);
    rest = rest.slice(length);
    // What is wrong in several ways is refused for what is seen first.
    answers.push(status === "200" ? `200 ${body}` : refusals.has(status) ? "refused" : status);
  }
  return answers;
}

function readBody(
  fields: string,
  status: string,
  rest: string,
): { readonly body: string; readonly length: number } {
  if (/^X-Method: HEAD\r$/m.test(fields) || status === "204") return { body: "", length: 0 };
  if (/^Transfer-Encoding: chunked\r$/m.test(fields)) return readChunks(rest);
  const length = /^Content-Length: (\d+)\r$/m.exec(fields)?.[1];
  // Of an answer in pieces over HTTP/1.0, the end of the connection is the end.
  if (length === undefined) return { body: rest, length: rest.length };
  if (rest.length < Number(length)) throw new Error("an answer was cut short");
  return { body: rest.slice(0, Number(length)), length: Number(length) };
}

function readChunks(rest: string): { readonly body: string; readonly length: number } {
  let body = "";
  let at = 0;
  for (;;) {
    const size = /^([0-9a-f]+)\r\n/.exec(rest.slice(at, at + 12));
    if (size === null) throw new Error("an answer in chunks was cut short");
    const [line, digits = "0"] = size;
    const count = Number.parseInt(digits, 16);
    at += line.length;
    body += rest.slice(at, at + count);
    at += count + 2;
    if (count === 0) return { body, length: at };
  }
}
