import { expect, test } from "bun:test";
import { idleWarnings, isIdleKey } from "./idle-keys.ts";
import { allKeys } from "./keys.ts";
import { testLoad } from "./testing.ts";

const warnings = (file: object, flags = ""): readonly string[] =>
  idleWarnings(testLoad(`-config-file f.json ${flags}`, { "f.json": file }).config);

test("a configuration in which everything acts is told nothing", () => {
  expect(warnings({ server: true, connect: { enabled: true }, ports: { http: 1 }, ui: true })).toEqual([]);
  expect(
    warnings({
      connect: { enabled: false },
      ports: { grpc_tls: -1 },
      disable_remote_exec: true,
      experiments: [],
    }),
  ).toEqual([]);
});

test("the development preset asks for nothing", () => {
  expect(idleWarnings(testLoad("-dev", {}).config)).toEqual([]);
});

test("what is asked for and not there is told", () => {
  expect(
    warnings({
      acl: { enabled: true, tokens: { agent: "secret" } },
      tls: {
        defaults: { verify_incoming: true, ca_file: "/ca.pem", cert_file: "/c.pem", key_file: "/k.pem" },
      },
      ports: { grpc_tls: 8503 },
      disable_remote_exec: false,
      telemetry: { circonus_api_url: "x" },
    }),
  ).toEqual([
    "acl.enabled has no effect yet: every request is allowed",
    "TLS between agents is not there yet: verify_incoming, verify_outgoing and verify_server_hostname have no effect on it, and its connections are not encrypted",
    "keys without effect in this version: disable_remote_exec, ports.grpc_tls, acl.enabled, acl.tokens.agent, telemetry.circonus_api_url",
  ]);
});

test("a key is idle by its path or by a path above it", () => {
  expect(["acl.enabled", "connect.ca_config", "ports.grpc_tls"].map(isIdleKey)).not.toContain(false);
  expect(["http_config.use_cache", "ports.http", "tls.https.verify_incoming"].map(isIdleKey)).not.toContain(
    true,
  );
  expect(allKeys.filter(({ path }) => isIdleKey(path)).length).toBeGreaterThan(80);
});
