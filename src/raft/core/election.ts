/**
 * One attempt to win an election, first in words (pre-vote), then in earnest.
 *
 * The own vote counts like any other, but in earnest only when it is durable.
 * Source: Ongaro 2014, §3.4 and §9.6.
 */
import { term } from "../../lib/log-index.ts";
import type { ServerId } from "./entry.ts";
import type { RequestPreVoteRequest, RequestVoteRequest } from "./messages.ts";
import type { RaftState } from "./state.ts";

/** The error text of peers that know no pre-vote; it counts as a vote, since they would give one. */
export const unexpectedCommand = "unexpected command";

export type ElectionKind = "preVote" | "vote";

/** See the file's head. Belongs to one candidate in one term. */
export class Election {
  readonly kind: ElectionKind;
  readonly leadershipTransfer: boolean;
  readonly #granted = new Set<ServerId>();

  constructor(kind: ElectionKind, leadershipTransfer: boolean) {
    this.kind = kind;
    this.leadershipTransfer = leadershipTransfer;
  }

  grant(voter: ServerId): void {
    this.#granted.add(voter);
  }

  isWon(state: RaftState): boolean {
    return state.rules.electionIsWon(this.#granted, state.membership.voters);
  }
}

/** Asks every other voter; returns whom each request asks. Real votes wait for the own one to be durable. */
export function askVoters(state: RaftState, election: Election): ReadonlyMap<number, ServerId> {
  const asked = new Map<number, ServerId>();
  for (const id of state.membership.voters) {
    const to = state.membership.find(id);
    if (id === state.id || to === undefined) continue;
    const draft = {
      to,
      lane: "control",
      timeoutMs: state.options.electionTimeoutMs,
      message: election.kind === "preVote" ? preVoteRequest(state) : voteRequest(state, election),
    } as const;
    const requestId =
      election.kind === "preVote" ? state.outbox.request(draft) : state.outbox.requestAfterWrite(draft);
    asked.set(requestId, id);
  }
  return asked;
}

function preVoteRequest(state: RaftState): RequestPreVoteRequest {
  return {
    kind: "requestPreVote",
    header: state.header,
    term: term(state.term + 1),
    lastLogIndex: state.log.lastIndex,
    lastLogTerm: state.log.lastTerm,
  };
}

function voteRequest(state: RaftState, election: Election): RequestVoteRequest {
  return {
    kind: "requestVote",
    header: state.header,
    term: state.term,
    candidate: state.address,
    lastLogIndex: state.log.lastIndex,
    lastLogTerm: state.log.lastTerm,
    leadershipTransfer: election.leadershipTransfer,
  };
}
