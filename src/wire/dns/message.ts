/**
 * DNS messages as values. Source: RFC 1035 section 4, RFC 2782 (SRV), RFC 3596 (AAAA), RFC 6891 (EDNS0), RFC 7871
 * (client subnet).
 */

/** Numbers of record and question types that mean something here. */
export const dnsType = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  AXFR: 252,
  ANY: 255,
} as const;

/** Answers' codes. */
export const rcode = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;

export const classInternet = 1;

export interface DnsQuestion {
  /** As it was asked, letter case included. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

/** What a record holds. Names end in a dot. */
export type DnsData =
  | { readonly kind: "A" | "AAAA"; readonly address: Uint8Array }
  | { readonly kind: "CNAME" | "NS" | "PTR"; readonly target: string }
  | {
      readonly kind: "SRV";
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | { readonly kind: "TXT"; readonly text: string }
  | {
      readonly kind: "SOA";
      readonly primary: string;
      readonly mailbox: string;
      readonly serial: number;
      readonly refresh: number;
      readonly retry: number;
      readonly expire: number;
      readonly minTtl: number;
    }
  /** A type that only passes through. */
  | { readonly kind: "other"; readonly type: number; readonly bytes: Uint8Array };

export interface DnsRecord {
  readonly name: string;
  /** Seconds. */
  readonly ttl: number;
  readonly data: DnsData;
}

/** The client's network, as a resolver tells it. */
export interface ClientSubnet {
  readonly family: number;
  readonly sourceBits: number;
  readonly scopeBits: number;
  /** As it came; an answer repeats only the bits that `sourceBits` reach. */
  readonly address: Uint8Array;
}

export interface Edns {
  readonly udpBytes: number;
  readonly subnet: ClientSubnet | undefined;
}

export interface DnsHeader {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly checkingDisabled: boolean;
  readonly rcode: number;
}

export interface DnsMessage extends DnsHeader {
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  readonly additional: readonly DnsRecord[];
  readonly edns: Edns | undefined;
}

/** A message as clients send it, for one to say only what it asks: recursion is wanted, nothing else is set. */
export const blankQuery: DnsMessage = Object.freeze({
  id: 0,
  response: false,
  opcode: 0,
  authoritative: false,
  truncated: false,
  recursionDesired: true,
  recursionAvailable: false,
  checkingDisabled: false,
  rcode: 0,
  questions: [],
  answers: [],
  authority: [],
  additional: [],
  edns: undefined,
});

/** Numbers of records that a header promises. */
export interface DnsCounts {
  readonly questions: number;
  readonly answers: number;
  readonly authority: number;
  readonly additional: number;
}
