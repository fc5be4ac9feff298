/** One SWIM node through one course of events: what neighbours say, what its own driver reports, and time. */
import { must } from "../../src/lib/assert.ts";
import type { SwimEffects, SwimInput } from "../../src/gossip/core/swim-effects.ts";
import { TestNode } from "../../src/gossip/core/swim-test-kit.ts";
import type { StreamMessage } from "../../src/wire/gossip/messages.ts";
import type { Choices } from "./choices.ts";
import { LyingGossip, type RecordedGossip } from "./lying-gossip.ts";

const eventsMax = 300;
const options = { nodesMax: 7, relaysMax: 3, deadNodeReclaimMs: 30_000 };
/** News about nodes, and one that is not about a node. */
const queuedMax = options.nodesMax + 1;
const longMs = 600_000;

export class SwimCourse {
  readonly #choices: Choices;
  readonly #node: TestNode;
  readonly #peer: LyingGossip;
  readonly #open: SwimInput[] = [];
  readonly #awaited = new Set<string>();
  #id = 0;
  #leaves = 0;

  constructor(choices: Choices, recorded: RecordedGossip) {
    this.#choices = choices;
    const deadNodeReclaimMs = choices.chance(1, 2) ? options.deadNodeReclaimMs : undefined;
    this.#node = new TestNode("a", { options: { ...options, deadNodeReclaimMs }, seed: choices.byte() });
    this.#peer = new LyingGossip(choices, {
      recorded,
      times: () => ({ memberTime: 1, eventTime: 1, queryTime: 1 }),
      incarnation: (name) => this.#node.swim.node(name)?.incarnation ?? 1,
    });
  }

  /** Throws if something does not hold. */
  run(): void {
    for (let event = 0; event < eventsMax && !this.#choices.isOver; event += 1) this.#event();
    this.#settle();
  }

  #event(): void {
    const choices = this.#choices;
    switch (choices.below(12)) {
      case 0:
      case 1:
        return this.#pass(choices.pick([1, 50, 200, 600, 3_000, 40_000]));
      case 2:
        return this.#streams();
      case 3:
      case 4:
        return this.#answer();
      case 5:
        return this.#own();
      default:
        return this.#step({
          kind: "datagram",
          from: this.#peer.address(this.#peer.name()),
          messages: this.#peer.messages(),
        });
    }
  }

  /** What comes over a stream is answered in the same step. */
  #streams(): void {
    const choices = this.#choices;
    this.#id += 1;
    const inboundId = this.#id;
    if (choices.chance(1, 4)) return this.#step({ kind: "streamUser", bytes: this.#peer.serf() });
    const ping = { kind: "ping", seqNo: choices.number(2) % 2 ** 32, node: this.#peer.name() } as const;
    const input: SwimInput = choices.chance(1, 4)
      ? { kind: "streamPing", inboundId, message: ping }
      : { kind: "pushPullRequest", inboundId, from: this.#peer.address("b"), message: this.#peer.pushPull() };
    const { streamReplies } = this.#stepped(input);
    expect(
      streamReplies.length === 1 && streamReplies[0]?.inboundId === inboundId,
      "a stream is answered once",
    );
  }

  /** What the driver reports of what was asked for; at times late, and at times again. */
  #answer(): void {
    const choices = this.#choices;
    if (this.#open.length === 0) return;
    const at = choices.below(this.#open.length);
    const input = must(this.#open[at], "the place is within the list");
    if (!choices.chance(1, 6)) this.#open.splice(at, 1);
    this.#step(input);
  }

  #own(): void {
    const choices = this.#choices;
    this.#id += 1;
    const name = this.#peer.name();
    const to = this.#peer.address(name);
    switch (choices.below(8)) {
      case 0:
      case 1:
        this.#awaited.add(`joined ${this.#id}`);
        return this.#step({
          kind: "join",
          joinId: this.#id,
          to,
          ...(choices.chance(1, 2) ? { node: name } : {}),
        });
      case 2:
        this.#node.delegate.meta = choices.bytes(choices.below(20));
        this.#awaited.add(`updated ${this.#id}`);
        return this.#step({ kind: "updateMeta", updateId: this.#id });
      case 3:
        this.#leaves += 1;
        return this.#step({ kind: "leave" });
      case 4:
        this.#node.delegate.refuseAlive = choices.pick([undefined, "no"]);
        this.#node.delegate.refuseMerge = choices.pick([undefined, "no"]);
        return;
      default:
        this.#node.delegate.outgoing.push([this.#peer.serf(), choices.bytes(3)]);
        return this.#step({ kind: "sendUser", to, bytes: choices.bytes(choices.below(40)) });
    }
  }

  #pass(ms: number): void {
    for (const effects of this.#node.pass(ms)) this.#watch(effects);
    this.#step();
  }

  #step(...inputs: readonly SwimInput[]): void {
    this.#stepped(...inputs);
  }

  #stepped(...inputs: readonly SwimInput[]): SwimEffects {
    const effects = this.#node.step(...inputs);
    this.#watch(effects);
    return effects;
  }

  #watch({ datagrams, streamPings, exchanges, outcomes }: SwimEffects): void {
    const choices = this.#choices;
    for (const { seqNo } of streamPings) {
      const message: StreamMessage = choices.pick([
        { kind: "ack", seqNo, payload: null },
        { kind: "error", text: "no" },
      ]);
      this.#open.push(
        choices.chance(1, 3)
          ? { kind: "streamPingFailed", seqNo, reason: choices.pick([undefined, "reset"]) }
          : { kind: "streamPingAnswered", seqNo, message },
      );
    }
    for (const { exchangeId } of exchanges) {
      this.#open.push(
        choices.chance(1, 3)
          ? { kind: "exchangeFailed", exchangeId, reason: "reset" }
          : {
              kind: "exchangeAnswered",
              exchangeId,
              message: choices.chance(1, 8) ? { kind: "error", text: "no" } : this.#peer.pushPull(),
            },
      );
    }
    for (const outcome of outcomes) {
      if (outcome.kind === "left") {
        expect(this.#leaves > 0, "only who leaves has left");
        this.#leaves -= 1;
        continue;
      }
      const name = outcome.kind === "joined" ? `joined ${outcome.joinId}` : `updated ${outcome.updateId}`;
      expect(this.#awaited.delete(name), `${name} is told once`);
    }
    for (const { messages } of datagrams)
      expect(messages.length >= 1 && messages.length <= 127, "a packet holds 1…127 messages");
    const { queuedCount, relayCount } = this.#node.swim.status();
    expect(queuedCount <= queuedMax, `${queuedCount} pieces of news wait`);
    expect(relayCount <= options.relaysMax, `${relayCount} relays wait`);
  }

  /** Whatever was asked for ends at last; then everyone who waits hears. */
  #settle(): void {
    for (const input of this.#open.splice(0)) this.#step(input);
    for (let round = 0; round < 6; round += 1) {
      this.#pass(longMs / 6);
      for (const input of this.#open.splice(0)) this.#step(input);
    }
    const joins = [...this.#awaited].filter((name) => name.startsWith("joined"));
    expect(joins.length === 0, `nobody hears of ${joins.join(", ")}`);
    // Where all the others are gone by now, nobody is left to be told.
    const isAlone = this.#node.swim.members().every(({ name }) => name === "a");
    expect(isAlone || (this.#leaves === 0 && this.#awaited.size === 0), "what was to be told was told");
    expect(this.#node.swim.status().relayCount === 0, "relays end");
  }
}

function expect(holds: boolean, claim: string): void {
  if (!holds) throw new Error(claim);
}
