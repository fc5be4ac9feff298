/** For tests: cores in one room, where every message and sync happens only when the test says so. */
import { must } from "../../lib/assert.ts";
import { monotonicMs } from "../../lib/clock.ts";
import { logIndex, term, type LogIndex, type Term } from "../../lib/log-index.ts";
import { seededRng } from "../../lib/rng.ts";
import { RaftCore } from "./core.ts";
import type {
  Effects,
  Input,
  LogWrite,
  Outcome,
  Outgoing,
  OutgoingRequest,
  SendSnapshot,
} from "./effects.ts";
import {
  entryType,
  type Configuration,
  type ConfigurationCodec,
  type Entry,
  type HardState,
  type LogView,
  type ServerId,
  type SnapshotMark,
  type Suffrage,
} from "./entry.ts";
import { checkInvariants } from "./invariants.ts";
import { protocolVersion, type RaftRequest, type RaftResponse } from "./messages.ts";
import { defaultRaftOptions, type RaftOptions } from "./options.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Configurations as JSON. */
export const jsonCodec: ConfigurationCodec = {
  encode: (configuration) => encoder.encode(JSON.stringify(configuration)),
  decode: (data) => JSON.parse(decoder.decode(data)) as Configuration,
};

/** A log in memory that holds exactly the writes it was given. */
export class TestLog implements LogView {
  #entries: Entry[] = [];
  #first = 1;

