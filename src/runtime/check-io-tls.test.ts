import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  createSecureServer,
  createServer as createH2,
  type Http2Server,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer as createHttps, type Server as HttpsServer } from "node:https";
import { createServer, type AddressInfo, type Server } from "node:net";
import { systemCheckIo } from "./check-io.ts";
import { testCertificates } from "./test-certificates.ts";

const never = new AbortController().signal;
const { authority, leaf } = testCertificates(["web.test", "127.0.0.1"]);
const other = testCertificates(["other.test"]);
const plain = systemCheckIo();
const trusting = systemCheckIo({ tls: () => ({ ca: [authority.cert] }) });
const unknown = "tls: failed to verify certificate: x509: certificate signed by unknown authority";

function portOf(server: { address(): unknown }): number {
  return (server.address() as AddressInfo).port;
}
async function listening<S extends Server | HttpsServer | Http2Server>(server: S): Promise<S> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return server;
}
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    return (await promise) ?? "ok";
  } catch (error) {
    return (error as Error).message;
  }
}

describe("HTTPS and TCP+TLS", () => {
  let server: HttpsServer;
  let wrongName: HttpsServer;
  beforeAll(async () => {
    server = await listening(createHttps({ ...leaf }, (_request, response) => response.end("up")));
    wrongName = await listening(createHttps({ ...other.leaf }, (_request, response) => response.end("up")));
  });
  afterAll(() => {
    server.close();
    wrongName.close();
  });

  const ask = (io: typeof plain, port: number, choice: { skip?: boolean; name?: string } = {}) =>
    outcome(
      io
        .http(
          {
            method: "GET",
            url: `https://127.0.0.1:${port}/`,
            headers: {},
            body: "",
            timeoutMs: 5_000,
            followRedirects: true,
            tlsServerName: choice.name ?? "",
            tlsSkipVerify: choice.skip ?? false,
            outputBytesMax: 100,
          },
          never,
        )
        .then(({ status }) => status),
    );
  const dial = (io: typeof plain, port: number, skip = false) =>
    outcome(
      io.tcp(
        {
          address: `127.0.0.1:${port}`,
          timeoutMs: 5_000,
          tls: true,
          tlsServerName: "",
          tlsSkipVerify: skip,
        },
        never,
      ),
    );

  test("a certificate of an unknown authority is refused, unless told not to verify", async () => {
    const port = portOf(server);
    expect(await ask(plain, port)).toBe(`Get "https://127.0.0.1:${port}/": ${unknown}`);
    expect(await ask(plain, port, { skip: true })).toBe(200);
    expect(await dial(plain, port)).toBe(unknown);
    expect(await dial(plain, port, true)).toBe("ok");
  });

  test("the agent's own authority is trusted", async () => {
    const port = portOf(server);
    expect(await ask(trusting, port)).toBe(200);
    expect(await ask(trusting, port, { name: "web.test" })).toBe(200);
    expect(await dial(trusting, port)).toBe("ok");
  });

  test("a certificate for another name is refused", async () => {
    const io = systemCheckIo({ tls: () => ({ ca: [other.authority.cert] }) });
    const port = portOf(wrongName);
    const prefix = `Get "https://127.0.0.1:${port}/": tls: failed to verify certificate: x509:`;
    expect(await ask(io, port)).toBe(
      `${prefix} cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs`,
    );
    expect(await ask(io, port, { name: "web.test" })).toBe(
      `${prefix} certificate is valid for other.test, not web.test`,
    );
    expect(await ask(io, port, { name: "other.test" })).toBe(200);
  });

  test("a server without TLS is told apart", async () => {
    const bare = await listening(createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
    expect(await dial(plain, portOf(bare))).toBe("tls: first record does not look like a TLS handshake");
    bare.close();
  });
});

/** A health service: `up` serves, `down` does not, `odd` is unknown to it. */
function serveHealth(server: Http2Server): Http2Server {
  server.on("stream", (opened) => {
    // A server has only streams of this kind.
    const stream = opened as ServerHttp2Stream;
    const chunks: Uint8Array[] = [];
    stream.on("error", () => undefined);
    stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    stream.on("end", () => {
      const service = Buffer.concat(chunks).subarray(7).toString();
      if (service === "slow") return;
      if (service === "odd") {
        stream.respond(
          {
            ":status": 200,
            "content-type": "application/grpc",
            "grpc-status": "5",
            "grpc-message": "unknown%20service",
          },
          { endStream: true },
        );
        return;
      }
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Uint8Array.of(0, 0, 0, 0, 2, 8, service === "down" ? 2 : 1));
    });
  });
  server.on("sessionError", () => undefined);
  return server;
}

