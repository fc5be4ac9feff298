/** One Raft core through one course of events: lying peers, disks that crash, proposals, time. */
import { must, unreachable } from "../../src/lib/assert.ts";
import { logIndex, term } from "../../src/lib/log-index.ts";
import type { Effects, Input, OutgoingRequest } from "../../src/raft/core/effects.ts";
import { serverId, type SnapshotEnd, type SnapshotMark } from "../../src/raft/core/entry.ts";
import { indexMax, termMax } from "../../src/raft/core/message-problem.ts";
import { protocolVersion, type RaftRequest, type RaftResponse } from "../../src/raft/core/messages.ts";
import type { RaftStatus } from "../../src/raft/core/status.ts";
import { TestServer, type TestStart } from "../../src/raft/core/test-cluster.ts";
import { configurationCodec } from "../../src/raft/node/configuration-codec.ts";
import type { Choices } from "./choices.ts";
import { LyingPeer } from "./lying-peer.ts";

const eventsMax = 800;
const snapshotsMax = 2;
const requestsMax = 64;

const options = {
  trailingLogs: 3,
  applyEntriesMax: 5,
  windowEntriesMax: 8,
  windowBytesMax: 64,
  uncommittedEntriesMax: 20,
};

/** What a refused message must not touch. */
function kept({
  role,
  term: own,
  votedFor,
  leader,
  lastIndex,
  commitIndex,
  configurationIndex,
}: RaftStatus): string {
  return JSON.stringify([role, own, votedFor, leader, lastIndex, commitIndex, configurationIndex]);
}

export class RaftCoreCourse {
  readonly #choices: Choices;
  readonly #peer: LyingPeer;
  #server: TestServer;
  #snapshots: SnapshotMark[] = [];
  #receiving = new Map<number, SnapshotMark>();
  #open: OutgoingRequest[] = [];
  #asked = new Set<number>();
  #appliedIndex = 0;
  #terms = new Map<number, number>();
  #commitIndex = 0;
  #term = 0;
  #inboundId = 0;
  #proposalId = 0;
  #plan: { readonly proposalId: number; readonly mark: SnapshotMark } | undefined;

  constructor(choices: Choices) {
    this.#choices = choices;
    const members = choices.pick([["n1", "n2", "n3"], ["n1"], [], ["n1", "n2", "n3", "n4", "n5"]]);
    const terms =
      members.length === 0 ? [] : Array.from({ length: choices.below(4) }, (_, at) => 1 + (at >> 1));
    this.#server = this.#begin({ members, terms });
    const listener = {
      status: () => this.#server.core.status(),
      termAt: (index: number) => this.#server.core.termAt(logIndex(index)),
    };
    const commands = [Uint8Array.of(1), Uint8Array.of(2, 3), new Uint8Array(0), Uint8Array.of(255, 1)];
    this.#peer = new LyingPeer(choices, listener, { encode: configurationCodec.encode, commands });
  }

  /** Throws if something does not hold. */
  run(): void {
    for (let event = 0; event < eventsMax && !this.#choices.isOver; event += 1) this.#event();
    this.#settle();
  }

  #begin(start: TestStart): TestServer {
    const seed = this.#choices.byte();
    const commandProblem = ({ data }: { readonly data: Uint8Array }): string | undefined =>
      data[0] === 255 ? "no command" : undefined;
    return new TestServer({ ...start, seed, options, codec: configurationCodec, commandProblem });
  }

