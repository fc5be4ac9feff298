/** Builds the gossip pools of an agent from its configuration: LAN for all, WAN for servers. */
import { join } from "node:path";
import type { Config, GossipPoolConfig } from "../config/config.ts";
import { lanChecks } from "../gossip/core/lan-checks.ts";
import type { MemberCheck } from "../gossip/core/member-checks.ts";
import { serfLanDefaults, serfWanDefaults, type SerfOptions } from "../gossip/core/serf-options.ts";
import {
  consulLanOptions,
  consulWanOptions,
  fitSwimTuning,
  type SwimOptions,
} from "../gossip/core/swim-options.ts";
import { wanChecks } from "../gossip/core/wan-checks.ts";
import { GossipNode } from "../gossip/node/gossip-node.ts";
import type { Clock } from "../lib/clock.ts";
import { parseCidr, type IpNetwork } from "../lib/ip.ts";
import type { Log } from "../lib/log.ts";
import { labelledMetrics, type Metrics } from "../lib/metrics.ts";
import type { Net } from "../lib/net.ts";
import type { Rng } from "../lib/rng.ts";
import { systemAead, systemNonces } from "../runtime/aead.ts";
import { openKeyringFile, openSnapshotFile, readTextIfThere } from "../runtime/gossip-files.ts";
import { parseServer } from "../wire/gossip/agent-tags.ts";
import { Keyring, parseKeyringFile, renderKeyringFile } from "../wire/gossip/keyring.ts";
import { fromBase64 } from "../wire/schema/base64.ts";
import { lanTags, wanTags } from "./gossip-tags.ts";

export interface PoolParts {
  readonly config: Config;
  readonly nodeId: string;
  /** The release whose behaviour is offered. */
  readonly version: string;
  readonly net: Net;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The pool of this datacenter's agents. Rejects when the address cannot be bound or a file cannot be read. */
export async function openLanPool(parts: PoolParts): Promise<GossipNode> {
  const { config, nodeId } = parts;
  const { nodeName, datacenter, addresses, gossip } = config;
  return openPool(parts, {
    scope: "lan",
    files: "local",
    name: nodeName,
    bind: addresses.serfLanBind,
    advertise: addresses.serfLanAdvertise,
    tags: lanTags(parts),
    check: lanChecks({ nodeName, nodeId, datacenter, segment: "" }),
    settings: gossip.lan,
    swim: consulLanOptions,
    serf: serfLanDefaults,
  });
}

/** The pool of the servers of all datacenters; `undefined` on clients and where its port is off. */
export async function openWanPool(parts: PoolParts): Promise<GossipNode | undefined> {
  const { nodeName, datacenter, addresses, gossip, server } = parts.config;
  const { serfWanBind: bind, serfWanAdvertise: advertise } = addresses;
  if (!server || bind === undefined || advertise === undefined) return undefined;
  return openPool(parts, {
    scope: "wan",
    files: "remote",
    name: `${nodeName}.${datacenter}`,
    bind,
    advertise,
    tags: wanTags(parts),
    check: wanChecks((member) => parseServer(member) !== undefined),
    settings: gossip.wan,
    swim: consulWanOptions,
    serf: serfWanDefaults,
  });
}

interface PoolPlan {
  readonly scope: "lan" | "wan";
  readonly files: "local" | "remote";
  readonly name: string;
  readonly bind: { readonly host: string; readonly port: number };
  readonly advertise: { readonly host: string; readonly port: number };
  readonly tags: Readonly<Record<string, string>>;
  readonly check: MemberCheck;
  readonly settings: GossipPoolConfig;
  readonly swim: SwimOptions;
  readonly serf: SerfOptions;
}

async function openPool(parts: PoolParts, plan: PoolPlan): Promise<GossipNode> {
  const { config, log } = parts;
  const role = config.server ? "server" : "client";
  const serfLog = log.named(`${role}.serf.${plan.scope}`);
  const folder = config.dataDir === undefined ? undefined : join(config.dataDir, "serf");
  const path = (suffix: string): string | undefined =>
    folder === undefined ? undefined : join(folder, `${plan.files}.${suffix}`);
  const snapshotPath = config.devMode ? undefined : path("snapshot");
  const keyringPath = config.gossip.keyringFile ? path("keyring") : undefined;
  const { settings } = plan;
  const tuning = fitSwimTuning(settings);
  const keyring = await openKeyring(config, keyringPath);
  return GossipNode.start(
    {
      name: plan.name,
      bind: plan.bind,
      advertiseHost: plan.advertise.host,
      advertisePort: plan.advertise.port,
      tags: plan.tags,
      swim: {
        ...plan.swim,
        ...tuning,
      },
      serf: {
        ...plan.serf,
        gossipIntervalMs: tuning.gossipIntervalMs,
        retransmitMult: tuning.retransmitMult,
        ...(settings.reconnectTimeoutMs === undefined
          ? {}
          : { reconnectTimeoutMs: settings.reconnectTimeoutMs }),
      },
      check: plan.check,
      resolveNameConflicts: !config.server,
      keyring,
      verifyIncoming: config.gossip.verifyIncoming,
      verifyOutgoing: config.gossip.verifyOutgoing,
      label: "",
      compression: true,
      allowedNetworks: networks(settings),
      coordinates: config.coordinates,
      rejoinAfterLeave: config.join.rejoinAfterLeave,
    },
    {
      net: parts.net,
      clock: parts.clock,
      rng: parts.rng.fork(`gossip-${plan.scope}`),
      nonces: systemNonces,
      aead: systemAead,
      memberlistLog: log.named(`${role}.memberlist.${plan.scope}`),
      serfLog,
      metrics: labelledMetrics(parts.metrics, [{ name: "network", value: plan.scope }]),
      snapshotFile:
        snapshotPath === undefined
          ? undefined
          : openSnapshotFile(snapshotPath, ({ message }) =>
              serfLog.error("serf: Failed to update snapshot", { error: message }),
            ),
      keyringFile: keyringPath === undefined ? undefined : openKeyringFile(keyringPath),
    },
  );
}

function networks({ allowedCidrs }: GossipPoolConfig): readonly IpNetwork[] | undefined {
  if (allowedCidrs.length === 0) return undefined;
  return allowedCidrs.flatMap((text) => parseCidr(text) ?? []);
}

/** The keys of the file if there is one; else the configured key, which the file then keeps. */
async function openKeyring(config: Config, path: string | undefined): Promise<Keyring | undefined> {
  const { encryptKey } = config.gossip;
  const kept = path === undefined ? undefined : await readTextIfThere(path);
  if (kept !== undefined) return parseKeyringFile(kept);
  if (encryptKey === undefined) return undefined;
  const keyring = Keyring.of([fromBase64(encryptKey)]);
  if (path !== undefined) await openKeyringFile(path).write(renderKeyringFile(keyring));
  return keyring;
}
