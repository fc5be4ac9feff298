import { expect, test } from "bun:test";
import { NoLeaderError } from "../lib/consensus.ts";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { TokenBucket } from "../lib/token-bucket.ts";
import {
  decodeTransferRequest,
  encodeTransferResponse,
  transferLeaderPath,
} from "../wire/grpc/operator-messages.ts";
import { operatorTransferLeader } from "../wire/rpc/operator-methods.ts";
import { RpcError, type RpcMethod } from "../wire/rpc/method.ts";
import { kvsApply, kvsGet } from "../wire/rpc/methods.ts";
import { IndexedDirEntries, KeyRequest, KVSRequest } from "../wire/structs/kv.ts";
import { TransferLeaderRequest } from "../wire/structs/operator-state.ts";
import { callTimeoutMs } from "./call-timeout.ts";
import { ClientRpc } from "./client-rpc.ts";
import type { GrpcCaller } from "./grpc-caller.ts";
import type { RpcServer } from "./service.ts";
import { answers, openTestDoor, type TestDoor } from "./testing.ts";

const timeouts = {
  rpcClientTimeoutMs: 60_000,
  rpcHoldTimeoutMs: 7_000,
  defaultQueryTimeMs: 300_000,
  maxQueryTimeMs: 600_000,
};

const unlimited = new TokenBucket({ rate: undefined, burst: 0 });

interface ClientOptions {
  readonly limit?: TokenBucket;
  readonly grpc?: GrpcCaller;
}

function client(door: TestDoor, servers: RpcServer[], options: ClientOptions = {}): ClientRpc {
  return new ClientRpc({
    limit: unlimited,
    ...options,
    pool: door.pool,
    servers: {
      findServer: () => servers[0],
      notifyFailedServer: (server) => {
        if (servers[0]?.name === server.name) servers.push(...servers.splice(0, 1));
      },
    },
    clock: door.clock,
    log: silentLog,
    metrics: noMetrics,
    timeouts,
    random: (limit) => limit - 1,
  });
}

const gone: RpcServer = { name: "gone", rpc: { host: "10.0.0.9", port: 8300 } };
const failure = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => new Error("no failure"),
    (error: Error) => error,
  );

async function door(leaderlessTimes: number): Promise<{ door: TestDoor; calls: string[] }> {
  const calls: string[] = [];
  const answer =
    <R>(reply: R) =>
    (): Promise<R> => {
      calls.push("call");
      return calls.length <= leaderlessTimes ? Promise.reject(new NoLeaderError()) : Promise.resolve(reply);
    };
  const opened = await openTestDoor({
    methods: [
      answers(kvsGet, answer(IndexedDirEntries.make({ Index: 3 }))),
      answers(kvsApply as RpcMethod<KVSRequest, boolean>, () => {
        calls.push("apply");
        return Promise.reject(new RpcError("Must provide key"));
      }),
    ],
  });
  return { door: opened, calls };
}

test("without a server there is nobody to ask", async () => {
  const { door: opened } = await door(0);
  expect((await failure(client(opened, []).call(kvsGet, KeyRequest.zero))).message).toBe(
    "No known Consul servers",
  );
});

test("another server is asked when one cannot be reached, and stays first", async () => {
  const { door: opened, calls } = await door(0);
  const servers = [gone, opened.server];
  const reply = client(opened, servers).call(kvsGet, { ...KeyRequest.zero, AllowStale: true });
  await opened.clock.pass(1_000);
  expect(await reply).toMatchObject({ Index: 3, ConsistencyLevel: "stale" });
  expect(servers.map(({ name }) => name)).toEqual(["s1", "gone"]);
  expect(calls).toHaveLength(1);
});

test("a cluster without a leader is asked again, until the hold time is over", async () => {
  const some = await door(3);
  const reply = client(some.door, [some.door.server]).call(kvsGet, KeyRequest.zero);
  await some.door.clock.pass(7_000);
  expect((await reply).Index).toBe(3);
  const never = await door(1_000);
  const failed = failure(client(never.door, [never.door.server]).call(kvsGet, KeyRequest.zero));
  await never.door.clock.pass(20_000);
  expect((await failed).message).toBe("rpc error making call: No cluster leader");
  expect(never.calls.length).toBeGreaterThan(3);
});

test("servers that hold a call themselves are not asked over and over", async () => {
  let callCount = 0;
  const holding: TestDoor = await openTestDoor({
    methods: [
      answers(kvsGet, () => {
        callCount += 1;
        return new Promise((_, reject) =>
          holding.clock.after(timeouts.rpcHoldTimeoutMs + 100, () => reject(new NoLeaderError())),
        );
      }),
    ],
  });
  const failed = failure(client(holding, [holding.server]).call(kvsGet, KeyRequest.zero));
  await holding.clock.pass(7_200);
  expect((await failed).message).toBe("rpc error making call: No cluster leader");
  expect(callCount).toBe(1);
});

test("leadership is handed on over gRPC where a server knows no other way", async () => {
  const { door: opened } = await door(0);
  const paths: string[] = [];
  const rpc = client(opened, [opened.server], {
    grpc: {
      call: (_, { path, message }) => {
        paths.push(`${path} ${decodeTransferRequest(message)}`);
        return Promise.resolve(encodeTransferResponse(true));
      },
    },
  });
  const request = TransferLeaderRequest.make({ ID: "id-2" });
  expect(await rpc.call(operatorTransferLeader, request)).toEqual({ Success: true });
  expect(paths).toEqual([`${transferLeaderPath} id-2`]);
  expect((await failure(client(opened, [opened.server]).call(operatorTransferLeader, request))).message).toBe(
    "rpc error making call: rpc: can't find service Operator.TransferLeader",
  );
});

test("what a server refuses is final, and no reason to leave it", async () => {
  const { door: opened, calls } = await door(0);
  const servers = [opened.server, gone];
  const failed = failure(client(opened, servers).call(kvsApply, KVSRequest.zero));
  expect((await failed).message).toBe("rpc error making call: Must provide key");
  expect([calls.length, servers[0]?.name]).toEqual([1, "s1"]);
});

test.each([
  { request: { MinQueryIndex: 0, MaxQueryTime: 5e9 }, expected: 60_000 },
  { request: { MinQueryIndex: 4, MaxQueryTime: 16e9 }, expected: 16_000 + 1_000 + 7_000 },
  { request: { MinQueryIndex: 4, MaxQueryTime: 0 }, expected: 300_000 * (17 / 16) + 7_000 },
  { request: { MinQueryIndex: 4, MaxQueryTime: 3600e9 }, expected: 600_000 * (17 / 16) + 7_000 },
  { request: {}, expected: 60_000 },
])("a call like $request may take $expected ms", ({ request, expected }) => {
  expect(callTimeoutMs(request, timeouts)).toBe(expected);
});

test("calls beyond the limit fail at once", async () => {
  const { door: opened, calls } = await door(0);
  const { server } = opened;
  const limited = client(opened, [server], { limit: new TokenBucket({ rate: 1, burst: 2 }) });
  await limited.call(kvsGet, KeyRequest.zero);
  await limited.call(kvsGet, KeyRequest.zero);
  expect((await failure(limited.call(kvsGet, KeyRequest.zero))).message).toBe("RPC rate limit exceeded");
  expect(calls).toHaveLength(2);
});
