/**
 * Members and what they mean to do: who is here, leaving, gone, or to be forgotten.
 *
 *              leave intent            SWIM: gone
 *     alive ────────────────▶ leaving ────────────▶ left ──▶ forgotten after tombstoneTimeout
 *      │ ▲    join intent         │                  ▲
 *      │ └────────────────────────┘                  │ leave intent (forced)
 *      │        SWIM: gone                           │
 *      └──────────────────────────▶ failed ──────────┘──▶ forgotten after reconnectTimeout
 *
 * SWIM brings a member back to `alive` from any state. Intents are ordered by their logical time: per member only
 * a later one counts. What is said of nodes that SWIM does not know yet is kept for a while.
 * Source: protocol reference, gossip-serf sections 3 and 7.
 */
import type { MonotonicMs } from "../../lib/clock.ts";
import { parseGoDurationMs } from "../../lib/go-duration.ts";
import { DecodeError } from "../../lib/errors.ts";
import type { Member, MemberEventKind, MemberStatus } from "../../lib/members.ts";
import { hostPort } from "../../lib/net.ts";
import type { SwimNode } from "./delegate.ts";
import type { LamportTime } from "./lamport.ts";
import type { SerfContext } from "./serf-context.ts";
import { toMember } from "./serf-member.ts";

interface Row {
  member: Member;
  /** Logical time of the intent that counts. */
  statusTime: LamportTime;
  /** When it failed or left. */
  goneAtMs: MonotonicMs | undefined;
}

interface Intent {
  readonly kind: "join" | "leave";
  readonly time: LamportTime;
  readonly atMs: MonotonicMs;
}

/** A tag by which a member says how long it is to be remembered: a Go duration. */
const reconnectTimeoutTag = "rc_tm";

/** What became of an intent. `told`: it was news, so that it is to be told on. */
export type IntentOutcome = "told" | "ignored" | "refute";

export class MemberTable {
  readonly #context: SerfContext;
  readonly #rows = new Map<string, Row>();
  readonly #failed = new Set<Row>();
  readonly #left = new Set<Row>();
  readonly #intents = new Map<string, Intent>();
  /** Members to forget, once their leave has had time to spread. */
  readonly #prunes = new Map<string, MonotonicMs>();
  readonly #forget: (name: string) => void;

  /** `forget` is called with the name of each member that is forgotten. */
  constructor(context: SerfContext, forget: (name: string) => void) {
    this.#context = context;
    this.#forget = forget;
  }

  get size(): number {
    return this.#rows.size;
  }

  get failedCount(): number {
    return this.#failed.size;
  }

  get leftCount(): number {
    return this.#left.size;
  }

