/** What a server does with what it understood: request codecs, endpoints, the state machine, and the doors in front. */
import type { Rpc, RpcMethod } from "../../src/wire/rpc/method.ts";
import { ProconsulError } from "../../src/lib/errors.ts";
import { stateMachine } from "../../src/main/server-parts.ts";
import { StateStore } from "../../src/state/store.ts";
import type { DnsReply } from "../../src/dns/resolver-parts.ts";
import { serverRoutes } from "../../src/http/server-routes.ts";
import { createApp } from "../../src/http/app.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import { decodeMsgpack, encodeMsgpack } from "../../src/wire/schema/codec.ts";
import * as gossipMethods from "../../src/wire/rpc/gossip-methods.ts";
import * as methods from "../../src/wire/rpc/methods.ts";
import * as operatorMethods from "../../src/wire/rpc/operator-methods.ts";
import * as queryMethods from "../../src/wire/rpc/prepared-query-methods.ts";
import * as statusMethods from "../../src/wire/rpc/status-methods.ts";
import * as streamMethods from "../../src/wire/rpc/stream-methods.ts";
import { decodeMessage } from "../../src/wire/dns/decode.ts";
import { encodeMessage } from "../../src/wire/dns/encode.ts";
import { FuzzServer, inputsPerWorld } from "./fuzz-server.ts";
import { toError } from "./to-error.ts";
import { gossipPackets } from "./targets-gossip.ts";
import { dnsSeeds } from "./targets-wire.ts";
import { pure, refusable, utf8, type FuzzTargetPlan } from "./target.ts";
import { vectorBytes, vectorFile } from "./vectors.ts";

type AnyMethod = RpcMethod<unknown, unknown>;

const allMethods: readonly AnyMethod[] = [
  methods,
  operatorMethods,
  queryMethods,
  statusMethods,
  gossipMethods,
  streamMethods,
]
  .flatMap((module) => Object.values(module) as unknown[])
  .filter(
    (one): one is AnyMethod =>
      typeof one === "object" && one !== null && "request" in one && "reply" in one && "name" in one,
  )
  .toSorted((a, b) => (a.name < b.name ? -1 : 1));

interface RpcVector {
  readonly method: string;
  readonly request_header_hex?: string;
  readonly request_body_hex?: string;
}

function rpcVectors(): readonly RpcVector[] {
  const file = vectorFile("rpc.json") as { readonly vectors?: readonly RpcVector[] } | undefined;
  return file?.vectors ?? [];
}

const hexBytes = (text = ""): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

/** Requests behind a byte that says whose they are: recorded ones, and an empty one of each method. */
function requestSeeds(): readonly Uint8Array[] {
  return allMethods.flatMap((method, number) => {
    const recorded = rpcVectors().filter((one) => one.method === method.name);
    const bodies = recorded.map(({ request_body_hex }) => hexBytes(request_body_hex));
    const empty = refusable(() => decodeMsgpack(method.request, Uint8Array.of(0x80)));
    const own = empty === undefined ? [] : [encodeMsgpack(method.request, empty)];
    return [...bodies, ...own].map((body) => Uint8Array.from([number, ...body]));
  });
}

function methodOf(input: Uint8Array): AnyMethod {
  return allMethods[(input[0] ?? 0) % allMethods.length] as AnyMethod;
}

/** A server that is replaced by a new one now and then. */
class Worlds {
  #server: FuzzServer | undefined;
  #count = 0;

  /** Runs `act` with the server. One that broke is not used again. */
  run(act: (server: FuzzServer) => void): void {
    try {
      act(this.get());
    } catch (error) {
      this.#server = undefined;
      throw error;
    }
  }

  get(): FuzzServer {
    this.#count += 1;
    if (this.#server === undefined || this.#count % inputsPerWorld === 0) {
      this.#server?.close();
      this.#server = new FuzzServer();
    }
    return this.#server;
  }
}

function door(
  name: string,
  seeds: () => readonly Uint8Array[],
  send: (server: FuzzServer, input: Uint8Array) => void,
): FuzzTargetPlan {
  return {
    name,
    form: "msgpack",
    open: () => {
      const worlds = new Worlds();
      return { seeds: seeds(), run: (input) => worlds.run((server) => send(server, input)) };
    },
  };
}

const frame = (
  type: number,
  flags: number,
  o: { readonly stream: number; readonly length: number },
): Uint8Array => {
  const header = new DataView(new ArrayBuffer(12));
  header.setUint8(1, type);
  header.setUint16(2, flags);
  header.setUint32(4, o.stream);
  header.setUint32(8, o.length);
  return new Uint8Array(header.buffer);
};

