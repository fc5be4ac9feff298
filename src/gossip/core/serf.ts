/**
 * The serf core: what a pool of nodes knows of one another beyond being alive.
 *
 * It rides on SWIM, whose delegate it is: SWIM says who is there, serf why somebody is not (left or failed), and
 * spreads events, queries and intents with SWIM's packets. No socket, clock, disk or randomness of its own; what it
 * wants done is in `serf-effects`. This file plays the parts against each other; the rules are in them: members in
 * `member-table`, joins and leaves in `serf-intents` and `serf-departure`, events in `serf-event-book`, queries in
 * `serf-query-book`, the pool's own queries in `serf-internal`. The invariants are S1… in docs/internals/serf.md.
 * Source: protocol reference, gossip-serf.
 */
import { assert, unreachable } from "../../lib/assert.ts";
import type { MonotonicMs } from "../../lib/clock.ts";
import { DecodeError } from "../../lib/errors.ts";
import { unpackIp } from "../../lib/ip.ts";
import type { Member } from "../../lib/members.ts";
import type { AliveMessage } from "../../wire/gossip/messages.ts";
import type { RelayHeader, SerfMessage, SerfPushPull, SerfQuery } from "../../wire/gossip/serf-messages.ts";
import { CoordinateBook } from "./coordinate-book.ts";
import type { Coordinate } from "./coordinate.ts";
import type { SwimDelegate, SwimNode } from "./delegate.ts";
import { lamportTime, lamportTimeMax } from "./lamport.ts";
import type { MemberCheck } from "./member-checks.ts";
import { MemberTable } from "./member-table.ts";
import { SerfContext, type SerfContextStart } from "./serf-context.ts";
import { Departure, type SerfState } from "./serf-departure.ts";
import { sendDirect } from "./serf-direct.ts";
import type {
  HeardQuery,
  KeyOperationResult,
  KeyringRequest,
  QueryRequest,
  SerfEffects,
  SerfStats,
} from "./serf-effects.ts";
import { EventBook } from "./serf-event-book.ts";
import { Intents, type ForcedLeave } from "./serf-intents.ts";
import { InternalQueries, internalPrefix } from "./serf-internal.ts";
import { SerfLanes } from "./serf-lanes.ts";
import { claimedMember, toMember } from "./serf-member.ts";
import { QueryBook, type QueryListener, type QuerySpec } from "./serf-query-book.ts";
import type { SerfSnapshot } from "./serf-snapshot.ts";
import { SerfTimers } from "./serf-timers.ts";

export interface SerfStart extends SerfContextStart {
  /** Encoded at most 512 bytes. */
  readonly tags: Readonly<Record<string, string>>;
  /** Whether a text matches an RE2 expression, which came from the network; `undefined` if it is none. */
  readonly matches: (expression: string, text: string) => boolean | undefined;
  /** Whom the pool lets in; absent: everybody. */
  readonly check?: MemberCheck;
  /** Whether the pool has a keyring. */
  readonly isEncrypted: boolean;
  /** Have the pool vote if another node claims this one's name. Consul's clients do, its servers do not. */
  readonly resolveNameConflicts: boolean;
  /** Whether to keep and tell a network coordinate. */
  readonly coordinates: boolean;
  /** Already replayed; absent: nothing is remembered across restarts. */
  readonly snapshot?: SerfSnapshot;
}

const metaBytesMax = 512;
const tagsTooLong = `Encoded length of tags exceeds limit of ${metaBytesMax} bytes`;

/** One node's serf. Not re-entrant; owned by one driver. */
export class Serf implements SwimDelegate {
  readonly #context: SerfContext;
  readonly #start: SerfStart;
  readonly #members: MemberTable;
  readonly #events: EventBook;
  readonly #queries: QueryBook;
  readonly #intents: Intents;
  readonly #internal: InternalQueries;
  readonly #lanes: SerfLanes;
  readonly #departure: Departure;
  readonly #coordinates: CoordinateBook | undefined;
  readonly #timers: SerfTimers;
  #tags: Readonly<Record<string, string>>;
  #meta: Uint8Array;
  /** Joins under way that do not want to hear old events. */
  #joinsIgnoringOld = 0;

