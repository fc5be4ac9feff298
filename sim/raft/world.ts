/**
 * The world around the cores: time, network and disks, all drawn from one seed.
 *
 * It is the driver's contract (effects.ts) played by the book, with every freedom that the book
 * leaves taken: late, lost, doubled and reordered messages, slow syncs, crashes at any moment.
 */
import { assert, must, unreachable } from "../../src/lib/assert.ts";
import type { Rng } from "../../src/lib/rng.ts";
import type {
  Effects,
  Input,
  Outcome,
  Outgoing,
  OutgoingReply,
  SendSnapshot,
} from "../../src/raft/core/effects.ts";
import type { Entry, ServerId, SnapshotMark } from "../../src/raft/core/entry.ts";
import { checkInvariants } from "../../src/raft/core/invariants.ts";
import type { Rules } from "../../src/raft/core/rules.ts";
import { EventQueue } from "../event-queue.ts";
import { Checkers, Violation } from "./checkers.ts";
import { renderMessage, renderWrite } from "./render.ts";
import { Network } from "./network.ts";
import type { Plan } from "./plan.ts";
import type { StoredSnapshot } from "./sim-disk.ts";
import { SimServer, type Rpc, type Waiting } from "./sim-server.ts";

export type WorldEvent =
  | { readonly kind: "deliver"; readonly rpc: Rpc; readonly isCopy: boolean }
  | { readonly kind: "answer"; readonly rpc: Rpc; readonly reply: OutgoingReply }
  | { readonly kind: "fail"; readonly rpc: Rpc }
  | {
      readonly kind: "own";
      readonly server: SimServer;
      readonly incarnation: number;
      readonly what: OwnEvent;
    }
  | { readonly kind: "restart"; readonly server: SimServer }
  | { readonly kind: "act"; readonly act: () => void };

type OwnEvent =
  | { readonly kind: "process" }
  | { readonly kind: "synced"; readonly token: number }
  | {
      readonly kind: "snapshotStored";
      readonly snapshot: StoredSnapshot;
      readonly inboundId: number | undefined;
    }
  | { readonly kind: "snapshotBroken"; readonly inboundId: number };

/** Hundreds of times what a run needs: a core that keeps asking for the time at once is a bug. */
const stepsMax = 500_000;

/** See the file's head. */
export class World {
  readonly servers: readonly SimServer[];
  readonly checkers = new Checkers();
  readonly network: Network;
  readonly #plan: Plan;
  readonly #rules: Rules;
  readonly #rng: Rng;
  readonly #queue = new EventQueue<WorldEvent>();
  readonly #log: ((line: string) => void) | undefined;
  #proposalId = 0;
  #inboundId = 0;
  nowMs = 0;
  stepCount = 0;

