import { describe, expect, test } from "bun:test";
import type { Agent } from "../agent/agent.ts";
import { EventLog } from "../agent/events.ts";
import { Fsm } from "../fsm/fsm.ts";
import { kvCommands } from "../fsm/kv-commands.ts";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { kvEndpoints } from "../server/kv.ts";
import { Server } from "../server/server.ts";
import { streamEndpoints } from "../server/stream.ts";
import { InstantConsensus, stoppedClock, testContext } from "../server/testing.ts";
import { StateStore } from "../state/store.ts";
import { RpcError, type Rpc } from "../wire/rpc/method.ts";
import { createApp, type App } from "./app.ts";
import { kvRoutes } from "./kv-routes.ts";
import { createStreamRoutes } from "./stream-routes.ts";

class Door {
  readonly store = new StateStore();
  readonly events = new EventLog({
    nodeName: "n",
    uuid: () => "33333333-0000-4000-8000-000000000003",
    log: silentLog,
    spread: () => Promise.resolve(),
    services: () => [],
    deregister: () => undefined,
    newLeader: () => undefined,
  });
  readonly #app: App;

  constructor(rpc?: Rpc, clock = stoppedClock) {
    const consensus = new InstantConsensus(new Fsm(this.store, [...kvCommands], []));
    const server = new Server(testContext(this.store, consensus), [...kvEndpoints, ...streamEndpoints]);
    const agent = { clock, events: this.events } as unknown as Agent;
    this.#app = createApp({
      routes: [...kvRoutes, ...createStreamRoutes(agent)],
      context: {
        rpc: rpc ?? server,
        datacenter: "dc1",
        nodeName: "n",
        log: silentLog,
        metrics: noMetrics,
        kvValueBytesMax: 1000,
        txnBytesMax: 1000,
      },
      blockedEndpoints: [],
      responseHeaders: {},
      unprintableCharFilter: true,
    });
  }

  async put(key: string, value: string): Promise<void> {
    await this.#ask("PUT", `/v1/kv/${key}`, { body: value });
  }

  async get(
    search: string,
    { signal, lastId }: { signal?: AbortSignal; lastId?: string } = {},
  ): Promise<{ status: number; headers: Readonly<Record<string, string>>; body: unknown }> {
    return this.#ask("GET", `/v1/stream?${search}`, { ...(signal && { signal }), ...(lastId && { lastId }) });
  }

  #ask(
    method: string,
    url: string,
    {
      body = "",
      signal = new AbortController().signal,
      lastId,
    }: { body?: string; signal?: AbortSignal; lastId?: string },
  ): ReturnType<App> {
    const [path = "", search = ""] = url.split("?");
    return this.#app({
      method,
      path,
      search,
      header: (name) => (name === "last-event-id" ? lastId : undefined),
      body: () => Promise.resolve(new TextEncoder().encode(body)),
      signal,
      remoteAddress: "127.0.0.1",
    });
  }
}

