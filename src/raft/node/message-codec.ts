/**
 * The messages between servers as bytes: one type byte and one MessagePack map a request, an error text and a
 * map (nil beside an error) a response.
 *
 * Peers before raft 1.3.7 know neither `ID` nor `Addr`: a message whose header has none is written without
 * them, and every message that peers of that age need carries `Leader` or `Candidate` as well.
 * Source: protocol/raft.md §1, §2.
 */
import { unreachable } from "../../lib/assert.ts";
import { DecodeError } from "../../lib/errors.ts";
import { logIndex, term } from "../../lib/log-index.ts";
import { MsgpackReader } from "../../wire/msgpack/reader.ts";
import { MsgpackWriter } from "../../wire/msgpack/writer.ts";
import type { Codec, Infer } from "../../wire/schema/codec.ts";
import { list } from "../../wire/schema/collections.ts";
import { bool, bytes, int, str, uint } from "../../wire/schema/scalars.ts";
import { field, struct } from "../../wire/schema/struct.ts";
import { serverId, type Entry } from "../core/entry.ts";
import type {
  AppendEntriesRequest,
  Header,
  InstallSnapshotRequest,
  RaftRequest,
  RaftResponse,
} from "../core/messages.ts";
import { configurationCodec, encodeLegacyPeers } from "./configuration-codec.ts";
import { fromLogStruct, logStruct, toLogStruct } from "./entry-codec.ts";
import type { TransportReply } from "./transport.ts";

/** First byte of each request. */
export const rpcType = {
  appendEntries: 0,
  requestVote: 1,
  installSnapshot: 2,
  timeoutNow: 3,
  requestPreVote: 4,
} as const satisfies Record<RaftRequest["kind"], number>;

const kindOfType = [
  "appendEntries",
  "requestVote",
  "installSnapshot",
  "timeoutNow",
  "requestPreVote",
] as const;
/** Of `SnapshotVersion`: the configuration stands in `Configuration`, not in `Peers`. */
const snapshotVersion = 1;

const utf8 = new TextDecoder("utf-8");

/** Go `[]byte` that holds text: an id or an address. */
const byteText: Codec<string> = {
  ...str,
  encode: (writer, value) => (value === "" ? writer.nil() : writer.text(value)),
  decode: (reader) => utf8.decode(reader.bytes() ?? undefined),
};

/** Go `[]*Log`. */
const entriesCodec: Codec<readonly Entry[] | null> = {
  ...list(logStruct as unknown as Codec<Entry>),
  encode: (writer, entries) => {
    if (entries === null) return writer.nil();
    writer.arrayHeader(entries.length);
    for (const entry of entries) logStruct.encode(writer, toLogStruct(entry));
  },
  decode: (reader) => {
    const count = reader.arrayHeader();
    if (count === null) return null;
    return reader.nested(() => {
      const entries: Entry[] = [];
      for (let at = 0; at < count; at += 1) entries.push(fromLogStruct(logStruct.decode(reader)));
      return entries;
    });
  },
};

const header = {
  Addr: field(byteText, { omitEmptyWire: true }),
  ID: field(byteText, { omitEmptyWire: true }),
  ProtocolVersion: int,
} as const;

const appendRequest = struct("AppendEntriesRequest", {
  ...header,
  Entries: entriesCodec,
  Leader: byteText,
  LeaderCommitIndex: uint,
  PrevLogEntry: uint,
  PrevLogTerm: uint,
  Term: uint,
});
const appendResponse = struct("AppendEntriesResponse", {
  ...header,
  LastLog: uint,
  NoRetryBackoff: bool,
  Success: bool,
  Term: uint,
});
const voteRequest = struct("RequestVoteRequest", {
  ...header,
  Candidate: byteText,
  LastLogIndex: uint,
  LastLogTerm: uint,
  LeadershipTransfer: bool,
  Term: uint,
});
const voteResponse = struct("RequestVoteResponse", { ...header, Granted: bool, Peers: bytes, Term: uint });
const snapshotRequest = struct("InstallSnapshotRequest", {
  ...header,
  Configuration: bytes,
  ConfigurationIndex: uint,
  LastLogIndex: uint,
  LastLogTerm: uint,
  Leader: byteText,
  Peers: bytes,
  Size: uint,
  SnapshotVersion: int,
  Term: uint,
});
const snapshotResponse = struct("InstallSnapshotResponse", { ...header, Success: bool, Term: uint });
const timeoutNow = struct("TimeoutNow", { ...header });
const preVoteRequest = struct("RequestPreVoteRequest", {
  ...header,
  LastLogIndex: uint,
  LastLogTerm: uint,
  Term: uint,
});
const preVoteResponse = struct("RequestPreVoteResponse", { ...header, Granted: bool, Term: uint });