  constructor(o: { plan: Plan; rules: Rules; rng: Rng; log?: (line: string) => void }) {
    const { plan, rng } = o;
    this.#plan = plan;
    this.#rules = o.rules;
    this.#rng = rng.fork("world");
    this.#log = o.log;
    this.network = new Network(plan, this.#rng);
    this.servers = Array.from({ length: plan.serverCount + plan.spareCount }, (_, index) => {
      const serverRng = rng.fork(`server ${index}`);
      const rate = 1000 + (plan.skew === 0 ? 0 : serverRng.below(2 * plan.skew + 1) - plan.skew);
      return new SimServer({ index, rng: serverRng, rate });
    });
    for (const server of this.servers) this.#start(server);
  }

  /** Writes a line of the event log; `text` is asked for only if somebody reads it. */
  note(server: SimServer | undefined, text: () => string): void {
    this.#log?.(`${String(this.nowMs).padStart(5)} ${(server?.id ?? "").padEnd(3)} ${text()}`);
  }

  /** Runs `act` in `delayMs`. */
  later(delayMs: number, act: () => void): void {
    this.#queue.add(this.nowMs + delayMs, { kind: "act", act });
  }

  /** Lets everything due through `untilMs` happen. */
  runUntil(untilMs: number): void {
    for (;;) {
      const next = this.#queue.take(untilMs);
      if (next === undefined) break;
      assert(next.atMs >= this.nowMs, "time does not run backwards");
      this.nowMs = next.atMs;
      this.#happen(next.event);
    }
    this.nowMs = untilMs;
  }

  /** Hands an input to a server that is up. */
  input(server: SimServer, input: Input): void {
    server.inbox.push(input);
    this.#processSoon(server);
  }

  /** A client's request, answered by an outcome at this server if it lives long enough. Returns its number. */
  ask(server: SimServer, waiting: Waiting, toInput: (proposalId: number) => Input): void {
    this.#proposalId += 1;
    server.waiting.set(this.#proposalId, waiting);
    this.input(server, toInput(this.#proposalId));
  }

  crash(server: SimServer): void {
    if (server.core === undefined) return;
    const kept = this.#rng.below(server.disk.pendingCount + 1);
    this.note(server, () => `crash, ${server.disk.pendingCount} writes under way, ${kept} kept`);
    for (const rpc of server.inbound.values()) {
      if (rpc !== undefined) this.#queue.add(this.nowMs + this.network.delayMs(), { kind: "fail", rpc });
    }
    server.crash(kept);
  }

  restart(server: SimServer): void {
    if (server.core === undefined) this.#start(server);
  }

  restartLater(server: SimServer, delayMs: number): void {
    this.#queue.add(this.nowMs + delayMs, { kind: "restart", server });
  }

  pause(server: SimServer, forMs: number): void {
    this.note(server, () => `pause ${forMs} ms`);
    server.pausedUntilMs = this.nowMs + forMs;
  }

  /** Starts to cut a snapshot of a server's state machine. */
  takeSnapshot(server: SimServer): void {
    const mark = server.core?.snapshotMark();
    if (mark === undefined || mark.index === server.disk.snapshot?.mark.index) return;
    this.note(server, () => `snapshot at ${mark.index}`);
    const snapshot = { mark, digest: server.machineDigest };
    this.#own(server, this.#rng.below(20), { kind: "snapshotStored", snapshot, inboundId: undefined });
  }

  #start(server: SimServer): void {
    this.note(
      server,
      () =>
        `start with log ${server.disk.firstIndex}…${server.disk.lastIndex}, term ${server.disk.hardState.term}`,
    );
    server.start(this.nowMs, this.#plan.options, this.#rules);
    this.#processSoon(server);
  }

  #happen(event: WorldEvent): void {
    switch (event.kind) {
      case "act":
        return event.act();
      case "restart":
        return this.restart(event.server);
      case "deliver":
        return this.#deliver(event.rpc, event.isCopy);
      case "answer":
        return this.#answer(event.rpc, event.reply);
      case "fail":
        if (event.rpc.from.incarnation !== event.rpc.incarnation) return;
        return this.input(event.rpc.from, { kind: "failed", requestId: event.rpc.requestId });
      case "own":
        if (event.server.incarnation === event.incarnation) this.#happenTo(event.server, event.what);
        return;
      default:
        return unreachable(event);
    }
  }

  #happenTo(server: SimServer, what: OwnEvent): void {
    switch (what.kind) {
      case "process":
        return this.#process(server);
      case "synced":
        return this.#synced(server, what.token);
      case "snapshotStored":
        server.disk.storeSnapshot(what.snapshot);
        if (what.inboundId === undefined)
          return this.input(server, { kind: "snapshotTaken", snapshot: what.snapshot.mark });
        return this.input(server, { kind: "snapshotReceived", inboundId: what.inboundId, ok: true });
      case "snapshotBroken":
        return this.input(server, { kind: "snapshotReceived", inboundId: what.inboundId, ok: false });
      default:
        return unreachable(what);
    }
  }

  #own(server: SimServer, delayMs: number, what: OwnEvent): void {
    this.#queue.add(this.nowMs + delayMs, { kind: "own", server, incarnation: server.incarnation, what });
  }

  /** Inputs that come close together are taken as one batch, sometimes. */
  #processSoon(server: SimServer): void {
    const atMs = Math.max(this.nowMs + this.#rng.below(2), server.pausedUntilMs);
    this.#processAt(server, atMs);
  }

  #processAt(server: SimServer, atMs: number): void {
    if (server.processAtMs <= atMs) return;
    server.processAtMs = atMs;
    this.#own(server, atMs - this.nowMs, { kind: "process" });
  }

