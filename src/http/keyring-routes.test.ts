/** Texts and statuses were recorded from the reference, with and without encryption. */
import { describe, expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import { KeyringResponse, KeyringResponses, type KeyringOperationRequest } from "../wire/structs/gossip.ts";
import { createApp } from "./app.ts";
import { keyringRoutes } from "./keyring-routes.ts";
import type { HttpResponse } from "./types.ts";

const well = { Datacenter: "dc1", Keys: { a: 1 }, PrimaryKeys: { a: 1 }, NumNodes: 1 };
const plain = { Datacenter: "dc1", NumNodes: 1, Error: "1/1 nodes reported failure" };
const empty = "Keyring is empty (encryption not enabled)";

interface Door {
  readonly asked: KeyringOperationRequest[];
  send(method: string, target: string, body?: string): Promise<HttpResponse>;
}

function door(...pools: readonly Partial<KeyringResponse>[]): Door {
  const asked: KeyringOperationRequest[] = [];
  const rpc: Rpc = {
    call: async (_method, request) => {
      asked.push(request as KeyringOperationRequest);
      return KeyringResponses.make({ Responses: pools.map((one) => KeyringResponse.make(one)) }) as never;
    },
  };
  const app = createApp({
    routes: keyringRoutes,
    context: {
      rpc,
      datacenter: "dc1",
      nodeName: "n1",
      log: silentLog,
      metrics: noMetrics,
      kvValueBytesMax: 1024,
      txnBytesMax: 1024,
    },
    blockedEndpoints: [],
    responseHeaders: {},
    unprintableCharFilter: false,
  });
  return {
    asked,
    send: async (method, target, body = "") => {
      const [path = "", search = ""] = target.split("?");
      return app({
        method,
        path,
        search,
        header: () => undefined,
        body: async () => new TextEncoder().encode(body),
        signal: new AbortController().signal,
        remoteAddress: "127.0.0.1",
      });
    },
  };
}

const path = "/v1/operator/keyring";

test("lists the keys of every pool", async () => {
  const { send, asked } = door({ ...well, WAN: true }, { ...well, Messages: { n2: "cut" } });
  const { status, body } = await send("GET", `${path}?relay-factor=3&token=t`);
  expect(status).toBe(200);
  expect(body).toBe(
    '[{"WAN":true,"Datacenter":"dc1","Segment":"","Keys":{"a":1},"PrimaryKeys":{"a":1},"NumNodes":1},' +
      '{"WAN":false,"Datacenter":"dc1","Segment":"","Messages":{"n2":"cut"},"Keys":{"a":1},"PrimaryKeys":{"a":1},"NumNodes":1}]',
  );
  expect(asked).toMatchObject([{ Operation: "list", RelayFactor: 3, LocalOnly: false, Token: "t" }]);
});

test.each([
  { method: "POST", Operation: "install" },
  { method: "PUT", Operation: "use" },
  { method: "DELETE", Operation: "remove" },
])("$method: $Operation", async ({ method, Operation }) => {
  const { send, asked } = door(well);
  const { status, body } = await send(method, path, '{"Key":"a2V5"}');
  expect({ status, body }).toEqual({ status: 200, body: "" });
  expect(asked).toMatchObject([{ Operation, Key: "a2V5" }]);
});

test("tells all failures at once", async () => {
  const { send } = door(
    { ...plain, WAN: true, Messages: { "n1.dc1": empty } },
    { ...plain, Messages: { n1: empty } },
  );
  const { status, body } = await send("GET", path);
  expect({ status, body }).toEqual({
    status: 500,
    body: `4 errors occurred:
	* WAN error: 1/1 nodes reported failure
	* n1.dc1: Keyring is empty (encryption not enabled)
	* dc1 (LAN) error: 1/1 nodes reported failure
	* n1: Keyring is empty (encryption not enabled)

`,
  });
});

describe("refuses", () => {
  test.each([
    {
      target: "?local-only=x",
      method: "GET",
      text: 'Error parsing local-only: strconv.ParseBool: parsing "x": invalid syntax',
    },
    {
      target: "?relay-factor=9",
      method: "GET",
      text: "Invalid relay-factor: Relay factor must be in range: [0, 5]",
    },
    {
      target: "?relay-factor=z",
      method: "GET",
      text: 'Error parsing relay factor: strconv.Atoi: parsing "z": invalid syntax',
    },
    { target: "", method: "POST", text: "Request decode failed: EOF" },
    {
      target: "?local-only=true",
      method: "PUT",
      text: "Invalid use of local-only: local-only can only be set for list requests",
    },
  ])("$method $target", async ({ target, method, text }) => {
    const { send, asked } = door(well);
    const { status, body } = await send(method, `${path}${target}`, target === "" ? "" : '{"Key":"a"}');
    expect({ status, body }).toEqual({ status: 400, body: text });
    expect(asked).toEqual([]);
  });

  test("other methods", async () => {
    const { status, headers } = await door().send("PATCH", path);
    expect(status).toBe(405);
    expect(headers["Allow"]).toBe("OPTIONS,GET,POST,PUT,DELETE");
  });
});
