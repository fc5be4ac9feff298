/** The real program: checks of every network kind, metrics to a daemon, and an address from a template. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp2, createSecureServer, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testCertificates } from "../src/runtime/test-certificates.ts";
import { startAgent, type AgentProcess } from "./support/agent-process.ts";

const folder = mkdtempSync(join(tmpdir(), "proconsul-checks-"));
const { authority, leaf } = testCertificates(["127.0.0.1"]);
const strange = testCertificates(["127.0.0.1"]).leaf;
const closers: (() => void)[] = [];
let agent: AgentProcess;
let daemon: Socket;
const received: string[] = [];

interface Listening {
  listen(port: number, host: string, done: () => void): unknown;
  address(): unknown;
  close(): unknown;
}
async function listening(server: Listening): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Every service is well but the one called "down". */
function healthy(stream: unknown): void {
  // A server has only streams of this kind.
  const own = stream as ServerHttp2Stream;
  const chunks: Uint8Array[] = [];
  own.on("error", () => undefined);
  own.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  own.on("end", () => {
    const isDown = Buffer.concat(chunks).subarray(7).toString() === "down";
    own.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    own.on("wantTrailers", () => own.sendTrailers({ "grpc-status": "0" }));
    own.end(Uint8Array.of(0, 0, 0, 0, 2, 8, isDown ? 2 : 1));
  });
}

beforeAll(async () => {
  const caFile = join(folder, "ca.pem");
  writeFileSync(caFile, authority.cert);
  daemon = createSocket("udp4").on("message", (bytes) => received.push(...bytes.toString().split("\n")));
  await new Promise<void>((resolve) => daemon.bind(0, "127.0.0.1", resolve));
  closers.push(() => daemon.close());
  const settings = {
    enable_agent_tls_for_checks: true,
    tls: { internal_rpc: { ca_file: caFile } },
    telemetry: { statsd_address: `127.0.0.1:${daemon.address().port}`, disable_hostname: true },
    addresses: {
      http: '{{ GetAllInterfaces | include "network" "127.0.0.1/32" | limit 1 | attr "address" }}',
    },
  };
  const file = join(folder, "settings.json");
  writeFileSync(file, JSON.stringify(settings));
  agent = await startAgent(undefined, { extra: [`-config-file=${file}`] });
}, 60_000);

afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  for (const close of closers) close();
  rmSync(folder, { recursive: true });
});

interface Check {
  readonly CheckID: string;
  readonly Status: string;
  readonly Output: string;
}

/** The checks once none of them is as it was registered, by blocking queries. */
async function settled(ids: readonly string[]): Promise<ReadonlyMap<string, Check>> {
  for (let index = "0"; ;) {
    const answer = await fetch(`${agent.httpUrl}/v1/health/node/n1?wait=30s&index=${index}`);
    index = answer.headers.get("x-consul-index") ?? "0";
    const checks = (await answer.json()) as readonly Check[];
    const byId = new Map(checks.map((check) => [check.CheckID, check]));
    if (ids.every((id) => (byId.get(id)?.Output ?? "") !== "")) return byId;
  }
}

describe("the real program", () => {
  test("runs checks over the network, with the agent's own authority", async () => {
    const web = await listening(createHttps({ ...leaf }, (_request, response) => response.end("well")));
    const odd = await listening(createHttps({ ...strange }, (_request, response) => response.end("well")));
    const clear = await listening(createHttp2().on("stream", healthy));
    const secure = await listening(createSecureServer({ ...leaf }).on("stream", healthy));
    const unknown = "tls: failed to verify certificate: x509: certificate signed by unknown authority";
    const rows: readonly [id: string, definition: object, status: string, output: string][] = [
      ["https", { HTTP: `https://${web}/` }, "passing", `HTTP GET https://${web}/: 200 OK Output: well`],
      ["https-odd", { HTTP: `https://${odd}/` }, "critical", `Get "https://${odd}/": ${unknown}`],
      [
        "https-skip",
        { HTTP: `https://${odd}/`, TLSSkipVerify: true },
        "passing",
        `HTTP GET https://${odd}/: 200 OK Output: well`,
      ],
      ["tcp", { TCP: web, TCPUseTLS: true }, "passing", `TCP+TLS connect ${web}: Success`],
      ["grpc", { GRPC: `${clear}/up` }, "passing", `gRPC check ${clear}/up: success`],
      ["grpc-down", { GRPC: `${clear}/down` }, "critical", `gRPC ${clear}/down serving status: NOT_SERVING`],
      ["grpc-tls", { GRPC: secure, GRPCUseTLS: true }, "passing", `gRPC check ${secure}: success`],
      ["h2", { H2PING: clear, H2PingUseTLS: false }, "passing", "HTTP2 ping was successful"],
      ["h2-tls", { H2PING: secure }, "passing", "HTTP2 ping was successful"],
      [
        "udp",
        { UDP: `127.0.0.1:${daemon.address().port}`, Timeout: "50ms" },
        "passing",
        `UDP connect 127.0.0.1:${daemon.address().port}: Success`,
      ],
    ];
    for (const [id, definition] of rows) {
      // A status that none of them keeps, since a change of output alone is told later.
      const answer = await fetch(`${agent.httpUrl}/v1/agent/check/register`, {
        method: "PUT",
        body: JSON.stringify({ ID: id, Name: id, Interval: "1s", Status: "warning", ...definition }),
      });
      expect(await answer.text()).toBe("");
    }
    const checks = await settled(rows.map(([id]) => id));
    const seen = rows.map(([id]) => [id, checks.get(id)?.Status, checks.get(id)?.Output]);
    expect(seen).toEqual(rows.map(([id, , status, output]) => [id, status, output]));
  }, 60_000);

  test("sends its metrics to statsd", async () => {
    await fetch(`${agent.httpUrl}/v1/kv/a`);
    const wanted = /^consul\.api\.http\.GET\.v1_kv_:\d+\.\d{6}\|ms$/u;
    while (!received.some((line) => wanted.test(line)))
      await new Promise((done) => daemon.once("message", done));
    expect(received.some((line) => /^consul\.runtime\.sys_bytes:\d+\.0{6}\|g$/u.test(line))).toBe(true);
  }, 30_000);
});
