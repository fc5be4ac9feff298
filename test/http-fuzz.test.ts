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
