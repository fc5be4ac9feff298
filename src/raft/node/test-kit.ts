/** For tests of the node: a clock that is moved by hand, a machine easy to compare, a cluster in one process. */
import { ManualClock } from "../../lib/manual-clock.ts";
import type { ConsensusServer, StateMachine } from "../../lib/consensus.ts";
import { DecodeError } from "../../lib/errors.ts";
import { silentLog } from "../../lib/log.ts";
import { noMetrics } from "../../lib/metrics.ts";
import { seededRng } from "../../lib/rng.ts";
import { defaultRaftOptions, type RaftOptions } from "../core/options.ts";
import { defaultNodeSettings, type NodeParts, type NodeSettings } from "./driver.ts";
import { MemoryLogStore } from "./memory-log-store.ts";
import { MemorySnapshotStore } from "./memory-snapshot-store.ts";
import { MemoryNetwork } from "./memory-transport.ts";
import { openRaftNode, type RaftNode, type RaftNodeOptions } from "./raft-node.ts";
import type { Transport } from "./transport.ts";

/** Lets what is ready happen, then moves time by a millisecond, until `condition`; fails after 60 s of its time. */
export async function until(
  clock: ManualClock,
  condition: () => boolean,
  what = "the condition",
): Promise<void> {
  for (let ms = 0; ms < 60_000; ms += 1) {
    for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    if (condition()) return;
    clock.advance(1);
  }
  throw new Error(`never: ${what}`);
}

/** The value of a promise, with time moving until it settles. */
export async function settled<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let isDone = false;
  const done = (): void => {
    isDone = true;
  };
  promise.then(done, done);
  await until(clock, () => isDone, "the promise settles");
  return promise;
}

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** Keeps every command as text, in order, and answers how many there are. */
export class ListMachine implements StateMachine {
  items: string[] = [];
  /** What `apply` was given in memory, by index. */
  readonly decoded = new Map<number, unknown>();

  apply(index: number, command: Uint8Array, decoded?: unknown): unknown {
    if (decoded !== undefined) this.decoded.set(index, decoded);
    this.items.push(fromUtf8.decode(command));
    return this.items.length;
  }
  /** No command begins with a zero. */
  decode(command: Uint8Array): undefined {
    if (command[0] === 0) throw new DecodeError("a command that begins with a zero");
    return undefined;
  }
  *snapshot(): Iterable<Uint8Array> {
    const items = [...this.items];
    yield utf8.encode("[");
    for (const [at, item] of items.entries())
      yield utf8.encode(`${at === 0 ? "" : ","}${JSON.stringify(item)}`);
    yield utf8.encode("]");
  }
  prepare(state: Uint8Array): () => void {
    try {
      const items = JSON.parse(fromUtf8.decode(state)) as string[];
      return () => void (this.items = items);
    } catch (error) {
      throw new DecodeError("not a list", { cause: error });
    }
  }
}

/** A command of some text. */
export const text = (value: string): Uint8Array => utf8.encode(value);

/** A server of a test cluster and what survives its restarts. */
export interface Member {
  readonly id: string;
  readonly address: string;
  readonly store: MemoryLogStore;
  readonly snapshots: MemorySnapshotStore;
  machine: ListMachine;
  node: RaftNode | undefined;
}

export interface ClusterOptions {
  readonly raft?: Partial<RaftOptions>;
  readonly settings?: Partial<NodeSettings>;
  /** In place of the cluster's own network. */
  readonly transport?: (member: Member) => Transport;
}

/** Some servers on one clock and one network; the voters are bootstrapped together. */
export class TestCluster implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork();
  readonly members: Member[] = [];
  readonly failures: unknown[] = [];
  readonly #options: ClusterOptions;

  constructor(count: number, options: ClusterOptions = {}) {
    this.#options = options;
    for (let number = 1; number <= count; number += 1) this.add(`n${number}`);
  }

  add(id: string): Member {
    const address = `${id}:8300`;
    const store = new MemoryLogStore();
    const member = {
      id,
      address,
      store,
      snapshots: new MemorySnapshotStore(this.clock),
      machine: new ListMachine(),
      node: undefined,
    };
    this.members.push(member);
    return member;
  }

  get servers(): readonly ConsensusServer[] {
    return this.members.map(({ id, address }) => ({ id, address, voter: true }));
  }

  async open(member: Member, extra: Partial<RaftNodeOptions> = {}): Promise<RaftNode> {
    member.machine = new ListMachine();
    const parts: NodeParts = {
      machine: member.machine,
      store: member.store,
      snapshots: member.snapshots,
      transport: this.#options.transport?.(member) ?? this.network.connect(member.address),
      clock: this.clock,
      rng: seededRng(this.members.indexOf(member) + 1),
      log: silentLog,
      metrics: noMetrics,
      defer: (run) => setImmediate(run),
    };
    member.node = await openRaftNode(parts, {
      id: member.id,
      address: member.address,
      raft: { ...defaultRaftOptions, ...this.#options.raft },
      settings: { ...defaultNodeSettings, ...this.#options.settings },
      onFailed: (error) => this.failures.push(error),
      ...extra,
    });
    return member.node;
  }

  /** Opens all with one configuration and waits for a leader. */
  async start(): Promise<RaftNode> {
    const bootstrap = this.servers;
    for (const member of this.members) await this.open(member, { bootstrap });
    return this.leader();
  }

  async leader(): Promise<RaftNode> {
    const leading = (): RaftNode | undefined =>
      this.members.find(({ node }) => node?.status().role === "leader" && node.status().lastContactMs === 0)
        ?.node;
    await until(this.clock, () => leading() !== undefined, "somebody leads");
    return leading()!;
  }

  member(node: RaftNode): Member {
    return this.members.find((member) => member.node === node)!;
  }

  others(node: RaftNode): readonly Member[] {
    return this.members.filter((member) => member.node !== node);
  }

  settled<T>(promise: Promise<T>): Promise<T> {
    return settled(this.clock, promise);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { node } of this.members) await node?.close();
  }
}
