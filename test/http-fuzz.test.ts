/** Hostile HTTP: whatever bytes arrive, the agent answers or hangs up, and goes on serving. */
import { expect, test } from "bun:test";
import { connect } from "node:net";
import fc from "fast-check";
import { startAgent } from "./support/agent-process.ts";

const paths = [
  "kv/",
  "txn",
  "session/create",
  "catalog/register",
  "agent/service/register",
  "agent/check/register",
];
const reads = ["health/service/", "catalog/service/", "agent/service/", "session/info/", "event/list", "kv/"];

test("random paths, parameters and bodies never break the agent", async () => {
  await using agent = await startAgent();
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.string(), fc.json());
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...paths),
      fc.constantFrom(...reads),
      text,
      async (path, read, given) => {
        const written = await fetch(`${agent.httpUrl}/v1/${path}`, { method: "PUT", body: given });
        expect(written.status).toBeLessThan(600);
        const query = encodeURIComponent(given.replace(/[\ud800-\udfff]/g, ""));
        const found = await fetch(
          `${agent.httpUrl}/v1/${read}${query}?filter=${query}&near=${query}&tag=${query}`,
        );
        expect(found.status).toBeLessThan(600);
        await Promise.all([written.arrayBuffer(), found.arrayBuffer()]);
      },
    ),
    { numRuns: 250 },
  );
  const port = Number(new URL(agent.httpUrl).port);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      await new Promise<void>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
        socket.on("data", () => undefined).on("error", () => resolve());
        socket.on("close", () => resolve());
      });
    }),
    { numRuns: 150 },
  );
  expect(await (await fetch(`${agent.httpUrl}/v1/status/leader`)).text()).toContain("127.0.0.1");
  expect(agent.output()).not.toContain("failed unexpectedly");
}, 60_000);

/** Pieces of requests, whole and broken, as smugglers put them together. */
const fragments = [
  "GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n",
  "PUT /v1/kv/smuggle HTTP/1.1\r\nHost: x\r\n",
  "GET /v1/kv/smuggle?index=1&wait=1ms HTTP/1.0\r\n",
  "Content-Length: 5\r\n",
  "Content-Length: 0\r\n",
  "Content-Length : 5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: identity\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "Expect: 100-continue\r\n",
  " folded\r\n",
  "\r\n",
  "\n",
  "\r",
  "5\r\nhello\r\n",
  "0\r\n\r\n",
  "hello",
  "\u0000\u00ff",
] as const;

test("any order of fragments of requests is answered in whole answers, and the agent goes on", async () => {
  await using agent = await startAgent();
  const port = Number(new URL(agent.httpUrl).port);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...fragments), { minLength: 1, maxLength: 14 }),
      fc.nat(200),
      async (parts, cut) => {
        const bytes = Buffer.from(parts.join(""), "latin1");
        const answer = await new Promise<string>((resolve) => {
          let text = "";
          const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () => {
            // In two packets, so that every place of a request is once a border.
            socket.write(bytes.subarray(0, cut));
            setImmediate(() => socket.end(bytes.subarray(cut)));
          });
          socket.setEncoding("latin1").on("data", (piece) => (text += String(piece)));
          socket.on("error", () => undefined).on("close", () => resolve(text));
          socket.on("end", () => socket.destroy());
        });
        expect(answer).toMatch(/^$|^HTTP\/1\.[01] \d{3} /);
        for (const [, length, rest] of answer.matchAll(
          /Content-Length: (\d+)\r\n\r\n([^]*?)(?=HTTP\/1\.|$)/g,
        ))
          expect(rest?.length).toBe(Number(length));
      },
    ),
    { numRuns: 400 },
  );
  expect(await (await fetch(`${agent.httpUrl}/v1/status/leader`)).text()).toContain("127.0.0.1");
  expect(agent.output()).not.toContain("failed unexpectedly");
}, 60_000);
