/** A Raft node behind its door for peers, through one course of bytes, restarts and time. */
import { must } from "../../src/lib/assert.ts";
import type { ConsensusServer } from "../../src/lib/consensus.ts";
import { logIndex, type LogIndex, type Term } from "../../src/lib/log-index.ts";
import { silentLog } from "../../src/lib/log.ts";
import { ManualClock } from "../../src/lib/manual-clock.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import { NetworkError } from "../../src/lib/network-error.ts";
import type { Net } from "../../src/lib/net.ts";
import { seededRng } from "../../src/lib/rng.ts";
import { indexMax, termMax } from "../../src/raft/core/message-problem.ts";
import type { RaftRequest } from "../../src/raft/core/messages.ts";
import { defaultRaftOptions } from "../../src/raft/core/options.ts";
import type { RaftStatus } from "../../src/raft/core/status.ts";
import { configurationCodec } from "../../src/raft/node/configuration-codec.ts";
import { defaultNodeSettings, type NodeParts } from "../../src/raft/node/driver.ts";
import { MemoryLogStore } from "../../src/raft/node/memory-log-store.ts";
import { MemorySnapshotStore } from "../../src/raft/node/memory-snapshot-store.ts";
import { encodeRequest } from "../../src/raft/node/message-codec.ts";
import { NetTransport } from "../../src/raft/node/net-transport.ts";
import { openRaftNode, type RaftNode } from "../../src/raft/node/raft-node.ts";
import { ListMachine, text } from "../../src/raft/node/test-kit.ts";
import { ValueScanner } from "../../src/raft/node/value-scanner.ts";
import type { Choices } from "./choices.ts";
import { LyingPeer } from "./lying-peer.ts";
import { NearEnd } from "./near-end.ts";
import { toError } from "./to-error.ts";
import { Turns } from "./turns.ts";

const eventsMax = 400;
const connectionsMax = 3;
const valuesOfAnswer = 2;

const commands = ["a", "bb", "", "\0bad", "c".repeat(40)].map(text);
const states = ['["x"]', '["x","y","z"]', "[]", "{garbage", "", '["cut'].map(text);

const refuse = (): Promise<never> =>
  Promise.reject(
    new NetworkError("nobody is there", { errno: "ECONNREFUSED", address: "", cause: undefined }),
  );
const nowhere: Net = { connect: refuse, listen: refuse, bindUdp: refuse, resolve: refuse };

export class RaftNodeCourse {
  readonly #choices: Choices;
  readonly #turns = new Turns();
  readonly #clock = new ManualClock();
  readonly #store = new MemoryLogStore();
  readonly #snapshots = new MemorySnapshotStore(this.#clock);
  readonly #peer: LyingPeer;
  readonly #members: readonly string[];
  #machine = new ListMachine();
  #transport: NetTransport | undefined;
  #node: RaftNode | undefined;
  #failure: Error | undefined;
  #ends: NearEnd[] = [];
  #term = 0;
  #commitIndex = 0;

  constructor(choices: Choices) {
    this.#choices = choices;
    this.#members = choices.pick([["n1", "n2", "n3"], ["n1"], ["n1", "n2", "n3"], []]);
    const listener = {
      status: (): RaftStatus => this.#running.raftStatus(),
      termAt: (index: LogIndex): Term | undefined => this.#termAt(index),
    };
    this.#peer = new LyingPeer(choices, listener, { encode: configurationCodec.encode, commands });
    this.#open();
  }

  /** Throws if something does not hold. */
  run(): void {
    for (let event = 0; event < eventsMax && !this.#choices.isOver; event += 1) {
      this.#event();
      this.#turns.run();
      this.#check();
    }
    this.#settle();
  }

  get #running(): RaftNode {
    return must(this.#node, "a node is open");
  }

