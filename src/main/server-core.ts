/** A server's core: pools, consensus, endpoints, and the door on the RPC port. */
import type { GossipNode } from "../gossip/node/gossip-node.ts";
import { must } from "../lib/assert.ts";
import { hostPort, type NetListener } from "../lib/net.ts";
import type { MemberPool } from "../lib/members.ts";
import { NetTransport, raftLeadingByte } from "../raft/node/net-transport.ts";
import { serveGrpcCall } from "../rpc/grpc-service.ts";
import { LeaderForwarder, LeaderSnapshots } from "../rpc/leader-forwarder.ts";
import { defaultRpcDoorOptions, RpcDoor } from "../rpc/rpc-door.ts";
import { rpcType } from "../rpc/rpc-type.ts";
import { openGrpcAcceptor } from "../runtime/grpc-acceptor.ts";
import { RpcPool, serverPoolOptions } from "../rpc/rpc-pool.ts";
import type { RpcService } from "../rpc/service.ts";
import { SnapshotClient } from "../rpc/snapshot-client.ts";
import { systemArchiveTools } from "../runtime/archive-tools.ts";
import { afterIo } from "../runtime/clock.ts";
import { BootstrapExpect } from "../server/bootstrap-expect.ts";
import { serverMembers } from "../server/known-servers.ts";
import { leaveServer } from "../server/leader-leave.ts";
import { MeteredService } from "../server/metered-service.ts";
import { limitedService, RequestLimiter } from "../server/request-limits.ts";
import { Snapshots } from "../server/snapshot.ts";
import { newLeaderEvent } from "../wire/gossip/serf-user-events.ts";
import { statusLeader, statusPeers } from "../wire/rpc/methods.ts";
import { preparedQueryExecuteRemote } from "../wire/rpc/prepared-query-methods.ts";
import { DCSpecificRequest } from "../wire/structs/common.ts";
import { statusRaftStats } from "../wire/rpc/status-methods.ts";
import type { AgentCore } from "./agent-core.ts";
import { followMembers } from "./follow-members.ts";
import { forceLeave } from "./force-leave.ts";
import { floodJoin } from "./flood-join.ts";
import { lazyGrpcCaller } from "./lazy-grpc.ts";
import { openLanPool, openWanPool, type PoolParts } from "./gossip-pools.ts";
import { keyringPools } from "./keyring-pools.ts";
import {
  archiveBytesMax,
  clientConnectionsMax,
  ConfiguredTimeouts,
  requestLimits,
  snapshotSilenceMs,
} from "./rpc-settings.ts";
import type { ServerCluster, ServerHost } from "./server-options.ts";
import { startServer, type RunningServer } from "./server-parts.ts";

export interface ServerCoreParts extends PoolParts {
  /** See `ServerParts`. */
  readonly host?: ServerHost;
  /** Consensus cannot go on: the disk refuses, or a bug. */
  failed(error: unknown): void;
}

/** Rejects, with nothing left running, when a port or the data cannot be had. */
export async function startServerCore(parts: ServerCoreParts): Promise<AgentCore> {
  const { config, net } = parts;
  const opened = new Opened();
  try {
    let door: RpcDoor | undefined;
    const listener: NetListener = await net.listen(config.addresses.rpcBind, (connection) => {
      // Peers that come before everything stands try again.
      if (door === undefined) connection.destroy();
      else door.accept(connection);
    });
    opened.add(() => listener.close());
    const lan = await openLanPool(parts);
    opened.add(() => lan.shutdown());
    const wan = await openWanPool(parts);
    if (wan !== undefined) opened.add(() => wan.shutdown());
    return await assemble(parts, { lan, wan, opened, opens: (own) => (door = own) });
  } catch (error) {
    await opened.closeAll();
    throw error;
  }
}

interface Doors {
  readonly lan: GossipNode;
  readonly wan: GossipNode | undefined;
  readonly opened: Opened;
  opens(door: RpcDoor): void;
}

async function assemble(parts: ServerCoreParts, { lan, wan, opened, opens }: Doors): Promise<AgentCore> {
  const { config, net, clock, log } = parts;
  const { datacenter } = config;
  const pool = new RpcPool({ net, clock, defer: parts.host?.defer ?? afterIo }, serverPoolOptions);
  opened.add(() => pool.close());
  const following = followMembers(pool, lan);
  opened.add(() => following[Symbol.dispose]());
  const timeouts = new ConfiguredTimeouts(config);
  const transport = new NetTransport({
    net,
    clock,
    log: log.named("server.raft"),
    metrics: parts.metrics,
    resolveAddress: (id) => addressOf(lan, id),
  });
  const running = await startServer({
    ...parts,
    cluster: {
      pool: parts.host?.pool(lan) ?? lan,
      ...(wan === undefined
        ? {}
        : { wan: { pool: wan, coordinateOf: (name: string) => wan.coordinateOf(name) } }),
      transport,
      forwarder: new LeaderForwarder({ pool, grpc: lazyGrpcCaller(net), timeouts }),
      ...questions(pool, datacenter),
      forceLeave: (name) =>
        forceLeave({ lan, wan }, { name, datacenter: config.datacenter, wanOnly: false, prune: false }),
      remoteQuery: (server, request) => pool.call(server, { method: preparedQueryExecuteRemote, request }),
      gossip: { events: lan, keyrings: keyringPools({ ...parts, lan, wan, pool, datacenter }) },
      announceLeader: () => lan.userEvent(newLeaderEvent, new TextEncoder().encode(config.nodeName)),
    },
  });
  opened.add(() => running.close());
  const { service, limiter } = meter(parts, running);
  const snapshots = new Snapshots({
    consensus: running.consensus,
    tools: systemArchiveTools,
    clock,
    datacenter: config.datacenter,
    forwarder: new LeaderSnapshots(
      new SnapshotClient({ pool, clock, archiveBytesMax, silenceMs: snapshotSilenceMs }),
    ),
  });
  const door = openDoor(parts, { service, limiter, snapshots, transport });
  opened.add(() => door.close());
  opens(door);
  if (wan !== undefined) {
    const flooding = floodJoin({ lan, wan, clock, log: log.named("server"), nodeName: config.nodeName });
    opened.add(() => flooding[Symbol.dispose]());
  }
  if (config.bootstrapExpect > 1) {
    const waiting = awaitServers(parts, { lan, pool, consensus: running.consensus });
    opened.add(() => waiting[Symbol.dispose]());
  }
  return {
    rpc: service,
    snapshots,
    pools: { lan, wan },
    consensus: running.consensus,
    knownServers: () => serverMembers(lan).length,
    reload: (next) => {
      limiter.configure(requestLimits(next));
      door.limitClients(clientConnectionsMax(next));
      timeouts.reload(next);
      running.consensus.configureSnapshots(next.raft);
    },
    leave: () => leave(parts, running, { lan, wan }),
    close: () => opened.closeAll(),
  };
}

