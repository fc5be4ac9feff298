import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { freePortRun } from "./free-ports.ts";

test("every port of a run can be listened on", async () => {
  const first = await freePortRun(8);
  for (let port = first; port < first + 8; port += 1) {
    const server = createServer();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1" }, resolve);
    await promise;
    server.close();
  }
  expect(first).toBeGreaterThan(1024);
});
