/**
 * One HTTP/1.x connection of a client: requests off the socket, one at a time and in order, answers back.
 *
 * Own code where `node:http` would do, since this is the hot path: its request and response objects cost more
 * than everything that we do for a small read (measured with 32 clients: 101 k/s bare, 150 k/s for the socket
 * alone). Each answer leaves in one write. The strictness is in `wire/http`.
 *
 * - A request that is pipelined waits until the answer before it is written.
 * - A client that hangs up aborts `signal`. So does one that half closes, a moment later, since a client that died
 *   looks the same; until then, and afterwards with what a waiting handler has, it is answered.
 * - After a syntax error, or an answer to a request whose body nobody read to its end, the connection ends: our half
 *   is closed first and what comes is thrown away for a moment, since a reset could overtake the answer.
 */
import type { Socket } from "node:net";
import type { App } from "../http/app.ts";
import type { HttpBody, HttpRequest, HttpResponse } from "../http/types.ts";
import { RequestHeadParser, type RequestHead } from "../wire/http/request-head.ts";
import { fieldLines, hasBody, refusalText, statusLine } from "../wire/http/response-head.ts";
import { HttpSyntaxError } from "../wire/http/syntax-error.ts";
import { RequestBody } from "./http-body.ts";
import type { HttpDate } from "./http-date.ts";
import type { GzipCache } from "./http-gzip.ts";
import { HttpInput } from "./http-input.ts";
import type { JoinedAnswers } from "./http-joined.ts";

/** Pipelined bytes kept while a request is answered; then the socket pauses. */
const pipelinedBytesMax = 64 * 1024;
/** A head that began must be whole by then. */
const headTimeoutMs = 60_000;
/** How long a client that half closed is served as if it had not. */
const halfClosedMs = 250;
/** How long a closed connection throws away what still comes. */
const lingerMs = 500;
/** Answers up to this size are joined with their head for one write; beyond it the copy costs more than a write. */
const joinedBytesMax = 256 * 1024;

export interface ConnectionOptions {
  readonly app: App;
  readonly headBytesMax: number;
  readonly date: HttpDate;
  readonly gzip: GzipCache;
  readonly joined: JoinedAnswers;
}

