/**
 * The Raft core: inputs in, effects out; no socket, disk, clock or randomness of its own.
 *
 *                   election timer            majority of votes
 *     follower ───────────────────▶ candidate ─────────────────▶ leader
 *        ▲ ▲   newer term, leader      │                            │
 *        │ └───────────────────────────┘                            │
 *        └──────────────── newer term, lease expired, removed ──────┘
 *
 * This file plays the roles against each other; the rules of each are in `votes`, `follower`,
 * `election` and `leader`. The invariants are R1… in docs/internals/raft.md.
 */
import { assert, must, unreachable } from "../../lib/assert.ts";
import type { MonotonicMs } from "../../lib/clock.ts";
import { logIndex, term as toTerm, type LogIndex, type Term } from "../../lib/log-index.ts";
import { nextSnapshotMark, takeSnapshot } from "./compaction.ts";
import { acceptEntries, acceptSnapshot, appendResponse, isSuperfluous } from "./follower.ts";
import type { Effects, Input, Leadership, LogWrite, Role } from "./effects.ts";
import { askVoters, Election, unexpectedCommand, type ElectionKind } from "./election.ts";
import { entryType, type Configuration, type ServerId, type SnapshotMark } from "./entry.ts";
import { Leading } from "./leader.ts";
import { isSoundConfiguration } from "./membership.ts";
import { answerProblem, receivedProblem, requestProblem, termMax } from "./message-problem.ts";
import type {
  AppendEntriesRequest,
  InstallSnapshotRequest,
  RequestPreVoteRequest,
  RequestVoteRequest,
} from "./messages.ts";
import { protocolVersion } from "./messages.ts";
import { RaftState } from "./state.ts";
import type { RaftStart, RaftStatus } from "./status.ts";
import { mayGrantPreVote, mayGrantVote, mayTakeTerm, toCandidacy } from "./votes.ts";

/** The reference's error text. */
const versionError = "operation not supported with current protocol version";

/** A snapshot whose bytes are on their way, and where they come from. */
interface Receiving {
  readonly message: InstallSnapshotRequest;
  readonly from: string | undefined;
}

type InboundRequest = Extract<Input, { kind: "request" }>;
type InboundResponse = Extract<Input, { kind: "response" }>;

/** One server's consensus. Not re-entrant; owned by one driver. */
export class RaftCore {
  readonly #state: RaftState;
  #leading: Leading | undefined;
  #election: Election | undefined;
  #asked: ReadonlyMap<number, ServerId> = new Map();
  #electionDeadlineMs: MonotonicMs;
  readonly #receiving = new Map<number, Receiving>();
  #writeToken = 0;
  /** The write that carries the newest vote; a candidate counts its own vote when it is durable. */
  #voteToken = 0;
  #reported: Leadership;

