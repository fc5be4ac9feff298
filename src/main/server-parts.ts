/** Builds a server: state, state machine, consensus, endpoints and the leader's duties. */
import { join } from "node:path";
import { autopilotCommands, autopilotSnapshotPart } from "../fsm/autopilot-commands.ts";
import { catalogCommands, catalogSnapshotPart } from "../fsm/catalog-commands.ts";
import { coordinateCommands, coordinateSnapshotPart } from "../fsm/coordinate-commands.ts";
import { Fsm } from "../fsm/fsm.ts";
import { keptCommands } from "../fsm/kept-commands.ts";
import { keptSnapshotPart } from "../fsm/kept-records.ts";
import { kvCommands, kvSnapshotPart } from "../fsm/kv-commands.ts";
import { preparedQueryCommands, preparedQuerySnapshotPart } from "../fsm/prepared-query-commands.ts";
import { sessionCommands, sessionSnapshotPart } from "../fsm/session-commands.ts";
import { systemCommands, systemSnapshotPart } from "../fsm/system-commands.ts";
import { txnCommands } from "../fsm/txn-commands.ts";
import type { StateMachine } from "../lib/consensus.ts";
import { hostPort } from "../lib/net.ts";
import { soloKeyringPool } from "../lib/keyring-pool.ts";
import { soloPool } from "../lib/solo-pool.ts";
import { SoloEventPool } from "../lib/user-events.ts";
import { defaultRaftOptions } from "../raft/core/options.ts";
import { defaultNodeSettings } from "../raft/node/driver.ts";
import { entryCodec } from "../raft/node/entry-codec.ts";
import type { LogStore } from "../raft/node/log-store.ts";
import { MemoryLogStore } from "../raft/node/memory-log-store.ts";
import { MemorySnapshotStore } from "../raft/node/memory-snapshot-store.ts";
import { MemoryNetwork } from "../raft/node/memory-transport.ts";
import { openRaftNode, type RaftNode } from "../raft/node/raft-node.ts";
import { recoverFromPeersFile } from "../raft/node/recovery.ts";
import { snapshotMetaCodec } from "../raft/node/snapshot-meta.ts";
import type { SnapshotStore } from "../raft/node/snapshot-store.ts";
import { afterIo } from "../runtime/clock.ts";
import { openLmdbLogStore } from "../runtime/lmdb-log-store.ts";
import { openPeersFile } from "../runtime/peers-file.ts";
import { systemUuid } from "../runtime/random.ts";
import { openSnapshotStore } from "../runtime/snapshot-store.ts";
import type { Autopilot } from "../server/autopilot.ts";
import { catalogEndpoints } from "../server/catalog.ts";
import { coordinateEndpoints } from "../server/coordinate.ts";
import type { ServerContext, ServerSettings } from "../server/context.ts";
import { datacenterMaps } from "../server/datacenter-maps.ts";
import { dumpEndpoints } from "../server/dumps.ts";
import { gossipEndpoints, type GossipDoors } from "../server/gossip.ts";
import { healthEndpoints } from "../server/health.ts";
import { kvEndpoints } from "../server/kv.ts";
import { expireSession, reapTombstones } from "../server/leader-duties.ts";
import { createLockDelays } from "../server/lock-delays.ts";
import { operatorEndpoints } from "../server/operator.ts";
import { queryDatacenters } from "../server/query-datacenters.ts";
import { preparedQueryEndpoints } from "../server/prepared-query.ts";
import { Server } from "../server/server.ts";
import { sessionEndpoints } from "../server/session.ts";
import { measuredMachine } from "../server/measured-machine.ts";
import { createSessionTimers } from "../server/session-timers.ts";
import { statusEndpoints } from "../server/status.ts";
import { createTombstoneGc } from "../server/tombstone-gc.ts";
import { streamEndpoints } from "../server/stream.ts";
import { txnEndpoints } from "../server/txn.ts";
import { StateStore } from "../state/store.ts";
import { initialAutopilot, openAutopilot, openCoordinates, runLeader } from "./leader-parts.ts";
import type { ServerParts } from "./server-options.ts";
import { ownMember } from "./own-member.ts";

