/** The doors of keys, sessions and transactions before a server in the same process, on a clock moved by hand. */
import { describe, expect, test } from "bun:test";
import { commandType } from "../fsm/command.ts";
import { encodeCommand } from "../fsm/encode.ts";
import { Fsm } from "../fsm/fsm.ts";
import { kvCommands, kvSnapshotPart } from "../fsm/kv-commands.ts";
import { sessionCommands } from "../fsm/session-commands.ts";
import { txnCommands } from "../fsm/txn-commands.ts";
import type { Consensus } from "../lib/consensus.ts";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import type { ServerContext } from "../server/context.ts";
import { kvEndpoints } from "../server/kv.ts";
import { createLockDelays } from "../server/lock-delays.ts";
import { Server } from "../server/server.ts";
import { sessionEndpoints } from "../server/session.ts";
import { createSessionTimers } from "../server/session-timers.ts";
import { createTombstoneGc } from "../server/tombstone-gc.ts";
import { txnEndpoints } from "../server/txn.ts";
import { ensureCheck, ensureNode } from "../state/catalog.ts";
import { sessionDestroy } from "../state/session.ts";
import { StateStore } from "../state/store.ts";
import { HealthCheck, Node } from "../wire/structs/catalog.ts";
import { TombstoneRequest } from "../wire/structs/kv.ts";
import { createApp } from "./app.ts";
import { kvRoutes } from "./kv-routes.ts";
import { sessionRoutes } from "./session-routes.ts";
import { txnRoutes } from "./txn-routes.ts";
import type { HttpResponse } from "./types.ts";

type Send = (method: string, url: string, body?: string) => Promise<HttpResponse & { readonly text: string }>;

function world(): { readonly send: Send; readonly clock: ManualClock; readonly store: StateStore } {
  const clock = new ManualClock();
  const lockDelays = createLockDelays(clock);
  const store = new StateStore(lockDelays);
  ensureNode(store, 1, Node.make({ Node: "n1", Address: "127.0.0.1" }));
  ensureCheck(store, 2, HealthCheck.make({ Node: "n1", CheckID: "serfHealth", Status: "passing" }));
  store.commit();
  const fsm = new Fsm(store, [...kvCommands, ...sessionCommands, ...txnCommands], [kvSnapshotPart]);
  let index = 10;
  const apply = (bytes: Uint8Array, decoded?: unknown): unknown => fsm.apply((index += 1), bytes, decoded);
  const consensus = {
    status: () => ({ role: "leader", leaderId: "s1", leaderAddress: "127.0.0.1:8300", lastContactMs: 0 }),
    // Every other command is decoded from its bytes, as on followers.
    propose: async (bytes: Uint8Array, decoded: unknown) =>
      apply(bytes, index % 2 === 0 ? decoded : undefined),
    verifyLeader: async () => undefined,
    barrier: () => Promise.resolve(),
    onLeadership: (listener: (leading: boolean, term: number) => void) => {
      listener(true, 1);
      return { [Symbol.dispose]: () => undefined };
    },
  } as unknown as Consensus;
  const tombstoneGc = createTombstoneGc({
    clock,
    reap: (ReapIndex) => {
      const body = TombstoneRequest.make({ Op: "reap", ReapIndex });
      apply(encodeCommand(commandType.tombstone, TombstoneRequest, body), body);
    },
  });
  let uuids = 0;
  const context: ServerContext = {
    settings: {
      datacenter: "dc1",
      nodeName: "n1",
      nodeId: "",
      defaultQueryTimeMs: 300_000,
      maxQueryTimeMs: 600_000,
      sessionTtlMinMs: 10_000,
      kvValueBytesMax: 64,
      rpcHoldTimeoutMs: 7_000,
    },
    consensus,
    store,
    clock,
    log: silentLog,
    metrics: noMetrics,
    random: () => 0,
    uuid: () => `00000000-0000-4000-8000-${String((uuids += 1)).padStart(12, "0")}`,
    lockDelays,
    tombstoneGc,
    // Nothing here asks for these.
    ...({} as Pick<ServerContext, "autopilot" | "coordinates" | "initialAutopilot" | "pool">),
    sessionTimers: createSessionTimers({
      clock,
      log: silentLog,
      expire: (id) => {
        sessionDestroy(store, (index += 1), id);
        store.commit();
      },
    }),
  };
  const server = new Server(context, [...kvEndpoints, ...sessionEndpoints, ...txnEndpoints]);
  const app = createApp({
    routes: [...kvRoutes, ...sessionRoutes, ...txnRoutes],
    context: {
      rpc: server,
      datacenter: "dc1",
      nodeName: "n1",
      log: silentLog,
      metrics: noMetrics,
      kvValueBytesMax: 64,
      txnBytesMax: 4096,
    },
    blockedEndpoints: [],
    responseHeaders: {},
    unprintableCharFilter: true,
  });
  const send: Send = async (method, url, body = "") => {
    const [path = "", search = ""] = url.split("?");
    const bytes = new TextEncoder().encode(body);
    const response = await app({
      method,
      path,
      search,
      header: (name) => (name === "content-length" ? String(bytes.length) : undefined),
      body: () => Promise.resolve(bytes),
      signal: new AbortController().signal,
      remoteAddress: "127.0.0.1",
    });
    const raw = response.body as string | Uint8Array;
    return { ...response, text: typeof raw === "string" ? raw : new TextDecoder().decode(raw) };
  };
  return { send, clock, store };
}

