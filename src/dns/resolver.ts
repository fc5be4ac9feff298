/**
 * Answers questions from the catalog.
 *
 * Names below `domain` are ours, `arpa.` is looked up backwards in the catalog first, the rest goes to the configured
 * recursors or is refused. Source: the reference's documentation of its DNS interface, and its DNS server.
 */
import { unreachable } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import { ProconsulError } from "../lib/errors.ts";
import { renderIp, parseIp } from "../lib/ip.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import { catalogNodeServices, healthServiceNodes } from "../wire/rpc/methods.ts";
import type { CheckServiceNode, Node } from "../wire/structs/catalog.ts";
import { ServiceSpecificRequest } from "../wire/structs/catalog.ts";
import { NodeSpecificRequest } from "../wire/structs/common.ts";
import {
  classInternet,
  dnsType,
  rcode,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
} from "../wire/dns/message.ts";
import { fullName } from "../wire/dns/name.ts";
import { recordAddress } from "./address.ts";
import { found, noSuchName, reply, type Found } from "./answers.ts";
import { HealthyInstances } from "./healthy.ts";
import { nameOfAddress } from "./reverse.ts";
import { parseLookup, reverseAddress, type Lookup } from "./lookup.ts";
import {
  addressRecord,
  instanceRecords,
  metaRecords,
  nodeAddress,
  nodeName,
  portOf,
  targetOf,
  type RecordContext,
} from "./records.ts";
import type { Recursors } from "./recursor.ts";
import { domainOf, isInDomain, seconds, serviceTtl, type DnsSettings } from "./settings.ts";
import { answersOfUse, trim, type DnsNetwork } from "./trim.ts";

export interface ResolverParts {
  /** The settings now: they may be reloaded. */
  readonly settings: () => DnsSettings;
  readonly rpc: Rpc;
  readonly recursors: Recursors;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Token for reads. */
  readonly token: () => string;
  /** Uniform integer below `limit`, for random order. */
  random(limit: number): number;
}

/** An answer: a message of ours, or another server's bytes. */
export type DnsReply =
  | { readonly kind: "message"; readonly message: DnsMessage }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

interface Asking {
  readonly settings: DnsSettings;
  readonly question: DnsQuestion;
  readonly hasEdns: boolean;
  /** How many answers can be of use. */
  readonly answersMax: number;
  /** How many names of ours may still be followed. */
  readonly depth: number;
}

const aliasDepthMax = 3;
const nameserversMax = 3;
/** How many records behind an outside name a client without EDNS is given. */
const outsideRecordsMax = 5;
export class DnsResolver {
  readonly #parts: ResolverParts;
  readonly #healthy = new HealthyInstances();

  constructor(parts: ResolverParts) {
    this.#parts = parts;
  }

  /** `bytes` is the question as it came. Never rejects for what the question holds. */
  async answer(request: DnsMessage, bytes: Uint8Array, network: DnsNetwork): Promise<DnsReply> {
    const settings = this.#parts.settings();
    const [question] = request.questions;
    if (question === undefined) return message(reply(request, rcode.formatError));
    const startMs = this.#parts.clock.monotonicMs();
    const name = question.name.toLowerCase();
    if (isInDomain(settings, name)) {
      const answer = await this.#own(request, question, network);
      this.#parts.metrics.timer("dns.domain_query", this.#parts.clock.monotonicMs() - startMs);
      return message(answer);
    }
    if (name === "arpa." || name.endsWith(".arpa.")) {
      const answer = await this.#reverse(request, question);
      this.#parts.metrics.timer("dns.ptr_query", this.#parts.clock.monotonicMs() - startMs);
      return answer === undefined ? this.#recurse(request, bytes, network) : message(answer);
    }
    // Not ours, and nobody to ask: the next name server of the client's list may know.
    if (settings.recursors.length === 0) return message(reply(request, rcode.serverFailure));
    return this.#recurse(request, bytes, network);
  }

