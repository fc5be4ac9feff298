/**
 * What is believed of whom: the rules for alive, suspect and dead messages.
 *
 *                    alive, newer                 alive, newer
 *         ┌───────────────────────────────┐  ┌──────────────────────┐
 *         ▼            suspect            │  │                      │
 *       alive ─────────────────────────▶ suspect ── time is up ──▶ dead
 *         │ │                              │      or dead            ▲
 *         │ └──────────────────────────────┼─────────────────────────┘
 *         └─────── dead, from itself ──────┴──▶ left
 *
 * Incarnations order what is said of one node; only that node raises its own. At equal incarnation dead overrides
 * suspect overrides alive. Who is accused and lives refutes with a higher incarnation.
 * Source: SWIM (Das, Gupta, Motivala 2002), section 4.2; protocol reference, gossip-memberlist section 5.
 */
import { assert } from "../../lib/assert.ts";
import type { MonotonicMs } from "../../lib/clock.ts";
import type { NetAddress } from "../../lib/net.ts";
import type { AliveMessage, DeadMessage, SuspectMessage } from "../../wire/gossip/messages.ts";
import { claimOf, isGone, toSwimNode, type Belief, type Gone, type Suspected } from "./belief.ts";
import { DeadlineQueue } from "./deadline-queue.ts";
import { suspicionMinMs } from "./scaling.ts";
import { Suspicion, type SuspicionTerms } from "./suspicion.ts";
import type { Dissemination } from "./swim-dissemination.ts";
import type { SwimOutcome } from "./swim-effects.ts";
import { shown, type SwimState } from "./swim-state.ts";

/** Limit of a node's metadata; the layer above agrees. */
export const metaBytesMax = 512;
const incarnationMax = 0xffff_ffff;

/** Owned by one `Swim`. */
export class Membership {
  readonly #state: SwimState;
  readonly #news: Dissemination;
  readonly #verdicts = new DeadlineQueue<Suspected>(({ suspicion }, atMs) => suspicion.deadlineMs === atMs);
  /** The highest incarnation this node ever took. */
  #incarnation: number;
  #isLeaving = false;
  #terms: (SuspicionTerms & { readonly nodeCount: number }) | undefined;

