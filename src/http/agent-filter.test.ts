import { expect, test } from "bun:test";
import { compileAgentFilter } from "./agent-filter.ts";

test.each([
  ["service", "Service == web and Port == 80", { Service: "web", Port: 80 }],
  ["check", "CheckID matches `^web` and Status != passing", { CheckID: "web-1", Status: "critical" }],
  ["member", "Tags.role == consul and Status == 1", { Tags: { role: "consul" }, Status: 1 }],
] as const)("filters the agent's %ss", (kind, expression, value) => {
  expect(compileAgentFilter(expression, kind)(value)).toBe(true);
  expect(compileAgentFilter(`not (${expression})`, kind)(value)).toBe(false);
});

test("a faulty expression is the client's fault", () => {
  expect(() => compileAgentFilter("ContentHash == x", "service")).toThrow(
    expect.objectContaining({
      status: 400,
      message: 'Failed to create boolean expression evaluator: Selector "ContentHash" is not valid',
    }),
  );
});