/** What other servers are asked about themselves. */
function questions(pool: RpcPool, datacenter: string): Pick<ServerCluster, "raftStats" | "allegianceOf"> {
  const request = DCSpecificRequest.make({ Datacenter: datacenter });
  return {
    raftStats: (server) =>
      pool.call(server, { method: statusRaftStats, request: statusRaftStats.request.zero }),
    allegianceOf: async (server) => {
      const leader = await pool.call(server, { method: statusLeader, request });
      return { leader, peers: (await pool.call(server, { method: statusPeers, request })) ?? [] };
    },
  };
}

/** The server with its calls counted, and limits for those from outside. */
function meter(
  { config, clock, log, metrics }: ServerCoreParts,
  { server, consensus }: RunningServer,
): { readonly service: RpcService; readonly limiter: RequestLimiter } {
  const limiter = new RequestLimiter(
    {
      clock,
      log: log.named("server.rpc-rate-limit"),
      metrics,
      isLeader: () => consensus.status().role === "leader",
    },
    requestLimits(config),
  );
  return { service: new MeteredService(server, { clock, metrics }), limiter };
}

/** The door on the RPC port: calls, Raft, snapshots, and the subscriptions of Consul's clients. */
function openDoor(
  { config, clock, log, metrics }: ServerCoreParts,
  {
    service,
    limiter,
    snapshots,
    transport,
  }: {
    readonly service: RpcService;
    readonly limiter: RequestLimiter;
    readonly snapshots: Snapshots;
    readonly transport: NetTransport;
  },
): RpcDoor {
  const door = new RpcDoor(
    { service: limitedService(service, limiter), snapshots, clock, log: log.named("server.rpc"), metrics },
    {
      ...defaultRpcDoorOptions,
      firstByteTimeoutMs: config.limits.rpcHandshakeTimeoutMs,
      connectionsPerClientMax: clientConnectionsMax(config),
    },
  );
  door.register(raftLeadingByte, transport.accept);
  const grpcLog = log.named("server.grpc-api");
  const grpcParts = { rpc: service, datacenter: config.datacenter, log: grpcLog };
  door.register(
    rpcType.grpc,
    openGrpcAcceptor((call) => serveGrpcCall(grpcParts, call), grpcLog),
  );
  return door;
}

/** Waits for as many servers as are expected, to begin a cluster with them. */
function awaitServers(
  { config, clock, log }: ServerCoreParts,
  {
    lan,
    pool,
    consensus,
  }: { readonly lan: GossipNode; readonly pool: RpcPool; readonly consensus: RunningServer["consensus"] },
): Disposable {
  const { datacenter } = config;
  return new BootstrapExpect({
    pool: lan,
    consensus,
    clock,
    log: log.named("server"),
    datacenter,
    expect: config.bootstrapExpect,
    isReadReplica: config.settings.bool("read_replica") === true,
    peersOf: async (server) => {
      const request = DCSpecificRequest.make({ Datacenter: datacenter });
      return (await pool.call(server, { method: statusPeers, request })) ?? [];
    },
  });
}

/** Where gossip says that a server is now; `undefined` if it does not know. */
function addressOf(pool: MemberPool, id: string): string | undefined {
  const found = serverMembers(pool).find(({ info }) => info.id === id);
  return found === undefined ? undefined : hostPort(found.info.rpc);
}

function leave(
  { config, nodeId, clock, log }: ServerCoreParts,
  running: RunningServer,
  { lan, wan }: { readonly lan: GossipNode; readonly wan: GossipNode | undefined },
): Promise<void> {
  // Whoever is alone has nobody to wait for.
  const isAlone = lan.members().filter((member) => member.status === "alive").length <= 1;
  return leaveServer({
    consensus: running.consensus,
    clock,
    log: log.named("server"),
    nodeId,
    leaveLan: () => lan.leave(),
    ...(wan === undefined ? {} : { leaveWan: () => wan.leave() }),
    refuseRequests: () => running.server.leave(),
    drainMs: isAlone ? 0 : config.leaveDrainTimeMs,
  });
}

/** What is open, to be closed last first. */
class Opened {
  readonly #closers: (() => void | Promise<void>)[] = [];

  add(close: () => void | Promise<void>): void {
    this.#closers.push(close);
  }

  async closeAll(): Promise<void> {
    while (this.#closers.length > 0) await must(this.#closers.pop(), "there is one more")();
  }
}