type HeaderStruct = Infer<typeof timeoutNow>;

/** Which message a type byte announces; undefined for a type that no peer knows. */
export function requestKindOf(type: number): RaftRequest["kind"] | undefined {
  return kindOfType[type];
}

/** Type byte and body of a request, in a buffer of its own. */
export function encodeRequest(message: RaftRequest): Uint8Array {
  const writer = new MsgpackWriter(message.kind === "appendEntries" ? appendBytes(message) : 512);
  writer.byte(rpcType[message.kind]);
  const head = toHeader(message.header);
  switch (message.kind) {
    case "appendEntries":
      appendRequest.encode(writer, { ...head, ...toAppend(message) });
      break;
    case "requestVote":
      voteRequest.encode(writer, {
        ...head,
        Candidate: message.candidate,
        LastLogIndex: message.lastLogIndex,
        LastLogTerm: message.lastLogTerm,
        LeadershipTransfer: message.leadershipTransfer,
        Term: message.term,
      });
      break;
    case "installSnapshot":
      snapshotRequest.encode(writer, { ...head, ...toSnapshot(message) });
      break;
    case "timeoutNow":
      timeoutNow.encode(writer, head);
      break;
    case "requestPreVote":
      preVoteRequest.encode(writer, {
        ...head,
        LastLogIndex: message.lastLogIndex,
        LastLogTerm: message.lastLogTerm,
        Term: message.term,
      });
      break;
    default:
      return unreachable(message);
  }
  return writer.take();
}

/** Reads the body of a request, which fills `body`; entries alias it. Throws `DecodeError`. */
export function decodeRequest(kind: RaftRequest["kind"], body: Uint8Array): RaftRequest {
  const reader = new MsgpackReader(body);
  const message = readRequest(kind, reader);
  reader.expectEnd();
  return message;
}

/** Error text and body of an answer, in a buffer of its own. */
export function encodeReply(reply: TransportReply): Uint8Array {
  const writer = new MsgpackWriter(160);
  writer.text(reply.kind === "error" ? reply.error : "");
  if (reply.kind === "error") writer.nil();
  else writeResponse(writer, reply.message);
  return writer.take();
}

/** Reads the answer to a request of `kind`, which fills `reply`. Throws `DecodeError`. */
export function decodeReply(kind: RaftRequest["kind"], reply: Uint8Array): TransportReply {
  const reader = new MsgpackReader(reply);
  const error = reader.text();
  if (error !== "") {
    reader.skip();
    reader.expectEnd();
    return { kind: "error", error };
  }
  const message = readResponse(kind, reader);
  reader.expectEnd();
  return { kind: "response", message };
}

/** Room for the entries, so that the writer need not grow. */
function appendBytes(message: AppendEntriesRequest): number {
  return message.entries.reduce((sum, entry) => sum + entry.data.length + 96, 512);
}

function toAppend(message: AppendEntriesRequest): Omit<Infer<typeof appendRequest>, keyof HeaderStruct> {
  const isHeartbeat =
    message.prevLogIndex === 0 && message.leaderCommit === 0 && message.entries.length === 0;
  return {
    Entries: isHeartbeat ? null : message.entries,
    Leader: message.leader,
    LeaderCommitIndex: message.leaderCommit,
    PrevLogEntry: message.prevLogIndex,
    PrevLogTerm: message.prevLogTerm,
    Term: message.term,
  };
}

function toSnapshot(
  message: InstallSnapshotRequest,
): Omit<Infer<typeof snapshotRequest>, keyof HeaderStruct> {
  return {
    Configuration: configurationCodec.encode(message.configuration),
    ConfigurationIndex: message.configurationIndex,
    LastLogIndex: message.lastLogIndex,
    LastLogTerm: message.lastLogTerm,
    Leader: message.leader,
    Peers: encodeLegacyPeers(message.configuration),
    Size: message.sizeBytes,
    SnapshotVersion: snapshotVersion,
    Term: message.term,
  };
}