export interface RunningServer {
  readonly server: Server;
  readonly context: ServerContext;
  readonly consensus: RaftNode;
  readonly autopilot: Autopilot;
  close(): Promise<void>;
}

const defaultSessionTtlMinMs = 10_000;
const gapText =
  "passing over log commands that this version does not know: this server should not lead, nor give snapshots";

const endpoints = [
  ...kvEndpoints,
  ...txnEndpoints,
  ...sessionEndpoints,
  ...preparedQueryEndpoints,
  ...catalogEndpoints,
  ...healthEndpoints,
  ...dumpEndpoints,
  ...coordinateEndpoints,
  ...statusEndpoints,
  ...operatorEndpoints,
  ...streamEndpoints,
];

/** Opens the data and starts serving calls. Rejects when the data cannot be used. */
export async function startServer(parts: ServerParts): Promise<RunningServer> {
  const { config, clock, log } = parts;
  const lockDelays = createLockDelays(clock);
  const store = new StateStore(lockDelays);
  const machine = stateMachine(store);
  machine.onGap((type) => log.named("server").error(gapText, { type }));
  const measured = measuredMachine(machine, parts);
  const consensus = await openConsensus(parts, parts.host?.watch(measured, store) ?? measured);
  const pool = parts.cluster?.pool ?? soloPool(ownMember(parts));
  const autopilot = openAutopilot(parts, { consensus, store, pool });
  const coordinates = openCoordinates(parts, consensus);
  const gc = createTombstoneGc({ clock, reap: (index) => void reapTombstones(consensus, log, index) });
  const timers = createSessionTimers({
    clock,
    log,
    expire: (id) => expireSession({ rpc: server, datacenter: config.datacenter }, id),
  });
  const context: ServerContext = {
    settings: serverSettings(parts),
    consensus,
    store,
    clock,
    log: log.named("server"),
    metrics: parts.metrics,
    random: (limit) => parts.rng.below(limit),
    uuid: () => parts.host?.uuid() ?? systemUuid(),
    lockDelays,
    sessionTimers: timers,
    tombstoneGc: gc,
    autopilot,
    initialAutopilot: initialAutopilot(config),
    pool,
    coordinates,
    ...wideArea(parts),
  };
  const gossip = gossipEndpoints(parts.cluster?.gossip ?? soloGossip(config.nodeName));
  const server = new Server(context, [...endpoints, ...gossip], parts.cluster?.forwarder);
  const duties = runLeader(parts, { context, autopilot, timers, gc });
  return {
    server,
    context,
    consensus,
    autopilot,
    close: async () => {
      duties[Symbol.dispose]();
      autopilot[Symbol.dispose]();
      coordinates[Symbol.dispose]();
      server.close();
      gc.stop();
      timers.stopAll();
      await consensus.close();
    },
  };
}

/** What endpoints know of other datacenters, where there is a pool of them. */
function wideArea({
  config,
  cluster,
  rng,
}: ServerParts): Pick<ServerContext, "otherDatacenters" | "wideAreaCoordinates"> {
  const { wan, remoteQuery: call } = cluster ?? {};
  if (wan === undefined) return {};
  const wideAreaCoordinates = (): ReturnType<typeof datacenterMaps> => datacenterMaps(wan);
  if (call === undefined) return { wideAreaCoordinates };
  const { datacenter: ownDatacenter, nodeName } = config;
  const picks = rng.fork("queries");
  const random = (limit: number): number => picks.below(limit);
  const ownMember = `${nodeName}.${ownDatacenter}`;
  const otherDatacenters = queryDatacenters({ wan, ownDatacenter, ownMember, call, random });
  return { wideAreaCoordinates, otherDatacenters };
}

/** Gossip of a server that runs alone. */
function soloGossip(nodeName: string): GossipDoors {
  return { events: new SoloEventPool(), keyrings: { lan: soloKeyringPool(nodeName) } };
}