  #event(): void {
    const choices = this.#choices;
    switch (choices.below(16)) {
      case 0:
        this.#server.nowMs += choices.pick([1, 20, 100, 1_500]);
        return void this.#step();
      case 1:
        return this.#answer();
      case 2:
        return this.#answer();
      case 3:
        return this.#own();
      case 4:
        return this.#transferred();
      case 5:
        return this.#snapshot();
      case 6:
        return choices.chance(1, 4) ? this.#restart() : this.#sync();
      case 7:
      case 8:
        return this.#sync();
      default:
        return this.#ask(this.#peer.request());
    }
  }

  #ask(message: RaftRequest): void {
    this.#inboundId += 1;
    this.#asked.add(this.#inboundId);
    const before = kept(this.#server.core.status());
    const effects = this.#step({ kind: "request", inboundId: this.#inboundId, message });
    this.#expect(
      effects.refused.length === 0 || before === kept(this.#server.core.status()),
      "a refused request changes nothing",
    );
  }

  #answer(): void {
    const [request] = this.#open.splice(this.#choices.below(Math.max(1, this.#open.length)), 1);
    if (request === undefined) return;
    const { requestId } = request;
    if (this.#choices.chance(1, 5)) {
      const remoteError = this.#choices.pick(["unexpected command", "nonsense"]);
      return void this.#step({ kind: "failed", requestId, remoteError });
    }
    const before = kept(this.#server.core.status());
    const { refused } = this.#step({ kind: "response", requestId, message: this.#response(request) });
    // What is refused counts as lost, and that may end a transfer or slow a follower down, no more.
    this.#expect(
      refused.length === 0 || before === kept(this.#server.core.status()),
      "a refused answer changes nothing",
    );
  }

  #response({ to, message }: OutgoingRequest): RaftResponse {
    const choices = this.#choices;
    const header = { protocolVersion, id: to };
    const own = "term" in message ? message.term : this.#server.core.status().term;
    const common = { header, term: term(choices.chance(1, 6) ? choices.number(own) : own) };
    const yes = choices.chance(2, 3);
    switch (message.kind) {
      case "appendEntries": {
        const lastLog = logIndex(
          choices.chance(1, 2) ? message.prevLogIndex : choices.number(message.prevLogIndex),
        );
        const noRetryBackoff = choices.chance(1, 2);
        return { kind: "appendEntriesResponse", ...common, lastLog, success: yes, noRetryBackoff };
      }
      case "requestVote":
        return { kind: "requestVoteResponse", ...common, granted: yes };
      case "requestPreVote":
        return { kind: "requestPreVoteResponse", ...common, granted: yes };
      case "installSnapshot":
        return { kind: "installSnapshotResponse", ...common, success: yes };
      case "timeoutNow":
        return { kind: "timeoutNowResponse", header };
      default:
        return unreachable(message);
    }
  }

  /** What this server's own operators and clients want. */
  #own(): void {
    const choices = this.#choices;
    this.#proposalId += 1;
    const proposalId = this.#proposalId;
    const id = serverId(choices.pick(["n1", "n2", "n3", "n6"]));
    const wishes: readonly Input[] = [
      { kind: "propose", proposalId, entries: [{ type: 0, data: choices.bytes(choices.below(4)) }] },
      { kind: "verifyLeader", proposalId },
      { kind: "changeConfiguration", proposalId, change: { kind: "addVoter", id, address: `${id}:8300` } },
      { kind: "changeConfiguration", proposalId, change: { kind: "removeServer", id } },
      { kind: "changeConfiguration", proposalId, change: { kind: "demoteVoter", id } },
      { kind: "transferLeadership", proposalId },
      { kind: "planRestore", proposalId, index: logIndex(choices.number(this.#commitIndex)) },
      { kind: "bootstrap", proposalId, configuration: this.#peer.configuration() },
    ];
    const { outcomes } = this.#step(choices.pick(wishes));
    for (const outcome of outcomes)
      if (outcome.kind === "restorePlanned")
        this.#plan = { proposalId: outcome.proposalId, mark: outcome.mark };
    if (this.#plan === undefined || choices.chance(1, 2)) return;
    const plan = this.#plan;
    this.#plan = undefined;
    if (!this.#server.core.isRestoring(plan.proposalId) || choices.chance(1, 4))
      return void this.#step({ kind: "restoreFailed", proposalId: plan.proposalId });
    this.#keep(plan.mark);
    this.#appliedIndex = plan.mark.index;
    this.#step({ kind: "restored", proposalId: plan.proposalId });
  }

  /** The bytes of a snapshot have come, or have not. */
  #transferred(): void {
    const inboundId = this.#choices.pick([...this.#receiving.keys()]);
    const mark = this.#receiving.get(inboundId);
    if (mark === undefined) return;
    this.#receiving.delete(inboundId);
    const ok = this.#choices.chance(4, 5);
    if (ok) this.#keep(mark);
    this.#step({ kind: "snapshotReceived", inboundId, ok });
  }

  #snapshot(): void {
    const snapshot = this.#server.core.snapshotMark();
    if (snapshot === undefined) return;
    this.#keep(snapshot);
    this.#step({ kind: "snapshotTaken", snapshot });
  }

  /** As a store does: the newest two, by term and index. */
  #keep(mark: SnapshotMark): void {
    this.#snapshots = [mark, ...this.#snapshots]
      .toSorted((a, b) => b.term - a.term || b.index - a.index)
      .slice(0, snapshotsMax);
  }

  #drop(end: SnapshotEnd): void {
    this.#snapshots = this.#snapshots.filter(
      ({ index, term: own }) => index !== end.index || own !== end.term,
    );
  }

  /** A crash: what was not synced is gone. */
  #restart(): void {
    const { log, hardState, nowMs } = this.#server;
    const [snapshot] = this.#snapshots;
    const end = snapshot?.index ?? 0;
    this.#expect(
      log.firstIndex <= end + 1,
      `the log begins at ${log.firstIndex}, the newest snapshot ends at ${end}`,
    );
    const start = { log, ...(snapshot === undefined ? {} : { snapshot }) };
    const { votedFor } = hardState;
    const hard = { term: hardState.term, ...(votedFor === undefined ? {} : { votedFor }) };
    this.#server = this.#begin({ ...start, hardState: hard });
    this.#server.nowMs = nowMs;
    this.#open = [];
    this.#asked.clear();
    this.#receiving.clear();
    // What a liar called committed may turn out not to have been.
    this.#terms.clear();
    this.#appliedIndex = end;
    this.#commitIndex = 0;
    this.#term = 0;
    this.#plan = undefined;
    this.#watch(this.#server.effects);
    // The clock goes on where it was.
    this.#step();
  }

  #sync(): void {
    this.#watch(this.#server.sync());
  }

  #step(...inputs: readonly Input[]): Effects {
    const effects = this.#server.step(...inputs);
    this.#watch(effects);
    return effects;
  }

  #watch(effects: Effects): void {
    for (const { inboundId, message } of effects.receiveSnapshot) {
      const { lastLogIndex: index, lastLogTerm, configuration, configurationIndex } = message;
      this.#receiving.set(inboundId, { index, term: lastLogTerm, configuration, configurationIndex });
    }
    for (const end of effects.dropSnapshots) this.#drop(end);
    if (effects.installSnapshot !== undefined) this.#appliedIndex = effects.installSnapshot.index;
    for (const { index, term: entryTerm } of effects.apply) {
      this.#expect(index === this.#appliedIndex + 1, `${index} is applied after ${this.#appliedIndex}`);
      this.#appliedIndex = index;
      this.#terms.set(index, entryTerm);
    }
    for (const { requestId, to, message } of effects.sendSnapshot)
      this.#open.push({
        kind: "request",
        requestId,
        to,
        address: "",
        lane: "control",
        timeoutMs: 1,
        message,
      });
    this.#take();
    const { term: own, commitIndex } = this.#server.core.status();
    this.#expect(own >= this.#term && own <= termMax, `term ${own} after ${this.#term}`);
    this.#expect(commitIndex >= this.#commitIndex, `commit index ${commitIndex} after ${this.#commitIndex}`);
    this.#term = own;
    this.#commitIndex = commitIndex;
  }

  /** What left: requests wait for an answer, and each reply is the only one. */
  #take(): void {
    for (const outgoing of this.#server.sent.splice(0)) {
      if (outgoing.kind === "request") this.#open.push(outgoing);
      else this.#expect(this.#asked.delete(outgoing.inboundId), `${outgoing.inboundId} is answered once`);
    }
    // Who asks much is not heard for ever.
    while (this.#open.length > requestsMax) {
      const { requestId } = must(this.#open.shift(), "there are too many");
      this.#step({ kind: "failed", requestId });
    }
  }

  /** When the disk has caught up all are answered, what was applied is still there, a correct leader is followed. */
  #settle(): void {
    for (let turn = 0; turn < 3; turn += 1) this.#sync();
    for (const inboundId of this.#asked)
      this.#expect(this.#receiving.has(inboundId), `${inboundId} has no answer`);
    for (const [index, entryTerm] of this.#terms) {
      const now = this.#server.core.termAt(logIndex(index));
      this.#expect(now === undefined || now === entryTerm, `entry ${index} was applied, and is another now`);
    }
    const { term: last, lastIndex } = this.#server.core.status();
    // Where counting ends, nobody goes on.
    if (last >= termMax || lastIndex >= indexMax) return;
    const honest = this.#peer.honest();
    const before = this.#server.effects.refused.length;
    this.#expect(before === 0, "nothing is refused without a message");
    this.#ask(honest);
    this.#sync();
    const { commitIndex } = this.#server.core.status();
    this.#expect(
      commitIndex === honest.leaderCommit,
      `a correct leader commits ${honest.leaderCommit}, not ${commitIndex}`,
    );
  }

  #expect(holds: boolean, claim: string): void {
    if (!holds) throw new Error(claim);
  }
}
