import { expect, test } from "bun:test";
import { restartWarnings } from "./reload.ts";
import { testLoad } from "./testing.ts";

const load = (file: object): ReturnType<typeof testLoad>["config"] =>
  testLoad("-config-file f.json", { "f.json": file }).config;

test("what waits for a restart is told, and what does not is not", () => {
  const current = load({ log_level: "INFO", node_name: "a" });
  const next = load({
    log_level: "TRACE",
    node_name: "b",
    ports: { http: 9 },
    service: { name: "web" },
    acl: { tokens: { agent: "secret" } },
    dns_config: { only_passing: true },
    limits: { http_max_conns_per_client: 5 },
  });
  expect(restartWarnings(current, next)).toEqual([
    "The value of 'node_name' changed, but takes effect only when the agent is restarted",
    "The value of 'ports.http' changed, but takes effect only when the agent is restarted",
  ]);
});

test("the same settings in another order are no change", () => {
  const a = load({ node_meta: { a: "1", b: "2" }, tagged_addresses: { x: "1", y: "2" } });
  const b = load({ tagged_addresses: { y: "2", x: "1" }, node_meta: { b: "2", a: "1" } });
  expect(restartWarnings(a, b)).toEqual([]);
});