  /** Reads the log's configurations; throws on options or a disk that cannot be. */
  constructor(start: RaftStart) {
    this.#state = new RaftState(start);
    this.#electionDeadlineMs = start.nowMs;
    this.#armElection(start.options.heartbeatTimeoutMs);
    if (this.#isSoleVoter() && start.options.soleVoterCampaignsAtOnce) this.#electionDeadlineMs = start.nowMs;
    this.#reported = this.#leadership();
  }

  /** Keeps this many entries behind the next snapshots. */
  keepTrailingLogs(count: number): void {
    this.#state.trailingLogs = count;
  }

  /** Takes a batch of inputs in order and returns what is to be done. Cheaper per input the larger the batch. */
  step(inputs: readonly Input[]): Effects {
    for (const input of inputs) this.#take(input);
    this.#fireTimers();
    const resignation = this.#leading?.conclude();
    if (resignation !== undefined) this.#becomeFollower();
    const write = this.#takeWrite();
    const apply = this.#state.takeCommitted();
    return this.#state.outbox.drain({
      write,
      apply,
      leadership: this.#takeLeadership(),
      wakeAtMs: this.#wakeAtMs(),
      isWriting: this.#state.log.isWriting,
    });
  }

  /** A picture of the core; cheap enough for each request of an operator, not for each step. */
  status(): RaftStatus {
    const { log, membership, snapshot } = this.#state;
    return {
      id: this.#state.id,
      role: this.#role(),
      term: this.#state.term,
      votedFor: this.#state.votedFor,
      leader: this.#state.leader,
      firstIndex: log.firstIndex,
      lastIndex: log.lastIndex,
      lastTerm: log.lastTerm,
      durableIndex: log.durableIndex,
      commitIndex: this.#state.commitIndex,
      appliedIndex: this.#state.appliedIndex,
      snapshotIndex: snapshot?.index ?? logIndex(0),
      snapshotTerm: snapshot?.term ?? toTerm(0),
      configuration: membership.latest.configuration,
      configurationIndex: membership.latest.index,
      committedConfiguration: membership.committed.configuration,
      committedConfigurationIndex: membership.committed.index,
      lastContactMs: this.#leading === undefined ? this.#state.lastContactMs : undefined,
      followers: this.#leading?.followers() ?? [],
    };
  }

  /**
   * The mark for a snapshot of a state machine that has applied everything handed out so far.
   *
   * Undefined while there is nothing to cut, or while the configuration in force there is not known.
   */
  snapshotMark(): SnapshotMark | undefined {
    return nextSnapshotMark(this.#state);
  }

  /** Term of the entry at `index`, or of the snapshot's end; undefined if it is not in this server's log. */
  termAt(index: LogIndex): Term | undefined {
    return this.#state.log.termAt(index);
  }

  /** Whether the plan of this `planRestore` is still in force. */
  isRestoring(proposalId: number): boolean {
    return this.#leading?.restoringId === proposalId;
  }

  /** Problems of the structure itself, for `checkInvariants`. */
  problems(): readonly string[] {
    const found = [...this.#state.log.problems(), ...(this.#leading?.problems() ?? [])];
    if (this.#leading !== undefined && this.#election !== undefined)
      found.push("leads and stands for election");
    return found;
  }

  #take(input: Input): void {
    switch (input.kind) {
      case "clock":
        assert(input.nowMs >= this.#state.nowMs, "the clock never runs backwards");
        this.#state.nowMs = input.nowMs;
        return;
      case "request":
        return this.#request(input);
      case "response":
        return this.#response(input);
      case "failed":
        return this.#failed(input.requestId, input.remoteError);
      case "propose":
      case "changeConfiguration":
      case "transferLeadership":
      case "planRestore":
      case "verifyLeader":
        return this.#command(input);
      case "restored":
        assert(this.isRestoring(input.proposalId), "only a snapshot whose plan is in force is taken over");
        return this.#leading?.takeRestored();
      case "restoreFailed":
        return this.#leading?.abandonRestore(input.proposalId);
      case "bootstrap":
        return this.#bootstrap(input.proposalId, input.configuration);
      case "written":
        return this.#written(input.token);
      case "snapshotTaken":
        return takeSnapshot(this.#state, input.snapshot);
      case "snapshotReceived":
        return this.#snapshotReceived(input.inboundId, input.ok);
      default:
        return unreachable(input);
    }
  }

  #command(
    input: Extract<
      Input,
      { kind: "propose" | "changeConfiguration" | "transferLeadership" | "planRestore" | "verifyLeader" }
    >,
  ): void {
    const leading = this.#leading;
    if (leading === undefined) return this.#state.outbox.refuse(input.proposalId, "notLeader");
    switch (input.kind) {
      case "propose":
        return leading.propose(input.proposalId, input.entries);
      case "changeConfiguration":
        return leading.changeConfiguration(input);
      case "transferLeadership":
        return leading.transferLeadership(input.proposalId, input.to);
      case "planRestore":
        return leading.planRestore(input.proposalId, input.index);
      case "verifyLeader":
        return leading.verify(input.proposalId);
      default:
        return unreachable(input);
    }
  }

  #request(input: InboundRequest): void {
    const { inboundId, message, from } = input;
    const { outbox } = this.#state;
    const version = message.header.protocolVersion;
    if (version > protocolVersion || version < protocolVersion - 1)
      return outbox.replyError(inboundId, versionError);
    const problem = requestProblem(this.#state, message);
    if (problem !== undefined) return outbox.refuseRequest(inboundId, { message, from, problem });
    switch (message.kind) {
      case "appendEntries":
        return this.#appendEntries(inboundId, message);
      case "requestVote":
        return this.#requestVote(inboundId, message);
      case "requestPreVote":
        return this.#requestPreVote(inboundId, message);
      case "installSnapshot":
        return this.#installSnapshot(inboundId, { message, from });
      case "timeoutNow":
        outbox.reply(inboundId, { kind: "timeoutNowResponse", header: this.#state.header });
        if (this.#leading === undefined && this.#state.membership.isVoter(this.#state.id))
          this.#campaign("vote", true);
        return;
      default:
        return unreachable(message);
    }
  }

  #appendEntries(inboundId: number, message: AppendEntriesRequest): void {
    const state = this.#state;
    if (message.term < state.term) {
      const late = appendResponse(state, { lastLog: state.log.lastIndex, success: false });
      return state.outbox.reply(inboundId, { ...late, noRetryBackoff: false });
    }
    this.#follow(message);
    acceptEntries(state, inboundId, message);
  }

  #installSnapshot(inboundId: number, receiving: Receiving): void {
    const state = this.#state;
    const { message } = receiving;
    const answer = { kind: "installSnapshotResponse", header: state.header } as const;
    if (message.term < state.term)
      return state.outbox.reply(inboundId, { ...answer, term: state.term, success: false });
    this.#follow(message);
    if (isSuperfluous(state, message)) {
      return state.outbox.replyAfterWrite(inboundId, { ...answer, term: state.term, success: true });
    }
    this.#receiving.set(inboundId, receiving);
    state.outbox.receiveSnapshot({ inboundId, ...receiving });
  }

  /** The bytes are here. Installing is safe whoever leads by now: a snapshot holds only what is committed. */
  #snapshotReceived(inboundId: number, ok: boolean): void {
    const state = this.#state;
    const { message, from } = must(
      this.#receiving.get(inboundId),
      "a snapshot was asked for before it is received",
    );
    this.#receiving.delete(inboundId);
    const problem = ok ? receivedProblem(state, message) : undefined;
    // It must not be what the next start finds.
    if (ok && (problem !== undefined || message.lastLogIndex < (state.snapshot?.index ?? 0)))
      state.outbox.dropSnapshot({ index: message.lastLogIndex, term: message.lastLogTerm });
    if (problem !== undefined) return state.outbox.refuseRequest(inboundId, { message, from, problem });
    if (ok && this.#leading === undefined && !isSuperfluous(state, message)) acceptSnapshot(state, message);
    if (message.term === state.term && this.#leading === undefined) this.#armContact();
    const answer = {
      kind: "installSnapshotResponse",
      header: state.header,
      term: state.term,
      success: ok,
    } as const;
    state.outbox.replyAfterWrite(inboundId, answer);
  }

  #requestVote(inboundId: number, message: RequestVoteRequest): void {
    const state = this.#state;
    const candidacy = toCandidacy(message);
    const considered = message.term >= state.term && mayTakeTerm(state, candidacy);
    if (considered && state.rules.isNewerTerm(message.term, state.term)) this.#enterTerm(message.term);
    const granted = considered && this.#leading === undefined && mayGrantVote(state, candidacy);
    if (granted) {
      state.vote(message.candidate);
      this.#armContact();
    }
    const answer = { kind: "requestVoteResponse", header: state.header, term: state.term, granted } as const;
    if (granted && state.rules.replyWaitsForDisk()) state.outbox.replyAfterWrite(inboundId, answer);
    else state.outbox.reply(inboundId, answer);
  }

  #requestPreVote(inboundId: number, message: RequestPreVoteRequest): void {
    const state = this.#state;
    const granted = mayGrantPreVote(state, toCandidacy(message));
    // The reference answers with the term asked for when it is newer than its own.
    const term = toTerm(granted ? Math.max(state.term, message.term) : state.term);
    state.outbox.reply(inboundId, { kind: "requestPreVoteResponse", header: state.header, term, granted });
  }

  /** Accepts the sender as leader of its term, which is not older than ours. */
  #follow(message: AppendEntriesRequest | InstallSnapshotRequest): void {
    const state = this.#state;
    if (state.rules.isNewerTerm(message.term, state.term)) this.#enterTerm(message.term);
    assert(this.#leading === undefined, "no other leader is heard in the term of one's own leadership");
    this.#stopCampaign();
    const id = message.header.id ?? state.membership.findByAddress(message.leader)?.id;
    if (state.leader?.id !== id || state.leader?.address !== message.leader)
      state.leader = { id, address: message.leader };
    this.#armContact();
  }

  #response({ requestId, message, from }: InboundResponse): void {
    const problem = answerProblem(this.#state, message);
    if (problem !== undefined) {
      this.#state.outbox.refused({ message, from, problem });
      return this.#failed(requestId, undefined);
    }
    if (message.kind === "requestPreVoteResponse") return this.#preVoteAnswered(requestId, message);
    if ("term" in message && this.#state.rules.isNewerTerm(message.term, this.#state.term)) {
      return this.#enterTerm(message.term);
    }
    const voter = this.#asked.get(requestId);
    if (message.kind === "requestVoteResponse") {
      if (voter !== undefined && message.granted && message.term === this.#state.term) this.#granted(voter);
      return;
    }
    this.#leading?.receive(requestId, message);
  }

  #preVoteAnswered(requestId: number, message: { readonly term: Term; readonly granted: boolean }): void {
    const voter = this.#asked.get(requestId);
    if (message.granted) {
      if (voter !== undefined && this.#election?.kind === "preVote") this.#granted(voter);
    } else if (message.term > this.#state.term + 1) {
      // A refusal may echo the term asked for; only a higher one is surely the peer's own.
      this.#enterTerm(message.term);
    }
  }

  #failed(requestId: number, remoteError: string | undefined): void {
    const voter = this.#asked.get(requestId);
    if (voter === undefined) return this.#leading?.fail(requestId);
    if (this.#election?.kind === "preVote" && remoteError?.includes(unexpectedCommand) === true)
      this.#granted(voter);
  }

  #granted(voter: ServerId): void {
    const election = this.#election;
    if (election === undefined) return;
    election.grant(voter);
    if (!election.isWon(this.#state)) return;
    if (election.kind === "preVote") this.#campaign("vote", false);
    else this.#lead();
  }

  #written(token: number): void {
    assert(token <= this.#writeToken, "only writes that were issued become durable");
    this.#state.log.written(token);
    if (this.#election?.kind === "vote" && this.#voteToken > 0 && token >= this.#voteToken)
      this.#granted(this.#state.id);
  }

  #bootstrap(proposalId: number, configuration: Configuration): void {
    const state = this.#state;
    const isPristine = state.term === 0 && state.log.lastIndex === 0 && state.membership.latest.index === 0;
    if (!isPristine || !isSoundConfiguration(configuration))
      return state.outbox.refuse(proposalId, "changeInvalid");
    state.enterTerm(toTerm(1));
    const index = logIndex(1);
    state.append({
      index,
      term: state.term,
      type: entryType.configuration,
      data: state.codec.encode(configuration),
    });
    state.outbox.outcome({ kind: "proposed", proposalId, firstIndex: index, count: 1, term: state.term });
    if (this.#isSoleVoter() && state.options.soleVoterCampaignsAtOnce) this.#electionDeadlineMs = state.nowMs;
  }

  #fireTimers(): void {
    const state = this.#state;
    if (this.#leading !== undefined || state.nowMs < this.#electionDeadlineMs) return;
    state.leader = undefined;
    if (!state.membership.mayStand(state.id)) {
      this.#stopCampaign();
      return this.#armElection(state.options.heartbeatTimeoutMs);
    }
    this.#campaign(state.options.preVote ? "preVote" : "vote", false);
  }

  #campaign(kind: ElectionKind, leadershipTransfer: boolean): void {
    const state = this.#state;
    state.leader = undefined;
    if (state.term >= termMax) return this.#armElection(state.options.electionTimeoutMs);
    const election = new Election(kind, leadershipTransfer);
    this.#election = election;
    this.#armElection(state.options.electionTimeoutMs);
    if (kind === "vote") {
      state.enterTerm(toTerm(state.term + 1));
      state.vote(state.address);
      this.#voteToken = 0;
    }
    this.#asked = askVoters(state, election);
    if (kind === "preVote") this.#granted(state.id);
  }

  #stopCampaign(): void {
    this.#election = undefined;
    this.#asked = new Map();
  }

  #lead(): void {
    const state = this.#state;
    this.#stopCampaign();
    state.leader = { id: state.id, address: state.address };
    this.#leading = new Leading(state);
  }

  /** A later term was seen: nothing of the old role goes on. */
  #enterTerm(term: Term): void {
    const wasLeading = this.#leading;
    this.#leading = undefined;
    this.#stopCampaign();
    wasLeading?.end(true);
    this.#state.leader = undefined;
    this.#state.enterTerm(term);
    // A leader has heard the latest of all: what it knows is no older than its leadership.
    if (wasLeading !== undefined) this.#armContact();
  }

  /** Gives up leadership within the term. */
  #becomeFollower(): void {
    const wasLeading = this.#leading;
    this.#leading = undefined;
    wasLeading?.end(false);
    this.#state.leader = undefined;
    this.#armContact();
  }

  #armContact(): void {
    this.#state.lastContactMs = this.#state.nowMs;
    this.#armElection(this.#state.options.heartbeatTimeoutMs);
  }

  #armElection(timeoutMs: number): void {
    this.#electionDeadlineMs = (this.#state.nowMs + this.#state.jitteredMs(timeoutMs)) as MonotonicMs;
  }

  #isSoleVoter(): boolean {
    const { voters } = this.#state.membership;
    return voters.length === 1 && voters[0] === this.#state.id;
  }

  #takeWrite(): LogWrite | undefined {
    const { log } = this.#state;
    const hardState = this.#state.takeHardState();
    if (hardState === undefined && !log.isDirty) return undefined;
    this.#writeToken += 1;
    if (hardState !== undefined) this.#voteToken = this.#writeToken;
    return { token: this.#writeToken, hardState, ...log.takeDelta(this.#writeToken) };
  }

  #role(): Role {
    if (this.#leading !== undefined) return "leader";
    return this.#election === undefined ? "follower" : "candidate";
  }

  #leadership(): Leadership {
    return { role: this.#role(), term: this.#state.term, leader: this.#state.leader };
  }

  #takeLeadership(): Leadership | undefined {
    const { role, term, leader } = this.#reported;
    if (role === this.#role() && term === this.#state.term && leader === this.#state.leader) return undefined;
    this.#reported = this.#leadership();
    return this.#reported;
  }

  #wakeAtMs(): MonotonicMs {
    const { nowMs, commitIndex, appliedIndex } = this.#state;
    if (appliedIndex < commitIndex) return nowMs;
    return (this.#leading?.wakeAtMs() ?? this.#electionDeadlineMs) as MonotonicMs;
  }
}
