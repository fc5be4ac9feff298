import { rejection } from "../lib/rejection.ts";
import { describe, expect, test } from "bun:test";
import type { WatchMark } from "../lib/watch-plan.ts";
import type { WatchSpec } from "../lib/watch-spec.ts";
import { renderGoJson, toGoJson } from "./go-json.ts";
import { goFlag, goList, goMap, goNumber, goPointer, goStruct, goText, shapeGo } from "./go-shape.ts";
import { HttpClient } from "./http-client.ts";
import { watchSource } from "./watch-source.ts";

const never = new AbortController().signal;

/** Reads a view once from an agent that answers with `body`. */
async function read(
  spec: WatchSpec,
  agent: { readonly body: string; readonly status?: number; readonly index?: string },
  last?: WatchMark,
): Promise<{ target: string; json: string; mark: WatchMark; pretty: string }> {
  let target = "";
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode(agent.body);
  }
  const client = new HttpClient(
    {
      send: async (request) => {
        ({ target } = request);
        return {
          status: agent.status ?? 200,
          header: (name) => (name === "x-consul-index" ? agent.index : undefined),
          body: bytes(),
        };
      },
      close: () => undefined,
    },
    {
      endpoint: { kind: "tcp", secure: false, authority: "a:1", host: "a", port: 1 },
      pathPrefix: "",
      token: "",
      basicAuth: undefined,
      tls: {
        authorities: undefined,
        certificate: undefined,
        key: undefined,
        serverName: undefined,
        verify: true,
      },
      datacenter: "dc2",
      namespace: undefined,
      partition: undefined,
    },
  );
  const view = await watchSource(client, spec).read(last, never);
  return { target, json: view.json, mark: view.mark, pretty: view.pretty() };
}

const at = (index: string): WatchMark => ({ kind: "index", index });

test("a key is read with what the watch waits on, and its number stays exact", async () => {
  const body = `[{"LockIndex":0,"Key":"a","Flags":18446744073709551615,"Value":"PHY+","CreateIndex":5,"ModifyIndex":6}]`;
  expect(await read({ kind: "key", key: "/a b", stale: true }, { body, index: "6" }, at("5"))).toEqual({
    target: "/v1/kv/a%20b?dc=dc2&index=5&stale=",
    mark: at("6"),
    json: `{"Key":"a","CreateIndex":5,"ModifyIndex":6,"LockIndex":0,"Flags":18446744073709551615,"Value":"PHY+","Session":""}`,
    pretty: `{
    "Key": "a",
    "CreateIndex": 5,
    "ModifyIndex": 6,
    "LockIndex": 0,
    "Flags": 18446744073709551615,
    "Value": "PHY+",
    "Session": ""
}`,
  });
});

test("nothing there is null", async () => {
  const nothing = { body: "", status: 404, index: "3" };
  expect(await read({ kind: "key", key: "a", stale: false }, nothing)).toMatchObject({
    json: "null",
    mark: at("3"),
  });
  expect(await read({ kind: "keyprefix", prefix: "a", stale: false }, nothing)).toMatchObject({
    json: "null",
    target: "/v1/kv/a?dc=dc2&recurse=",
  });
});

const filtered = { stale: false, filter: "" };
test.each<[WatchSpec, string]>([
  [
    { kind: "services", stale: true, filter: "a == 1" },
    "/v1/catalog/services?dc=dc2&filter=a+%3D%3D+1&stale=",
  ],
  [{ kind: "nodes", ...filtered }, "/v1/catalog/nodes?dc=dc2"],
  [
    { kind: "service", service: "web", tags: ["a", "b"], passingOnly: true, ...filtered },
    "/v1/health/service/web?dc=dc2&passing=1&tag=a&tag=b",
  ],
  [{ kind: "checks", service: "web", state: "", ...filtered }, "/v1/health/checks/web?dc=dc2"],
  [{ kind: "checks", service: "", state: "any", ...filtered }, "/v1/health/state/any?dc=dc2"],
  [{ kind: "event", name: "e" }, "/v1/event/list?dc=dc2&name=e"],
  [{ kind: "connect_roots" }, "/v1/agent/connect/ca/roots?dc=dc2"],
  [{ kind: "connect_leaf", service: "web" }, "/v1/agent/connect/ca/leaf/web?dc=dc2"],
  [{ kind: "agent_service", serviceId: "i" }, "/v1/agent/service/i?dc=dc2"],
])("%j asks %s", async (spec, target) => {
  expect((await read(spec, { body: "null" })).target).toBe(target);
});