describe("HTTP/2", () => {
  let clear: Http2Server;
  let secure: Http2Server;
  beforeAll(async () => {
    clear = await listening(serveHealth(createH2()));
    secure = await listening(serveHealth(createSecureServer({ ...leaf }) as unknown as Http2Server));
  });
  afterAll(() => {
    clear.close();
    secure.close();
  });

  const verify = { serverName: "", skipVerify: false };
  const health = (
    io: typeof plain,
    port: number,
    more: { service?: string; tls?: typeof verify; ms?: number },
  ) =>
    outcome(
      io.grpc(
        {
          address: `127.0.0.1:${port}`,
          service: more.service ?? "",
          timeoutMs: more.ms ?? 5_000,
          tls: more.tls,
        },
        never,
      ),
    );
  const ping = (io: typeof plain, port: number, tls?: typeof verify) =>
    outcome(io.h2ping({ address: `127.0.0.1:${port}`, timeoutMs: 2_000, tls }, never));

  test("gRPC health answers with the serving status or the error of the call", async () => {
    const port = portOf(clear);
    expect(await health(plain, port, {})).toBe(1);
    expect(await health(plain, port, { service: "down" })).toBe(2);
    expect(await health(plain, port, { service: "odd" })).toBe(
      "rpc error: code = NotFound desc = unknown service",
    );
    expect(await health(plain, port, { service: "slow", ms: 50 })).toBe(
      "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
    );
  });

  test("gRPC health over TLS", async () => {
    const port = portOf(secure);
    expect(await health(trusting, port, { tls: verify })).toBe(1);
    expect(await health(plain, port, { tls: { ...verify, skipVerify: true } })).toBe(1);
    expect(await health(plain, port, { tls: verify })).toBe(
      `rpc error: code = Unavailable desc = connection error: desc = "transport: authentication handshake failed: ${unknown}"`,
    );
  });

  test("a refused connection", async () => {
    const closed = await listening(createServer());
    const port = portOf(closed);
    await new Promise((resolve) => closed.close(resolve));
    const refused = `dial tcp 127.0.0.1:${port}: connect: connection refused`;
    expect(await health(plain, port, {})).toBe(
      `rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: ${refused}"`,
    );
    expect(await ping(plain, port)).toBe(`Failed to dial to 127.0.0.1:${port}: ${refused}`);
  });

  test("PING, in the clear and over TLS", async () => {
    expect(await ping(plain, portOf(clear))).toBe("ok");
    expect(await ping(trusting, portOf(secure), verify)).toBe("ok");
    expect(await ping(plain, portOf(secure), { ...verify, skipVerify: true })).toBe("ok");
    expect(await ping(plain, portOf(secure), verify)).toContain(unknown);
  });

  test("a server that does not speak HTTP/2 fails a PING", async () => {
    const bare = await listening(
      createServer((socket) => socket.on("error", () => undefined).end("HTTP/1.1 400 Bad\r\n\r\n")),
    );
    expect(await ping(plain, portOf(bare))).toBe("HTTP2 ping failed: http2: frame too large");
    bare.close();
  });
});
