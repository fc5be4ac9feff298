/**
 * A peer that speaks Raft and makes of each message what it likes: mostly what a leader might say to this very server,
 * so that it is listened to, and now and then what no peer may say.
 */
import { logIndex, term, type LogIndex, type Term } from "../../src/lib/log-index.ts";
import { entryType, serverId, type Configuration, type Entry } from "../../src/raft/core/entry.ts";
import {
  protocolVersion,
  type AppendEntriesRequest,
  type Header,
  type InstallSnapshotRequest,
  type RaftRequest,
} from "../../src/raft/core/messages.ts";
import type { RaftStatus } from "../../src/raft/core/status.ts";
import { encodeChunkInfo } from "../../src/raft/node/chunking.ts";
import type { Choices } from "./choices.ts";

/** Whom it lies to, as far as a peer can guess. */
export interface Listener {
  status(): RaftStatus;
  termAt(index: LogIndex): Term | undefined;
}

/** What goes into entries. */
export interface LyingPeerOptions {
  readonly encode: (configuration: Configuration) => Uint8Array;
  /** Good commands and bad ones. */
  readonly commands: readonly Uint8Array[];
}

const peers = ["n1", "n2", "n3", "n4", ""];

export class LyingPeer {
  readonly #choices: Choices;
  readonly #listener: Listener;
  readonly #options: LyingPeerOptions;

  constructor(choices: Choices, listener: Listener, options: LyingPeerOptions) {
    this.#choices = choices;
    this.#listener = listener;
    this.#options = options;
  }

  request(): RaftRequest {
    const choices = this.#choices;
    switch (choices.below(10)) {
      case 5:
        return this.#vote();
      case 6:
        return this.#preVote();
      case 7:
        return { kind: "timeoutNow", header: this.#header("n2") };
      case 8:
      case 9:
        return this.#snapshot();
      default:
        return this.#append();
    }
  }

  /** What a correct new leader says that has the listener's log. */
  honest(): AppendEntriesRequest {
    const { lastIndex, lastTerm, term: own } = this.#listener.status();
    const newTerm = term(own + 1);
    const index = logIndex(lastIndex + 1);
    return {
      kind: "appendEntries",
      header: { protocolVersion, id: serverId("n2"), address: "n2:8300" },
      term: newTerm,
      leader: "n2:8300",
      prevLogIndex: lastIndex,
      prevLogTerm: lastTerm,
      entries: [{ index, term: newTerm, type: entryType.noop, data: new Uint8Array(0) }],
      leaderCommit: index,
    };
  }

  configuration(): Configuration {
    const choices = this.#choices;
    if (choices.chance(3, 4))
      return { servers: ["n1", "n2", "n3"].slice(0, 1 + choices.below(3)).map(voter) };
    const servers = Array.from({ length: choices.below(4) }, () => ({
      id: serverId(choices.pick(["n1", "n2", "n5"])),
      address: choices.pick(["n1:8300", "n2:8300", "", "n5:8300"]),
      suffrage: choices.pick(["voter", "nonvoter", "staging"] as const),
    }));
    return { servers };
  }

  #append(): AppendEntriesRequest {
    const choices = this.#choices;
    const { lastIndex, commitIndex } = this.#listener.status();
    const own = this.#term(0);
    const from = this.#sender(own);
    const previous = choices.chance(1, 2) ? lastIndex : this.#index();
    const previousTerm = this.#termOf(previous);
    const count = choices.chance(1, 3) ? 0 : choices.below(5);
    const entries: Entry[] = [];
    let before: number = previousTerm;
    for (let at = 0; at < count; at += 1) {
      const index = choices.chance(1, 30) ? choices.number(previous) : previous + 1 + at;
      before = this.#entryTerm(index, before, own);
      entries.push(this.#entry(Math.min(index, Number.MAX_SAFE_INTEGER), before));
    }
    const commit = choices.pick([0, commitIndex, lastIndex, previous + count, choices.number(commitIndex)]);
    return {
      kind: "appendEntries",
      header: this.#header(from),
      term: own,
      leader: from === "" ? "" : `${from}:8300`,
      prevLogIndex: previous,
      prevLogTerm: previousTerm,
      entries,
      leaderCommit: logIndex(Math.min(commit, Number.MAX_SAFE_INTEGER)),
    };
  }

  #entryTerm(index: number, before: number, own: number): number {
    const choices = this.#choices;
    const known = index <= Number.MAX_SAFE_INTEGER ? this.#listener.termAt(logIndex(index)) : undefined;
    if (known !== undefined && choices.chance(1, 2)) return known;
    return choices.pick([own, own, before, Math.max(0, own - 1), choices.number(own)]);
  }