  /** Members that SWIM holds for alive; those that are leaving are. At least 1: this node. */
  get presentCount(): number {
    return Math.max(1, this.#rows.size - this.#failed.size - this.#left.size);
  }

  get(name: string): Member | undefined {
    return this.#rows.get(name)?.member;
  }

  /** Every member, in the order in which they were met. */
  list(): readonly Member[] {
    return Array.from(this.#rows.values(), ({ member }) => member);
  }

  /** Whether anybody else is alive. */
  hasAliveOthers(): boolean {
    for (const { member } of this.#rows.values())
      if (member.status === "alive" && member.name !== this.#context.nodeName) return true;
    return false;
  }

  /** Logical times of all members' statuses, for a full exchange. */
  statusTimes(): Record<string, LamportTime> {
    const times = Object.create(null) as Record<string, LamportTime>;
    for (const [name, { statusTime }] of this.#rows) times[name] = statusTime;
    return times;
  }

  /** Logical time of one member's status; 0 for who is none. */
  statusTime(name: string): LamportTime {
    return this.#rows.get(name)?.statusTime ?? zero;
  }

  leftNames(): readonly string[] {
    return Array.from(this.#left, ({ member }) => member.name);
  }

  nodeJoined(node: SwimNode): void {
    const known = this.#rows.get(node.name);
    const row = known ?? {
      member: toMember(this.#context.codec, node, "alive"),
      statusTime: zero,
      goneAtMs: undefined,
    };
    if (known === undefined) this.#enter(row);
    else this.#comeBack(row, node);
    this.#context.count("member.join");
    this.#log("EventMemberJoin", row);
    this.#event("join", row);
  }

  nodeLeft(name: string): void {
    const row = this.#rows.get(name);
    if (row === undefined) return;
    const before = row.member.status;
    if (before !== "leaving" && before !== "alive") {
      // A forced leave made it left before SWIM gave it up for dead.
      return this.#context.log("warn", `Bad state when leave: ${before}`);
    }
    const after = before === "leaving" ? "left" : "failed";
    this.#setStatus(row, after);
    row.goneAtMs = this.#context.nowMs;
    this.#context.count(`member.${after}`);
    this.#log(after === "left" ? "EventMemberLeave" : "EventMemberFailed", row);
    this.#event(after === "left" ? "leave" : "failed", row);
  }

  nodeUpdated(node: SwimNode): void {
    const row = this.#rows.get(node.name);
    if (row === undefined) return;
    row.member = toMember(this.#context.codec, node, row.member.status);
    this.#context.count("member.update");
    this.#context.log("info", `EventMemberUpdate: ${node.name}`);
    this.#event("update", row);
  }

  /** A node means to leave, or is made to. `mayRefute`: this node has no such wish. */
  leaveIntent(
    intent: { readonly node: string; readonly time: LamportTime; readonly prune: boolean },
    mayRefute: boolean,
  ): IntentOutcome {
    const row = this.#rows.get(intent.node);
    if (row === undefined) return this.#keep(intent.node, "leave", intent.time);
    if (intent.time <= row.statusTime) return "ignored";
    if (mayRefute && intent.node === this.#context.nodeName) return "refute";
    // Taken even where the status stays: otherwise two nodes could tell each other the same for ever.
    row.statusTime = intent.time;
    const { status } = row.member;
    if (status === "none") return "ignored";
    if (status === "alive") this.#setStatus(row, "leaving");
    if (status === "failed") {
      this.#setStatus(row, "left");
      this.#log("EventMemberLeave (forced)", row);
      this.#event("leave", row);
    }
    if (intent.prune) this.#prune(row);
    return "told";
  }

  joinIntent(node: string, time: LamportTime): IntentOutcome {
    const row = this.#rows.get(node);
    if (row === undefined) return this.#keep(node, "join", time);
    if (time <= row.statusTime) return "ignored";
    row.statusTime = time;
    if (row.member.status === "leaving") this.#setStatus(row, "alive");
    return "told";
  }

  /** Forgets those who are gone for too long, and old intents. */
  reap(): void {
    const { nowMs, options } = this.#context;
    const lists = [
      { rows: this.#failed, timeoutMs: options.reconnectTimeoutMs },
      { rows: this.#left, timeoutMs: options.tombstoneTimeoutMs },
    ];
    for (const { rows, timeoutMs } of lists) {
      for (const row of rows) {
        if (nowMs - (row.goneAtMs ?? nowMs) <= this.#timeoutOf(row.member, timeoutMs)) continue;
        this.#context.log("info", `EventMemberReap: ${row.member.name}`);
        this.#erase(row);
      }
    }
    for (const [name, { atMs }] of this.#intents)
      if (nowMs - atMs > options.recentIntentTimeoutMs) this.#intents.delete(name);
  }

  /** Forgets members whose leave was to be final. Answers when the next is due. */
  prunePending(): MonotonicMs | undefined {
    let next: MonotonicMs | undefined;
    for (const [name, dueMs] of this.#prunes) {
      if (dueMs > this.#context.nowMs) {
        if (next === undefined || dueMs < next) next = dueMs;
        continue;
      }
      this.#prunes.delete(name);
      const row = this.#rows.get(name);
      // One that came back meanwhile has refuted the leave.
      if (row !== undefined && row.member.status !== "alive") this.#eraseForced(row);
    }
    return next;
  }

  /**
   * A failed member to try again now, if the dice say so, as `name/host:port`.
   *
   * The chance is failed over alive, so that the pool tries each about once an interval, however large it is.
   */
  pickReconnect(): string | undefined {
    const count = this.#failed.size;
    if (count === 0) return undefined;
    if (!this.#context.rng.chance(count, Math.max(1, this.#rows.size - count - this.#left.size))) {
      this.#context.log("debug", "forgoing reconnect for random throttling");
      return undefined;
    }
    const row = [...this.#failed][this.#context.rng.below(count)];
    if (row === undefined) return undefined;
    const address = hostPort({ host: row.member.address, port: row.member.port });
    this.#context.log("info", `attempting reconnect to ${row.member.name} ${address}`);
    return `${row.member.name}/${address}`;
  }

  /** Broken promises of the table itself, for `checkInvariants`. */
  problems(): readonly string[] {
    const found: string[] = [];
    for (const [name, row] of this.#rows) {
      const { member } = row;
      if (name !== member.name) found.push(`${member.name} is listed as ${name}`);
      if ((member.status === "failed") !== this.#failed.has(row))
        found.push(`${name}: status and failed list differ`);
      if ((member.status === "left") !== this.#left.has(row))
        found.push(`${name}: status and left list differ`);
      if (member.status === "none") found.push(`${name} has no status`);
    }
    for (const row of [...this.#failed, ...this.#left])
      if (this.#rows.get(row.member.name) !== row)
        found.push(`${row.member.name} is gone but still listed as such`);
    if (this.#intents.size > this.#context.options.recentIntentsMax) found.push("too many intents are kept");
    return found;
  }

  #enter(row: Row): void {
    const { name } = row.member;
    const intent = this.#intents.get(name);
    if (intent !== undefined) row.statusTime = intent.time;
    if (intent?.kind === "leave") this.#setStatus(row, "leaving");
    this.#rows.set(name, row);
  }

  #comeBack(row: Row, node: SwimNode): void {
    const { nowMs, options } = this.#context;
    const goneMs = row.goneAtMs === undefined ? Infinity : nowMs - row.goneAtMs;
    if (row.member.status === "failed" && goneMs < options.flapTimeoutMs) this.#context.count("member.flap");
    this.#setStatus(row, "alive");
    row.goneAtMs = undefined;
    row.member = toMember(this.#context.codec, node, "alive");
  }

  /** The one place that moves a member between statuses: the lists follow. */
  #setStatus(row: Row, status: MemberStatus): void {
    row.member = { ...row.member, status };
    this.#failed.delete(row);
    this.#left.delete(row);
    if (status === "failed") this.#failed.add(row);
    if (status === "left") this.#left.add(row);
  }

  #keep(node: string, kind: Intent["kind"], time: LamportTime): IntentOutcome {
    const known = this.#intents.get(node);
    if (known !== undefined && time <= known.time) return "ignored";
    // Set anew, so that the order of the map is the order of age.
    this.#intents.delete(node);
    this.#intents.set(node, { kind, time, atMs: this.#context.nowMs });
    if (this.#intents.size > this.#context.options.recentIntentsMax) {
      const oldest = this.#intents.keys().next().value;
      if (oldest !== undefined) this.#intents.delete(oldest);
    }
    return "told";
  }

  #prune(row: Row): void {
    const { nowMs, options } = this.#context;
    if (row.member.status !== "leaving") return this.#eraseForced(row);
    const dueMs = nowMs + options.broadcastTimeoutMs + options.leavePropagateDelayMs;
    this.#prunes.set(row.member.name, dueMs as MonotonicMs);
  }

  #eraseForced(row: Row): void {
    this.#log("EventMemberReap (forced)", row);
    this.#erase(row);
  }

  #erase(row: Row): void {
    this.#rows.delete(row.member.name);
    this.#failed.delete(row);
    this.#left.delete(row);
    this.#prunes.delete(row.member.name);
    this.#forget(row.member.name);
    this.#event("reap", row);
  }

  #timeoutOf({ name, tags }: Member, timeoutMs: number): number {
    const text = tags[reconnectTimeoutTag];
    if (text === undefined) return timeoutMs;
    try {
      const ownMs = parseGoDurationMs(text);
      return ownMs === 0 ? timeoutMs : ownMs;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#context.log(
        "warn",
        `Member is advertising a malformed reconnect timeout: member=${name} rc_tm=${text}`,
      );
      return timeoutMs;
    }
  }

  #log(event: string, { member }: Row): void {
    this.#context.log("info", `${event}: ${member.name} ${member.address}`);
  }

  #event(kind: MemberEventKind, { member }: Row): void {
    this.#context.push({ kind: "member", event: { kind, member } });
  }
}

const zero = 0 as LamportTime;