  async #recurse(request: DnsMessage, bytes: Uint8Array, network: DnsNetwork): Promise<DnsReply> {
    const { recursors, log } = this.#parts;
    try {
      return { kind: "bytes", bytes: await recursors.forward(bytes, this.#parts.settings(), network) };
    } catch (error) {
      if (!(error instanceof ProconsulError)) throw error;
      log.error("all resolvers failed for question from client", { question: request.questions[0]?.name });
      return message({ ...reply(request, rcode.serverFailure), recursionAvailable: true });
    }
  }

  async #own(request: DnsMessage, question: DnsQuestion, network: DnsNetwork): Promise<DnsMessage> {
    const settings = this.#parts.settings();
    const trimming = { network, udpAnswerLimit: settings.udpAnswerLimit, compress: settings.compression };
    const found = await this.#find({
      settings,
      question,
      hasEdns: request.edns !== undefined,
      answersMax: answersOfUse(request, trimming),
      depth: aliasDepthMax,
    });
    const needsSoa = found.code === rcode.nameError || found.isEmpty;
    const whole: DnsMessage = {
      ...reply(request, found.code),
      authoritative: true,
      recursionAvailable: settings.recursors.length > 0,
      answers: found.answers,
      authority: needsSoa ? [...found.authority, this.#soa(settings, question.name)] : found.authority,
      additional: found.additional,
    };
    const { message: fitted, trimmed } = trim(request, whole, {
      ...trimming,
      udpAnswerLimit: found.isChoice === true ? trimming.udpAnswerLimit : Infinity,
    });
    return trimmed && settings.enableTruncate ? { ...fitted, truncated: true } : fitted;
  }

  async #find(asking: Asking): Promise<Found> {
    const { settings, question } = asking;
    switch (question.type) {
      case dnsType.SOA: {
        const { names, glue } = await this.#nameservers(asking);
        return found({ answers: [this.#soa(settings, question.name)], authority: names, additional: glue });
      }
      case dnsType.NS: {
        const { names, glue } = await this.#nameservers(asking);
        return found({ answers: names, additional: glue });
      }
      case dnsType.AXFR:
        return { ...noSuchName, code: rcode.notImplemented };
      default:
        return this.#dispatch(asking);
    }
  }

  async #dispatch(asking: Asking): Promise<Found> {
    const { settings, question } = asking;
    const name = question.name.toLowerCase();
    const domain = domainOf(settings, name);
    const lookup = parseLookup(name.slice(0, name.length - domain.length), question.type);
    try {
      return await this.#look(asking, lookup);
    } catch (error) {
      if (!(error instanceof ProconsulError)) throw error;
      if (error.message.includes("No path to datacenter")) return noSuchName;
      this.#parts.log.error("rpc error", { name: question.name, error: error.message });
      return { ...noSuchName, code: rcode.serverFailure };
    }
  }

  async #look(asking: Asking, lookup: Lookup): Promise<Found> {
    switch (lookup.kind) {
      case "service":
        return this.#service(asking, lookup);
      case "node":
        return this.#node(asking, lookup);
      case "address":
        return this.#address(asking, lookup.hex);
      case "virtual":
        // Virtual addresses are given out by the mesh alone; without one a service has none.
        return found({ answers: [] });
      case "query":
        return noSuchName;
      case "invalid":
        this.#parts.log.warn("QName invalid", { qname: asking.question.name });
        return noSuchName;
      default:
        return unreachable(lookup);
    }
  }

  async #service(asking: Asking, lookup: Extract<Lookup, { kind: "service" }>): Promise<Found> {
    const { settings, question } = asking;
    if (lookup.locality.peer !== undefined) return noSuchName;
    const datacenter = lookup.locality.datacenter ?? settings.datacenter;
    const nodes = await this.#instances(settings, { ...lookup, datacenter });
    if (nodes.length === 0) return noSuchName;
    const context: RecordContext = {
      settings,
      questionName: question.name,
      questionType: question.type,
      datacenter,
      ttl: serviceTtl(settings, lookup.service),
    };
    const records =
      question.type === dnsType.SRV
        ? await this.#serviceRecords(asking, context, nodes)
        : await this.#addressRecords(asking, context, nodes);
    return {
      code: rcode.noError,
      isEmpty: records.answers.length === 0,
      isChoice: true,
      authority: [],
      ...records,
    };
  }

  async #instances(
    settings: DnsSettings,
    lookup: {
      readonly service: string;
      readonly tag: string;
      readonly variant: "plain" | "connect" | "ingress";
      readonly datacenter: string;
    },
  ): Promise<readonly CheckServiceNode[]> {
    const request = ServiceSpecificRequest.make({
      Datacenter: lookup.datacenter,
      ServiceName: lookup.service,
      ServiceTags: lookup.tag === "" ? [] : [lookup.tag],
      TagFilter: lookup.tag !== "",
      Connect: lookup.variant === "connect",
      Ingress: lookup.variant === "ingress",
      AllowStale: settings.allowStale,
      Token: this.#parts.token(),
    });
    const { rpc } = this.#parts;
    const first = await rpc.call(healthServiceNodes, request);
    const answer = this.#isTooStale(settings, first.LastContact)
      ? await rpc.call(healthServiceNodes, { ...request, AllowStale: false })
      : first;
    return this.#healthy.of(answer.Nodes ?? [], settings.onlyPassing);
  }

  /** Nanoseconds since the answering server heard its leader. */
  #isTooStale({ allowStale, maxStaleMs }: DnsSettings, lastContactNs: number): boolean {
    return allowStale && lastContactNs / 1e6 > maxStaleMs;
  }

  /** In random order; one of each address; an outside name only if there is nothing else. */
  async #addressRecords(
    asking: Asking,
    context: RecordContext,
    nodes: readonly CheckServiceNode[],
  ): Promise<Pick<Found, "answers" | "additional">> {
    const answers: DnsRecord[] = [];
    let alias: readonly DnsRecord[] = [];
    const seen = new Set<string>();
    const limit = Math.min(asking.answersMax, asking.settings.aRecordLimit ?? Infinity);
    for (const instance of this.#shuffled(nodes)) {
      const target = targetOf(context, instance);
      if (target.kind === "name" && alias.length > 0) continue;
      const resolved = target.kind === "name" ? await this.#outside(asking, target.name, context.ttl) : [];
      const { answers: records } = instanceRecords(context, instance, { target, resolved });
      const first = records[0];
      if (first === undefined) continue;
      if (first.data.kind === "CNAME") {
        alias = records;
        continue;
      }
      const key = target.kind === "none" || target.kind === "name" ? "" : target.address.bytes.join(".");
      if (seen.has(key)) continue;
      seen.add(key);
      answers.push(...records);
      if (answers.length >= limit) break;
    }
    return { answers: answers.length === 0 ? alias : answers, additional: [] };
  }

  async #serviceRecords(
    asking: Asking,
    context: RecordContext,
    nodes: readonly CheckServiceNode[],
  ): Promise<Pick<Found, "answers" | "additional">> {
    const answers: DnsRecord[] = [];
    const additional: DnsRecord[] = [];
    const seen = new Set<string>();
    for (const instance of this.#shuffled(nodes)) {
      const node = instance.Node;
      if (node === null) continue;
      const key = `${node.Node}:${instance.Service?.Address ?? ""}:${portOf(context, instance)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const target = targetOf(context, instance);
      const resolved = target.kind === "name" ? await this.#outside(asking, target.name, context.ttl) : [];
      const records = instanceRecords(context, instance, { target, resolved });
      answers.push(...records.answers);
      additional.push(...records.additional);
      if (asking.settings.nodeMetaTxt) {
        additional.push(...metaRecords(nodeName(context, node.Node), node.Meta, context.ttl));
      }
      if (answers.length >= asking.answersMax) break;
    }
    return { answers, additional };
  }

  /** What an outside name stands for, to be given along. */
  async #outside(asking: Asking, name: string, ttl: number): Promise<readonly DnsRecord[]> {
    const records = await this.#alias(asking, name);
    const useful = records.filter(
      ({ data: { kind } }) => kind === "CNAME" || kind === "A" || kind === "AAAA",
    );
    const limited = asking.hasEdns ? useful : useful.slice(0, outsideRecordsMax);
    return limited.map((record) => ({ ...record, ttl }));
  }

  async #alias(asking: Asking, name: string): Promise<readonly DnsRecord[]> {
    const { settings } = asking;
    if (!isInDomain(settings, name)) return this.#parts.recursors.addresses(name, settings);
    if (asking.depth < 1) {
      this.#parts.log.error("Infinite recursion detected for name, won't perform any CNAME resolution.", {
        name,
      });
      return [];
    }
    const question = { name, type: dnsType.ANY, class: classInternet };
    const { answers } = await this.#dispatch({ ...asking, question, depth: asking.depth - 1 });
    return answers;
  }

  async #node(asking: Asking, lookup: Extract<Lookup, { kind: "node" }>): Promise<Found> {
    const { settings, question } = asking;
    const wanted: readonly number[] = [dnsType.ANY, dnsType.A, dnsType.AAAA, dnsType.TXT];
    if (!wanted.includes(question.type)) return found({ answers: [] });
    if (lookup.locality.peer !== undefined) return noSuchName;
    const datacenter = lookup.locality.datacenter ?? settings.datacenter;
    const request = NodeSpecificRequest.make({
      Datacenter: datacenter,
      Node: lookup.node,
      AllowStale: settings.allowStale,
      Token: this.#parts.token(),
    });
    const { rpc } = this.#parts;
    const first = await rpc.call(catalogNodeServices, request);
    const answer = this.#isTooStale(settings, first.LastContact)
      ? await rpc.call(catalogNodeServices, { ...request, AllowStale: false })
      : first;
    const node = answer.NodeServices?.Node ?? undefined;
    if (node === undefined) return noSuchName;
    const ttl = seconds(settings.nodeTtlMs);
    const records =
      question.type === dnsType.TXT
        ? []
        : await this.#nodeRecords(asking, node, { name: question.name, datacenter });
    const isMetaAsked = question.type === dnsType.TXT || question.type === dnsType.ANY;
    const meta = isMetaAsked || settings.nodeMetaTxt ? metaRecords(question.name, node.Meta, ttl) : [];
    return found({
      answers: isMetaAsked ? [...records, ...meta] : records,
      additional: isMetaAsked ? [] : meta,
    });
  }

  async #nodeRecords(
    asking: Asking,
    node: Node,
    { name, datacenter }: { readonly name: string; readonly datacenter: string },
  ): Promise<readonly DnsRecord[]> {
    const { settings, question } = asking;
    const ttl = seconds(settings.nodeTtlMs);
    const context: RecordContext = {
      settings,
      questionName: name,
      questionType: question.type,
      datacenter,
      ttl,
    };
    const address = recordAddress(nodeAddress(context, node));
    if (address !== undefined) {
      const record = addressRecord(name, address, context);
      return record === undefined ? [] : [record];
    }
    const target = fullName(node.Address);
    return [{ name, ttl, data: { kind: "CNAME", target } }, ...(await this.#alias(asking, target))];
  }

  /** `0a000001.addr.consul.`: the address is in the name. */
  #address({ settings, question }: Asking, hex: string): Found {
    const size = Math.floor(hex.length / 2);
    if (size !== 4 && size !== 16) return found({ answers: [] });
    if (!/^(?:[\da-f]{2})+$/u.test(hex)) return noSuchName;
    const address = Uint8Array.from(hex.match(/../gu) ?? [], (pair) => Number.parseInt(pair, 16));
    const kind = size === 4 ? "A" : "AAAA";
    const name = question.name.toLowerCase();
    const record: DnsRecord = { name, ttl: seconds(settings.nodeTtlMs), data: { kind, address } };
    const isAsked = question.type === dnsType[kind] || question.type === dnsType.ANY;
    return isAsked ? found({ answers: [record] }) : found({ answers: [], additional: [record] });
  }

  async #nameservers(
    asking: Asking,
  ): Promise<{ readonly names: readonly DnsRecord[]; readonly glue: readonly DnsRecord[] }> {
    const { settings, question } = asking;
    const names: DnsRecord[] = [];
    const glue: DnsRecord[] = [];
    let servers: readonly CheckServiceNode[] = [];
    try {
      const { datacenter } = settings;
      servers = await this.#instances(settings, { service: "consul", tag: "", variant: "plain", datacenter });
    } catch (error) {
      if (!(error instanceof ProconsulError)) throw error;
      this.#parts.log.warn("Unable to get list of servers", { error: error.message });
    }
    const zone = domainOf(settings, question.name);
    for (const { Node: node } of this.#shuffled(servers)) {
      if (node === null || /[^A-Za-z0-9\\-]/u.test(node.Node)) continue;
      const target = `${node.Node}.node.${node.Datacenter}.${zone}`.toLowerCase();
      const ttl = seconds(settings.nodeTtlMs);
      names.push({ name: zone, ttl, data: { kind: "NS", target } });
      const any = { ...asking, question: { ...question, type: dnsType.ANY } };
      glue.push(...(await this.#nodeRecords(any, node, { name: target, datacenter: node.Datacenter })));
      if (names.length >= nameserversMax) break;
    }
    return { names, glue };
  }

  /** `undefined`: not in the catalog. */
  async #reverse(request: DnsMessage, question: DnsQuestion): Promise<DnsMessage | undefined> {
    const settings = this.#parts.settings();
    const text = reverseAddress(question.name.toLowerCase());
    const ip = text === undefined ? undefined : parseIp(text);
    if (ip === undefined) return undefined;
    const target = await nameOfAddress(this.#parts, settings, renderIp(ip));
    if (target === undefined) return undefined;
    return {
      ...reply(request, rcode.noError),
      authoritative: true,
      recursionAvailable: settings.recursors.length > 0,
      answers: [{ name: question.name, ttl: 0, data: { kind: "PTR", target } }],
      authority: question.type === dnsType.SOA ? [this.#soa(settings, question.name)] : [],
    };
  }

  #soa(settings: DnsSettings, name: string): DnsRecord {
    const { soa, altDomain } = settings;
    const domain = altDomain !== undefined && name.endsWith(`.${altDomain}`) ? altDomain : settings.domain;
    return {
      name: domain,
      ttl: soa.minTtl,
      data: {
        kind: "SOA",
        primary: `ns.${domain}`,
        mailbox: `hostmaster.${domain}`,
        serial: Math.floor(this.#parts.clock.wallMs() / 1_000),
        refresh: soa.refresh,
        retry: soa.retry,
        expire: soa.expire,
        minTtl: soa.minTtl,
      },
    };
  }

  /** In random order, one at a time: mostly only the first few are wanted. */
  *#shuffled<T>(items: readonly T[]): Generator<T> {
    const order = items.slice();
    for (let index = 0; index < order.length; index += 1) {
      const other = index + this.#parts.random(order.length - index);
      const chosen = order[other] as T;
      order[other] = order[index] as T;
      yield chosen;
    }
  }
}

function message(value: DnsMessage): DnsReply {
  return { kind: "message", message: value };
}
