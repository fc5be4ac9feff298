/** The HTTP door on real sockets: framing, order, limits, and clients that are slow, hostile or gone. */
import { afterAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { gunzipSync } from "node:zlib";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { App } from "../http/app.ts";
import { HttpError, type HttpRequest, type HttpResponse } from "../http/types.ts";
import { BodyTooLargeError, DecodeError } from "../lib/errors.ts";
import { listenHttp, type Listener, type ListenOptions } from "./http-listener.ts";

/** Requests that wait in `/wait`, with what lets them go on. */
const waiting: { readonly signal: AbortSignal; readonly go: () => void }[] = [];
let arrived: () => void = () => undefined;

const plain = (status: number, body: HttpResponse["body"], headers = {}): HttpResponse => ({
  status,
  headers,
  body,
});

async function slowly(request: HttpRequest): Promise<HttpResponse> {
  const { signal } = request;
  await new Promise<void>((resolve) => {
    waiting.push({ signal, go: resolve });
    signal.addEventListener("abort", () => resolve());
    if (signal.aborted) resolve();
    arrived();
  });
  return plain(200, signal.aborted ? "aborted" : "woken");
}

async function echo(request: HttpRequest): Promise<HttpResponse> {
  try {
    const body = await request.body(1_000_000);
    return plain(
      200,
      `${request.method} ${request.path} ${request.search} ${body.length} ${new TextDecoder("latin1").decode(body.subarray(0, 40))}`,
    );
  } catch (error) {
    if (error instanceof BodyTooLargeError) return plain(413, "too large");
    if (error instanceof DecodeError) return plain(400, error.message);
    throw error;
  }
}

async function* pieces(): AsyncGenerator<string> {
  yield "one";
  yield "";
  yield "two";
  await Promise.resolve();
}

const big = new TextEncoder().encode("0123456789".repeat(20_000));
const app: App = (request) => {
  if (request.path === "/wait") return slowly(request);
  if (request.path === "/stream") return plain(200, pieces());
  if (request.path === "/big") return plain(200, big);
  if (request.path === "/empty") return plain(204, "");
  if (request.path === "/unread") return plain(200, "unread");
  if (request.path === "/split") return plain(200, "x", { "X-Bad": "a\r\nSet-Cookie: b" });
  if (request.path === "/later") return Promise.resolve().then(() => plain(200, "later"));
  return echo(request);
};

const listeners: Listener[] = [];
afterAll(() => Promise.all(listeners.map((one) => one.close())));

async function listening(options: ListenOptions = {}): Promise<number> {
  const listener = await listenHttp(app, { kind: "tcp", host: "127.0.0.1", port: 0 }, options);
  listeners.push(listener);
  return listener.port;
}
const port = await listening();

interface Client extends Disposable {
  readonly socket: Socket;
  /** What has come so far. */
  text(): string;
  /** Settles when the text matches. */
  until(pattern: RegExp): Promise<string>;
  /** Settles with everything when the server closes. */
  closed(): Promise<string>;
}

function client(to: number | string = port): Promise<Client> {
  return new Promise((resolve, reject) => {
    let text = "";
    let hasEnded = false;
    const checks = new Set<() => void>();
    const socket = connect(
      typeof to === "number"
        ? { port: to, host: "127.0.0.1", allowHalfOpen: true }
        : { path: to, allowHalfOpen: true },
    );
    const changed = (): void => checks.forEach((check) => check());
    socket.setEncoding("latin1");
    socket.on("data", (piece) => {
      text += String(piece);
      changed();
    });
    const end = (): void => {
      hasEnded = true;
      changed();
    };
    socket.on("end", end).on("close", end);
    socket.on("error", reject);
    const when = (ready: () => boolean): Promise<string> =>
      new Promise((done) => {
        const check = (): void => {
          if (!ready()) return;
          checks.delete(check);
          done(text);
        };
        checks.add(check);
        check();
      });
    socket.on("connect", () =>
      resolve({
        socket,
        text: () => text,
        until: (pattern) => when(() => pattern.test(text) || hasEnded),
        closed: () => when(() => hasEnded),
        [Symbol.dispose]: () => socket.destroy(),
      }),
    );
  });
}

async function exchange(request: string, to?: number): Promise<string> {
  using one = await client(to);
  one.socket.write(request, "latin1");
  return await one.closed();
}

const bodyOf = (answer: string): string => answer.slice(answer.indexOf("\r\n\r\n") + 4);
const get = (path: string, more = ""): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const last = "Connection: close\r\n";
const post = (more: string, body: string): string =>
  `PUT /e HTTP/1.1\r\nHost: x\r\n${last}${more}\r\n${body}`;

describe("what is refused, and the connection closed", () => {
  const head = "GET /e HTTP/1.1\r\nHost: x\r\n";
  test.each([
    ["both length and chunks", post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400],
    [
      "chunks and length in the other order",
      post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"),
      400,
    ],
    ["two lengths", post("Content-Length: 1\r\nContent-Length: 1\r\n", "a"), 400],
    ["a list of lengths", post("Content-Length: 1, 1\r\n", "a"), 400],
    ["a signed length", post("Content-Length: +1\r\n", "a"), 400],
    ["a hexadecimal length", post("Content-Length: 0x1\r\n", "a"), 400],
    ["an empty length", post("Content-Length:\r\n", ""), 400],
    ["a length beyond 53 bits", post("Content-Length: 9999999999999999\r\n", "a"), 400],
    ["two codings", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501],
    ["an obfuscated coding", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501],
    ["a coding after a vertical tab", post("Transfer-Encoding:\u000bchunked\r\n", "0\r\n\r\n"), 400],
    [
      "a repeated coding",
      post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
      400,
    ],
    ["chunks in HTTP/1.0", "PUT /e HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400],
    ["a blank before the colon", `${head}Content-Length : 3\r\n\r\nabc`, 400],
    ["a folded line", `${head}A: b\r\n c\r\n\r\n`, 400],
    ["a field without a colon", `${head}nonsense\r\n\r\n`, 400],
    ["an empty field name", `${head}: x\r\n\r\n`, 400],
    ["a bare CR in a field", `${head}A: b\rc\r\n\r\n`, 400],
    ["a bare LF in a field", `${head}A: b\nContent-Length: 3\r\n\r\n`, 400],
    ["bare LFs throughout", "GET /e HTTP/1.1\nHost: x\n\n", 400],
    ["a NUL in a field", `${head}A: \u0000\r\n\r\n`, 400],
    ["no Host", "GET /e HTTP/1.1\r\n\r\n", 400],
    ["two Hosts", `${head}Host: y\r\n\r\n`, 400],
    ["no target", "GET HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a blank in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a tab in the target", "GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a target without a slash", "GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["an authority as target", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a malformed method", "G(T /e HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
    ["no version", "GET /e\r\n\r\n", 400],
    ["another protocol", "SSH-2.0-OpenSSH_9.6\r\n\r\n", 400],
    ["a TLS hello", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\n\r\n\r\n", 400],
    ["an unknown expectation", `${head}Expect: tea\r\n\r\n`, 417],
    ["too many fields", `${head}${"A: b\r\n".repeat(1001)}\r\n`, 431],
    ["a malformed chunk size", post("Transfer-Encoding: chunked\r\n", "x\r\n\r\n"), 400],
    ["an empty chunk size", post("Transfer-Encoding: chunked\r\n", "\r\n\r\n"), 400],
    ["a negative chunk size", post("Transfer-Encoding: chunked\r\n", "-1\r\n\r\n"), 400],
    ["a chunk size with a bare LF", post("Transfer-Encoding: chunked\r\n", "1\na\r\n0\r\n\r\n"), 400],
    ["a chunk size with a bare CR", post("Transfer-Encoding: chunked\r\n", "1\ra\r\n0\r\n\r\n"), 400],
    ["a chunk longer than its size", post("Transfer-Encoding: chunked\r\n", "1\r\nab\r\n0\r\n\r\n"), 400],
    ["a huge chunk size", post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\na"), 400],
    ["a malformed trailer", post("Transfer-Encoding: chunked\r\n", "0\r\nA b\r\n\r\n"), 400],
  ])("%s", async (_, request, status) => {
    const answer = await exchange(`${request}${get("/smuggled")}`);
    expect(answer).toStartWith(`HTTP/1.1 ${status} `);
    expect(answer).toContain("Connection: close\r\n");
    expect(answer).not.toContain("smuggled");
  });

  test("a head above the limit", async () => {
    const small = await listening({ headerBytesMax: 500 });
    expect(await exchange(`${get("/e", `A: ${"b".repeat(500)}\r\n`)}`, small)).toStartWith("HTTP/1.1 431 ");
    expect(await exchange(`GET /${"b".repeat(600)}`, small)).toStartWith("HTTP/1.1 431 ");
    // The limit is the head's, not the body's.
    expect(await exchange(post("Content-Length: 2000\r\n", "c".repeat(2000)), small)).toStartWith(
      "HTTP/1.1 200 ",
    );
  });
});

describe("what is understood", () => {
  test.each([
    ["an undecoded path", get("/v1/kv/a%2Fb//c/../d?x=%20&y", last), "GET /v1/kv/a%2Fb//c/../d x=%20&y 0 "],
    ["bytes beyond ASCII", get("/\u00c3\u00a9?\u00ff", last), "GET /%C3%A9 %FF 0 "],
    ["an absolute target", get("http://x:1/p?q", last), "GET /p q 0 "],
    ["an absolute target without a path", get("http://x", last), "GET /  0 "],
    ["a length", post("Content-Length: 3\r\n", "abc"), "PUT /e  3 abc"],
    ["a length with blanks around", post("content-length:\t3 \r\n", "abc"), "PUT /e  3 abc"],
    [
      "chunks",
      post("Transfer-Encoding: Chunked\r\n", "3;x=y\r\nabc\r\n01\r\nd\r\n0\r\nT: u\r\n\r\n"),
      "PUT /e  4 abcd",
    ],
    ["an empty line before", `\r\n${get("/e", last)}`, "GET /e  0 "],
    ["another method", `PURGE /e HTTP/1.1\r\nHost: x\r\n${last}\r\n`, "PURGE /e  0 "],
    ["HTTP/1.0, which closes", "GET /e HTTP/1.0\r\n\r\n", "GET /e  0 "],
    [
      "an upgrade, which is ignored",
      get("/e", `Upgrade: websocket\r\nConnection: upgrade, close\r\n`),
      "GET /e  0 ",
    ],
  ])("%s", async (_, request, body) => {
    const answer = await exchange(request);
    expect(bodyOf(answer)).toBe(body);
    expect(answer).toMatch(/^HTTP\/1\.[01] 200 OK\r\n/);
  });

  test("requests byte by byte, with a body in drips", async () => {
    using one = await client();
    for (const unit of `${post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n")}`) {
      one.socket.write(unit);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(bodyOf(await one.closed())).toBe("PUT /e  3 abc");
  });

  test("pipelined requests in order, whatever they wait for", async () => {
    using one = await client();
    const hundred = Array.from({ length: 300 }, (_, i) => get(i % 3 === 0 ? "/later" : `/n${i}`)).join("");
    one.socket.write(`${hundred}${post("Content-Length: 2\r\n", "ok")}`);
    const bodies = [
      ...(await one.closed()).matchAll(/(later|\/n\d+|PUT \/e {2}2 ok)(?: {2}0 )?(?=HTTP|$)/g),
    ].map((m) => m[1]);
    expect(bodies).toEqual([
      ...Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? "later" : `/n${i}`)),
      "PUT /e  2 ok",
    ]);
  });

  test("HTTP/1.0 is kept alive when it asks", async () => {
    using one = await client();
    one.socket.write("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    expect(await one.until(/\/a {2}0 $/)).toMatch(
      /^HTTP\/1\.0 200 OK\r\n(.|\r\n)*Connection: keep-alive\r\n/,
    );
    one.socket.write("GET /b HTTP/1.0\r\n\r\n");
    expect(await one.closed()).toEndWith("GET /b  0 ");
  });

  test("HEAD has the head only", async () => {
    const answer = await exchange(`HEAD /big HTTP/1.1\r\nHost: x\r\n\r\n${get("/e", last)}`);
    expect(answer).toContain("Content-Length: 200000\r\n");
    expect(bodyOf(answer)).toStartWith("HTTP/1.1 200 OK\r\n");
  });

  test("204 has neither body nor length", async () => {
    expect(await exchange(get("/empty", last))).not.toContain("Content-Length");
  });

  test("no answer grows a field by a line break", async () => {
    expect(await exchange(get("/split", last))).toContain("X-Bad: a  Set-Cookie: b\r\n");
  });

  test("gzip for those who take it", async () => {
    const answer = await exchange(get("/big", `Accept-Encoding: deflate, gzip;q=0.5\r\n${last}`));
    expect(answer).toContain("Content-Encoding: gzip\r\n");
    expect(gunzipSync(Buffer.from(bodyOf(answer), "latin1")).length).toBe(200_000);
    expect(await exchange(get("/big", `Accept-Encoding: gzip;q=0\r\n${last}`))).not.toContain(
      "Content-Encoding",
    );
  });

  test("streams in chunks, or until the end in HTTP/1.0", async () => {
    const chunked = await exchange(`${get("/stream")}${get("/e", last)}`);
    expect(bodyOf(chunked)).toStartWith("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n");
    expect(bodyOf(await exchange("GET /stream HTTP/1.0\r\n\r\n"))).toBe("onetwo");
  });
});

describe("bodies nobody reads", () => {
  test("short ones are skipped", async () => {
    const request = "PUT /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nGET /x HT";
    expect(await exchange(`${request}${get("/e", last)}`)).toEndWith("GET /e  0 ");
    const chunked =
      "PUT /unread HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n0\r\n\r\n";
    expect(await exchange(`${chunked}${get("/e", last)}`)).toEndWith("GET /e  0 ");
  });

  test("long ones end the connection after the answer", async () => {
    using one = await client();
    one.socket.write("PUT /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\nabc");
    expect(await one.closed()).toMatch(/Connection: close\r\n(.|\r\n)*unread$/);
  });

  test("an announced length above the limit is refused at once", async () => {
    using one = await client();
    one.socket.write("PUT /e HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n");
    expect(await one.closed()).toEndWith("too large");
  });

  test("chunks above the limit too", async () => {
    using one = await client();
    one.socket.write("PUT /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (let i = 0; i < 20; i += 1) one.socket.write(`10000\r\n${"a".repeat(0x10000)}\r\n`);
    expect(await one.until(/too large/)).toStartWith("HTTP/1.1 413 ");
  });

  test("100-continue is told only when the body is wanted", async () => {
    using one = await client();
    one.socket.write("PUT /e HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    expect(await one.until(/Continue/)).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    one.socket.write("abc");
    expect(await one.until(/abc$/)).toEndWith("PUT /e  3 abc");
    one.socket.write("PUT /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    expect(await one.closed()).toMatch(/Connection: close\r\n(.|\r\n)*unread$/);
  });
});

describe("clients that go", () => {
  async function blocked(): Promise<{ readonly one: Client; readonly held: (typeof waiting)[number] }> {
    const one = await client();
    const taken = new Promise<void>((resolve) => (arrived = resolve));
    one.socket.write(get("/wait"));
    await taken;
    const held = waiting.at(-1);
    if (held === undefined) throw new HttpError(500, "nobody waits");
    return { one, held };
  }
  const aborted = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) =>
      signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve()),
    );

  test("hanging up aborts the request", async () => {
    const { one, held } = await blocked();
    one.socket.destroy();
    await aborted(held.signal);
  });

  test("half closing aborts the wait, and the answer still comes", async () => {
    const { one, held } = await blocked();
    using _ = one;
    one.socket.end();
    await aborted(held.signal);
    expect(bodyOf(await one.closed())).toBe("aborted");
  });

  test("half closing after plain requests leaves their answers", async () => {
    using one = await client();
    one.socket.end(`${get("/later")}${get("/e")}`);
    expect(await one.closed()).toContain("later");
  });

  test("a body that ends early is an error of the request", async () => {
    using one = await client();
    one.socket.end("PUT /e HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
    expect(await one.closed()).toEndWith("unexpected EOF");
  });

  test("requests behind a blocked one wait for it", async () => {
    const { one, held } = await blocked();
    using _ = one;
    one.socket.write(get("/behind", last));
    held.go();
    expect(await one.closed()).toMatch(/woken(.|\r\n)*GET \/behind {2}0 $/);
  });

  test("a listener that closes cuts off who waits and lets answers finish", async () => {
    const listener = await listenHttp(app, { kind: "tcp", host: "127.0.0.1", port: 0 });
    using idle = await client(listener.port);
    using busy = await client(listener.port);
    const taken = new Promise<void>((resolve) => (arrived = resolve));
    busy.socket.write(get("/wait"));
    await taken;
    const closed = listener.close();
    expect(await idle.closed()).toBe("");
    waiting.at(-1)?.go();
    expect(await busy.closed()).toEndWith("woken");
    await closed;
  });
});

test("too many connections of one client are closed at once", async () => {
  const few = await listening({ connectionsPerClientMax: 2 });
  using first = await client(few);
  using second = await client(few);
  using third = await client(few).catch(() => ({
    closed: () => Promise.resolve(""),
    [Symbol.dispose]: () => undefined,
  }));
  expect(await third.closed()).toBe("");
  first.socket.write(get("/a", last));
  expect(await first.closed()).toEndWith("GET /a  0 ");
  second.socket.write(get("/b", last));
  expect(await second.closed()).toEndWith("GET /b  0 ");
});

test("a unix socket serves too, and a stale one is replaced", async () => {
  const path = join(tmpdir(), `door-${process.pid}-${Math.floor(performance.now())}.sock`);
  const listener = await listenHttp(app, {
    kind: "unix",
    path,
    owner: { user: undefined, group: undefined, mode: "0600" },
  });
  using one = await client(path);
  one.socket.write(get("/u", last));
  expect(bodyOf(await one.closed())).toBe("GET /u  0 ");
  await listener.close();
  rmSync(path, { force: true });
});

test("a client that does not read gets no more answers than the buffers hold", async () => {
  using one = await client();
  one.socket.pause();
  one.socket.write(get("/big").repeat(2000));
  // 400 MB would be on their way otherwise; then it reads on and gets all of it.
  await new Promise((resolve) => setImmediate(resolve));
  const before = process.memoryUsage().rss;
  one.socket.resume();
  one.socket.write(get("/e", last));
  const answer = await one.closed();
  expect(answer).toEndWith("GET /e  0 ");
  expect(before).toBeLessThan(1024 * 1024 * 1024);
}, 60_000);
