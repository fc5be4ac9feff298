/** A whole node of a gossip pool, SWIM and serf in the loop of its driver, through one course of events. */
import { must, unreachable } from "../../src/lib/assert.ts";
import { silentLog } from "../../src/lib/log.ts";
import { ManualClock } from "../../src/lib/manual-clock.ts";
import { seededRng } from "../../src/lib/rng.ts";
import type { HeardQuery, SerfEffect } from "../../src/gossip/core/serf-effects.ts";
import { checkSerfInvariants } from "../../src/gossip/core/serf-invariants.ts";
import { serfLanDefaults } from "../../src/gossip/core/serf-options.ts";
import { SerfSnapshot } from "../../src/gossip/core/serf-snapshot.ts";
import { Serf } from "../../src/gossip/core/serf.ts";
import type { SwimEffects, SwimInput } from "../../src/gossip/core/swim-effects.ts";
import { checkInvariants } from "../../src/gossip/core/swim-invariants.ts";
import { consulLanOptions } from "../../src/gossip/core/swim-options.ts";
import { Swim } from "../../src/gossip/core/swim.ts";
import { Cores } from "../../src/gossip/node/cores.ts";
import { encodeMessage } from "../../src/wire/gossip/bodies.ts";
import { serfCodec } from "../../src/wire/gossip/serf-codec.ts";
import type { Choices } from "./choices.ts";
import { LyingGossip, type RecordedGossip } from "./lying-gossip.ts";

const eventsMax = 250;
const swimOptions = { ...consulLanOptions, nodesMax: 8, relaysMax: 3 };
const serfOptions = {
  ...serfLanDefaults,
  recentIntentsMax: 4,
  queueDepthMin: 6,
  bufferSlots: 8,
  perSlotMax: 3,
  queriesMax: 2,
  queueCheckIntervalMs: 5_000,
  reconnectTimeoutMs: 120_000,
  tombstoneTimeoutMs: 60_000,
};
/** What one event may add, and what is queued until the check: the rest is what the limits are for. */
const linesMax = 100_000;
const longMs = 200_000;

export class PoolCourse {
  readonly #choices: Choices;
  readonly #clock = new ManualClock();
  readonly #peer: LyingGossip;
  #swim!: Swim;
  #serf!: Serf;
  #cores!: Cores;
  #snapshotText = "";
  #open: SwimInput[] = [];
  #asked: HeardQuery[] = [];
  #operations: number[] = [];
  readonly #awaited = new Set<string>();
  #id = 0;
  #isOver = false;

