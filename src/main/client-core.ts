/** A client agent's core: a member of the pool that asks servers for everything. */
import { Router } from "../agent/router.ts";
import { TokenBucket } from "../lib/token-bucket.ts";
import { ClientRpc, ClientSnapshots } from "../rpc/client-rpc.ts";
import { clientPoolOptions, RpcPool } from "../rpc/rpc-pool.ts";
import { SnapshotClient } from "../rpc/snapshot-client.ts";
import { afterIo } from "../runtime/clock.ts";
import type { AgentCore } from "./agent-core.ts";
import { followMembers } from "./follow-members.ts";
import { openLanPool, type PoolParts } from "./gossip-pools.ts";
import { lazyGrpcCaller } from "./lazy-grpc.ts";
import { archiveBytesMax, callLimit, ConfiguredTimeouts, snapshotSilenceMs } from "./rpc-settings.ts";

/** Rejects when the gossip address cannot be bound. */
export async function startClientCore(parts: PoolParts): Promise<AgentCore> {
  const { config, clock, net, metrics } = parts;
  const log = parts.log.named("client");
  const lan = await openLanPool(parts);
  const rng = parts.rng.fork("client");
  const random = (limit: number): number => rng.below(limit);
  const pool = new RpcPool({ net, clock, defer: afterIo }, clientPoolOptions);
  const following = followMembers(pool, lan);
  const router = new Router({
    members: lan,
    datacenter: config.datacenter,
    ping: (server) => pool.ping(server),
    random,
    clock,
    log: log.named("manager"),
  });
  const timeouts = new ConfiguredTimeouts(config);
  const limit = new TokenBucket(callLimit(config));
  return {
    rpc: new ClientRpc({
      pool,
      grpc: lazyGrpcCaller(net),
      servers: router,
      clock,
      log,
      metrics,
      timeouts,
      limit,
      random,
    }),
    snapshots: new ClientSnapshots(
      new SnapshotClient({ pool, clock, archiveBytesMax, silenceMs: snapshotSilenceMs }),
      { servers: router, clock, metrics, limit },
    ),
    pools: { lan, wan: undefined },
    consensus: undefined,
    knownServers: () => router.servers.length,
    reload: (next) => {
      limit.configure(callLimit(next));
      timeouts.reload(next);
    },
    leave: async () => {
      log.info("client starting leave");
      try {
        await lan.leave();
      } catch (error) {
        log.error("Failed to leave LAN Serf cluster", { error: String(error) });
      }
    },
    close: async () => {
      router[Symbol.dispose]();
      following[Symbol.dispose]();
      pool.close();
      await lan.shutdown();
    },
  };
}
