/** Answers before they are made to fit, and the message that they go into. */
import { renderIp } from "../lib/ip.ts";
import { rcode, type DnsMessage, type DnsRecord } from "../wire/dns/message.ts";

/** What was found, before it is made to fit. */
export interface Found {
  readonly code: number;
  /** Nothing of the type that was asked, though the name is there: the SOA tells how long to remember that. */
  readonly isEmpty: boolean;
  /** Instances that can stand for each other: some are enough. */
  readonly isChoice?: boolean;
  /** Another network may be told something else. */
  readonly isForSubnet?: boolean;
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

/** Whom an answer holds for: everyone, or the client's network. */
export type AnswerScope = "everyone" | "subnet";

/** Codes that say the same to everyone. */
const globalCodes: readonly number[] = [
  rcode.nameError,
  rcode.serverFailure,
  rcode.refused,
  rcode.notImplemented,
];

/** An empty answer to a request: its id, question and wishes. Source of scopes: RFC 7871 section 7.2.1. */
export function reply(request: DnsMessage, code: number, scope: AnswerScope = "everyone"): DnsMessage {
  const { id, opcode, questions, edns } = request;
  const isGlobal = scope === "everyone" || globalCodes.includes(code);
  const subnet =
    edns?.subnet === undefined
      ? undefined
      : { ...edns.subnet, scopeBits: isGlobal ? 0 : edns.subnet.sourceBits };
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
    edns: edns === undefined ? undefined : { udpBytes: edns.udpBytes, subnet },
  };
}

/** The address of the client's network, if a resolver told it. */
export function subnetAddress({ edns }: DnsMessage): string | undefined {
  const subnet = edns?.subnet;
  if (subnet === undefined) return undefined;
  // Without a family there is no network: 0.0.0.0.
  const isV4 = subnet.family !== 2;
  const bytes = new Uint8Array(16);
  if (isV4) bytes.set([0xff, 0xff], 10);
  bytes.set(subnet.address, isV4 ? 12 : 0);
  return renderIp(bytes);
}
