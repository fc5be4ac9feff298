/**
 * Names of ours that are not there, answered at once where the catalog is in this process.
 *
 * Whoever asks for one missing name after another finds no plan (`answer-plans.ts`), so this way has to be short: the
 * name is read from the question's bytes, looked up without a promise, and answered from bytes that were made before,
 * in which only the question and the time are new. What is not plain is left to the resolver, which answers the same.
 */
import { ProconsulError } from "../lib/errors.ts";
import { dnsType, rcode, type DnsRecord } from "../wire/dns/message.ts";
import { splitName } from "../wire/dns/name.ts";
import { catalogNodeServices, healthServiceNodes } from "../wire/rpc/methods.ts";
import type { Asked } from "./asked.ts";
import type { HealthyInstances } from "./healthy.ts";
import { parseLookup, type Lookup } from "./lookup.ts";
import { nodeRequest, serviceRequest } from "./requests.ts";
import type { ResolverParts } from "./resolver-parts.ts";
import { isTooStale, type DnsSettings } from "./settings.ts";
import { soaRecord } from "./soa.ts";

export type MissingParts = Pick<
  ResolverParts,
  "settings" | "token" | "rpc" | "clock" | "metrics" | "timerLabels"
>;

/** A domain of ours with what stands behind a question in it. */
interface Zone {
  /** As it ends a question: labels, and the root. */
  readonly domain: Uint8Array;
  /** The SOA record: at `pointers` the domain's place in the message is missing, at `serialAt` the time. */
  readonly soa: Uint8Array;
}

const headerBytes = 12;
/** Type and class of a question. */
const questionTailBytes = 4;
const optBytes = 11;
const pointerMark = 0xc0;
const dot = 0x2e;
const responseFlags = 0x8400 | rcode.nameError;
const recursionAvailableFlag = 0x0080;
const primaryLabel = [2, ...codes("ns")];
const mailboxLabel = [10, ...codes("hostmaster")];
/** Owner, type, class, lifetime, size; then two names and five numbers. */
const soaHeadBytes = 12;
const pointers = [
  0,
  soaHeadBytes + primaryLabel.length,
  soaHeadBytes + primaryLabel.length + 2 + mailboxLabel.length,
];
const serialAt = (pointers[2] ?? 0) + 2;
const lower: Uint8Array = lowerCase();
const ascii = new TextDecoder();
const zoneTypes: readonly number[] = [dnsType.SOA, dnsType.NS, dnsType.AXFR];
const nodeTypes: readonly number[] = [dnsType.ANY, dnsType.A, dnsType.AAAA, dnsType.TXT];

export class MissingNames {
  readonly #parts: MissingParts;
  readonly #healthy: HealthyInstances;
  #settings: DnsSettings | undefined;
  /** Of `#settings`. */
  #zones: readonly Zone[] = [];

  constructor(parts: MissingParts, healthy: HealthyInstances) {
    this.#parts = parts;
    this.#healthy = healthy;
  }

  /** The answer if the name is plain and known to be missing. */
  answer(bytes: Uint8Array, asked: Asked): Uint8Array | undefined {
    const { clock, rpc, timerLabels } = this.#parts;
    if (rpc.callNow === undefined || zoneTypes.includes(asked.questionType)) return undefined;
    const settings = this.#parts.settings();
    if (settings !== this.#settings) {
      this.#settings = settings;
      this.#zones = zonesOf(settings);
    }
    for (const zone of this.#zones) {
      const domainAt = asked.questionEnd - questionTailBytes - zone.domain.length;
      const name = nameBefore(bytes, domainAt, zone.domain);
      if (name === undefined) continue;
      const startMs = clock.monotonicMs();
      if (!this.#isMissing(settings, asked.questionType, name)) return undefined;
      const timeSeconds = Math.floor(clock.wallMs() / 1_000);
      const answer = write(bytes, asked, { zone, domainAt, timeSeconds, settings });
      this.#parts.metrics.timer("dns.domain_query", clock.monotonicMs() - startMs, timerLabels);
      return answer;
    }
    return undefined;
  }

  #isMissing(settings: DnsSettings, questionType: number, name: string): boolean {
    const lookup = parseLookup(name, questionType);
    try {
      return this.#isMissingHere(settings, questionType, lookup);
    } catch (error) {
      if (!(error instanceof ProconsulError)) throw error;
      // The resolver meets the same, and tells.
      return false;
    }
  }

  #isMissingHere(settings: DnsSettings, questionType: number, lookup: Lookup): boolean {
    const { rpc, token } = this.#parts;
    const { datacenter } = settings;
    if (lookup.kind === "service" && lookup.variant === "plain" && isHere(lookup.locality)) {
      const reply = rpc.callNow?.(
        healthServiceNodes,
        serviceRequest(settings, token(), { ...lookup, datacenter }),
      );
      if (reply === undefined || isTooStale(settings, reply.LastContact)) return false;
      return this.#healthy.of(reply.Nodes ?? [], settings.onlyPassing).length === 0;
    }
    if (lookup.kind === "node" && isHere(lookup.locality) && nodeTypes.includes(questionType)) {
      const reply = rpc.callNow?.(
        catalogNodeServices,
        nodeRequest(settings, token(), { ...lookup, datacenter }),
      );
      if (reply === undefined || isTooStale(settings, reply.LastContact)) return false;
      return (reply.NodeServices?.Node ?? undefined) === undefined;
    }
    return false;
  }
}