function readRequest(kind: RaftRequest["kind"], reader: MsgpackReader): RaftRequest {
  switch (kind) {
    case "appendEntries":
      return fromAppend(appendRequest.decode(reader));
    case "requestVote": {
      const { Candidate, LastLogIndex, LastLogTerm, LeadershipTransfer, Term, ...head } =
        voteRequest.decode(reader);
      return {
        kind,
        header: fromHeader(head),
        term: term(Term),
        candidate: Candidate === "" ? head.Addr : Candidate,
        lastLogIndex: logIndex(LastLogIndex),
        lastLogTerm: term(LastLogTerm),
        leadershipTransfer: LeadershipTransfer,
      };
    }
    case "installSnapshot":
      return fromSnapshot(snapshotRequest.decode(reader));
    case "timeoutNow":
      return { kind, header: fromHeader(timeoutNow.decode(reader)) };
    case "requestPreVote": {
      const { LastLogIndex, LastLogTerm, Term, ...head } = preVoteRequest.decode(reader);
      return {
        kind,
        header: fromHeader(head),
        term: term(Term),
        lastLogIndex: logIndex(LastLogIndex),
        lastLogTerm: term(LastLogTerm),
      };
    }
    default:
      return unreachable(kind);
  }
}

function fromAppend(value: Infer<typeof appendRequest>): AppendEntriesRequest {
  return {
    kind: "appendEntries",
    header: fromHeader(value),
    term: term(value.Term),
    leader: value.Leader === "" ? value.Addr : value.Leader,
    prevLogIndex: logIndex(value.PrevLogEntry),
    prevLogTerm: term(value.PrevLogTerm),
    entries: value.Entries ?? [],
    leaderCommit: logIndex(value.LeaderCommitIndex),
  };
}

function fromSnapshot(value: Infer<typeof snapshotRequest>): InstallSnapshotRequest {
  if (value.SnapshotVersion !== snapshotVersion || value.Configuration === null)
    throw new DecodeError(`raft: unsupported snapshot version ${value.SnapshotVersion}`);
  return {
    kind: "installSnapshot",
    header: fromHeader(value),
    term: term(value.Term),
    leader: value.Leader === "" ? value.Addr : value.Leader,
    lastLogIndex: logIndex(value.LastLogIndex),
    lastLogTerm: term(value.LastLogTerm),
    configuration: configurationCodec.decode(value.Configuration),
    configurationIndex: logIndex(value.ConfigurationIndex),
    sizeBytes: value.Size,
  };
}

function writeResponse(writer: MsgpackWriter, message: RaftResponse): void {
  const head = toHeader(message.header);
  switch (message.kind) {
    case "appendEntriesResponse":
      return appendResponse.encode(writer, {
        ...head,
        LastLog: message.lastLog,
        NoRetryBackoff: message.noRetryBackoff,
        Success: message.success,
        Term: message.term,
      });
    case "requestVoteResponse":
      return voteResponse.encode(writer, {
        ...head,
        Granted: message.granted,
        Peers: null,
        Term: message.term,
      });
    case "installSnapshotResponse":
      return snapshotResponse.encode(writer, { ...head, Success: message.success, Term: message.term });
    case "timeoutNowResponse":
      return timeoutNow.encode(writer, head);
    case "requestPreVoteResponse":
      return preVoteResponse.encode(writer, { ...head, Granted: message.granted, Term: message.term });
    default:
      return unreachable(message);
  }
}

function readResponse(kind: RaftRequest["kind"], reader: MsgpackReader): RaftResponse {
  switch (kind) {
    case "appendEntries": {
      const { LastLog, NoRetryBackoff, Success, Term, ...head } = appendResponse.decode(reader);
      return {
        kind: "appendEntriesResponse",
        header: fromHeader(head),
        term: term(Term),
        lastLog: logIndex(LastLog),
        success: Success,
        noRetryBackoff: NoRetryBackoff,
      };
    }
    case "requestVote": {
      const { Granted, Term, ...head } = voteResponse.decode(reader);
      return { kind: "requestVoteResponse", header: fromHeader(head), term: term(Term), granted: Granted };
    }
    case "installSnapshot": {
      const { Success, Term, ...head } = snapshotResponse.decode(reader);
      return {
        kind: "installSnapshotResponse",
        header: fromHeader(head),
        term: term(Term),
        success: Success,
      };
    }
    case "timeoutNow":
      return { kind: "timeoutNowResponse", header: fromHeader(timeoutNow.decode(reader)) };
    case "requestPreVote": {
      const { Granted, Term, ...head } = preVoteResponse.decode(reader);
      return { kind: "requestPreVoteResponse", header: fromHeader(head), term: term(Term), granted: Granted };
    }
    default:
      return unreachable(kind);
  }
}

function toHeader(value: Header): HeaderStruct {
  return { Addr: value.address ?? "", ID: value.id ?? "", ProtocolVersion: value.protocolVersion };
}

function fromHeader({ Addr, ID, ProtocolVersion }: HeaderStruct): Header {
  return {
    protocolVersion: ProtocolVersion,
    ...(ID === "" ? {} : { id: serverId(ID) }),
    ...(Addr === "" ? {} : { address: Addr }),
  };
}