  constructor(state: SwimState, news: Dissemination) {
    this.#state = state;
    this.#news = news;
    this.#incarnation = state.incarnationBefore;
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  /** When the next suspicion becomes a verdict. */
  nextVerdictMs(): MonotonicMs | undefined {
    return this.#verdicts.nextMs();
  }

  /** This node says that it is alive, as it is now; `outcome` when that was told. */
  announce(outcome?: SwimOutcome): void {
    const { name, address, options, delegate } = this.#state;
    if (this.#isLeaving) return outcome === undefined ? undefined : this.#state.outbox.outcome(outcome);
    const meta = delegate.localMeta();
    assert(meta.length <= metaBytesMax, "metadata fits its limit");
    const incarnation = this.#nextIncarnation(0);
    const claim: AliveMessage = { kind: "alive", node: name, address, meta, incarnation, vsn: options.vsn };
    this.#believe(claim, outcome);
  }

  /** Goes by its own will: says that it is dead. `outcome` when that was told. */
  leave(outcome: SwimOutcome): void {
    const { self, name } = this.#state;
    if (this.#isLeaving) return this.#state.outbox.outcome(outcome);
    this.#isLeaving = true;
    const farewell = { kind: "dead", node: name, from: name, incarnation: self.incarnation } as const;
    const hasOthers = this.#state.hasOthers();
    this.#bury(self, farewell, hasOthers ? outcome : undefined);
    if (!hasOthers) this.#state.outbox.outcome(outcome);
  }

  /** Somebody is said to be alive. */
  alive(received: AliveMessage): void {
    const { name, table, options, outbox, intern } = this.#state;
    const isSelf = received.node === name;
    // A message that was under way when this node left must not bring it back.
    if (isSelf && this.#isLeaving) return;
    const address = this.#state.withPort(received.address);
    const known = table.get(received.node);
    const isMove = known !== undefined && !isSameAddress(claimOf(known).address, address);
    // Most of what is heard is known already: that is seen before anything costly.
    if (known !== undefined && !isMove && !isNewer(received, known, isSelf)) return;
    const problem = this.#problem(received);
    if (problem !== undefined) {
      return outbox.log("warn", `ignoring alive message for '${received.node}': ${problem}`);
    }
    const message = intern(address === received.address ? received : { ...received, address });
    if (known === undefined) {
      if (message.incarnation === 0 || !this.#admits(message)) return;
      if (table.size >= options.nodesMax) return outbox.count("nodes.refused");
    } else if (isMove && !this.#mayMove(known, message)) {
      return;
    }
    if (isSelf) this.#heardOfSelf(message);
    else this.#believe(message);
    outbox.count("msg.alive");
  }

  /** Somebody is said not to answer. */
  suspect(message: SuspectMessage): void {
    const { name, table, outbox } = this.#state;
    const known = table.get(message.node);
    if (known === undefined || message.incarnation < known.incarnation || isGone(known)) return;
    if (known.kind === "suspect") {
      if (!known.suspicion.confirm(message.from)) return;
      this.#verdicts.add(known.suspicion.deadlineMs, known);
      this.#news.broadcast(message);
      return;
    }
    if (message.node === name) {
      this.#refute(message.incarnation);
      outbox.log("warn", `Refuting a suspect message (from: ${message.from})`);
      return;
    }
    this.#news.broadcast(message);
    outbox.count("msg.suspect");
    this.#doubt(known, message);
  }

  /** Somebody is said to be dead or, by itself, to have left. */
  dead(message: DeadMessage): void {
    const { name, table, outbox } = this.#state;
    const known = table.get(message.node);
    if (known === undefined || message.incarnation < known.incarnation || isGone(known)) return;
    if (message.node === name) {
      assert(!this.#isLeaving, "a node that left counts as gone");
      this.#refute(message.incarnation);
      outbox.log("warn", `Refuting a dead message (from: ${message.from})`);
      return;
    }
    this.#bury(known, message);
  }

  /** Declares dead whose suspicion ran out. */
  fire(): void {
    const { name, table, outbox, nowMs } = this.#state;
    for (;;) {
      const suspected = this.#verdicts.takeDue(nowMs);
      if (suspected === undefined) return;
      const { node, incarnation, suspicion } = suspected;
      assert(table.get(node) === suspected, "only suspects are judged");
      const { confirmations, terms } = suspicion;
      if (terms.wanted > 0 && confirmations < terms.wanted) outbox.count("degraded.timeout");
      outbox.log(
        "info",
        `Marking ${node} as failed, suspect timeout reached (${confirmations} peer confirmations)`,
      );
      this.dead({ kind: "dead", node, from: name, incarnation });
    }
  }

  #problem(message: AliveMessage): string | undefined {
    const { vsn, meta } = message;
    if (vsn.length < 6) return "Vsn is not present";
    const [pMin = 0, pMax = 0, pCur = 0] = vsn;
    if (pMin === 0 || pMax === 0 || pMin > pMax) {
      return `protocol version(s) are wrong: ${pMin} <= ${pCur} <= ${pMax} should be >0`;
    }
    // Peers send no more either; without this check a hostile one could make broadcasts that fit no packet.
    if (meta.length > metaBytesMax) return `metadata of ${meta.length} bytes is above the limit`;
    return this.#state.delegate.aliveProblem(message);
  }

  #admits({ node, address }: AliveMessage): boolean {
    if (this.#state.allowsHost(address.host)) return true;
    this.#state.outbox.log("warn", `Rejected node ${node} (${address.host}): address is not allowed`);
    return false;
  }

  /** Whether a node may take over a name that is known under another address. */
  #mayMove(known: Belief, message: AliveMessage): boolean {
    const { delegate, options, outbox, nowMs } = this.#state;
    const { node: name, kind: state } = known;
    const claim = claimOf(known);
    if (!this.#state.allowsHost(message.address.host)) {
      outbox.log(
        "warn",
        `Rejected IP update from ${claim.address.host} to ${message.address.host} for node ${name}: address is not allowed`,
      );
      return false;
    }
    const reclaimMs = options.deadNodeReclaimMs;
    const isFree = isGone(known) && reclaimMs !== undefined && nowMs - known.sinceMs > reclaimMs;
    if (state === "left" || isFree) {
      outbox.log(
        "info",
        `Updating address for left or failed node ${name} from ${shown(claim.address)} to ${shown(message.address)}`,
      );
      return true;
    }
    outbox.log(
      "error",
      `Conflicting address for ${name}. Mine: ${shown(claim.address)} Theirs: ${shown(message.address)} Old state: ${state}`,
    );
    const { address, meta, vsn, incarnation } = message;
    delegate.conflict(toSwimNode(known), { name, address, meta, vsn, incarnation, state: "alive" }, nowMs);
    return false;
  }

  /** Takes over a claim and passes it on. */
  #believe(claim: AliveMessage, outcome?: SwimOutcome): void {
    const { table, delegate, nowMs } = this.#state;
    const known = table.get(claim.node);
    this.#news.broadcast(claim, outcome);
    table.set(claim);
    if (known === undefined || isGone(known)) delegate.nodeJoined(toSwimNode(claim), nowMs);
    else if (!isSameBytes(claimOf(known).meta, claim.meta)) delegate.nodeUpdated(toSwimNode(claim), nowMs);
  }

  /** The same incarnation may come from an earlier life of this node, with other contents. */
  #heardOfSelf(message: AliveMessage): void {
    const { self } = this.#state;
    const { meta, vsn } = claimOf(self);
    const isNew = message.incarnation !== self.incarnation;
    if (!isNew && isSameBytes(message.meta, meta) && isSameBytes(message.vsn, vsn)) return;
    this.#refute(message.incarnation);
    const bytes = (values: ArrayLike<number>): string => `[${Array.from(values).join(" ")}]`;
    this.#state.outbox.log(
      "warn",
      `Refuting an alive message for '${message.node}' (${shown(message.address)}) ` +
        `meta:(${bytes(message.meta)} VS ${bytes(meta)}), vsn:(${bytes(message.vsn)} VS ${bytes(vsn)})`,
    );
  }

  #refute(accused: number): void {
    const incarnation = this.#nextIncarnation(accused);
    // Being accused is a sign that this node answers too slowly.
    this.#state.feel(1);
    this.#believe({ ...claimOf(this.#state.self), incarnation });
  }

