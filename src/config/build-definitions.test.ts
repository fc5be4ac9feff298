import { expect, test } from "bun:test";
import { testLoad } from "./testing.ts";

const load = (file: object): ReturnType<typeof testLoad>["config"] =>
  testLoad("-config-file f.json", { "f.json": file }).config;

test("a service becomes what the HTTP API takes", () => {
  const { services } = load({
    service: {
      id: "web-1",
      name: "web",
      port: 80,
      tags: ["a"],
      meta: { any_key: "v" },
      tagged_addresses: { lan: { address: "1.2.3.4", port: 5 } },
      enable_tag_override: true,
      weights: { passing: 5 },
      checks: [
        { http: "http://x", interval: "10s", timeout: "1s", header: { X_Y: ["b"] }, tls_skip_verify: true },
        { args: ["/bin/true"], interval: "30s", failures_before_critical: 3 },
      ],
      check: { ttl: "15s", DeregisterCriticalServiceAfter: "90m" },
      connect: {
        sidecar_service: {
          proxy: {
            config: { protocol_name: ["a", "b"] },
            upstreams: [{ destination_name: "db", local_bind_port: 9, mesh_gateway: { mode: "local" } }],
          },
        },
      },
    },
  });
  expect(services).toEqual([
    {
      ID: "web-1",
      Name: "web",
      Port: 80,
      Tags: ["a"],
      Meta: { any_key: "v" },
      TaggedAddresses: { lan: { Address: "1.2.3.4", Port: 5 } },
      EnableTagOverride: true,
      Weights: { Passing: 5, Warning: 1 },
      Checks: [
        { HTTP: "http://x", Interval: "10s", Timeout: "1s", Header: { X_Y: ["b"] }, TLSSkipVerify: true },
        { Args: ["/bin/true"], Interval: "30s", FailuresBeforeCritical: 3, FailuresBeforeWarning: 3 },
        { TTL: "15s", DeregisterCriticalServiceAfter: "90m" },
      ],
      Connect: {
        Native: false,
        SidecarService: {
          Name: "",
          Weights: { Passing: 1, Warning: 1 },
          Checks: [],
          Proxy: {
            Config: { protocol_name: ["a", "b"] },
            Upstreams: [{ DestinationName: "db", LocalBindPort: 9, MeshGateway: { Mode: "local" } }],
          },
        },
      },
    },
  ]);
});

test("definitions of several files are all kept", () => {
  const files = {
    "d/a.json": { service: { name: "a" }, check: { name: "x", ttl: "1s" } },
    "d/b.json": { Service: { Name: "b" } },
  };
  const { config } = testLoad("-config-dir d", files);
  expect(config.services.map((service) => service.Name)).toEqual(["a", "b"]);
  expect(config.checks).toEqual([{ Name: "x", TTL: "1s" }]);
});

test("an HTTP/2 check uses TLS unless told otherwise", () => {
  const { checks } = load({
    checks: [
      { h2ping: "a:1", interval: "1s" },
      { h2ping: "a:1", interval: "1s", h2ping_use_tls: false },
    ],
  });
  expect(checks.map((check) => check.H2PingUseTLS)).toEqual([true, false]);
});