  #entry(index: number, entryTerm: number): Entry {
    const choices = this.#choices;
    const { encode, commands } = this.#options;
    const place = { index: logIndex(index), term: term(entryTerm) };
    switch (choices.below(8)) {
      case 0:
        return { ...place, type: entryType.configuration, data: encode(this.configuration()) };
      case 1:
        return { ...place, type: choices.pick([1, 2, 3, 4, 5, 9]), data: choices.bytes(choices.below(4)) };
      case 2: {
        const info = {
          opNum: BigInt(choices.below(3)),
          sequence: choices.below(3),
          count: 1 + choices.below(3),
        };
        const extensions = encodeChunkInfo({ ...info, next: choices.bytes(choices.below(2)) });
        return { ...place, type: entryType.command, data: choices.pick(commands), extensions };
      }
      default:
        return { ...place, type: entryType.command, data: choices.pick(commands) };
    }
  }

  #vote(): RaftRequest {
    const choices = this.#choices;
    const from = choices.pick(peers);
    return {
      kind: "requestVote",
      header: this.#header(from),
      term: this.#term(1),
      candidate: from === "" ? "" : `${from}:8300`,
      ...this.#logEnd(),
      leadershipTransfer: choices.chance(1, 3),
    };
  }

  #preVote(): RaftRequest {
    const header = this.#header(this.#choices.pick(peers));
    return { kind: "requestPreVote", header, term: this.#term(1), ...this.#logEnd() };
  }

  #snapshot(): InstallSnapshotRequest {
    const choices = this.#choices;
    const own = this.#term(0);
    const from = this.#sender(own);
    const { lastLogIndex, lastLogTerm } = this.#logEnd();
    return {
      kind: "installSnapshot",
      header: this.#header(from),
      term: own,
      leader: from === "" ? "" : `${from}:8300`,
      lastLogIndex,
      lastLogTerm,
      configuration: this.configuration(),
      configurationIndex: logIndex(choices.chance(1, 2) ? 1 : choices.number(lastLogIndex)),
      sizeBytes: choices.below(40),
    };
  }

  #logEnd(): { lastLogIndex: LogIndex; lastLogTerm: Term } {
    const choices = this.#choices;
    const { lastIndex, lastTerm, term: own } = this.#listener.status();
    const lastLogIndex = choices.chance(1, 2)
      ? logIndex(Math.min(lastIndex + choices.below(9), 2 ** 53 - 1))
      : this.#index();
    return {
      lastLogIndex,
      lastLogTerm: term(choices.pick([lastTerm, own, this.#termOf(lastLogIndex), choices.number(own)])),
    };
  }

  /** Near the listener's own, `ahead` of it for a candidate. */
  #term(ahead: number): Term {
    const choices = this.#choices;
    const { term: own } = this.#listener.status();
    if (choices.chance(1, 8)) return term(choices.number(own));
    return term(Math.min(own + ahead + choices.pick([0, 0, 0, 0, 1, 2]), Number.MAX_SAFE_INTEGER));
  }

  #index(): LogIndex {
    const { commitIndex, lastIndex, firstIndex } = this.#listener.status();
    const choices = this.#choices;
    return logIndex(
      choices.pick([
        0,
        commitIndex,
        Math.max(0, firstIndex - 1),
        choices.number(lastIndex),
        choices.number(commitIndex),
      ]),
    );
  }

  #termOf(index: LogIndex): Term {
    const choices = this.#choices;
    const known = this.#listener.termAt(index);
    if (known !== undefined && !choices.chance(1, 12)) return known;
    return term(choices.number(this.#listener.status().lastTerm));
  }

  /** One leader for each term, unless two. */
  #sender(ofTerm: number): string {
    return this.#choices.chance(1, 12) ? this.#choices.pick(peers) : `n${2 + (ofTerm % 2)}`;
  }

  #header(from: string): Header {
    const version = this.#choices.chance(1, 50) ? this.#choices.below(6) : protocolVersion;
    if (from === "" || this.#choices.chance(1, 10)) return { protocolVersion: version };
    return { protocolVersion: version, id: serverId(from), address: `${from}:8300` };
  }
}

function voter(id: string): Configuration["servers"][number] {
  return { id: serverId(id), address: `${id}:8300`, suffrage: "voter" };
}
