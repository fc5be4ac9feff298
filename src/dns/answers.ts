/** Answers before they are made to fit, and the message that they go into. */
import { rcode, type DnsMessage, type DnsRecord } from "../wire/dns/message.ts";

/** What was found, before it is made to fit. */
export interface Found {
  readonly code: number;
  /** Nothing of the type that was asked, though the name is there: the SOA tells how long to remember that. */
  readonly isEmpty: boolean;
  /** Instances that can stand for each other: some are enough. */
  readonly isChoice?: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  readonly additional: readonly DnsRecord[];
}

/** There is no such name. */
export const noSuchName: Found = {
  code: rcode.nameError,
  isEmpty: false,
  answers: [],
  authority: [],
  additional: [],
};

/** Records that were found; without any, the name is there all the same. */
export function found(records: Partial<Pick<Found, "answers" | "authority" | "additional">>): Found {
  return { code: rcode.noError, isEmpty: false, answers: [], authority: [], additional: [], ...records };
}

/** An empty answer to a request: its id, question and wishes. */
export function reply(request: DnsMessage, code: number): DnsMessage {
  const { id, opcode, questions, edns } = request;
  const subnet = edns?.subnet === undefined ? undefined : { ...edns.subnet, scopeBits: 0 };
  return {
    id,
    response: true,
    opcode,
    authoritative: false,
    truncated: false,
    recursionDesired: opcode === 0 && request.recursionDesired,
    recursionAvailable: false,
    checkingDisabled: opcode === 0 && request.checkingDisabled,
    rcode: code,
    questions: questions.slice(0, 1),
    answers: [],
    authority: [],
    additional: [],
    // What the answer says of the client's network holds for all networks.
    edns: edns === undefined ? undefined : { udpBytes: edns.udpBytes, subnet },
  };
}
