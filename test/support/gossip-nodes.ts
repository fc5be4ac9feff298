/** Gossip nodes on the loopback with short intervals, for tests. */
import { silentLog } from "../../src/lib/log.ts";
import type { Member, MemberStatus } from "../../src/lib/members.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import { seededRng } from "../../src/lib/rng.ts";
import { systemAead, systemNonces } from "../../src/runtime/aead.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { systemNet } from "../../src/runtime/net.ts";
import { serfLanDefaults } from "../../src/gossip/core/serf-options.ts";
import { consulLanOptions } from "../../src/gossip/core/swim-options.ts";
import type { SnapshotFile } from "../../src/gossip/node/gossip-files.ts";
import { GossipNode } from "../../src/gossip/node/gossip-node.ts";
import type { GossipNodeOptions, GossipNodeParts } from "../../src/gossip/node/gossip-options.ts";

/** Consul's rules at ten times the speed. */
export const quickSwim = {
  ...consulLanOptions,
  probeIntervalMs: 100,
  probeTimeoutMs: 50,
  gossipIntervalMs: 20,
  suspicionMult: 3,
  streamTimeoutMs: 2_000,
  pushPullIntervalMs: 1_000,
  deadNodeReclaimMs: 1,
};

const quickSerf = {
  ...serfLanDefaults,
  gossipIntervalMs: 20,
  leavePropagateDelayMs: 50,
  broadcastTimeoutMs: 1_000,
  reconnectIntervalMs: 200,
};

export interface NodeSetup {
  readonly options?: Partial<GossipNodeOptions>;
  readonly parts?: Partial<GossipNodeParts>;
}

let seed = 0;

/** A node on 127.0.0.1 and a free port; end it with `shutdown`, or with `await using`. */
export async function startNode(name: string, { options = {}, parts = {} }: NodeSetup = {}) {
  seed += 1;
  const node = await GossipNode.start(
    {
      name,
      bind: { host: "127.0.0.1", port: 0 },
      tags: { role: "node" },
      swim: quickSwim,
      serf: quickSerf,
      resolveNameConflicts: false,
      verifyIncoming: true,
      verifyOutgoing: true,
      label: "",
      compression: true,
      rejoinAfterLeave: false,
      ...options,
    },
    {
      net: systemNet,
      clock: systemClock,
      rng: seededRng(seed),
      nonces: systemNonces,
      aead: systemAead,
      memberlistLog: silentLog,
      serfLog: silentLog,
      metrics: noMetrics,
      ...parts,
    },
  );
  return Object.assign(node, { [Symbol.asyncDispose]: () => node.shutdown() });
}

/** Where to join `node`. */
export function addressOf(node: GossipNode): string {
  return `${node.address.host}:${node.address.port}`;
}

/** Every member and how it is, as `name=status`, sorted. */
export function seen(node: GossipNode): readonly string[] {
  return node
    .members()
    .map(({ name, status }) => `${name}=${status}`)
    .toSorted();
}

/** Settles when `condition` holds, looked at after each change of members and now and then. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Settles when `node` sees `name` with this status. */
export async function untilStatus(node: GossipNode, name: string, status: MemberStatus): Promise<Member> {
  const find = (): Member | undefined =>
    node.members().find((one) => one.name === name && one.status === status);
  await until(`${name} is ${status}; seen: ${seen(node).join(" ")}`, () => find() !== undefined);
  return find() as Member;
}

/** A snapshot in memory that outlives its node. */
export function memorySnapshot(): SnapshotFile & { readonly text: string } {
  let text = "";
  return {
    get text() {
      return text;
    },
    read: () => Promise.resolve(text),
    append: (more) => void (text += more),
    replace: (whole) => void (text = whole),
    close: () => Promise.resolve(),
  };
}

/** The words of a promise's failure. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error("it did not fail");
}
