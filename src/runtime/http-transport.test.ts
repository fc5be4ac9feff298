import { describe, expect, test } from "bun:test";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readText } from "../client/http-client.ts";
import type { HttpEndpoint, HttpRequest, TlsMaterial } from "../client/transport.ts";
import { FileError } from "../lib/file-error.ts";
import { NetworkError } from "../lib/network-error.ts";
import { nodeTransports } from "./http-transport.ts";

const noTls: TlsMaterial = {
  authorities: undefined,
  certificate: undefined,
  key: undefined,
  serverName: undefined,
  verify: true,
};

const localhost = { kind: "tcp", secure: false, host: "127.0.0.1" } as const;

const get: HttpRequest = { method: "GET", target: "/", headers: {}, body: undefined, signal: undefined };

interface Listening extends AsyncDisposable {
  readonly endpoint: HttpEndpoint;
}

async function listen(server: Server, path?: string): Promise<Listening> {
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(path, resolve);
  });
  const address = server.address();
  const endpoint: HttpEndpoint =
    typeof address === "object" && address !== null
      ? { ...localhost, authority: `127.0.0.1:${address.port}`, port: address.port }
      : { kind: "unix", secure: false, path: path ?? "" };
  return {
    endpoint,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    return { succeeded: await work };
  } catch (error) {
    return error;
  }
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of message) text += String(chunk);
  return text;
}

/** Answers with what it was asked. */
function echo(): Server {
  return createServer((request, response) => {
    void bodyOf(request).then((body) => {
      response.setHeader("X-Consul-Index", "7");
      response.end(
        `${request.method} ${request.url} ${body} ${request.headers["content-length"] ?? "chunked"}`,
      );
    });
  });
}

async function* twoChunks(): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode("one ");
  yield new TextEncoder().encode("two");
}

describe("the transport over sockets", () => {
  test("sends the path as it is and bytes with their length", async () => {
    await using server = await listen(echo());
    const transport = nodeTransports.open(server.endpoint, noTls);
    const body = new TextEncoder().encode("hi");
    const reply = await transport.send({ ...get, method: "PUT", target: "/v1/kv/a//b/../c%2Fd?x=1", body });
    expect([reply.status, reply.header("x-consul-index"), await readText(reply.body)]).toEqual([
      200,
      "7",
      "PUT /v1/kv/a//b/../c%2Fd?x=1 hi 2",
    ]);
    transport.close();
  });

  test("sends a stream in chunks", async () => {
    await using server = await listen(echo());
    const transport = nodeTransports.open(server.endpoint, noTls);
    const reply = await transport.send({ ...get, method: "PUT", body: twoChunks() });
    expect(await readText(reply.body)).toBe("PUT / one two chunked");
    transport.close();
  });

  test("speaks over a Unix socket", async () => {
    const folder = mkdtempSync(join(tmpdir(), "transport-"));
    try {
      await using server = await listen(echo(), join(folder, "s"));
      const transport = nodeTransports.open(server.endpoint, noTls);
      expect(await readText((await transport.send(get)).body)).toBe("GET /  chunked");
      transport.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("an aborted reply ends with a transport error", async () => {
    const server = createServer((_request, response) => void response.write("first line\n"));
    await using listening = await listen(server);
    const transport = nodeTransports.open(listening.endpoint, noTls);
    const stop = new AbortController();
    const reply = await transport.send({ ...get, signal: stop.signal });
    const outcome = await readText(
      (async function* () {
        for await (const chunk of reply.body) {
          yield chunk;
          stop.abort();
        }
      })(),
    ).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(NetworkError);
    transport.close();
  });

  test("a port where nobody listens is told by the system's name for it", async () => {
    const server = await listen(echo());
    await server[Symbol.asyncDispose]();
    expect(await failureOf(nodeTransports.open(server.endpoint, noTls).send(get))).toMatchObject({
      code: "network",
      errno: "ECONNREFUSED",
      address: "127.0.0.1",
    });
    const nowhere: HttpEndpoint = { kind: "unix", secure: false, path: "/nonexistent/s" };
    expect(await failureOf(nodeTransports.open(nowhere, noTls).send(get))).toMatchObject({ errno: "ENOENT" });
  });

  test("TLS to a server that speaks plain HTTP is told as such", async () => {
    await using server = await listen(echo());
    const failure = await failureOf(
      nodeTransports.open({ ...server.endpoint, secure: true }, noTls).send(get),
    );
    expect(failure).toBeInstanceOf(NetworkError);
    expect(String(failure)).toMatch(/wrong.version.number/iu);
  });

  test("a body that cannot be read fails as itself", async () => {
    await using server = await listen(echo());
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(1);
      throw new FileError("read f: gone");
    }
    const transport = nodeTransports.open(server.endpoint, noTls);
    expect(await failureOf(transport.send({ ...get, method: "PUT", body: broken() }))).toMatchObject({
      code: "file",
      message: "read f: gone",
    });
    transport.close();
  });
});