function isHere({
  datacenter,
  peer,
}: {
  readonly datacenter: string | undefined;
  readonly peer: string | undefined;
}): boolean {
  return datacenter === undefined && peer === undefined;
}

/** The labels before a domain in lower case, each with its dot; `undefined` if the question is not plainly in it. */
function nameBefore(bytes: Uint8Array, domainAt: number, domain: Uint8Array): string | undefined {
  if (domainAt <= headerBytes) return undefined;
  for (let index = 0; index < domain.length; index += 1)
    if (bytes[domainAt + index] !== domain[index]) return undefined;
  const text = new Uint8Array(domainAt - headerBytes);
  let at = headerBytes;
  let length = 0;
  while (at < domainAt) {
    const end = at + 1 + (bytes[at] ?? 0);
    for (at += 1; at < end; at += 1) {
      const code = lower[bytes[at] ?? 0] ?? 0;
      if (code === 0) return undefined;
      text[length++] = code;
    }
    text[length++] = dot;
  }
  // Otherwise the domain's bytes begin within a label.
  return at === domainAt ? ascii.decode(text) : undefined;
}

function write(
  bytes: Uint8Array,
  { id, flags, questionEnd, ednsBytes }: Asked,
  {
    zone,
    domainAt,
    timeSeconds,
    settings,
  }: {
    readonly zone: Zone;
    readonly domainAt: number;
    readonly timeSeconds: number;
    readonly settings: DnsSettings;
  },
): Uint8Array {
  const { soa } = zone;
  const hasEdns = ednsBytes !== undefined;
  const answer = new Uint8Array(questionEnd + soa.length + (hasEdns ? optBytes : 0));
  for (let at = headerBytes; at < questionEnd; at += 1) answer[at] = bytes[at] ?? 0;
  answer.set(soa, questionEnd);
  const recursion = settings.recursors.length > 0 ? recursionAvailableFlag : 0;
  const all = responseFlags | recursion | flags;
  answer[0] = id >> 8;
  answer[1] = id & 255;
  answer[2] = all >> 8;
  answer[3] = all & 255;
  answer[5] = 1;
  answer[9] = 1;
  for (const pointer of pointers) {
    answer[questionEnd + pointer] = pointerMark | (domainAt >> 8);
    answer[questionEnd + pointer + 1] = domainAt & 255;
  }
  for (let index = 0; index < 4; index += 1)
    answer[questionEnd + serialAt + index] = (timeSeconds >>> (24 - 8 * index)) & 255;
  if (hasEdns) {
    const optAt = questionEnd + soa.length;
    answer[11] = 1;
    answer[optAt + 2] = dnsType.OPT;
    answer[optAt + 3] = ednsBytes >> 8;
    answer[optAt + 4] = ednsBytes & 255;
  }
  return answer;
}

/** The longest domain first; none if one is within the other, or answers are not to be compressed. */
function zonesOf(settings: DnsSettings): readonly Zone[] {
  const { domain, altDomain, compression } = settings;
  if (!compression || domain === ".") return [];
  if (altDomain === undefined || altDomain === domain) return zoneOf(settings, domain);
  if (altDomain.endsWith(`.${domain}`) || domain.endsWith(`.${altDomain}`) || altDomain === ".") return [];
  return [...zoneOf(settings, domain), ...zoneOf(settings, altDomain)];
}

function zoneOf(settings: DnsSettings, domain: string): readonly Zone[] {
  const bytes: number[] = [];
  for (const label of splitName(domain)) {
    if (!/^[a-z\d_-]{1,63}$/u.test(label)) return [];
    bytes.push(label.length, ...codes(label));
  }
  return [{ domain: Uint8Array.of(...bytes, 0), soa: encodeSoa(soaRecord(settings, `x.${domain}`, 0)) }];
}

function encodeSoa({ ttl, data }: DnsRecord): Uint8Array {
  if (data.kind !== "SOA") return new Uint8Array();
  const noPointer = [0, 0];
  const content = [
    ...primaryLabel,
    ...noPointer,
    ...mailboxLabel,
    ...noPointer,
    ...[0, data.refresh, data.retry, data.expire, data.minTtl].flatMap(u32),
  ];
  return Uint8Array.of(...noPointer, 0, dnsType.SOA, 0, 1, ...u32(ttl), 0, content.length, ...content);
}

function u32(value: number): readonly number[] {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);
}

function codes(text: string): readonly number[] {
  return Array.from(text, (char) => char.charCodeAt(0));
}

/** By byte: the code in lower case of what plain labels are made of, 0 for the rest. */
function lowerCase(): Uint8Array {
  const table = new Uint8Array(256);
  for (const char of "abcdefghijklmnopqrstuvwxyz0123456789-_") {
    table[char.charCodeAt(0)] = char.charCodeAt(0);
    table[char.toUpperCase().charCodeAt(0)] = char.charCodeAt(0);
  }
  return table;
}
