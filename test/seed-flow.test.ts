/** The seed flow of `examples/seed-flow.ts`, as a test against the real program. */
import { expect, test } from "bun:test";
import { seedFlow } from "../examples/seed-flow.ts";
import { startAgent } from "./support/agent-process.ts";

test("keys, a TTL service, a watch and a lock behave as a client expects", async () => {
  await using agent = await startAgent();
  const told: string[] = [];
  await seedFlow(agent.httpUrl, (line) => told.push(line));
  expect(told.length).toBeGreaterThan(15);
}, 60_000);
