import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerPoll } from "../agent/docker-poll.ts";
import { CheckType } from "../wire/structs/service.ts";
import { systemCheckIo } from "./check-io.ts";

const never = new AbortController().signal;
const folder = mkdtempSync(join(tmpdir(), "docker-check-"));
const socketPath = join(folder, "docker.sock");
const asked: string[] = [];
let daemon: Server;

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString();
}

/** A daemon with the containers `web` (exec ids by the command's exit code), `paused` and `broken`. */
async function answer(request: IncomingMessage): Promise<{ status: number; text: string }> {
  const body = await bodyOf(request);
  asked.push(`${request.method} ${request.url} ${body}`);
  const url = request.url ?? "";
  if (url === "/containers/web/exec") {
    const { Cmd } = JSON.parse(body) as { Cmd: readonly string[] };
    return { status: 201, text: JSON.stringify({ Id: `exec${Cmd[1]}` }) };
  }
  if (url === "/containers/paused/exec") return { status: 409, text: "{}" };
  if (url === "/containers/broken/exec") return { status: 500, text: "out of order" };
  if (url === "/exec/exec5/start") return { status: 404, text: "" };
  if (url.endsWith("/start")) return { status: 200, text: "0123456789" };
  if (url.endsWith("/json")) return { status: 200, text: JSON.stringify({ ExitCode: Number(url[10]) }) };
  return { status: 404, text: "{}" };
}

beforeAll(async () => {
  daemon = createServer((request, response) => {
    void answer(request).then(({ status, text }) => response.writeHead(status).end(text));
  });
  await new Promise<void>((resolve) => daemon.listen(socketPath, resolve));
});
afterAll(() => {
  daemon.close();
  rmSync(folder, { recursive: true });
});

function poll(container: string, code: number, dockerHost = `unix://${socketPath}`) {
  const check = CheckType.make({ DockerContainerID: container, ScriptArgs: ["exit", String(code)] });
  return dockerPoll(systemCheckIo({ dockerHost }), check, 100)(never);
}
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("Docker checks", () => {
  test.each([
    { code: 0, status: "passing" },
    { code: 1, status: "warning" },
    { code: 2, status: "critical" },
  ])("exit code $code is $status", async ({ code, status }) => {
    expect(await poll("web", code)).toEqual({ status, output: "0123456789" });
  });

  test("the conversation is create, start, inspect", async () => {
    asked.length = 0;
    await poll("web", 0);
    expect(asked).toEqual([
      'POST /containers/web/exec {"AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"Cmd":["exit","0"]}',
      'POST /exec/exec0/start {"Detach":false,"Tty":true}',
      "GET /exec/exec0/json ",
    ]);
  });

  test("long output is cut", async () => {
    const check = CheckType.make({ DockerContainerID: "web", ScriptArgs: ["exit", "0"] });
    const io = systemCheckIo({ dockerHost: `unix://${socketPath}` });
    const docker: typeof io.docker = (request, signal) =>
      io.docker({ ...request, outputBytesMax: request.path.endsWith("start") ? 4 : 100 }, signal);
    expect((await dockerPoll({ ...io, docker }, check, 100)(never)).output).toBe(
      "Captured 4 of 10 bytes\n...\n6789",
    );
    expect(await outcome(poll("web", 5))).toBe("start exec failed for container web: invalid exec id exec5");
  });

  test.each([
    { container: "gone", text: "create exec failed for unknown container gone" },
    { container: "paused", text: "create exec failed since container paused is paused or stopped" },
    { container: "broken", text: "create exec failed for container broken with status 500: out of order" },
  ])("$container", async ({ container, text }) => {
    expect(await outcome(poll(container, 0))).toBe(text);
  });

  test("a daemon that is not there", async () => {
    const missing = join(folder, "none.sock");
    expect(await outcome(poll("web", 0, `unix://${missing}`))).toBe(
      `create exec failed for container web: Post "http://${encodeURIComponent(missing)}/containers/web/exec": dial unix ${missing}: connect: no such file or directory`,
    );
    expect(await outcome(poll("web", 0, "nonsense"))).toContain("unable to parse docker host `nonsense`");
  });
});

describe("UDP probes", () => {
  const io = systemCheckIo();
  const probe = (port: number) => outcome(io.udp({ address: `127.0.0.1:${port}`, timeoutMs: 40 }, never));

  test("an answer and silence are good, a refusal is not", async () => {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    const { port } = socket.address();
    expect(await probe(port)).toBeUndefined();
    const received = new Promise<number>((resolve) =>
      socket.on("message", (bytes, from) => {
        socket.send("pong", from.port, from.address);
        resolve(bytes.length);
      }),
    );
    expect(await probe(port)).toBeUndefined();
    expect(await received).toBe(0);
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    expect(await probe(port)).toMatch(
      new RegExp(`^read udp 127\\.0\\.0\\.1:\\d+->127\\.0\\.0\\.1:${port}: read: connection refused$`, "u"),
    );
  });
});