/** A client that reads part by part. */
class Client implements AsyncDisposable {
  readonly #gone = new AbortController();
  #parts: AsyncIterator<Uint8Array | string> | undefined;
  readonly #door: Door;
  constructor(door: Door) {
    this.#door = door;
  }
  async open(search: string, lastId?: string): Promise<this> {
    const { body, status } = await this.#door.get(search, {
      signal: this.#gone.signal,
      ...(lastId && { lastId }),
    });
    expect(status).toBe(200);
    this.#parts = (body as AsyncIterable<string>)[Symbol.asyncIterator]();
    return this;
  }
  /** The next part that has something in it, with data cut down to what tests look at. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const { value, done } = await (this.#parts as AsyncIterator<Uint8Array | string>).next();
      if (done === true) return undefined;
      const text = typeof value === "string" ? value : new TextDecoder().decode(value);
      if (text !== "")
        return text.replaceAll(/data: (.*)/g, (_, json: string) => `data: ${short(json)}`).trim();
    }
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#gone.abort();
    await this.#parts?.return?.();
  }
}

function short(json: string): string {
  const { key, reset, error } = JSON.parse(json) as Record<string, unknown>;
  if (typeof key === "string") return key;
  return typeof error === "string" ? error : `reset ${String(reset)}`;
}

function userEvent(door: Door, id: string, Name: string): void {
  door.events.receive({
    ID: id,
    Name,
    Payload: null,
    NodeFilter: "",
    ServiceFilter: "",
    TagFilter: "",
    Version: 1,
    LTime: 1,
  });
}

describe("GET /v1/stream", () => {
  test("shows all rows, then changes, each commit with its index as id", async () => {
    const door = new Door();
    await door.put("a", "1");
    await using client = await new Client(door).open("topic=kv:a");
    expect(await client.next()).toBe("event: snapshot-begin\ndata: reset false");
    expect(await client.next()).toBe("event: put\ndata: a");
    expect(await client.next()).toBe("event: snapshot-end\nid: 1\ndata: reset false");
    const waiting = client.next();
    await door.put("a", "2");
    expect(await waiting).toBe("event: put\nid: 2\ndata: a");
  });

  test("goes on after the last event's id, with nothing lost or doubled", async () => {
    const door = new Door();
    for (const value of ["1", "2", "3"]) await door.put("a", value);
    await using client = await new Client(door).open("topic=kv:a", "1");
    expect(await client.next()).toBe("event: put\nid: 2\ndata: a\n\nevent: put\nid: 3\ndata: a");
    await using other = await new Client(door).open("topic=kv:a&index=2");
    expect(await other.next()).toBe("event: put\nid: 3\ndata: a");
  });

  test("two topics come in the order of the log", async () => {
    const door = new Door();
    for (const key of ["a", "b", "a", "c"]) await door.put(key, String(Math.random()));
    await using client = await new Client(door).open("topic=kv:b&topic=kv:a&index=1");
    expect(await client.next()).toBe("event: put\nid: 2\ndata: b\n\nevent: put\nid: 3\ndata: a");
  });

  test("user events have no index; the last one is named beside it", async () => {
    const door = new Door();
    await door.put("a", "1");
    const [one, two] = [
      "aaaaaaaa-0000-4000-8000-000000000001",
      "bbbbbbbb-0000-4000-8000-000000000002",
    ] as const;
    userEvent(door, one, "deploy");
    await using client = await new Client(door).open("topic=kv:a&topic=events:deploy&index=1");
    expect(await client.next()).toStartWith(": heartbeat\nid: 1");
    expect(await client.next()).toBe(`event: put\nid: 1~${one}\ndata: ${one}`);
    const waiting = client.next();
    userEvent(door, two, "deploy");
    expect(await waiting).toBe(`event: put\nid: 1~${two}\ndata: ${two}`);
    await using back = await new Client(door).open("topic=events", `1~${one}`);
    expect(await back.next()).toBe(`event: put\nid: 1~${two}\ndata: ${two}`);
  });

  test("who is too slow to follow is told so, and the stream ends", async () => {
    let nowMs = 0;
    const clock = {
      ...stoppedClock,
      monotonicMs: () => nowMs as ReturnType<typeof stoppedClock.monotonicMs>,
    };
    const door = new Door(undefined, clock);
    await door.put("a", "0");
    await using client = await new Client(door).open("topic=kv:a&index=1");
    await client.next();
    const waiting = client.next();
    await door.put("a", "1");
    await waiting;
    for (let at = 0; at < 17_000; at += 1) await door.put("b", String(at));
    nowMs = 5000;
    expect(await client.next()).toBe("event: error\ndata: the subscriber is too slow");
    expect(await client.next()).toBeUndefined();
  });

  test("a server that fails ends the stream with its text", async () => {
    let calls = 0;
    const rpc = {
      call: () => {
        calls += 1;
        if (calls > 1) return Promise.reject(new RpcError("No cluster leader"));
        return Promise.resolve({
          Events: [],
          Snapshot: false,
          Index: 7,
          KnownLeader: true,
          LastContact: 0,
          ConsistencyLevel: "",
        });
      },
    };
    const door = new Door(rpc as unknown as Rpc);
    await using client = await new Client(door).open("topic=catalog&index=7");
    expect(await client.next()).toBe(": heartbeat\nid: 7");
    expect(await client.next()).toBe("event: error\ndata: No cluster leader");
    expect(await client.next()).toBeUndefined();
  });

  test("a subscriber from an index that the servers never reach is given the leader's rows", async () => {
    const asked: boolean[] = [];
    const rpc = {
      call: (_: unknown, request: { Resume: boolean; AllowStale: boolean }) => {
        asked.push(request.Resume, request.AllowStale);
        return Promise.resolve({
          Events: [],
          Snapshot: !request.Resume,
          Index: 5,
          KnownLeader: true,
          LastContact: 0,
          ConsistencyLevel: "",
        });
      },
    };
    await using client = await new Client(new Door(rpc as unknown as Rpc)).open("topic=catalog&index=900");
    expect(await client.next()).toBe(": heartbeat\nid: 900");
    expect(await client.next()).toBe("event: snapshot-begin\ndata: reset true");
    expect(await client.next()).toBe("event: snapshot-end\nid: 5\ndata: reset true");
    expect(asked.slice(0, 4)).toEqual([true, true, false, false]);
  });

  test.each([
    { search: "", status: 400, text: "Missing topic" },
    { search: "topic=kv:a&index=x", status: 400, text: "Invalid index" },
    {
      search: "topic=nodes",
      status: 400,
      text: 'Unknown topic "nodes": want kv:PREFIX, health:SERVICE, catalog, sessions or events',
    },
  ])("$search is refused", async ({ search, status, text }) => {
    const answer = await new Door().get(search);
    expect([answer.status, answer.body]).toEqual([status, text]);
  });

  test("a server that is not Proconsul's is named as the reason", async () => {
    const rpc = { call: () => Promise.reject(new RpcError("rpc: can't find service Stream.Read")) };
    const answer = await new Door(rpc as unknown as Rpc).get("topic=catalog");
    expect([answer.status, answer.body]).toEqual([
      501,
      "Streams need servers that are Proconsul's: the one that was asked is not",
    ]);
  });
});
