/**
 * The messages of HashiCorp's Raft as values; bytes are the transport's business.
 *
 * Every exchange is one request and one response. Peers before raft 1.3.7 send no id and no address
 * in the header, so a sender is known by `leader` or `candidate`, an address.
 * Source: protocol/raft.md §2.
 */
import type { LogIndex, Term } from "../../lib/log-index.ts";
import type { Configuration, Entry, ServerId } from "./entry.ts";

/** Protocol version that this server speaks: 3, server ids that are not addresses. */
export const protocolVersion = 3;

/** What every message begins with. */
export interface Header {
  readonly protocolVersion: number;
  readonly id?: ServerId;
  readonly address?: string;
}

/** Replicates entries; without entries, a heartbeat or news of the commit index. */
export interface AppendEntriesRequest {
  readonly kind: "appendEntries";
  readonly header: Header;
  readonly term: Term;
  /** Address of the sender. */
  readonly leader: string;
  /** Wire name PrevLogEntry. 0 (with term 0): entries start at 1, or this is a heartbeat. */
  readonly prevLogIndex: LogIndex;
  readonly prevLogTerm: Term;
  readonly entries: readonly Entry[];
  /** Wire name LeaderCommitIndex. 0 in heartbeats, which teach no commit index. */
  readonly leaderCommit: LogIndex;
}

export interface AppendEntriesResponse {
  readonly kind: "appendEntriesResponse";
  readonly header: Header;
  readonly term: Term;
  /** The follower's last index before it handled the request. */
  readonly lastLog: LogIndex;
  readonly success: boolean;
  /** The log did not match: retry from an earlier entry at once. */
  readonly noRetryBackoff: boolean;
}

/** Asks for a vote in `term`. */
export interface RequestVoteRequest {
  readonly kind: "requestVote";
  readonly header: Header;
  readonly term: Term;
  /** Address of the sender. */
  readonly candidate: string;
  readonly lastLogIndex: LogIndex;
  readonly lastLogTerm: Term;
  /** The old leader asked for this election: a known leader is no reason to refuse. */
  readonly leadershipTransfer: boolean;
}

export interface RequestVoteResponse {
  readonly kind: "requestVoteResponse";
  readonly header: Header;
  readonly term: Term;
  readonly granted: boolean;
}

/** Asks whether a vote would be granted; changes nothing at the receiver. `term` is the sender's plus one. */
export interface RequestPreVoteRequest {
  readonly kind: "requestPreVote";
  readonly header: Header;
  readonly term: Term;
  readonly lastLogIndex: LogIndex;
  readonly lastLogTerm: Term;
}

export interface RequestPreVoteResponse {
  readonly kind: "requestPreVoteResponse";
  readonly header: Header;
  readonly term: Term;
  readonly granted: boolean;
}

/** Announces a snapshot, whose bytes follow on the same connection. */
export interface InstallSnapshotRequest {
  readonly kind: "installSnapshot";
  readonly header: Header;
  readonly term: Term;
  /** Address of the sender. */
  readonly leader: string;
  readonly lastLogIndex: LogIndex;
  readonly lastLogTerm: Term;
  readonly configuration: Configuration;
  readonly configurationIndex: LogIndex;
  /** Bytes that follow. The core sends 0: the driver that opens the snapshot fills it in. */
  readonly sizeBytes: number;
}

export interface InstallSnapshotResponse {
  readonly kind: "installSnapshotResponse";
  readonly header: Header;
  readonly term: Term;
  readonly success: boolean;
}

/** Tells a follower to stand for election at once. Carries no term. */
export interface TimeoutNowRequest {
  readonly kind: "timeoutNow";
  readonly header: Header;
}

export interface TimeoutNowResponse {
  readonly kind: "timeoutNowResponse";
  readonly header: Header;
}

export type RaftRequest =
  | AppendEntriesRequest
  | RequestVoteRequest
  | RequestPreVoteRequest
  | InstallSnapshotRequest
  | TimeoutNowRequest;

export type RaftResponse =
  | AppendEntriesResponse
  | RequestVoteResponse
  | RequestPreVoteResponse
  | InstallSnapshotResponse
  | TimeoutNowResponse;