  /** At the top of the range nothing is newer: then the accusation stands. */
  #nextIncarnation(above: number): number {
    this.#incarnation = Math.min(Math.max(this.#incarnation, above) + 1, incarnationMax);
    return this.#incarnation;
  }

  #doubt(claim: AliveMessage, { node, from, incarnation }: SuspectMessage): void {
    const { table, nowMs } = this.#state;
    const suspicion = new Suspicion(from, this.#suspicionTerms(table.size), nowMs);
    const suspected: Suspected = { kind: "suspect", node, claim, incarnation, suspicion };
    table.set(suspected);
    this.#verdicts.add(suspicion.deadlineMs, suspected);
  }

  /** Mass deaths make thousands of suspicions on the same terms, so those are shared. */
  #suspicionTerms(nodeCount: number): SuspicionTerms {
    if (this.#terms?.nodeCount === nodeCount) return this.#terms;
    const { options } = this.#state;
    // Two probe intervals short of the nominal time, since nothing is known of when the others probe.
    const expected = options.suspicionMult - 2;
    // Neither this node nor the suspect confirms: with too few others nothing is expected.
    const wanted = nodeCount - 2 < expected ? 0 : expected;
    const minMs = suspicionMinMs({ ...options, nodeCount });
    this.#terms = { nodeCount, wanted, minMs, maxMs: options.suspicionTimeoutMultMax * minMs };
    return this.#terms;
  }

  #bury(known: Belief, message: DeadMessage, outcome?: SwimOutcome): void {
    const { table, delegate, outbox, nowMs } = this.#state;
    this.#news.broadcast(message, outcome);
    outbox.count("msg.dead");
    const { node, from, incarnation } = message;
    const kind = node === from ? "left" : "dead";
    const gone: Gone = { kind, node, claim: claimOf(known), incarnation, sinceMs: nowMs };
    table.set(gone);
    delegate.nodeLeft(toSwimNode(gone), nowMs);
  }
}

/** Of itself a node hears the same incarnation too: from an earlier life it may say something else. */
function isNewer(message: AliveMessage, known: Belief, isSelf: boolean): boolean {
  return isSelf ? message.incarnation >= known.incarnation : message.incarnation > known.incarnation;
}

function isSameAddress(a: NetAddress, b: NetAddress): boolean {
  return a === b || (a.host === b.host && a.port === b.port);
}

function isSameBytes(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}
