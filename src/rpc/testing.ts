/** For tests: a clock moved by hand, a service of a few methods, and a door with its pool on a network in memory. */
import { ManualClock } from "../lib/manual-clock.ts";
import { silentLog } from "../lib/log.ts";
import { MemoryNet } from "../lib/memory-net.ts";
import { noMetrics } from "../lib/metrics.ts";
import type { Net } from "../lib/net.ts";
import { RpcError, type RpcMethod } from "../wire/rpc/method.ts";
import { defaultRpcDoorOptions, RpcDoor, type RpcDoorOptions } from "./rpc-door.ts";
import { RpcPool, serverPoolOptions, type RpcPoolOptions } from "./rpc-pool.ts";
import type { RpcServer, RpcService, SnapshotService } from "./service.ts";

/** Answers one method. */
export interface TestMethod {
  readonly method: RpcMethod<unknown, unknown>;
  answer(request: unknown, signal: AbortSignal | undefined): Promise<unknown>;
}

/** Declares the answer to one method. */
export function answers<Q, R>(
  method: RpcMethod<Q, R>,
  answer: (request: Q, signal: AbortSignal | undefined) => Promise<R>,
): TestMethod {
  return { method, answer } as unknown as TestMethod;
}

/** A service of the given methods. */
export function testService(methods: readonly TestMethod[]): RpcService {
  const byName = new Map(methods.map((one) => [one.method.name, one]));
  return {
    methodNamed: (name) => byName.get(name)?.method,
    hasService: (name) => methods.some(({ method }) => method.name.startsWith(`${name}.`)),
    call: async <Q, R>(method: RpcMethod<Q, R>, request: Q, signal?: AbortSignal): Promise<R> => {
      const found = byName.get(method.name);
      if (found === undefined) throw new RpcError("the test calls what it declares");
      return (await found.answer(request, signal)) as R;
    },
  };
}

const noSnapshots: SnapshotService = {
  save: () => Promise.reject(new RpcError("no snapshots here")),
  restore: () => Promise.reject(new RpcError("no snapshots here")),
};

export interface TestDoorOptions {
  readonly methods: readonly TestMethod[];
  readonly snapshots?: SnapshotService;
  readonly door?: Partial<RpcDoorOptions>;
  readonly pool?: Partial<RpcPoolOptions>;
}

export interface TestDoor {
  readonly network: MemoryNet;
  readonly net: Net;
  readonly clock: ManualClock;
  readonly door: RpcDoor;
  readonly pool: RpcPool;
  readonly server: RpcServer;
}

/** A door at 10.0.0.1 and a pool at 10.0.0.2. */
export async function openTestDoor(options: TestDoorOptions): Promise<TestDoor> {
  const network = new MemoryNet();
  const clock = new ManualClock();
  const service = testService(options.methods);
  const door = new RpcDoor(
    { service, snapshots: options.snapshots ?? noSnapshots, clock, log: silentLog, metrics: noMetrics },
    { ...defaultRpcDoorOptions, ...options.door },
  );
  const { address } = await door.listen(network.host("10.0.0.1"), { host: "10.0.0.1", port: 8300 });
  const net = network.host("10.0.0.2");
  const pool = new RpcPool({ net, clock }, { ...serverPoolOptions, ...options.pool });
  return { network, net, clock, door, pool, server: { name: "s1", rpc: address } };
}
