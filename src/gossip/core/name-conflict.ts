/**
 * Two nodes with one name: the pool votes, and the one that fewer know under its address goes.
 *
 * Source: protocol reference, gossip-serf section 6, name conflict.
 */
import { DecodeError } from "../../lib/errors.ts";
import { packIp, unpackIp } from "../../lib/ip.ts";
import { memberStatuses, type Member } from "../../lib/members.ts";
import type { NetAddress } from "../../lib/net.ts";
import type { ConflictMember } from "../../wire/gossip/serf-messages.ts";
import type { SerfContext } from "./serf-context.ts";
import type { QueryListener } from "./serf-query-book.ts";

/** Where this node believes `member` to be, as an answer to the vote. */
export function toConflictMember(member: Member): ConflictMember {
  return {
    Name: member.name,
    Addr: packIp(member.address) ?? null,
    Port: member.port,
    Tags: member.tags,
    Status: memberStatuses.indexOf(member.status),
    ProtocolMin: member.protocolMin,
    ProtocolMax: member.protocolMax,
    ProtocolCur: member.protocolCur,
    DelegateMin: member.delegateMin,
    DelegateMax: member.delegateMax,
    DelegateCur: member.delegateCur,
  };
}

export interface VoteOutcome {
  /** All votes are counted. */
  readonly over: () => void;
  /** This node has to go. */
  readonly lost: () => void;
}

/** Counts the votes on this node's name. */
export class ConflictVote implements QueryListener {
  readonly #context: SerfContext;
  readonly #local: NetAddress;
  readonly #outcome: VoteOutcome;
  #responses = 0;
  #matching = 0;

  /** `local`: where this node is. */
  constructor(context: SerfContext, local: NetAddress, outcome: VoteOutcome) {
    this.#context = context;
    this.#local = local;
    this.#outcome = outcome;
  }

  ack(): void {
    // The vote asks for none; one that comes says nothing.
  }

  response(_from: string, payload: Uint8Array): void {
    try {
      const message = this.#context.codec.decode(payload);
      if (message.kind !== "conflictResponse")
        return this.#context.log("error", `Invalid conflict query response type: [${payload.join(" ")}]`);
      this.#responses += 1;
      const host = message.body === null ? undefined : unpackIp(message.body.Addr ?? new Uint8Array());
      if (host === this.#local.host && message.body?.Port === this.#local.port) this.#matching += 1;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#context.log("error", `Failed to decode conflict query response: ${error.message}`);
    }
  }

  done(): void {
    this.#outcome.over();
    const majority = Math.floor(this.#responses / 2) + 1;
    const votes = `[${this.#matching} / ${this.#responses}]`;
    if (this.#matching >= majority)
      return this.#context.log("info", `majority in name conflict resolution ${votes}`);
    this.#context.log("warn", `minority in name conflict resolution, quiting ${votes}`);
    this.#outcome.lost();
  }
}