export class HttpConnection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #heads = new RequestHeadParser();
  readonly #input = new HttpInput();
  /** The request that is being answered. */
  #current: ConnectionRequest | undefined;
  /** Its answer is written, its body has not ended. */
  #isDraining = false;
  #isAdvancing = false;
  /** No more requests are taken. */
  #isClosing = false;
  /** The client sends no more. */
  #hasEnded = false;
  /** Nobody waits for answers any more, as far as can be told. */
  #isGone = false;
  #goneTimer: ReturnType<typeof setTimeout> | undefined;
  /** The answer under way is the last. */
  #isLast = false;
  #abort: AbortController | undefined;
  #headTimer: ReturnType<typeof setTimeout> | undefined;
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on("data", (bytes: Buffer) => this.#received(bytes));
    socket.on("end", () => this.#ended());
    socket.on("drain", () => this.#advance());
    // `close` follows.
    socket.on("error", () => undefined);
    socket.on("close", () => this.#closed());
  }

  /** Ends the connection: at once, or after the answer under way. */
  end(): void {
    if (this.#current === undefined || this.#isDraining) this.#socket.destroy();
    this.#isLast = true;
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? "";
  }

  /** Aborts when the client hangs up; the same for all requests of the connection. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#isGone || this.#socket.destroyed) this.#abort.abort();
    return this.#abort.signal;
  }

  /** The client waits with the body of the current request until it is told to go on. */
  sendContinue(): void {
    this.#socket.write("HTTP/1.1 100 Continue\r\n\r\n");
  }

  /** The handler waits for bytes of the body. */
  resume(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  #received(bytes: Buffer): void {
    if (this.#isClosing) return;
    let rest = bytes;
    const body = this.#current?.content;
    if (body !== undefined && !body.isComplete) {
      try {
        rest = bytes.subarray(body.push(bytes));
      } catch (error) {
        return this.#refuseBody(body, error);
      }
      if (body.isFull) this.#socket.pause();
      if (this.#isDraining) this.#drained(body);
    }
    if (rest.length > 0) this.#input.append(rest);
    this.#advance();
  }

  /** Starts every request that is whole and may start. A loop, not a recursion: clients may pipeline thousands. */
  #advance(): void {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    try {
      while (this.#mayStart()) {
        const text = this.#input.takeHead();
        if ((text ?? this.#input).length > this.#options.headBytesMax)
          throw new HttpSyntaxError(431, "Request Header Fields Too Large");
        if (text === undefined) break;
        this.#begin(this.#heads.parse(text));
      }
      this.#watchHead();
    } catch (error) {
      this.#refuse(error);
    } finally {
      this.#isAdvancing = false;
    }
    if (this.#current !== undefined && this.#input.length > pipelinedBytesMax) this.#socket.pause();
    if (this.#hasEnded && this.#current === undefined) this.#finish();
  }

  #mayStart(): boolean {
    return (
      this.#current === undefined &&
      !this.#isClosing &&
      this.#input.length > 0 &&
      // Back pressure: who does not read gets no more answers.
      !this.#socket.writableNeedDrain
    );
  }

  #watchHead(): void {
    const isWaiting =
      this.#current === undefined && this.#input.length > 0 && !this.#socket.writableNeedDrain;
    if (!isWaiting) {
      clearTimeout(this.#headTimer);
      this.#headTimer = undefined;
    } else if (this.#headTimer === undefined) {
      this.#headTimer = setTimeout(
        () => this.#refuse(new HttpSyntaxError(408, "Request Timeout")),
        headTimeoutMs,
      );
      this.#headTimer.unref();
    }
  }

  #begin(head: RequestHead): void {
    const request = new ConnectionRequest(this, head);
    this.#current = request;
    if (!request.content.isComplete && this.#input.length > 0)
      this.#input.consume(request.content.push(this.#input.pending()));
    const answer = this.#options.app(request);
    if (answer instanceof Promise) void answer.then((one) => this.#answer(request, one));
    else this.#answer(request, answer);
  }

  #answer(request: ConnectionRequest, response: HttpResponse): void {
    if (this.#socket.destroyed) return;
    const { body } = response;
    const { content } = request;
    const keeps =
      request.keepsAlive &&
      !this.#hasEnded &&
      !this.#isLast &&
      !this.#isClosing &&
      (content.isComplete || (!content.isTooLongToDiscard && !request.awaitsContinue));
    if (typeof body === "string" || body instanceof Uint8Array) {
      this.#send(request, { ...response, body }, keeps);
      this.#answered(request, keeps);
      return;
    }
    this.#stream(request, { response, body, keeps }).then(
      (isWhole) =>
        isWhole ? this.#answered(request, keeps && request.head.minor === 1) : this.#socket.destroy(),
      // The source failed midway: only the end of the connection can say so.
      () => this.#socket.destroy(),
    );
  }

  #answered({ content }: ConnectionRequest, keeps: boolean): void {
    if (!keeps) return this.#finish();
    if (content.isComplete) {
      this.#current = undefined;
    } else {
      this.#isDraining = true;
      content.discard();
    }
    this.resume();
    this.#advance();
  }

  #drained(body: RequestBody): void {
    if (body.isComplete) {
      this.#isDraining = false;
      this.#current = undefined;
    } else if (body.isTooLongToDiscard) this.#finish();
  }

  #headLines(request: ConnectionRequest, { status, headers }: HttpResponse, keeps: boolean): string {
    const { minor } = request.head;
    const connection = keeps ? (minor === 0 ? "Connection: keep-alive\r\n" : "") : "Connection: close\r\n";
    return `${statusLine(minor, status)}${fieldLines(headers)}Vary: Accept-Encoding\r\nDate: ${this.#options.date.text()}\r\n${connection}`;
  }

  #send(
    request: ConnectionRequest,
    response: HttpResponse & { readonly body: string | Uint8Array },
    keeps: boolean,
  ): void {
    let { body } = response;
    let lines = this.#headLines(request, response, keeps);
    if (!hasBody(response.status)) return void this.#socket.write(`${lines}\r\n`);
    const { gzip } = this.#options;
    if (gzip.isWorthwhile(body, request.head.fields.get("accept-encoding"))) {
      body = gzip.compress(body);
      lines += "Content-Encoding: gzip\r\n";
    }
    const size = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    const head = `${lines}Content-Length: ${size}\r\n\r\n`;
    if (request.method === "HEAD" || size === 0) this.#socket.write(head);
    else if (typeof body === "string") this.#socket.write(head + body);
    else if (size > joinedBytesMax) {
      this.#socket.write(head);
      this.#socket.write(body);
    } else this.#socket.write(this.#options.joined.bytes(head, body));
  }

  /** Answers whether all of it went out. */
  async #stream(
    request: ConnectionRequest,
    {
      response,
      body,
      keeps,
    }: {
      readonly response: HttpResponse;
      readonly body: Exclude<HttpBody, string | Uint8Array>;
      readonly keeps: boolean;
    },
  ): Promise<boolean> {
    const isChunked = request.head.minor === 1;
    const lines = this.#headLines(request, response, keeps && isChunked);
    this.#socket.write(`${lines}${isChunked ? "Transfer-Encoding: chunked\r\n" : ""}\r\n`);
    if (request.method === "HEAD") return true;
    for await (const part of body) {
      if (this.#socket.destroyed) return false;
      const bytes = typeof part === "string" ? Buffer.from(part) : part;
      if (bytes.length === 0) continue;
      const framed = isChunked
        ? Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, crlf])
        : bytes;
      if (!this.#socket.write(framed)) await this.#writable();
    }
    if (isChunked) this.#socket.write("0\r\n\r\n");
    return !this.#socket.destroyed;
  }

  #writable(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#socket.off("drain", done);
        this.#socket.off("close", done);
        resolve();
      };
      this.#socket.on("drain", done);
      this.#socket.on("close", done);
    });
  }

  /** The body is malformed: the handler is told, and its answer is the last. */
  #refuseBody(body: RequestBody, error: unknown): void {
    if (!(error instanceof HttpSyntaxError)) throw error;
    if (this.#isDraining || this.#current === undefined) return this.#finish();
    this.#isClosing = true;
    body.fail(error.message);
    body.discard();
  }

  #refuse(error: unknown): void {
    if (!(error instanceof HttpSyntaxError)) throw error;
    if (this.#isClosing || this.#socket.destroyed) return;
    const text = refusalText(error.status, error.message);
    this.#socket.write(
      `${statusLine(1, error.status)}Content-Type: text/plain; charset=utf-8\r\nDate: ${this.#options.date.text()}\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    );
    this.#finish();
  }

  /** Closes our half, and all of it when the client has closed its own, or a moment later. */
  #finish(): void {
    this.#isClosing = true;
    clearTimeout(this.#headTimer);
    this.#current = undefined;
    if (this.#hasEnded && this.#socket.writableLength === 0) return void this.#socket.destroy();
    this.#socket.end();
    this.resume();
    this.#lingerTimer ??= setTimeout(() => this.#socket.destroy(), lingerMs);
    this.#lingerTimer.unref();
  }

  #ended(): void {
    this.#hasEnded = true;
    const current = this.#current;
    if (current === undefined || this.#isDraining) return this.#finish();
    if (!current.content.isComplete) current.content.fail("unexpected EOF");
    this.#goneTimer = setTimeout(() => this.#gone(), halfClosedMs);
    this.#goneTimer.unref();
  }

  #gone(): void {
    this.#isGone = true;
    this.#abort?.abort();
  }

  #closed(): void {
    this.#hasEnded = true;
    this.#isClosing = true;
    clearTimeout(this.#headTimer);
    clearTimeout(this.#lingerTimer);
    clearTimeout(this.#goneTimer);
    this.#gone();
    this.#current?.content.fail("unexpected EOF");
  }
}

const crlf = Buffer.from("\r\n");

/** A request as the app sees it. */
class ConnectionRequest implements HttpRequest {
  readonly #connection: HttpConnection;
  readonly head: RequestHead;
  readonly content: RequestBody;
  readonly path: string;
  readonly search: string;
  #awaitsContinue: boolean;

  constructor(connection: HttpConnection, head: RequestHead) {
    this.#connection = connection;
    this.head = head;
    this.content = new RequestBody(head.fields.framing, () => this.#wanted());
    this.#awaitsContinue = head.minor === 1 && head.fields.expectsContinue;
    const { target } = head;
    const at = target.indexOf("?");
    this.path = at < 0 ? target : target.slice(0, at);
    this.search = at < 0 ? "" : target.slice(at + 1);
  }

  get method(): string {
    return this.head.method;
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }

  get signal(): AbortSignal {
    return this.#connection.signal;
  }

  get keepsAlive(): boolean {
    const { minor, fields } = this.head;
    return minor === 1 ? fields.connection !== "close" : fields.connection === "keep-alive";
  }

  /** The client may never send the body, or may send it unasked: nobody can tell what comes next. */
  get awaitsContinue(): boolean {
    return this.#awaitsContinue;
  }

  header(name: string): string | undefined {
    return this.head.fields.get(name);
  }

  body(bytesMax: number): Promise<Uint8Array> {
    return this.content.read(bytesMax);
  }

  #wanted(): void {
    if (this.#awaitsContinue) {
      this.#awaitsContinue = false;
      this.#connection.sendContinue();
    }
    this.#connection.resume();
  }
}