  get firstIndex(): LogIndex {
    return logIndex(this.#first);
  }
  get lastIndex(): LogIndex {
    return logIndex(this.#first + this.#entries.length - 1);
  }
  termAt(index: LogIndex): Term | undefined {
    return this.#entries[index - this.#first]?.term;
  }
  entries(from: LogIndex, through: LogIndex, bytesMax: number): readonly Entry[] {
    let bytes = 0;
    const found = this.#entries.slice(from - this.#first, through - this.#first + 1);
    return found.filter((entry, at) => at === 0 || (bytes += entry.data.length) <= bytesMax);
  }
  write(write: Pick<LogWrite, "restartAfter" | "truncateFrom" | "entries">): void {
    if (write.restartAfter !== undefined) {
      this.#entries = [];
      this.#first = write.restartAfter + 1;
    }
    if (write.truncateFrom !== undefined) {
      this.#entries = this.#entries.slice(0, write.truncateFrom - this.#first);
    }
    this.#entries.push(...write.entries);
  }
  compact(through: LogIndex): void {
    this.#entries = this.#entries.slice(through + 1 - this.#first);
    this.#first = through + 1;
  }
}

/** A configuration: voters "n1", nonvoters "n2?". */
export function configurationOf(...names: readonly string[]): Configuration {
  return {
    servers: names.map((name) => {
      const id = name.replace("?", "");
      const suffrage: Suffrage = name.endsWith("?") ? "nonvoter" : "voter";
      return { id: id as ServerId, address: `${id}:8300`, suffrage };
    }),
  };
}

/** Commands with these terms at 1, 2, …; the data is the index. */
export function commands(...terms: readonly number[]): Entry[] {
  return terms.map((value, at) => ({
    index: logIndex(at + 1),
    term: term(value),
    type: entryType.command,
    data: Uint8Array.of(at + 1),
  }));
}

/** What a test server starts with. */
export interface TestStart {
  readonly id?: string;
  /** As `configurationOf`; stands in the snapshot or in an entry before `terms`. */
  readonly members?: readonly string[];
  /** Terms of the entries after the configuration's, which is entry 1 of term 1. */
  readonly terms?: readonly number[];
  readonly hardState?: { readonly term: number; readonly votedFor?: string };
  readonly snapshot?: SnapshotMark;
  /** A disk as it is, instead of one made from `members` and `terms`. */
  readonly log?: TestLog;
  readonly options?: Partial<RaftOptions>;
  /** Default: JSON. */
  readonly codec?: ConfigurationCodec;
  readonly commandProblem?: (entry: Entry) => string | undefined;
  readonly seed?: number;
}

/** One core with its disk. `step` records everything; nothing is synced before `sync`. */
export class TestServer {
  readonly id: ServerId;
  readonly log: TestLog;
  readonly core: RaftCore;
  readonly applied: Entry[] = [];
  readonly outcomes: Outcome[] = [];
  readonly sent: Outgoing[] = [];
  readonly sentSnapshots: SendSnapshot[] = [];
  hardState: HardState;
  effects: Effects;
  nowMs = 0;
  #writes: LogWrite[] = [];
  #held: { readonly token: number; readonly outgoing: readonly Outgoing[] }[] = [];
  #token = 0;
  #inboundId = 0;

  constructor(start: TestStart) {
    this.id = (start.id ?? "n1") as ServerId;
    this.log = start.log ?? logOf(start);
    const lastTerm = this.log.termAt(this.log.lastIndex) ?? start.snapshot?.term ?? 0;
    this.hardState = {
      term: term(start.hardState?.term ?? lastTerm),
      votedFor: start.hardState?.votedFor,
    };
    this.core = new RaftCore({
      id: this.id,
      address: `${this.id}:8300`,
      options: { ...defaultRaftOptions, ...start.options },
      rng: seededRng(start.seed ?? 1),
      codec: start.codec ?? jsonCodec,
      ...(start.commandProblem === undefined ? {} : { commandProblem: start.commandProblem }),
      log: this.log,
      hardState: this.hardState,
      snapshot: start.snapshot,
      nowMs: monotonicMs(0),
    });
    this.effects = this.step();
  }

  /** Steps the core and carries out what needs no disk. */
  step(...inputs: readonly Input[]): Effects {
    const effects = this.core.step([{ kind: "clock", nowMs: monotonicMs(this.nowMs) }, ...inputs]);
    const problems = checkInvariants(this.core);
    if (problems.length > 0) throw new Error(problems.join("; "));
    this.sent.push(...effects.send);
    this.sentSnapshots.push(...effects.sendSnapshot);
    if (effects.write !== undefined) {
      this.#writes.push(effects.write);
      this.#token = effects.write.token;
    }
    if (effects.sendAfterWrite.length > 0) {
      this.#held.push({ token: this.#token, outgoing: effects.sendAfterWrite });
    }
    this.applied.push(...effects.apply);
    this.outcomes.push(...effects.outcomes);
    if (effects.compactThrough !== undefined) this.log.compact(effects.compactThrough);
    this.effects = effects;
    return effects;
  }

  /** Makes everything written durable and tells the core. */
  sync(): Effects {
    const last = this.#writes.at(-1);
    for (const write of this.#writes) {
      this.log.write(write);
      this.hardState = write.hardState ?? this.hardState;
    }
    this.#writes = [];
    for (const { outgoing } of this.#held) this.sent.push(...outgoing);
    this.#held = [];
    return last === undefined ? this.step() : this.step({ kind: "written", token: last.token });
  }

  /** Lets time pass in one jump. */
  pass(ms: number): Effects {
    this.nowMs += ms;
    return this.step();
  }

  /** A peer's request; returns the inbound id. */
  receive(message: RaftRequest): number {
    this.#inboundId += 1;
    this.step({ kind: "request", inboundId: this.#inboundId, message });
    return this.#inboundId;
  }

  /** A peer's request and its answer once the disk has synced. */
  ask(message: RaftRequest): RaftResponse | string | undefined {
    const inboundId = this.receive(message);
    this.sync();
    return this.replyTo(inboundId);
  }

  /** The answer that has left for `inboundId`, if it has. */
  replyTo(inboundId: number): RaftResponse | string | undefined {
    const reply = this.sent.find((o) => o.kind === "reply" && o.inboundId === inboundId);
    if (reply?.kind !== "reply") return undefined;
    return "error" in reply ? reply.error : reply.message;
  }

  /** Requests that have left since the last call. */
  takeRequests(): OutgoingRequest[] {
    const requests = this.sent.filter((o) => o.kind === "request");
    this.sent.length = 0;
    return requests;
  }

  /** Stands for election and wins it with the first other voters' votes. */
  elect(): void {
    for (let turn = 0; turn < 50 && this.core.status().role !== "leader"; turn += 1) {
      if (this.core.status().role === "follower") this.pass(2_000);
      this.sync();
      for (const request of this.takeRequests()) this.#grant(request);
    }
    if (this.core.status().role !== "leader") throw new Error("the election was not won");
    this.outcomes.length = 0;
  }

  #grant(request: OutgoingRequest): void {
    const header = { protocolVersion, id: request.to };
    const { message, requestId } = request;
    if (message.kind === "requestPreVote") {
      const answer = { kind: "requestPreVoteResponse", header, term: message.term, granted: true } as const;
      this.step({ kind: "response", requestId, message: answer });
    } else if (message.kind === "requestVote") {
      const answer = { kind: "requestVoteResponse", header, term: message.term, granted: true } as const;
      this.step({ kind: "response", requestId, message: answer });
    }
  }

  /** Answers every AppendEntries that has left, to all or to `from`, as a follower with an equal log would. */
  acknowledge(...from: readonly string[]): void {
    for (const request of this.takeRequests()) {
      const { requestId, to, message } = request;
      if (message.kind !== "appendEntries") continue;
      if (from.length > 0 && !from.includes(to)) this.sent.push(request);
      else this.answer(requestId, { to, success: true });
    }
  }

  /** Answers one AppendEntries. */
  answer(requestId: number, o: { to: string; success: boolean; lastLog?: number; term?: number }): Effects {
    return this.step({
      kind: "response",
      requestId,
      message: {
        kind: "appendEntriesResponse",
        header: { protocolVersion, id: o.to as ServerId },
        term: term(o.term ?? this.core.status().term),
        lastLog: logIndex(o.lastLog ?? 0),
        success: o.success,
        noRetryBackoff: !o.success,
      },
    });
  }

  /** Proposes one command; returns the outcome. */
  propose(...data: readonly number[]): Outcome {
    const entries = (data.length === 0 ? [0] : data).map((byte) => ({
      type: entryType.command,
      data: Uint8Array.of(byte),
    }));
    const effects = this.step({ kind: "propose", proposalId: 99, entries });
    return must(
      effects.outcomes.find((o) => o.proposalId === 99),
      "a proposal is answered at once",
    );
  }

  termsOfLog(): (number | undefined)[] {
    const { firstIndex, lastIndex } = this.core.status();
    return Array.from({ length: lastIndex - firstIndex + 1 }, (_, at) =>
      this.core.termAt(logIndex(firstIndex + at)),
    );
  }
}

function logOf(start: TestStart): TestLog {
  const members = start.members ?? ["n1", "n2", "n3"];
  const entries =
    members.length === 0 || start.snapshot !== undefined ? [] : [configurationEntry(members, start.codec)];
  for (const value of start.terms ?? []) {
    const index = logIndex((start.snapshot?.index ?? 0) + entries.length + 1);
    entries.push({ index, term: term(value), type: entryType.command, data: Uint8Array.of(index) });
  }
  const log = new TestLog();
  log.write({ restartAfter: start.snapshot?.index, truncateFrom: undefined, entries });
  return log;
}

function configurationEntry(members: readonly string[], codec = jsonCodec): Entry {
  return {
    index: logIndex(1),
    term: term(1),
    type: entryType.configuration,
    data: codec.encode(configurationOf(...members)),
  };
}

/** AppendEntries from "n2" unless it says otherwise. */
export function appendFrom(o: {
  term: number;
  from?: string;
  previous?: readonly [index: number, term: number];
  terms?: readonly number[];
  commit?: number;
}): RaftRequest {
  const from = o.from ?? "n2";
  const [index, previousTerm] = o.previous ?? [0, 0];
  return {
    kind: "appendEntries",
    header: { protocolVersion, id: from as ServerId, address: `${from}:8300` },
    term: term(o.term),
    leader: `${from}:8300`,
    prevLogIndex: logIndex(index),
    prevLogTerm: term(previousTerm),
    entries: (o.terms ?? []).map((value, at) => ({
      index: logIndex(index + 1 + at),
      term: term(value),
      type: entryType.command,
      data: Uint8Array.of(index + 1 + at),
    })),
    leaderCommit: logIndex(o.commit ?? 0),
  };
}

/** A vote request from "n2" unless it says otherwise; `last` is the end of its log. */
export function voteFrom(o: {
  term: number;
  from?: string;
  last: readonly [index: number, term: number];
  transfer?: boolean;
}): RaftRequest {
  const from = o.from ?? "n2";
  return {
    kind: "requestVote",
    header: { protocolVersion, id: from as ServerId, address: `${from}:8300` },
    term: term(o.term),
    candidate: `${from}:8300`,
    lastLogIndex: logIndex(o.last[0]),
    lastLogTerm: term(o.last[1]),
    leadershipTransfer: o.transfer ?? false,
  };
}

/** A pre-vote request from "n2" unless it says otherwise. */
export function preVoteFrom(o: {
  term: number;
  from?: string;
  last: readonly [number, number];
}): RaftRequest {
  const from = o.from ?? "n2";
  return {
    kind: "requestPreVote",
    header: { protocolVersion, id: from as ServerId, address: `${from}:8300` },
    term: term(o.term),
    lastLogIndex: logIndex(o.last[0]),
    lastLogTerm: term(o.last[1]),
  };
}