function rpcStreams(): readonly Uint8Array[] {
  const calls = rpcVectors().flatMap(({ request_header_hex: header, request_body_hex: body }) =>
    header === undefined || body === undefined
      ? []
      : [Uint8Array.from([...hexBytes(header), ...hexBytes(body)])],
  );
  return [
    ...calls.map((call) => Uint8Array.from([0, ...call])),
    ...calls.map((call) =>
      Uint8Array.from([
        4,
        ...frame(1, 1, { stream: 1, length: 0 }),
        ...frame(0, 0, { stream: 1, length: call.length }),
        ...call,
      ]),
    ),
    ...[...vectorBytes("raft.json"), ...vectorBytes("raft_capture.json", /request_hex/)].map((one) =>
      Uint8Array.from([1, ...one]),
    ),
    ...vectorBytes("snapshot_rpc.json", /request_hex/),
  ];
}

/** HTTP/2 has a server of the runtime in front, which lives on real time. */
const grpcByte = 8;

const httpWords = [
  "GET ",
  "PUT ",
  "DELETE ",
  "/v1/kv/a",
  "/v1/txn",
  "/v1/session/create",
  "/v1/catalog/register",
  "/v1/catalog/nodes",
  "/v1/health/service/web",
  "/v1/health/state/any",
  "/v1/query",
  "/v1/coordinate/nodes",
  "/v1/operator/raft/configuration",
  "/v1/operator/keyring",
  "?",
  "&",
  "index=1",
  "wait=1ms",
  "cas=0",
  "acquire=x",
  "recurse",
  "keys",
  "separator=/",
  "filter=",
  'Node == "a"',
  "near=_agent",
  "dc=dc1",
  "pretty",
  "%00",
  "%ff",
  "..",
  "\n",
  "{",
  "}",
  "[",
  "]",
  '"',
  ":",
  ",",
  "KV",
  "Verb",
  "set",
  "Key",
  "Value",
  "YQ==",
  "null",
  "1e999",
  "Node",
  "Address",
  "Service",
  "Check",
  "TTL",
  "10s",
  "Session",
  "Behavior",
];
const httpSeeds = [
  "PUT /v1/kv/a?cas=0&flags=18446744073709551615\nvalue",
  "GET /v1/kv/a?recurse&index=1&wait=1ms\n",
  'PUT /v1/txn\n[{"KV":{"Verb":"set","Key":"a","Value":"YQ=="}},{"Node":{"Verb":"get","Node":{"Node":"n"}}}]',
  'PUT /v1/session/create\n{"Name":"x","TTL":"10s","Behavior":"delete","LockDelay":"15s","NodeChecks":[]}',
  'PUT /v1/catalog/register\n{"Node":"n","Address":"10.0.0.9","Service":{"Service":"web","Port":80,"Tags":["a"],"Weights":{"Passing":1}},"Check":{"Status":"passing","ServiceID":"web","Definition":{"Interval":"10s"}}}',
  "GET /v1/health/service/web?passing&filter=Service.Port%20==%2080&near=n\n",
  'POST /v1/query\n{"Name":"q","Service":{"Service":"web","Failover":{"NearestN":2}},"Template":{"Type":"name_prefix_match","Regexp":"^(.*)$"}}',
];

const seedLog = (): readonly Uint8Array[] => vectorBytes("fsm_log.json", /data_hex/);
function stateBytes(): readonly Uint8Array[] {
  const store = new StateStore();
  const machine = stateMachine(store);
  seedLog().forEach((command, at) => refusable(() => machine.apply(at + 1, command)));
  const chunks = [...machine.snapshot()].flatMap((chunk) => [...chunk]);
  return [Uint8Array.from(chunks), ...vectorBytes("fsm_snapshot.json", /hex/)];
}

/** The server and its doors. */
export const serverTargets: readonly FuzzTargetPlan[] = [
  pure({ name: "rpc-request", form: "msgpack", seeds: requestSeeds }, (input) => {
    const { name, request: codec } = methodOf(input);
    const request = decodeMsgpack(codec, input.subarray(1));
    const again = decodeMsgpack(codec, encodeMsgpack(codec, request));
    if (!Bun.deepEquals(request, again))
      throw new Error(`${name}: what was written is not what is read back`);
  }),
  pure(
    { name: "rpc-reply", form: "msgpack", seeds: () => vectorBytes("rpc.json", /reply|response/) },
    (input) => {
      for (const { reply } of allMethods) refusable(() => encodeMsgpack(reply, decodeMsgpack(reply, input)));
    },
  ),
  door("endpoints", requestSeeds, (server, input) => {
    const method = methodOf(input);
    const request = refusable(() => decodeMsgpack(method.request, input.subarray(1)));
    const rpc = server.host.core?.rpc;
    if (request === undefined || rpc === undefined) return;
    callOne(server, rpc, { method, request });
  }),
  door("door-rpc", rpcStreams, (server, input) => {
    if (input[0] !== grpcByte) server.stream(8300, input);
  }),
  door("door-gossip-tcp", gossipPackets, (server, input) => server.stream(8301, input)),
  door("door-gossip-udp", gossipPackets, (server, input) => server.datagram(8301, input)),
  {
    name: "http",
    form: "text",
    words: httpWords,
    open: () => {
      const worlds = new Worlds();
      return {
        seeds: httpSeeds.map(utf8),
        run: (input) => worlds.run((server) => httpRequest(server, input)),
      };
    },
  },
  {
    name: "dns-questions",
    form: "bytes",
    open: () => {
      const worlds = new Worlds();
      return { seeds: dnsSeeds(), run: (input) => worlds.run((server) => dnsQuestion(server, input)) };
    },
  },
  {
    name: "fsm-command",
    form: "msgpack",
    open: () => {
      const machine = stateMachine(new StateStore());
      let index = 0;
      return { seeds: seedLog(), run: (input) => void refusable(() => machine.apply((index += 1), input)) };
    },
  },
  {
    name: "state-bin",
    form: "msgpack",
    open: () => {
      const machine = stateMachine(new StateStore());
      return {
        seeds: stateBytes(),
        run: (input) => {
          if (refusable(() => (machine.restore(input), true)) === undefined) return;
          // What was taken in can be given on.
          const bytes = Uint8Array.from([...machine.snapshot()].flatMap((chunk) => [...chunk]));
          stateMachine(new StateStore()).restore(bytes);
        },
      };
    },
  },
];