  #event(): void {
    const choices = this.#choices;
    switch (choices.below(16)) {
      case 0:
        return this.#clock.advance(choices.pick([1, 30, 700, 4_000, 20_000]));
      case 1:
        return this.#restart();
      case 2:
        return void this.#running.propose(text("own")).catch(() => undefined);
      case 3:
        return void this.#running.snapshot().catch(() => undefined);
      case 4:
        return choices.chance(1, 2) ? this.#end().half() : this.#end().close();
      case 5:
        return this.#end().feed(choices.bytes(1 + choices.below(30)), choices);
      case 6:
        return void this.#running.restore(choices.pick(states), choices.below(200)).catch(() => undefined);
      default:
        return this.#say(this.#peer.request());
    }
  }

  /** A message on some connection, at times spoiled on its way, with the snapshot that it announces, more or less. */
  #say(request: RaftRequest): void {
    const choices = this.#choices;
    const end = this.#end();
    if (request.kind !== "installSnapshot") return end.feed(this.#spoiled(encodeRequest(request)), choices);
    const state = choices.pick(states);
    const sizeBytes = choices.chance(1, 8) ? request.sizeBytes : state.length;
    end.feed(this.#spoiled(encodeRequest({ ...request, sizeBytes })), choices);
    end.feed(state, choices);
  }

  #spoiled(bytes: Uint8Array): Uint8Array {
    const choices = this.#choices;
    if (!choices.chance(1, 10)) return bytes;
    const copy = bytes.slice();
    for (let count = 1 + choices.below(3); count > 0; count -= 1)
      copy[choices.below(copy.length)] = choices.byte();
    return choices.chance(1, 6) ? copy.subarray(0, choices.below(copy.length)) : copy;
  }

  #end(): NearEnd {
    this.#ends = this.#ends.filter(({ isClosed }) => !isClosed);
    const at = this.#choices.below(connectionsMax);
    const known = this.#ends[at];
    if (known !== undefined) return known;
    const end = new NearEnd();
    this.#ends.push(end);
    must(this.#transport, "a node is open").accept(end, new Uint8Array(0));
    return end;
  }

  #open(): void {
    const parts = this.#parts();
    const opened = openRaftNode(parts, {
      id: "n1",
      address: "n1:8300",
      raft: { ...defaultRaftOptions, trailingLogs: 4 },
      settings: { ...defaultNodeSettings, snapshotThreshold: 8, snapshotIntervalMs: 5_000 },
      ...(this.#members.length === 0 ? {} : { bootstrap: this.#members.map(serverOf) }),
      onFailed: (error) => (this.#failure ??= toError(error)),
    });
    opened.then(
      (node) => (this.#node = node),
      (error: unknown) => (this.#failure ??= toError(error)),
    );
    this.#turns.run();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #parts(): NodeParts {
    this.#machine = new ListMachine();
    const common = { clock: this.#clock, log: silentLog, metrics: noMetrics };
    this.#transport = new NetTransport({ ...common, net: nowhere, leadingByte: null });
    const rng = seededRng(this.#choices.byte());
    const { defer } = this.#turns;
    return {
      ...common,
      machine: this.#machine,
      store: this.#store,
      snapshots: this.#snapshots,
      transport: this.#transport,
      rng,
      defer,
    };
  }

  /** What is on the disk is enough to begin again. */
  #restart(): void {
    void this.#running.close();
    this.#turns.run();
    this.#node = undefined;
    this.#ends = [];
    this.#term = 0;
    this.#commitIndex = 0;
    this.#open();
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { term, commitIndex } = this.#running.raftStatus();
    const { role, appliedIndex } = this.#running.status();
    expect(role !== "shutdown", "the node goes on");
    expect(term >= this.#term, `term ${term} after ${this.#term}`);
    expect(commitIndex >= this.#commitIndex, `commit index ${commitIndex} after ${this.#commitIndex}`);
    expect(appliedIndex <= commitIndex, `applied ${appliedIndex} of ${commitIndex}`);
    this.#term = term;
    this.#commitIndex = commitIndex;
  }

  #termAt(index: LogIndex): Term | undefined {
    const { lastIndex, lastTerm, snapshotIndex, snapshotTerm } = this.#running.raftStatus();
    if (index === lastIndex) return lastTerm;
    return index === snapshotIndex ? snapshotTerm : this.#store.termAt(index);
  }

  /** Answers are whole, everything committed is applied, and a correct leader is followed, also after a restart. */
  #settle(): void {
    for (const end of this.#ends) {
      const taken = end.take();
      const scanner = new ValueScanner();
      for (let at = 0; at < taken.length;) {
        scanner.start(at, valuesOfAnswer);
        at = must(scanner.scan(taken), "answers are whole");
      }
      end.close();
    }
    for (const mustRestart of [false, true]) {
      if (mustRestart) this.#restart();
      const { lastIndex, term } = this.#running.raftStatus();
      if (term >= termMax || lastIndex >= indexMax) return;
      const honest = this.#peer.honest();
      const end = new NearEnd();
      must(this.#transport, "a node is open").accept(end, new Uint8Array(0));
      end.feed(encodeRequest(honest), this.#choices);
      this.#turns.run();
      this.#check();
      const { appliedIndex } = this.#running.status();
      expect(appliedIndex === honest.leaderCommit, `applied ${appliedIndex}, not ${honest.leaderCommit}`);
      expect(this.#store.termAt(logIndex(appliedIndex)) === honest.term, "the leader's entry is on the disk");
    }
    void this.#running.close();
    this.#turns.run();
  }
}

function serverOf(id: string): ConsensusServer {
  return { id, address: `${id}:8300`, voter: true };
}

function expect(holds: boolean, claim: string): void {
  if (!holds) throw new Error(claim);
}