  /** Throws if the tags are too long. */
  constructor(start: SerfStart) {
    this.#start = start;
    this.#context = new SerfContext(start);
    this.#tags = start.tags;
    this.#meta = start.codec.encodeTags(start.tags);
    assert(this.#meta.length <= metaBytesMax, "the tags fit into the metadata of a node");
    this.#coordinates = start.coordinates ? new CoordinateBook(this.#context) : undefined;
    this.#members = new MemberTable(this.#context, (name) => this.#coordinates?.forget(name));
    this.#events = new EventBook(this.#context);
    this.#queries = new QueryBook(this.#context, {
      members: this.#members,
      tags: () => this.#tags,
      matches: start.matches,
    });
    this.#lanes = new SerfLanes(this.#context);
    this.#departure = new Departure(this.#context);
    this.#intents = new Intents(this.#context, {
      members: this.#members,
      lanes: this.#lanes,
      departure: this.#departure,
    });
    this.#internal = new InternalQueries(this.#context, {
      members: this.#members,
      queries: this.#queries,
      isEncrypted: start.isEncrypted,
      ask: (spec, listener) => this.#ask(spec, listener),
      lost: () => {
        this.#departure.shutdown();
        this.#context.push({ kind: "shutdown" });
      },
    });
    this.#timers = new SerfTimers(this.#context, {
      reap: () => this.#members.reap(),
      reconnect: () => this.#reconnect(),
      queueCheck: () => this.#lanes.check(this.#members.size),
    });
    this.#resume();
  }

  get state(): SerfState {
    return this.#departure.state;
  }

  /** The time, which lets timers fire. Never runs backwards. */
  clock(nowMs: MonotonicMs): void {
    assert(nowMs >= this.#context.nowMs, "the clock never runs backwards");
    this.#context.nowMs = nowMs;
    if (this.state !== "shutdown") this.#timers.fire();
  }

  /** Everything to do since the last call. */
  takeEffects(): SerfEffects {
    for (const token of this.#lanes.takeFinished()) this.#departure.told(token);
    const deadlines = [this.#departure.fire(), this.#queries.expire(), this.#members.prunePending()];
    this.#remember();
    const list = this.#context.drain();
    deadlines.push(this.#timers.nextMs, this.#start.snapshot?.clockDueMs);
    const due = deadlines.filter((one) => one !== undefined);
    return { list, wakeAtMs: Math.min(...due) as MonotonicMs };
  }

  /** Every member that is not forgotten, this node included once SWIM has started. */
  members(): readonly Member[] {
    return this.#members.list();
  }

  member(name: string): Member | undefined {
    return this.#members.get(name);
  }

  /** This node; `undefined` until SWIM has started. */
  localMember(): Member | undefined {
    return this.#members.get(this.#context.nodeName);
  }

  stats(): SerfStats {
    return {
      members: this.#members.size,
      failed: this.#members.failedCount,
      left: this.#members.leftCount,
      memberTime: this.#intents.clock.time,
      eventTime: this.#events.clock.time,
      queryTime: this.#queries.clock.time,
      intentQueue: this.#lanes.size("intent"),
      eventQueue: this.#lanes.size("event"),
      queryQueue: this.#lanes.size("query"),
      coordinateResets: this.#coordinates?.resets ?? 0,
    };
  }

  /** This node's coordinate; `undefined` if coordinates are off. */
  coordinate(): Coordinate | undefined {
    return this.#coordinates?.own;
  }

  /** The last coordinate that `name` told. */
  coordinateOf(name: string): Coordinate | undefined {
    return this.#coordinates?.of(name);
  }

  /** Spreads an event of the application. Answers why it cannot, in the reference's words. */
  userEvent(name: string, payload: Uint8Array): string | undefined {
    const bytes = this.#events.fire(name, payload);
    if (typeof bytes === "string") return bytes;
    this.#lanes.add("event", bytes);
    return undefined;
  }

  /** Asks the pool. Answers why it cannot; else `queryDone` follows, at last. */
  query({ queryId, ...spec }: QueryRequest): string | undefined {
    return this.#ask(spec, {
      ack: (from) => this.#context.push({ kind: "queryAck", queryId, from }),
      response: (from, payload) => this.#context.push({ kind: "queryResponse", queryId, from, payload }),
      done: () => this.#context.push({ kind: "queryDone", queryId }),
    });
  }

  /** Answers a query of another node. Returns why it cannot, in the reference's words. */
  respond(query: HeardQuery, payload: Uint8Array): string | undefined {
    return this.#queries.respond(query, payload);
  }

  /** A key operation on every node. Answers why it cannot; else `keyringAnswered` follows. */
  keyring(request: KeyringRequest): string | undefined {
    return this.#internal.keyring(request);
  }

  /** What became of a `keyOperation`. */
  keyOperationDone(operationId: number, result: KeyOperationResult): void {
    this.#internal.keyOperationDone(operationId, result);
  }

  /** Replaces this node's tags. Answers why it cannot, in the reference's words. */
  setTags(tags: Readonly<Record<string, string>>): string | undefined {
    const meta = this.#context.codec.encodeTags(tags);
    if (meta.length > metaBytesMax) return tagsTooLong;
    this.#tags = tags;
    this.#meta = meta;
    this.#context.push({ kind: "announceMeta" });
    return undefined;
  }

  /** Before SWIM joins. `ignoreOld`: user events from before the join are not delivered. Answers why it cannot. */
  beginJoin(ignoreOld: boolean): string | undefined {
    if (this.state !== "running") return "Serf can't Join after Leave or Shutdown";
    if (ignoreOld) this.#joinsIgnoringOld += 1;
    return undefined;
  }

  /** After each `beginJoin` that was allowed. `joined`: how many nodes were reached. */
  endJoin(ignoreOld: boolean, joined: number): void {
    if (ignoreOld) this.#joinsIgnoringOld -= 1;
    assert(this.#joinsIgnoringOld >= 0, "a join ends once");
    if (joined > 0) this.#intents.announceJoin();
  }

  /** Leaves in good order; `leaveSwim` and `left` follow. Answers why it cannot, in the reference's words. */
  beginLeave(): string | undefined {
    const problem = this.#intents.leave();
    if (problem === undefined) this.#start.snapshot?.leave();
    return problem;
  }

  /** After `leaveSwim`: SWIM has left, or gave up. */
  swimHasLeft(): void {
    this.#departure.swimHasLeft();
  }

  /** Makes a member leave that no longer can by itself; `forceLeft` follows. */
  forceLeave(request: ForcedLeave): void {
    this.#intents.forceLeave(request);
  }

  /** The node is stopped without a leave: no timer fires any more. */
  shutdown(): void {
    this.#departure.shutdown();
  }

  localMeta(): Uint8Array {
    return this.#meta;
  }

  userMessage(bytes: Uint8Array, nowMs: MonotonicMs): void {
    this.#context.nowMs = nowMs;
    if (bytes.length === 0) return;
    this.#context.sample("msgs.received", bytes.length);
    try {
      this.#receive(this.#context.codec.decode(bytes), bytes);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#context.log("error", `Error decoding message of type ${String(bytes[0])}: ${error.message}`);
    }
  }

  broadcasts(limits: { readonly overheadBytes: number; readonly bytesMax: number }): readonly Uint8Array[] {
    return this.#lanes.take(limits, this.#members.size);
  }

  localState(_join: boolean): Uint8Array {
    return this.#context.encode({
      kind: "pushPull",
      body: {
        LTime: this.#intents.clock.time,
        StatusLTimes: this.#members.statusTimes(),
        LeftMembers: this.#members.leftNames(),
        EventLTime: this.#events.clock.time,
        Events: this.#events.slots(),
        QueryLTime: this.#queries.clock.time,
      },
    });
  }

  mergeState(bytes: Uint8Array, join: boolean, nowMs: MonotonicMs): void {
    this.#context.nowMs = nowMs;
    try {
      const message = this.#context.codec.decode(bytes);
      if (message.kind === "pushPull") return this.#merge(message.body, join);
      this.#context.log("error", `Remote state has bad type prefix: ${String(bytes[0])}`);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#context.log("error", `Failed to decode remote state: ${error.message}`);
    }
  }

  nodeJoined(node: SwimNode, nowMs: MonotonicMs): void {
    this.#context.nowMs = nowMs;
    this.#members.nodeJoined(node);
  }

  nodeLeft(node: SwimNode, nowMs: MonotonicMs): void {
    this.#context.nowMs = nowMs;
    this.#members.nodeLeft(node.name);
  }

  nodeUpdated(node: SwimNode, nowMs: MonotonicMs): void {
    this.#context.nowMs = nowMs;
    this.#members.nodeUpdated(node);
  }

  aliveProblem(message: AliveMessage): string | undefined {
    if (message.meta.length > metaBytesMax) return tagsTooLong;
    return this.#start.check?.([claimedMember(this.#context.codec, message)]);
  }

  mergeProblem(nodes: readonly SwimNode[]): string | undefined {
    if (nodes.some(({ meta }) => meta.length > metaBytesMax)) return tagsTooLong;
    return this.#start.check?.(
      nodes.map((node) => toMember(this.#context.codec, node, node.state === "left" ? "left" : "none")),
    );
  }

  conflict(known: SwimNode, claimed: SwimNode, nowMs: MonotonicMs): void {
    this.#context.nowMs = nowMs;
    const other = `${claimed.address.host}:${claimed.address.port}`;
    if (known.name !== this.#context.nodeName) {
      const both = `${known.address.host}:${known.address.port} and ${other}`;
      return this.#context.log("warn", `Name conflict for '${known.name}' both ${both} are claiming`);
    }
    const { resolveNameConflicts } = this.#start;
    this.#context.log(
      "error",
      `Node name conflicts with another node at ${other}. Names must be unique! (Resolution enabled: ${resolveNameConflicts})`,
    );
    if (resolveNameConflicts) this.#internal.vote(known);
  }

  ackPayload(): Uint8Array {
    return this.#coordinates?.payload() ?? nothing;
  }

  pingCompleted(node: SwimNode, rttMs: number, payload: Uint8Array): void {
    if (payload.length > 0) this.#coordinates?.measured(node.name, rttMs, payload);
  }

  /** The parts, for `checkSerfInvariants` alone. */
  inside(): { readonly members: MemberTable; readonly meta: Uint8Array } {
    return { members: this.#members, meta: this.#meta };
  }

  #receive(message: SerfMessage, bytes: Uint8Array): void {
    switch (message.kind) {
      case "leave":
        if (this.#intents.hearLeave(message.body)) this.#lanes.add("intent", bytes.slice());
        return;
      case "join":
        if (this.#intents.hearJoin(message.body.Node, message.body.LTime))
          this.#lanes.add("intent", bytes.slice());
        return;
      case "userEvent":
        if (this.#events.hear(message.body)) this.#lanes.add("event", bytes.slice());
        return;
      case "query":
        if (this.#hearQuery(message.body)) this.#lanes.add("query", bytes.slice());
        return;
      case "queryResponse":
        return this.#queries.takeResponse(message.body);
      case "relay":
        return this.#passOn(message.body, message.inner);
      case "pushPull":
      case "conflictResponse":
      case "keyRequest":
      case "keyResponse":
      case "unknown":
        return this.#context.log("warn", `Received message of unknown type: ${String(bytes[0])}`);
      default:
        return unreachable(message);
    }
  }

  #ask(spec: QuerySpec, listener: QueryListener): string | undefined {
    const started = this.#queries.start(spec, listener);
    if (typeof started === "string") return started;
    // This node is one of those asked, and answers itself over the network like any other.
    this.#hearQuery(started.query);
    this.#lanes.add("query", started.bytes);
    return undefined;
  }

  /** Answers whether it is to be told on. */
  #hearQuery(query: SerfQuery): boolean {
    const { isNews, heard } = this.#queries.hear(query);
    if (heard !== undefined) {
      this.#start.snapshot?.query(heard.lamportTime);
      if (heard.name.startsWith(internalPrefix)) this.#internal.hear(heard);
      else this.#context.push({ kind: "query", query: heard });
    }
    return isNews;
  }

  #passOn({ DestAddr, DestName }: RelayHeader, inner: Uint8Array): void {
    const host = unpackIp(DestAddr.IP ?? nothing);
    const { Port: port } = DestAddr;
    if (host === undefined || port < 1 || port > 0xffff || inner.length === 0)
      return this.#context.log("error", "Error decoding relay header: no address");
    sendDirect(this.#context, { to: { host, port }, node: DestName }, inner.slice());
  }

  #merge(state: SerfPushPull, join: boolean): void {
    // The peer's clocks show what it will send next, so nothing has been sent at that time yet.
    if (state.LTime > 0) this.#intents.clock.witness(lamportTime(state.LTime - 1));
    if (state.EventLTime > 0) this.#events.clock.witness(lamportTime(state.EventLTime - 1));
    if (state.QueryLTime > 0) this.#queries.clock.witness(lamportTime(state.QueryLTime - 1));
    const times = state.StatusLTimes ?? {};
    const left = new Set(state.LeftMembers ?? []);
    // Those who left first: nobody says when, but it was after the time of their last status.
    for (const Node of left)
      this.#intents.hearLeave({ Node, LTime: afterTime(times[Node] ?? 0), Prune: false });
    for (const [name, time] of Object.entries(times))
      if (!left.has(name)) this.#intents.hearStatus(name, time);
    if (join && this.#joinsIgnoringOld > 0) this.#events.ignoreBefore(lamportTime(state.EventLTime));
    for (const slot of state.Events ?? []) {
      for (const event of slot?.Events ?? [])
        this.#events.hear({ ...event, LTime: slot?.LTime ?? 0, CC: false });
    }
  }

  #reconnect(): void {
    const address = this.state === "running" ? this.#members.pickReconnect() : undefined;
    if (address !== undefined) this.#context.push({ kind: "reconnect", address });
  }

  #resume(): void {
    const { snapshot } = this.#start;
    if (snapshot === undefined) return;
    for (const warning of snapshot.warnings) this.#context.log("warn", warning);
    this.#intents.clock.witness(lamportTime(snapshot.times.clock));
    this.#events.resumeAfter(snapshot.times.event);
    this.#queries.resumeAfter(snapshot.times.query);
  }

  /** Has the snapshot note what happened since the last call. */
  #remember(): void {
    const { snapshot } = this.#start;
    if (snapshot === undefined) return;
    let urgent = false;
    for (const effect of this.#context.pending) {
      if (effect.kind === "member") snapshot.member(effect.event);
      if (effect.kind === "userEvent") snapshot.event(effect.event.lamportTime);
      urgent ||= effect.kind === "member";
    }
    snapshot.clock(this.#intents.clock.time, this.#context.nowMs, urgent);
    const write = snapshot.take();
    if (write === undefined) return;
    const kind = write.kind === "append" ? "snapshotAppend" : "snapshotReplace";
    this.#context.push({ kind, text: write.text });
  }
}

const nothing = new Uint8Array();

/** The next logical time, if there is one. */
function afterTime(time: number): number {
  return Math.min(time + 1, lamportTimeMax);
}
