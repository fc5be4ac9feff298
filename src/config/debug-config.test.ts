import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { debugConfig } from "./debug-config.ts";
import { testLoad } from "./testing.ts";

type Json = Readonly<Record<string, unknown>>;

function recorded(name: string): Json {
  return JSON.parse(readFileSync(new URL(`testdata/${name}`, import.meta.url), "utf8")) as Json;
}

// Recorded from the reference (1.16.4) started with the same flags.
test("a development agent shows what the reference shows", () => {
  const expected = recorded("debug-config-dev.json");
  const line =
    "-dev -http-port 18599 -dns-port -1 -server-port 18600 -serf-lan-port 18601 -serf-wan-port 18602 -grpc-port -1 -grpc-tls-port -1 -client 0.0.0.0";
  const { config } = testLoad(`${line} -data-dir ${String(expected["DataDir"])} -node vm`);
  expect(debugConfig(config, { nodeId: String(expected["NodeID"]) })).toEqual(expected as never);
});

// Recorded from the reference, apart from the headers that it adds to HTTP checks.
test("services and checks show every field", () => {
  const expected = recorded("debug-config-definitions.json");
  const file = {
    services: [
      {
        name: "web",
        port: 80,
        tags: ["a"],
        meta: { k: "v" },
        tagged_addresses: { lan: { address: "1.2.3.4", port: 5 } },
        check: { http: "http://x", interval: "10s", token: "s", header: { a: ["b"] } },
        connect: {
          sidecar_service: {
            proxy: {
              config: { a: ["b"], c: { d: ["e"] } },
              upstreams: [{ destination_name: "x", local_bind_port: 9 }],
            },
          },
        },
      },
    ],
    check: { name: "c", ttl: "30s" },
  };
  const shown = debugConfig(testLoad("-config-file f.json", { "f.json": file }).config, { nodeId: "" });
  expect({ Services: shown["Services"], Checks: shown["Checks"] }).toEqual(expected as never);
});

test("secrets are hidden wherever they stand", () => {
  const secret = "5ecret5ecret";
  const file = {
    encrypt: Buffer.alloc(32).toString("base64"),
    acl: { tokens: { default: secret, agent: secret, initial_management: secret, replication: secret } },
    connect: { ca_config: { private_key: secret, token: secret } },
    auto_config: { intro_token: secret },
    cloud: { client_secret: secret },
    retry_join: [`provider=aws secret_access_key=${secret} region=x`],
    http_config: { response_headers: { "X-Api-Key": secret } },
    telemetry: { circonus_api_token: secret },
    ui_config: { metrics_proxy: { add_headers: [{ name: "Authorization", value: secret }] } },
    service: { name: "a", token: secret, check: { ttl: "1s", token: secret } },
    watches: [{ type: "key", key: secret, token: secret }],
    tls: { defaults: { key_file: secret } },
  };
  const text = JSON.stringify(
    debugConfig(testLoad("-config-file f.json", { "f.json": file }).config, { nodeId: "" }),
  );
  expect(text).not.toContain(secret);
  expect(text).not.toContain(file.encrypt);
  expect(text).toContain("provider=aws secret_access_key=hidden region=x");
});