/** Calls as a peer's request would; a read that waits is called off. */
function callOne(
  server: FuzzServer,
  rpc: Rpc,
  { method, request }: { readonly method: AnyMethod; readonly request: unknown },
): void {
  const leave = new AbortController();
  let failure: Error | undefined;
  const answered = [
    (reply: unknown): void => {
      try {
        encodeMsgpack(method.reply, reply);
      } catch (error) {
        failure = toError(error);
      }
    },
    (error: unknown): void => {
      if (!(error instanceof ProconsulError)) failure = toError(error);
    },
  ] as const;
  server.act(() => void rpc.call(method, request, leave.signal).then(...answered));
  server.pass(50);
  leave.abort();
  server.pass(10);
  if (failure !== undefined) throw failure;
}

function httpRequest(server: FuzzServer, input: Uint8Array): void {
  const rpc = server.host.core?.rpc;
  if (rpc === undefined) return;
  let failure: Error | undefined;
  // Refusals are logged too; only what no handler foresaw is said to be unexpected.
  const error = (message: string, fields?: object): void => {
    if (message.includes("unexpectedly")) failure = new Error(`${message} ${JSON.stringify(fields)}`);
  };
  const log = { ...silentLog, error };
  const app = createApp({
    routes: serverRoutes,
    context: {
      rpc,
      datacenter: "dc1",
      nodeName: "server-1",
      log,
      metrics: noMetrics,
      kvValueBytesMax: 1_024,
      txnBytesMax: 4_096,
    },
    blockedEndpoints: [],
    responseHeaders: {},
    unprintableCharFilter: true,
  });
  const end = input.indexOf(10);
  // As the door reads it: bytes beyond ASCII come as escapes.
  const line = Buffer.from(end < 0 ? input : input.subarray(0, end))
    .toString("latin1")
    .replace(/[^!-~ ]/g, (one) => encodeURIComponent(one));
  const [method = "", target = "/"] = line.split(" ");
  const [path = "", search = ""] = target.split(/\?(.*)/);
  const body = end < 0 ? new Uint8Array(0) : input.slice(end + 1);
  const leave = new AbortController();
  const request = {
    method,
    path,
    search,
    header: () => undefined,
    body: () => Promise.resolve(body),
    signal: leave.signal,
    remoteAddress: "127.0.0.1",
  };
  const rejected = (error: unknown): void => void (failure = toError(error));
  const answered = ({ status }: { readonly status: number }): void => {
    if (!(status >= 200 && status < 600)) failure = new Error(`status ${status}`);
  };
  server.act(() => void Promise.resolve(app(request)).then(answered, rejected));
  server.pass(20);
  leave.abort();
  server.pass(10);
  if (failure !== undefined) throw failure;
}

const clientOf = {
  udp: { network: "udp", address: "10.0.9.9" },
  tcp: { network: "tcp", address: "10.0.9.9" },
} as const;

/** Asks over both networks, as the door does: first for an answer at hand. */
function dnsQuestion(server: FuzzServer, input: Uint8Array): void {
  const resolver = server.resolver();
  let failure: Error | undefined;
  for (const client of [clientOf.udp, clientOf.tcp]) {
    resolver.answerNow(input, client.network);
    const question = refusable(() => decodeMessage(input));
    if (question === undefined) continue;
    const answered = (reply: DnsReply): void => {
      if (reply.kind === "message") refusable(() => encodeMessage(reply.message, { compress: true }));
    };
    const rejected = (error: unknown): void => void (failure = toError(error));
    server.act(() => void resolver.answer(question, input, client).then(answered).catch(rejected));
  }
  server.pass(20);
  if (failure !== undefined) throw failure;
}