/** The machine that the log drives, with every command and every part of a snapshot. */
export function stateMachine(store: StateStore): Fsm {
  const commands = [
    ...catalogCommands,
    ...kvCommands,
    ...sessionCommands,
    ...preparedQueryCommands,
    ...txnCommands,
    ...autopilotCommands,
    ...coordinateCommands,
    ...systemCommands,
    ...keptCommands,
  ];
  // The order is the reference's: nodes first, since what follows refers to them.
  return new Fsm(store, commands, [
    catalogSnapshotPart,
    coordinateSnapshotPart,
    sessionSnapshotPart,
    kvSnapshotPart,
    preparedQuerySnapshotPart,
    autopilotSnapshotPart,
    systemSnapshotPart,
    keptSnapshotPart,
  ]);
}

async function openConsensus(parts: ServerParts, machine: StateMachine): Promise<RaftNode> {
  const { config, clock, log } = parts;
  const address = hostPort(config.addresses.rpcAdvertise);
  const { host } = parts;
  const stores = host?.stores ?? (await openStores(parts));
  await recover(parts, stores);
  const { raft } = config;
  return openRaftNode(
    {
      machine,
      ...stores,
      transport: parts.cluster?.transport ?? new MemoryNetwork().connect(address),
      clock,
      rng: parts.rng.fork("raft"),
      log: log.named("server.raft"),
      metrics: parts.metrics,
      defer: host?.defer ?? afterIo,
      ...(host?.raftRules === undefined ? {} : { rules: host.raftRules }),
    },
    {
      id: parts.nodeId,
      address,
      raft: {
        ...defaultRaftOptions,
        heartbeatTimeoutMs: raft.heartbeatTimeoutMs,
        electionTimeoutMs: raft.electionTimeoutMs,
        leaderLeaseTimeoutMs: raft.leaderLeaseTimeoutMs,
        trailingLogs: raft.trailingLogs,
      },
      settings: {
        ...defaultNodeSettings,
        snapshotIntervalMs: raft.snapshotIntervalMs,
        snapshotThreshold: raft.snapshotThreshold,
      },
      ...(config.bootstrap || config.devMode
        ? { bootstrap: [{ id: parts.nodeId, address, voter: true }] }
        : {}),
      onFailed: (error) => parts.failed(error),
    },
  );
}

/** Takes a new configuration from `raft/peers.json`, if the operator has put one there. */
async function recover(
  { config, log }: ServerParts,
  stores: { readonly store: LogStore; readonly snapshots: SnapshotStore },
): Promise<void> {
  if (config.dataDir === undefined) return;
  const raftLog = log.named("server.raft");
  const file = openPeersFile(join(config.dataDir, "raft"), raftLog);
  const machine = stateMachine(new StateStore());
  await recoverFromPeersFile({ ...stores, machine, log: raftLog }, file);
}

async function openStores({
  config,
  clock,
  log,
}: ServerParts): Promise<{ store: LogStore; snapshots: SnapshotStore }> {
  if (config.dataDir === undefined)
    return { store: new MemoryLogStore(), snapshots: new MemorySnapshotStore(clock) };
  const folder = join(config.dataDir, "raft");
  const raftLog = log.named("server.raft");
  return {
    store: await openLmdbLogStore({ path: join(folder, "log"), codec: entryCodec, log: raftLog }),
    snapshots: await openSnapshotStore({
      path: join(folder, "snapshots"),
      codec: snapshotMetaCodec,
      clock,
      log: raftLog,
    }),
  };
}

function serverSettings({ config, nodeId }: ServerParts): ServerSettings {
  return {
    datacenter: config.datacenter,
    nodeName: config.nodeName,
    nodeId,
    defaultQueryTimeMs: config.queryTimes.defaultMs,
    maxQueryTimeMs: config.queryTimes.maxMs,
    sessionTtlMinMs: config.sessionTtlMinMs === 0 ? defaultSessionTtlMinMs : config.sessionTtlMinMs,
    kvValueBytesMax: config.limits.kvMaxValueSize,
    rpcHoldTimeoutMs: config.limits.rpcHoldTimeoutMs,
  };
}