  #process(server: SimServer): void {
    // Events that were overtaken by an earlier one are void.
    if (this.nowMs < server.processAtMs || server.core === undefined) return;
    server.processAtMs = Infinity;
    if (this.nowMs < server.pausedUntilMs) return this.#processAt(server, server.pausedUntilMs);
    const inputs: Input[] = [{ kind: "clock", nowMs: server.clockMs(this.nowMs) }, ...server.inbox];
    server.inbox = [];
    this.stepCount += 1;
    if (this.stepCount > stepsMax) throw new Violation(`livelock: ${stepsMax} steps by ${this.nowMs} ms`);
    const before = server.role === "leader" ? server.core.status() : undefined;
    const effects = server.core.step(inputs);
    if (before !== undefined) this.checkers.led(before, server.core);
    const [problem] = checkInvariants(server.core);
    if (problem !== undefined) throw new Violation(`${server.id}: ${problem}`);
    this.#carryOut(server, effects);
    if (effects.wakeAtMs !== undefined) this.#processAt(server, server.worldMs(this.nowMs, effects.wakeAtMs));
  }

  #carryOut(server: SimServer, effects: Effects): void {
    const [refused] = effects.refused;
    if (refused !== undefined)
      throw new Violation(`${server.id} refuses what a correct server sent: ${refused.problem}`);
    for (const outgoing of effects.send) this.#send(server, outgoing);
    if (effects.write !== undefined) this.#write(server, effects.write.token, effects);
    if (effects.sendAfterWrite.length > 0) {
      if (server.syncedToken >= server.lastToken)
        throw new Violation(`${server.id} waits for a write that does not exist`);
      server.held.push({ token: server.lastToken, outgoing: effects.sendAfterWrite });
    }
    if (effects.compactThrough !== undefined) server.disk.beginCompact(effects.compactThrough);
    for (const { inboundId } of effects.receiveSnapshot) this.#receiveSnapshot(server, inboundId);
    for (const snapshot of effects.sendSnapshot) this.#sendSnapshot(server, snapshot);
    if (effects.lostFrom !== undefined) {
      for (const index of server.unacknowledged.keys())
        if (index >= effects.lostFrom) server.unacknowledged.delete(index);
    }
    this.#apply(server, effects);
    for (const outcome of effects.outcomes) this.#outcome(server, outcome);
    if (effects.leadership === undefined) return;
    const { role, term, leader } = effects.leadership;
    this.note(server, () => `${role} in term ${term}, leader ${leader?.id ?? "unknown"}`);
    if (role === "leader" && server.role !== "leader") this.checkers.becameLeader(server.id, server.running);
    server.role = role;
  }

  #write(server: SimServer, token: number, effects: Effects): void {
    const write = must(effects.write, "there is a write");
    this.note(server, () => renderWrite(write));
    server.disk.begin(write);
    const votedFor = write.hardState?.votedFor;
    if (
      votedFor !== undefined &&
      votedFor !== server.address &&
      this.#rng.chance(this.network.rates.crashAfterVoteRate, 1000)
    ) {
      this.#crashSoon(server);
    }
    server.lastToken = token;
    server.syncDueMs = Math.max(server.syncDueMs, this.nowMs + 1 + this.#rng.below(this.#plan.syncMs));
    this.#own(server, server.syncDueMs - this.nowMs, { kind: "synced", token });
  }

  /** Most votes are on disk and on their way by then, and other candidates' requests still to come. */
  #crashSoon(server: SimServer): void {
    const { incarnation } = server;
    this.later(1 + this.#rng.below(2 * this.#plan.syncMs), () => {
      if (server.incarnation !== incarnation) return;
      this.crash(server);
      this.restartLater(server, this.#rng.below(3));
    });
  }

  #synced(server: SimServer, token: number): void {
    server.disk.sync(token);
    server.syncedToken = token;
    this.input(server, { kind: "written", token });
    const { held } = server;
    while (held[0] !== undefined && held[0].token <= token) {
      for (const outgoing of must(held.shift(), "just seen").outgoing) this.#send(server, outgoing);
    }
  }

  #apply(server: SimServer, effects: Effects): void {
    const { installSnapshot } = effects;
    if (installSnapshot !== undefined) {
      const stored = must(
        server.disk.findSnapshot(installSnapshot.index),
        "an installed snapshot is on disk",
      );
      this.note(server, () => `install snapshot ${installSnapshot.index}`);
      this.checkers.installed(server.id, installSnapshot.index, stored.digest);
      server.machineIndex = installSnapshot.index;
      server.machineDigest = stored.digest;
    }
    for (const entry of effects.apply) {
      server.machineDigest = this.checkers.applied({
        id: server.id,
        after: server.machineIndex,
        before: server.machineDigest,
        entry,
      });
      server.machineIndex = entry.index;
      const term = server.unacknowledged.get(entry.index);
      if (term === undefined) continue;
      server.unacknowledged.delete(entry.index);
      if (term === entry.term) this.#acknowledge(server, entry);
    }
    if (effects.apply.length > 0) this.note(server, () => `apply through ${server.machineIndex}`);
  }

  #acknowledge(server: SimServer, entry: Entry): void {
    this.checkers.acknowledgedOnDisks({
      entry,
      core: server.running,
      holds: (id) => {
        const { disk } = this.#find(id);
        return (disk.snapshot?.mark.index ?? 0) >= entry.index || disk.termAt(entry.index) === entry.term;
      },
    });
    this.checkers.acknowledged(entry.index);
  }

  #outcome(server: SimServer, outcome: Outcome): void {
    const waiting = server.waiting.get(outcome.proposalId);
    if (waiting === undefined)
      throw new Violation(`${server.id} answers ${outcome.proposalId}, which nobody asks`);
    server.waiting.delete(outcome.proposalId);
    this.note(server, () => `outcome ${JSON.stringify(outcome)}`);
    if (outcome.kind === "verified" && waiting.kind === "read") {
      const { acknowledgedAtStart, startMs } = waiting;
      this.checkers.verified({ id: server.id, acknowledgedAtStart, readIndex: outcome.readIndex });
      const answered = (id: ServerId): boolean => (server.answeredMs.get(id) ?? -1) >= startMs;
      this.checkers.provedByMajority(server.running, answered);
    } else if (outcome.kind === "restorePlanned" && waiting.kind === "restore") {
      this.#storeRestored(server, { ...outcome, digest: waiting.digest });
    } else if (outcome.kind === "proposed" && waiting.kind === "propose") {
      for (let at = 0; at < outcome.count; at += 1)
        server.unacknowledged.set(outcome.firstIndex + at, outcome.term);
    } else if (outcome.kind === "refused" && waiting.kind === "propose") {
      for (const proposal of waiting.proposals) this.checkers.refused(proposal);
    }
  }

  #isStoringRestored = false;

  /** Whether a user's snapshot is being stored somewhere. */
  get isStoringRestored(): boolean {
    return this.#isStoringRestored;
  }

  /** The driver's part of a restore: stores the state, then hands it to machine and core in one act. */
  #storeRestored(
    server: SimServer,
    plan: { readonly proposalId: number; readonly mark: SnapshotMark; readonly digest: number },
  ): void {
    const { incarnation } = server;
    const { proposalId, mark, digest } = plan;
    this.#isStoringRestored = true;
    this.later(1 + this.#rng.below(20), () => {
      this.#isStoringRestored = false;
      if (server.incarnation !== incarnation) return;
      if (!server.running.isRestoring(proposalId))
        return this.input(server, { kind: "restoreFailed", proposalId });
      server.disk.storeSnapshot({ mark, digest });
      this.checkers.restored({ index: mark.index, term: mark.term, digest });
      server.machineIndex = mark.index;
      server.machineDigest = digest;
      server.waiting.set(proposalId, { kind: "other" });
      server.inbox.unshift({ kind: "restored", proposalId });
      this.#processAt(server, this.nowMs);
    });
  }

  #send(server: SimServer, outgoing: Outgoing): void {
    if (outgoing.kind === "reply") {
      const rpc = server.inbound.get(outgoing.inboundId);
      server.inbound.delete(outgoing.inboundId);
      if (rpc === undefined) return;
      this.note(
        server,
        () => `-> ${rpc.from.id} ${"error" in outgoing ? outgoing.error : renderMessage(outgoing.message)}`,
      );
      this.#watchVote(server, rpc, outgoing);
      if (this.network.loses(server, rpc.from)) return this.#lose(rpc);
      this.#queue.add(this.network.arrivalMs({ sender: server, rpc, nowMs: this.nowMs }), {
        kind: "answer",
        rpc,
        reply: outgoing,
      });
      return;
    }
    const { requestId, to, message, timeoutMs, lane } = outgoing;
    this.#sendRpc({
      from: server,
      to: this.#find(to),
      requestId,
      lane,
      message,
      timeoutMs,
      snapshot: undefined,
    });
  }

  #watchVote(server: SimServer, rpc: Rpc, reply: OutgoingReply): void {
    if ("error" in reply || reply.message.kind !== "requestVoteResponse" || !reply.message.granted) return;
    if (rpc.message.kind !== "requestVote") throw new Violation(`${server.id} grants a vote to nobody`);
    const { term, candidate } = rpc.message;
    this.checkers.voted({ id: server.id, term, candidate, disk: server.disk.hardState });
  }

  #sendSnapshot(server: SimServer, send: SendSnapshot): void {
    const snapshot = server.disk.findSnapshot(send.message.lastLogIndex);
    const { snapshotTimeoutMs } = this.#plan.options;
    const { requestId, to, message } = send;
    this.#sendRpc({
      from: server,
      to: this.#find(to),
      requestId,
      lane: "snapshot",
      message,
      timeoutMs: snapshotTimeoutMs,
      snapshot,
    });
  }

  #sendRpc(o: Omit<Rpc, "incarnation" | "sentMs">): void {
    const rpc: Rpc = { ...o, incarnation: o.from.incarnation, sentMs: this.nowMs };
    this.note(rpc.from, () => `-> ${rpc.to.id} ${renderMessage(rpc.message)}`);
    if (this.network.loses(rpc.from, rpc.to)) return this.#lose(rpc);
    if (rpc.message.kind === "installSnapshot" && rpc.snapshot === undefined) return this.#lose(rpc);
    this.#queue.add(this.network.arrivalMs({ sender: rpc.from, rpc, nowMs: this.nowMs }), {
      kind: "deliver",
      rpc,
      isCopy: false,
    });
    if (!this.network.copies()) return;
    this.#queue.add(this.nowMs + this.network.delayMs(), { kind: "deliver", rpc, isCopy: true });
  }

  /** A copy is handled like the original, but its answer goes nowhere: a request has one answer. */
  #deliver(rpc: Rpc, isCopy: boolean): void {
    const { to } = rpc;
    if (to.core === undefined || this.network.isCut(rpc.from, to))
      return isCopy ? undefined : this.#lose(rpc);
    this.#inboundId += 1;
    to.inbound.set(this.#inboundId, isCopy ? undefined : rpc);
    if (rpc.snapshot !== undefined) this.#arriving.set(this.#inboundId, rpc.snapshot);
    this.input(to, { kind: "request", inboundId: this.#inboundId, message: rpc.message });
  }

  readonly #arriving = new Map<number, StoredSnapshot>();

  #receiveSnapshot(server: SimServer, inboundId: number): void {
    const snapshot = must(this.#arriving.get(inboundId), "snapshots come with their bytes");
    const delayMs = 1 + this.#rng.below(30);
    if (this.#rng.chance(1, 10)) return this.#own(server, delayMs, { kind: "snapshotBroken", inboundId });
    this.#own(server, delayMs, { kind: "snapshotStored", snapshot, inboundId });
  }

  #answer(rpc: Rpc, reply: OutgoingReply): void {
    const { from, requestId } = rpc;
    if (from.incarnation !== rpc.incarnation) return;
    if (this.network.isCut(rpc.to, from)) return this.#lose(rpc);
    if ("error" in reply) this.input(from, { kind: "failed", requestId, remoteError: reply.error });
    else {
      if (reply.message.kind === "appendEntriesResponse") {
        from.answeredMs.set(rpc.to.id, Math.max(rpc.sentMs, from.answeredMs.get(rpc.to.id) ?? 0));
      }
      this.input(from, { kind: "response", requestId, message: reply.message });
    }
  }

  /** The sender hears nothing until its patience ends. */
  #lose(rpc: Rpc): void {
    this.#queue.add(Math.max(this.nowMs, rpc.sentMs + rpc.timeoutMs), { kind: "fail", rpc });
  }

  #find(id: string): SimServer {
    return must(
      this.servers.find((server) => server.id === id),
      "requests go to servers that exist",
    );
  }
}