  constructor(choices: Choices, recorded: RecordedGossip) {
    this.#choices = choices;
    this.#start();
    this.#peer = new LyingGossip(choices, {
      recorded,
      times: () => this.#serf.stats(),
      incarnation: (name) => this.#swim.node(name)?.incarnation ?? 1,
    });
  }

  /** Throws if something does not hold. */
  run(): void {
    for (let event = 0; event < eventsMax && !this.#choices.isOver && !this.#isOver; event += 1) {
      this.#event();
      this.#check();
    }
    this.#settle();
  }

  #start(): void {
    const choices = this.#choices;
    const nowMs = this.#clock.monotonicMs();
    const snapshot = new SerfSnapshot({ text: this.#snapshotText, rejoinAfterLeave: choices.chance(1, 2) });
    this.#serf = new Serf({
      nodeName: "a",
      options: serfOptions,
      codec: serfCodec,
      rng: seededRng(choices.byte()).fork("serf"),
      nowMs,
      tags: { role: "node" },
      matches: (expression, text) =>
        expression === "(" ? undefined : expression === ".*" || expression === text,
      isEncrypted: choices.chance(1, 2),
      resolveNameConflicts: choices.chance(3, 4),
      coordinates: true,
      snapshot,
    });
    this.#swim = new Swim({
      name: "a",
      address: { host: "10.0.0.1", port: 8301 },
      options: swimOptions,
      rng: seededRng(choices.byte()).fork("swim"),
      delegate: this.#serf,
      encode: encodeMessage,
    });
    this.#cores = new Cores({
      swim: this.#swim,
      serf: this.#serf,
      clock: this.#clock,
      swimEffects: (effects) => this.#swimEffects(effects),
      serfEffect: (effect) => this.#serfEffect(effect),
    });
    this.#cores.input({ kind: "start" });
  }

  #event(): void {
    const choices = this.#choices;
    switch (choices.below(14)) {
      case 0:
      case 1:
        return this.#clock.advance(choices.pick([1, 60, 250, 1_100, 6_000, 70_000]));
      case 2:
        return this.#cores.input(this.#stream());
      case 3:
        return this.#answer();
      case 4:
      case 5:
        return this.#own();
      case 6:
      case 7: {
        const messages = Array.from({ length: 1 + choices.below(8) }, () => ({
          kind: "user" as const,
          bytes: this.#peer.serf(),
        }));
        return this.#cores.input({ kind: "datagram", from: this.#peer.address("b"), messages });
      }
      default: {
        const from = this.#peer.address(this.#peer.name());
        return this.#cores.input({ kind: "datagram", from, messages: this.#peer.messages() });
      }
    }
  }

  #stream(): SwimInput {
    this.#id += 1;
    if (this.#choices.chance(1, 3)) return { kind: "streamUser", bytes: this.#peer.serf() };
    const from = this.#peer.address("b");
    return { kind: "pushPullRequest", inboundId: this.#id, from, message: this.#peer.pushPull() };
  }

  #answer(): void {
    const [input] = this.#open.splice(this.#choices.below(Math.max(1, this.#open.length)), 1);
    if (input !== undefined) this.#cores.input(input);
  }

  /** What operators and applications of this node want. */
  #own(): void {
    const choices = this.#choices;
    this.#id += 1;
    const id = this.#id;
    const name = this.#peer.name();
    switch (choices.below(10)) {
      case 0:
        return void this.#cores.serf((serf) => serf.userEvent("deploy", choices.bytes(choices.below(30))));
      case 1:
        return this.#accepted(`query ${id}`, (serf) =>
          serf.query({
            queryId: id,
            name: "q",
            payload: choices.bytes(3),
            ack: true,
            relayFactor: choices.below(6),
          }),
        );
      case 2: {
        const [query] = this.#asked.splice(0, 1);
        return query === undefined
          ? undefined
          : void this.#cores.serf((serf) => serf.respond(query, choices.bytes(4)));
      }
      case 3:
        return this.#accepted(`keyring ${id}`, (serf) =>
          serf.keyring({
            requestId: id,
            operation: choices.pick(["list", "install", "use", "remove"]),
            key: choices.bytes(16),
          }),
        );
      case 4:
        this.#awaited.add(`forced ${id}`);
        return this.#cores.serf((serf) =>
          serf.forceLeave({ requestId: id, node: name, prune: choices.chance(1, 2) }),
        );
      case 5:
        return void this.#cores.serf((serf) =>
          serf.setTags({ role: "node", note: "x".repeat(choices.below(600)) }),
        );
      case 6:
        return this.#join(choices.chance(1, 2));
      case 7:
        return this.#operated();
      case 8:
        return choices.chance(1, 3) ? void this.#cores.serf((serf) => serf.beginLeave()) : undefined;
      default:
        return choices.chance(1, 2) ? this.#restart() : undefined;
    }
  }

  #accepted(what: string, ask: (serf: Serf) => string | undefined): void {
    // It may be over before the call returns.
    this.#awaited.add(what);
    if (this.#cores.serf(ask) !== undefined) this.#awaited.delete(what);
  }

  #join(ignoreOld: boolean): void {
    if (this.#cores.serf((serf) => serf.beginJoin(ignoreOld)) !== undefined) return;
    this.#cores.input({ kind: "join", joinId: this.#id, to: this.#peer.address("b") });
    this.#answer();
    this.#cores.serf((serf) => serf.endJoin(ignoreOld, this.#choices.below(2)));
  }

  #operated(): void {
    const [operationId] = this.#operations.splice(0, 1);
    if (operationId === undefined) return;
    const problem = this.#choices.pick(["", "no such key"]);
    this.#cores.serf((serf) => serf.keyOperationDone(operationId, { problem, keys: ["k"], primaryKey: "k" }));
  }

  /** The process ends and begins again with what its file says. */
  #restart(): void {
    this.#cores.stop();
    this.#open = [];
    this.#asked = [];
    this.#operations = [];
    this.#awaited.clear();
    this.#start();
  }

  #swimEffects({ streamPings, exchanges, datagrams }: SwimEffects): void {
    for (const { seqNo } of streamPings)
      this.#open.push({ kind: "streamPingFailed", seqNo, reason: undefined });
    for (const { exchangeId } of exchanges) {
      const message = this.#choices.isOver ? undefined : this.#peer.pushPull();
      this.#open.push(
        message === undefined || this.#choices.chance(1, 3)
          ? { kind: "exchangeFailed", exchangeId, reason: "reset" }
          : { kind: "exchangeAnswered", exchangeId, message },
      );
    }
    for (const { messages } of datagrams)
      expect(messages.length <= 127, "a packet holds at most 127 messages");
  }

  #serfEffect(effect: SerfEffect): void {
    switch (effect.kind) {
      case "query":
        return void this.#asked.push(effect.query);
      case "queryDone":
        return this.#told(`query ${effect.queryId}`);
      case "keyringAnswered":
        return this.#told(`keyring ${effect.requestId}`);
      case "forceLeft":
        return this.#told(`forced ${effect.requestId}`);
      case "send":
        return this.#cores.input({ kind: "sendUser", to: effect.to, node: effect.node, bytes: effect.bytes });
      case "announceMeta":
        return this.#cores.input({ kind: "updateMeta", updateId: 0 });
      case "keyOperation":
        return void this.#operations.push(effect.operationId);
      case "leaveSwim":
        this.#cores.input({ kind: "leave" });
        return this.#cores.serf((serf) => serf.swimHasLeft());
      case "left":
      case "shutdown":
        this.#isOver = true;
        return;
      case "snapshotAppend":
        this.#snapshotText += effect.text;
        return expect(this.#snapshotText.length < linesMax, "the snapshot is rewritten now and then");
      case "snapshotReplace":
        this.#snapshotText = effect.text;
        return;
      case "log":
        return silentLog[effect.level](effect.message);
      case "member":
      case "userEvent":
      case "queryAck":
      case "queryResponse":
      case "reconnect":
      case "count":
      case "sample":
        return;
      default:
        return unreachable(effect);
    }
  }

  #told(what: string): void {
    expect(this.#awaited.delete(what), `${what} is over once`);
  }

  #check(): void {
    const problems = [...checkInvariants(this.#swim), ...checkSerfInvariants(this.#serf)];
    expect(problems.length === 0, problems.join("; "));
    const { relayCount, queuedCount } = this.#swim.status();
    expect(relayCount <= swimOptions.relaysMax, `${relayCount} relays wait`);
    expect(queuedCount <= swimOptions.nodesMax + 1, `${queuedCount} pieces of news wait`);
    // Who is here to serf is here to SWIM; not the other way, since serf can be told to forget anybody.
    const isHere = new Set(this.#swim.members().map(({ name }) => name));
    for (const { name, status } of this.#serf.members()) {
      const says = status === "alive" || status === "leaving";
      expect(
        says === isHere.has(name) || name === "a",
        `${name} is ${status} to serf, and ${this.#swim.node(name)?.state} to SWIM`,
      );
    }
  }

  /** Queues are cut at every check. */
  #checkQueues(): void {
    const before = this.#serf.members().length;
    this.#clock.advance(serfOptions.queueCheckIntervalMs + 1);
    if (this.#isOver || this.#serf.state !== "running") return;
    const depthMax = Math.max(2 * before, 2 * this.#serf.members().length, serfOptions.queueDepthMin);
    const { intentQueue, queryQueue, eventQueue } = this.#serf.stats();
    const depth = Math.max(intentQueue, queryQueue, eventQueue);
    expect(depth <= depthMax, `${depth} messages wait where ${depthMax} may`);
  }

  /** Time passes without a word from anyone: who waits hears, and queues are within their limits. */
  #settle(): void {
    while (this.#operations.length > 0) this.#operated();
    this.#checkQueues();
    for (const input of this.#open.splice(0)) this.#cores.input(input);
    for (let passedMs = 0; passedMs < longMs && !this.#isOver; passedMs += 1_000) {
      this.#clock.advance(1_000);
      for (const input of this.#open.splice(0)) this.#cores.input(input);
    }
    if (!this.#isOver) {
      this.#check();
      expect(this.#awaited.size === 0, `nobody hears of ${[...this.#awaited].join(", ")}`);
    }
    this.#cores.stop();
    must(new SerfSnapshot({ text: this.#snapshotText, rejoinAfterLeave: true }), "the file can be read back");
  }
}

function expect(holds: boolean, claim: string): void {
  if (!holds) throw new Error(claim);
}
