import { rejection } from "../lib/rejection.ts";
import { describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { systemCheckIo } from "./check-io.ts";

const never = new AbortController().signal;
const utf8 = new TextDecoder();
const io = systemCheckIo();

async function serving(run: (port: number) => Promise<void>): Promise<void> {
  const server: Server = createServer((request, response) => {
    if (request.url === "/slow") return;
    if (request.url === "/away") response.writeHead(302, { location: "/" });
    response.end(`${request.method} ${String(request.headers["x-a"])} ${"x".repeat(50)}end`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await run((server.address() as AddressInfo).port);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

function probe(url: string): Parameters<typeof io.http>[0] {
  return {
    method: "GET",
    url,
    headers: { "X-A": ["1"] },
    body: "",
    timeoutMs: 5_000,
    followRedirects: true,
    tlsServerName: "",
    tlsSkipVerify: false,
    outputBytesMax: 8,
  };
}

describe("HTTP probes", () => {
  test("give status and the tail of the body", () =>
    serving(async (port) => {
      const { status, statusText, output } = await io.http(probe(`http://127.0.0.1:${port}/`), never);
      expect({ status, statusText, tail: utf8.decode(output.tail) }).toEqual({
        status: 200,
        statusText: "OK",
        tail: "xxxxxend",
      });
      expect(output.bytesTotal).toBe("GET 1 ".length + 53);
    }));

  test("follow redirects unless told not to", () =>
    serving(async (port) => {
      const away = probe(`http://127.0.0.1:${port}/away`);
      expect((await io.http(away, never)).status).toBe(200);
      expect((await io.http({ ...away, followRedirects: false }, never)).status).toBe(302);
    }));

  test("take no secrets to another host", async () => {
    const seen: unknown[] = [];
    const open = async (host: string, locations: Readonly<Record<string, string>>): Promise<Server> => {
      const server = createServer(({ url = "", headers }, response) => {
        seen.push([url, headers.authorization, headers.cookie, headers["x-a"]]);
        const location = locations[url];
        response.writeHead(location === undefined ? 200 : 302, location === undefined ? {} : { location });
        response.end();
      });
      await new Promise<void>((resolve) => server.listen(0, host, resolve));
      return server;
    };
    const urlOf = (server: Server): string => {
      const { address, port } = server.address() as AddressInfo;
      return `http://${address}:${port}`;
    };
    const other = await open("127.0.0.2", {});
    const server = await open("127.0.0.1", { "/here": "/end", "/there": `${urlOf(other)}/end` });
    const headers = { Authorization: ["Bearer x"], Cookie: ["a=b"], "X-A": ["1"] };
    try {
      for (const path of ["/here", "/there"])
        await io.http({ ...probe(urlOf(server) + path), headers }, never);
    } finally {
      await Promise.all([server, other].map((one) => new Promise((resolve) => one.close(resolve))));
    }
    expect(seen).toEqual([
      ["/here", "Bearer x", "a=b", "1"],
      ["/end", "Bearer x", "a=b", "1"],
      ["/there", "Bearer x", "a=b", "1"],
      ["/end", undefined, undefined, "1"],
    ]);
  });

  test("give up in time", () =>
    serving(async (port) => {
      const slow = { ...probe(`http://127.0.0.1:${port}/slow`), timeoutMs: 50 };
      expect(await rejection(io.http(slow, never))).toThrow("Client.Timeout exceeded");
    }));

  test("say who refused", async () => {
    expect(await rejection(io.http(probe("http://127.0.0.1:1/"), never))).toThrow(
      'Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused',
    );
  });
});

test("TCP probes connect or say why not", () =>
  serving(async (port) => {
    const tcp = {
      address: `127.0.0.1:${port}`,
      timeoutMs: 5_000,
      tls: false,
      tlsServerName: "",
      tlsSkipVerify: false,
    };
    await io.tcp(tcp, never);
    expect(await rejection(io.tcp({ ...tcp, address: "127.0.0.1:1" }, never))).toThrow(
      "dial tcp 127.0.0.1:1: connect: connection refused",
    );
  }));

describe("commands", () => {
  const run = (script: string, timeoutMs = 10_000): ReturnType<typeof io.run> =>
    io.run({ argv: ["sh", "-c", script], timeoutMs, outputBytesMax: 16 }, never);

  test("give exit code and both outputs", async () => {
    const { exitCode, timedOut, output } = await run("echo out; echo err >&2; exit 3");
    expect({ exitCode, timedOut }).toEqual({ exitCode: 3, timedOut: false });
    expect(utf8.decode(output.tail).split("\n").sort()).toEqual(["", "err", "out"]);
  });

  test("end with their children when time is up", async () => {
    const { timedOut, output } = await run("echo started; sleep 60 & sleep 60", 300);
    expect(timedOut).toBe(true);
    expect(utf8.decode(output.tail)).toBe("started\n");
  });

  test("say when there is no such program", async () => {
    const missing = io.run({ argv: ["no-such-program-x"], timeoutMs: 1_000, outputBytesMax: 16 }, never);
    expect(await rejection(missing)).toThrow('exec: "no-such-program-x": executable file not found in $PATH');
  });
});