describe("events", () => {
  const spec: WatchSpec = { kind: "event", name: "" };
  const ids = ["9f12c824-4dd6-0544-f757-527ae57270d7", "2ad86218-7aa7-4b5e-9a5c-900c2dcf58b0"];
  const body = JSON.stringify(ids.map((ID) => ({ ID, Name: "e", Payload: null, Version: 1, LTime: 2 })));
  const idsIn = (json: string): unknown => (JSON.parse(json) as { ID: string }[]).map(({ ID }) => ID);

  test("the first reading has all", async () => {
    const { json, mark } = await read(spec, { body, index: "12719557416780829678" });
    expect(idsIn(json)).toEqual(ids);
    // An index of 64 bits, and not what a number makes of it.
    expect(mark).toEqual(at("12719557416780829678"));
  });

  test("later ones have what came after the event that the mark stands for", async () => {
    const first = BigInt("0x9f12c8244dd60544") ^ BigInt("0xf757527ae57270d7");
    expect(idsIn((await read(spec, { body, index: "1" }, at(String(first)))).json)).toEqual([ids[1]]);
    expect(idsIn((await read(spec, { body, index: "1" }, at("12719557416780829678"))).json)).toEqual([]);
    expect(idsIn((await read(spec, { body, index: "1" }, at("77"))).json)).toEqual(ids);
  });
});

test("a service of the agent goes by its hash", async () => {
  const spec: WatchSpec = { kind: "agent_service", serviceId: "i" };
  const body = `{"ID":"i","Service":"i","ContentHash":"h2","Weights":{"Passing":1,"Warning":1},"Connect":{}}`;
  const { target, mark, json } = await read(spec, { body }, { kind: "hash", hash: "h1" });
  expect({ target, mark }).toEqual({
    target: "/v1/agent/service/i?dc=dc2&hash=h1",
    mark: { kind: "hash", hash: "h2" },
  });
  expect(json).toBe(
    `{"ID":"i","Service":"i","Tags":null,"Meta":null,"Port":0,"Address":"","Weights":{"Passing":1,"Warning":1},` +
      `"EnableTagOverride":false,"ContentHash":"h2","Connect":{}}`,
  );
});

test("checks in a state that there is not cannot be watched", async () => {
  const spec: WatchSpec = { kind: "checks", service: "", state: "nosuch", ...filtered };
  expect(await rejection(read(spec, { body: "[]" }))).toThrow("Unsupported state: nosuch");
});

test("checks have what Go fills in", async () => {
  const spec: WatchSpec = { kind: "checks", service: "", state: "any", ...filtered };
  const body = `[{"Node":"n","CheckID":"c","Definition":{"Interval":"10s","HTTP":"h"},"ServiceTags":["<b>"]}]`;
  expect((await read(spec, { body })).json).toBe(
    `[{"Node":"n","CheckID":"c","Name":"","Status":"","Notes":"","Output":"","ServiceID":"","ServiceName":"",` +
      `"ServiceTags":["\\u003cb\\u003e"],"Type":"","ExposedPort":0,"Definition":{"Interval":"10s","Timeout":"0s",` +
      `"DeregisterCriticalServiceAfter":"0s","HTTP":"h","Header":null,"Method":"","Body":"","TLSServerName":"",` +
      `"TLSSkipVerify":false,"TCP":"","TCPUseTLS":false,"UDP":"","GRPC":"","OSService":"","GRPCUseTLS":false},` +
      `"CreateIndex":0,"ModifyIndex":0}]`,
  );
});

describe("JSON as Go prints it", () => {
  test("maps are sorted by bytes, structs are not", () => {
    expect(renderGoJson(toGoJson({ b: 1, "10": 2, "-": 3, a: [] }))).toBe(`{"-":3,"10":2,"a":[],"b":1}`);
    expect(renderGoJson(shapeGo(goStruct({ b: goNumber, "1": goText }), {}))).toContain(`"b":0`);
  });

  test("indents lists and maps, and not what is empty", () => {
    expect(renderGoJson(toGoJson({ a: [1, { b: null }], c: {}, d: [] }), "\t")).toBe(
      `{\n\t"a": [\n\t\t1,\n\t\t{\n\t\t\t"b": null\n\t\t}\n\t],\n\t"c": {},\n\t"d": []\n}`,
    );
  });

  test("leaves out what is empty and may be", () => {
    const inner = goStruct({ "x?": goText });
    const shape = goStruct({
      "text?": goText,
      "flag?": goFlag,
      "list?": goList(goText),
      "map?": goMap(goText),
      "pointer?": goPointer(inner),
      "struct?": inner,
      kept: goText,
    });
    expect(renderGoJson(shapeGo(shape, {}))).toBe(`{"struct":{},"kept":""}`);
    expect(renderGoJson(shapeGo(shape, { pointer: {}, map: {}, list: [], flag: true }))).toBe(
      `{"flag":true,"pointer":{},"struct":{},"kept":""}`,
    );
  });

  test("refuses values of another type", () => {
    expect(() => shapeGo(goText, 1)).toThrow("json: cannot unmarshal number into Go value of type string");
    expect(() => shapeGo(goList(goText), {})).toThrow("json: cannot unmarshal object");
  });
});