const s1 = "00000000-0000-4000-8000-000000000001";
const s2 = "00000000-0000-4000-8000-000000000002";

describe("/v1/kv/", () => {
  test("stores, reads, lists and deletes", async () => {
    const { send } = world();
    expect(await send("PUT", "/v1/kv/a%2Fb?flags=18446744073709551615", "v")).toMatchObject({
      status: 200,
      text: "true",
    });
    const got = await send("GET", "/v1/kv/a/b");
    expect(got.text).toBe(
      '[{"LockIndex":0,"Key":"a/b","Flags":18446744073709551615,"Value":"dg==","CreateIndex":11,"ModifyIndex":11}]',
    );
    expect(got.headers).toEqual({
      "Content-Type": "application/json",
      "X-Consul-Index": "11",
      "X-Consul-Knownleader": "true",
      "X-Consul-Lastcontact": "0",
      "X-Consul-Query-Backend": "blocking-query",
    });
    await send("PUT", "/v1/kv/a/c/d");
    expect((await send("GET", "/v1/kv/a/?keys&separator=/")).text).toBe('["a/b","a/c/"]');
    expect((await send("GET", "/v1/kv/a?keys&seperator=/")).text).toBe('["a/"]');
    expect((await send("DELETE", "/v1/kv/a?recurse")).text).toBe("true");
    expect(await send("GET", "/v1/kv/a?recurse")).toMatchObject({
      status: 404,
      text: "",
      headers: { "X-Consul-Index": "13" },
    });
    expect(await send("GET", "/v1/kv/?keys")).toMatchObject({ status: 200, text: "[]" });
  });

  test("serves raw values as inert text", async () => {
    const { send } = world();
    await send("PUT", "/v1/kv/page", "<script>");
    expect(await send("GET", "/v1/kv/page?raw")).toMatchObject({
      text: "<script>",
      headers: {
        "Content-Type": "text/plain",
        "Content-Security-Policy": "sandbox",
        "X-Content-Type-Options": "nosniff",
      },
    });
  });

  test.each([
    ["GET", "/v1/kv/", "", 400, "Missing key name"],
    ["PUT", "/v1/kv/", "", 400, "Missing key name"],
    ["DELETE", "/v1/kv/", "", 400, "Missing key name"],
    ["PUT", "/v1/kv/k?flags=-1", "", 500, 'strconv.ParseUint: parsing "-1": invalid syntax'],
    [
      "PUT",
      "/v1/kv/k?cas=18446744073709551616",
      "",
      500,
      'strconv.ParseUint: parsing "18446744073709551616": value out of range',
    ],
    [
      "PUT",
      "/v1/kv/k?cas=0&release=y&z=a%20b%2Fc~d&acquire",
      "",
      400,
      "Conflicting flags: acquire=&cas=0&release=y&z=a+b%2Fc~d",
    ],
    ["DELETE", "/v1/kv/k?recurse&cas=1", "", 400, "Conflicting flags: cas=1&recurse="],
    ["PUT", "/v1/kv/k?acquire=", "", 500, "missing session"],
    ["PUT", `/v1/kv/k?acquire=${s1}`, "", 500, `invalid session "${s1}"`],
    [
      "PUT",
      "/v1/kv/k",
      "x".repeat(65),
      413,
      "Request body(65 bytes) too large, max size: 64 bytes. See https://www.consul.io/docs/agent/config/config-files#kv_max_value_size.",
    ],
  ])("%s %s is refused", async (...row) => {
    const [method, url, body, status, text] = row;
    expect(await world().send(method, url, body)).toMatchObject({ status, text });
  });

  test("a waiting read wakes for its own key only", async () => {
    const { send } = world();
    await send("PUT", "/v1/kv/k", "1");
    let isDone = false;
    const waiting = send("GET", "/v1/kv/k?index=11").finally(() => (isDone = true));
    await send("PUT", "/v1/kv/kk", "1");
    await send("PUT", "/v1/kv/k", "1");
    expect(isDone).toBe(false);
    await send("PUT", "/v1/kv/k", "2");
    expect((await waiting).headers["X-Consul-Index"]).toBe("14");
  });

  test("an index from the future waits as long as it is asked to", async () => {
    const { send, clock } = world();
    await send("PUT", "/v1/kv/k", "1");
    let isDone = false;
    const waiting = send("GET", "/v1/kv/k?index=99&wait=1s").finally(() => (isDone = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDone).toBe(false);
    clock.advance(1_000);
    expect((await waiting).headers["X-Consul-Index"]).toBe("11");
  });

  test("deletions keep the index of a listing up, and are forgotten in time", async () => {
    const { send, clock, store } = world();
    await send("PUT", "/v1/kv/a/1");
    await send("PUT", "/v1/kv/a/2");
    await send("DELETE", "/v1/kv/a/2");
    expect((await send("GET", "/v1/kv/a/?keys")).headers["X-Consul-Index"]).toBe("13");
    clock.advance(16 * 60_000);
    expect(store.tables.tombstones.size).toBe(0);
  });

  test("a lock lost by force cannot be taken again for its delay", async () => {
    const { send, clock } = world();
    await send("PUT", "/v1/session/create", '{"LockDelay":"3s"}');
    await send("PUT", "/v1/session/create");
    expect((await send("PUT", `/v1/kv/k?acquire=${s1}`)).text).toBe("true");
    expect((await send("PUT", `/v1/kv/k?acquire=${s2}`)).text).toBe("false");
    await send("PUT", `/v1/session/destroy/${s1}`);
    expect((await send("PUT", `/v1/kv/k?acquire=${s2}`)).text).toBe("false");
    expect((await send("PUT", "/v1/txn", `[{"KV":{"Verb":"lock","Key":"k","Session":"${s2}"}}]`)).text).toBe(
      '{"Results":null,"Errors":[{"OpIndex":0,"What":"failed to lock key \\"k\\" due to lock delay"}]}',
    );
    clock.advance(3_000);
    expect((await send("PUT", `/v1/kv/k?acquire=${s2}`)).text).toBe("true");
  });
});

describe("/v1/session/", () => {
  test.each([
    [
      "",
      '"LockDelay":15000000000,"Behavior":"release","TTL":"","NodeChecks":["serfHealth"],"ServiceChecks":null',
    ],
    [
      '{"LockDelay":20}',
      '"LockDelay":20000000000,"Behavior":"release","TTL":"","NodeChecks":["serfHealth"],"ServiceChecks":null',
    ],
    [
      '{"LockDelay":-5,"Nonsense":1}',
      '"LockDelay":-5000000000,"Behavior":"release","TTL":"","NodeChecks":["serfHealth"],"ServiceChecks":null',
    ],
    [
      '{"lockdelay":true,"ttl":"15s"}',
      '"LockDelay":0,"Behavior":"release","TTL":"15s","NodeChecks":["serfHealth"],"ServiceChecks":null',
    ],
    [
      '{"Checks":null,"ServiceChecks":[]}',
      '"LockDelay":15000000000,"Behavior":"release","TTL":"","NodeChecks":[],"ServiceChecks":[]',
    ],
    [
      '{"NodeChecks":[]}',
      '"LockDelay":15000000000,"Behavior":"release","TTL":"","NodeChecks":[],"ServiceChecks":null',
    ],
    [
      '{"Node":null,"Checks":["serfHealth","serfHealth"]}',
      '"LockDelay":15000000000,"Behavior":"release","TTL":"","NodeChecks":["serfHealth"],"ServiceChecks":null,"Checks":["serfHealth","serfHealth"]',
    ],
  ])("creates from %s", async (body, shown) => {
    const { send } = world();
    expect((await send("PUT", "/v1/session/create", body)).text).toBe(`{"ID":"${s1}"}`);
    const expected = `[{"ID":"${s1}","Name":"","Node":"n1",${shown},"CreateIndex":11,"ModifyIndex":11}]`;
    for (const url of [`info/${s1}`, "list", "node/N1"]) {
      expect((await send("GET", `/v1/session/${url}`)).text).toBe(expected);
    }
  });

  test.each([
    ['{"TTL":"5s"}', 500, "Invalid Session TTL '5000000000', must be between [10s=24h0m0s]"],
    ['{"TTL":"15"}', 500, "Session TTL '15' invalid: time: missing unit in duration \"15\""],
    ['{"Behavior":"explode"}', 500, "Invalid Behavior setting 'explode'"],
    ['{"Node":""}', 500, "Must provide Node"],
    ['{"Checks":["no"]}', 500, "Missing check 'no' registration"],
    ['{"LockDelay":"forever"}', 400, 'Request decode failed: time: invalid duration "forever"'],
  ])("refuses %s", async (body, status, text) => {
    expect(await world().send("PUT", "/v1/session/create", body)).toMatchObject({ status, text });
  });

  test("a lease ends the session unless it is renewed", async () => {
    const { send, clock } = world();
    await send("PUT", "/v1/session/create", '{"TTL":"10s"}');
    clock.advance(19_000);
    expect((await send("PUT", `/v1/session/renew/${s1}`)).status).toBe(200);
    clock.advance(19_000);
    expect((await send("GET", `/v1/session/info/${s1}`)).text).not.toBe("[]");
    clock.advance(1_000);
    expect((await send("GET", `/v1/session/info/${s1}`)).text).toBe("[]");
    expect(await send("PUT", `/v1/session/renew/${s1}`)).toMatchObject({
      status: 404,
      text: `Session id '${s1}' not found`,
    });
  });

  test("sends its headers with a refused read", async () => {
    expect(await world().send("GET", "/v1/session/info/xyz")).toMatchObject({
      status: 500,
      text: "failed session lookup: index error: UUID must be 36 characters",
      headers: { "X-Consul-Index": "1", "X-Consul-Knownleader": "false", "X-Consul-Lastcontact": "0" },
    });
  });
});

describe("/v1/txn", () => {
  test("reads show their metadata in the body, writes do not", async () => {
    const { send } = world();
    expect(await send("PUT", "/v1/txn", '[{"KV":{"Verb":"set","Key":"k","Value":"dg=="}}]')).toMatchObject({
      status: 200,
      text: '{"Results":[{"KV":{"LockIndex":0,"Key":"k","Flags":0,"Value":null,"CreateIndex":11,"ModifyIndex":11}}],"Errors":null}',
    });
    expect(
      await send("PUT", "/v1/txn?stale", '[{"KV":{"Verb":"check-not-exists","Key":"k"}},{}]'),
    ).toMatchObject({
      status: 409,
      text: '{"Results":null,"Errors":[{"OpIndex":0,"What":"key \\"k\\" exists"}],"Index":1,"LastContact":0,"KnownLeader":true,"ConsistencyLevel":"","NotModified":false,"Backend":0,"ResultsFilteredByACLs":false}',
    });
  });

  test.each([
    ["nope", 400, "Failed to parse body: invalid JSON"],
    ["", 400, "Failed to parse body: EOF"],
    [
      '{"KV":{}}',
      400,
      "Failed to parse body: json: cannot unmarshal object into Go value of type api.TxnOps",
    ],
    [
      '[{"KV":{"Verb":"get","Key":"k","Nonsense":1}}]',
      400,
      'Failed to parse body: json: unknown field "Nonsense"',
    ],
    ['[{"Session":{}}]', 400, 'Failed to parse body: json: unknown field "Session"'],
    [
      '[{"KV":{"Verb":"set","Key":"k","Value":"***"}}]',
      400,
      "Failed to parse body: illegal base64 data at input byte 0",
    ],
    [`[${"{},".repeat(128)}{}]`, 413, "Transaction contains too many operations (129 > 128)"],
    [
      `[{"KV":{"Verb":"set","Key":"k","Value":"${"AAAA".repeat(30)}"}}]`,
      413,
      'Value for key "k" is too large (90 > 64 bytes)',
    ],
    [
      " ".repeat(4097),
      413,
      "Request body(4097 bytes) too large, max size: 4096 bytes. See https://www.consul.io/docs/agent/config/config-files#txn_max_req_len.",
    ],
  ])("refuses %s", async (body, status, text) => {
    expect(await world().send("PUT", "/v1/txn", body)).toMatchObject({ status, text });
  });

  test.each([
    ['{"KV":{"Verb":"set","Key":""}}', "Must provide key"],
    ['{"Node":{"Verb":"set","Node":{"Node":"","Address":"1.1.1.1"}}}', "Must provide node"],
    ['{"Node":{"Verb":"set","Node":{"ID":"zz","Node":"q"}}}', "Bad node ID: uuid string is wrong length"],
    [
      '{"Service":{"Verb":"delete","Node":"n1","Service":{"ID":"web1"}}}',
      "Must provide service name with ID",
    ],
    [
      '{"Service":{"Verb":"set","Node":"n1","Service":{"Service":"a","Address":"0.0.0.0"}}}',
      "Invalid service address",
    ],
    ['{"Check":{"Verb":"set","Check":{"Node":"no","Name":"zz"}}}', "Missing node registration"],
  ])("answers %s with a conflict", async (op, What) => {
    const { status, text } = await world().send("PUT", "/v1/txn", `[${op}]`);
    expect(status).toBe(409);
    expect(JSON.parse(text)).toEqual({ Results: null, Errors: [{ OpIndex: 0, What }] });
  });

  test("carries a check's definition and a proxy's essentials", async () => {
    const { send } = world();
    const { text } = await send(
      "PUT",
      "/v1/txn",
      JSON.stringify([
        {
          Service: {
            Verb: "set",
            Node: "n1",
            Service: {
              ID: "p",
              Service: "p",
              Port: 1,
              Kind: "connect-proxy",
              Proxy: { DestinationServiceName: "web" },
            },
          },
        },
        {
          Check: {
            Verb: "set",
            Check: {
              Node: "n1",
              Name: "c",
              ServiceID: "p",
              Status: "passing",
              Definition: { HTTP: "http://x", IntervalDuration: "10s" },
            },
          },
        },
      ]),
    );
    const { Results, Errors } = JSON.parse(text) as { Results: unknown[]; Errors: unknown };
    expect(Errors).toBeNull();
    expect(Results).toMatchObject([
      {
        Service: {
          Kind: "connect-proxy",
          Weights: { Passing: 1, Warning: 1 },
          Proxy: { DestinationServiceName: "web" },
        },
      },
      { Check: { CheckID: "c", ServiceName: "p", Definition: { HTTP: "http://x", Interval: "10s" } } },
    ]);
  });
});
