/**
 * Answers questions from the catalog.
 *
 * Names below `domain` are ours, `arpa.` is looked up backwards in the catalog first, the rest goes to the configured
 * recursors or is refused. Source: the reference's documentation of its DNS interface, and its DNS server.
 */
import { unreachable } from "../lib/assert.ts";
import { ProconsulError } from "../lib/errors.ts";
import { noPathToDatacenter } from "../wire/rpc/error-text.ts";
import { queryNotFoundText } from "../wire/rpc/prepared-query-methods.ts";
import type { CheckServiceNode, Node } from "../wire/structs/catalog.ts";
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
import { readAsked } from "./asked.ts";
import { AnswerPlans } from "./answer-plans.ts";
import { addressInName } from "./address-in-name.ts";
import { found, noSuchName, reply, subnetAddress, type Found } from "./answers.ts";
import { CatalogReader } from "./catalog-reader.ts";
import { HealthyInstances } from "./healthy.ts";
import { NodesByAddress } from "./nodes-by-address.ts";
import { MissingNames } from "./missing-names.ts";
import { answerReverse } from "./reverse.ts";
import { executeQuery, queryTtl } from "./query.ts";
import { parseLookup, type Lookup } from "./lookup.ts";
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
import type { DnsClient, DnsReply, ResolverParts } from "./resolver-parts.ts";
import { domainOf, isInDomain, nameOfOurs, seconds, serviceTtl, type DnsSettings } from "./settings.ts";
import { soaRecord } from "./soa.ts";
import { shuffled } from "./shuffled.ts";
import type { Sources } from "./sources.ts";
import { answersOfUse, trim, type DnsNetwork } from "./trim.ts";

interface Asking {
  readonly settings: DnsSettings;
  readonly question: DnsQuestion;
  readonly hasEdns: boolean;
  /** How many answers can be of use. */
  readonly answersMax: number;
  /** How many names of ours may still be followed. */
  readonly depth: number;
  /** Address of whoever asks, or of the network that a resolver asks for. */
  readonly source: string;
  /** What goes into the answer, if it may be given again. */
  readonly sources: Sources | undefined;
}

/** Errors by which a server says that there is no such thing. */
const missingTexts = [noPathToDatacenter, queryNotFoundText];
/** A missing name is found missing so fast that a plan is of use only to those that are asked for all the time. */
const missingPlanAfter = 32;
const aliasDepthMax = 3;
const nameserversMax = 3;
/** How many records behind an outside name a client without EDNS is given. */
const outsideRecordsMax = 5;

export class DnsResolver {
  readonly #parts: ResolverParts;
  readonly #catalog: CatalogReader;
  readonly #nodesByAddress = new NodesByAddress();
  readonly #plans: AnswerPlans;
  readonly #missing: MissingNames;
  readonly #random = (limit: number): number => this.#parts.random(limit);

  constructor(parts: ResolverParts) {
    this.#parts = parts;
    this.#plans = new AnswerPlans(parts);
    const healthy = new HealthyInstances();
    this.#catalog = new CatalogReader(parts, healthy);
    this.#missing = new MissingNames(parts, healthy);
  }

  /** The answer at hand to a question that was asked before, or about nothing; `undefined`: ask `answer`. */
  answerNow(bytes: Uint8Array, network: DnsNetwork): Uint8Array | undefined {
    const asked = readAsked(bytes, network);
    if (asked === undefined) return undefined;
    const planned = this.#plans.answer(bytes, asked);
    if (planned !== undefined || this.#plans.isWorthPlanning(bytes, asked, missingPlanAfter)) return planned;
    const missing = this.#missing.answer(bytes, asked);
    if (missing !== undefined) this.#plans.sight(bytes, asked);
    return missing;
  }

  /** `bytes` is the question as it came. Never rejects for what the question holds. */
  async answer(request: DnsMessage, bytes: Uint8Array, client: DnsClient): Promise<DnsReply> {
    const { network } = client;
    const settings = this.#parts.settings();
    const [question] = request.questions;
    if (question === undefined) return message(reply(request, rcode.formatError));
    const planned = await this.#refreshed(bytes, network);
    if (planned !== undefined) return { kind: "bytes", bytes: planned };
    const startMs = this.#parts.clock.monotonicMs();
    const name = question.name.toLowerCase();
    if (isInDomain(settings, name)) {
      const answer = await this.#own(request, question, { ...client, bytes });
      this.#parts.metrics.timer(
        "dns.domain_query",
        this.#parts.clock.monotonicMs() - startMs,
        this.#parts.timerLabels,
      );
      return message(answer);
    }
    if (name === "arpa." || name.endsWith(".arpa.")) {
      const answer = await answerReverse(
        { ...this.#parts, nodesByAddress: this.#nodesByAddress },
        settings,
        request,
      );
      this.#parts.metrics.timer(
        "dns.ptr_query",
        this.#parts.clock.monotonicMs() - startMs,
        this.#parts.timerLabels,
      );
      return answer === undefined ? this.#recurse(request, bytes, network) : message(answer);
    }
    // Not ours, and nobody to ask: the next name server of the client's list may know.
    if (settings.recursors.length === 0) return message(reply(request, rcode.serverFailure));
    return this.#recurse(request, bytes, network);
  }

  /** The planned answer, where the servers have to be asked whether it holds. */
  async #refreshed(bytes: Uint8Array, network: DnsNetwork): Promise<Uint8Array | undefined> {
    try {
      return await this.#plans.refreshed(bytes, network);
    } catch (error) {
      if (!(error instanceof ProconsulError)) throw error;
      // The question is asked anew, and the failure told of there.
      return undefined;
    }
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

  async #own(
    request: DnsMessage,
    question: DnsQuestion,
    { network, address, bytes }: DnsClient & { readonly bytes: Uint8Array },
  ): Promise<DnsMessage> {
    const settings = this.#parts.settings();
    const trimming = { network, udpAnswerLimit: settings.udpAnswerLimit, compress: settings.compression };
    const sources = this.#plans.sourcesFor(bytes, network);
    const found = await this.#find({
      settings,
      question,
      hasEdns: request.edns !== undefined,
      answersMax: answersOfUse({ type: question.type, ednsBytes: request.edns?.udpBytes }, trimming),
      depth: aliasDepthMax,
      source: subnetAddress(request) ?? address,
      sources,
    });
    const needsSoa = found.code === rcode.nameError || found.isEmpty;
    const whole: DnsMessage = {
      ...reply(request, found.code, found.isForSubnet === true ? "subnet" : "everyone"),
      authoritative: true,
      recursionAvailable: settings.recursors.length > 0,
      answers: found.answers,
      authority: needsSoa ? [...found.authority, this.#soa(settings, question)] : found.authority,
      additional: found.additional,
    };
    if (sources !== undefined) this.#plans.remember(bytes, whole, sources);
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
        return found({ answers: [this.#soa(settings, question)], authority: names, additional: glue });
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
      asking.sources?.spoil();
      if (!(error instanceof ProconsulError)) throw error;
      if (missingTexts.some((text) => error.message.includes(text))) return noSuchName;
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
        return addressInName(asking.settings, asking.question, lookup.hex);
      case "virtual":
        return this.#virtual(asking, lookup);
      case "query":
        return { ...(await this.#query(asking, lookup)), isForSubnet: true };
      case "invalid":
        this.#parts.log.warn("QName invalid", { qname: asking.question.name });
        return noSuchName;
      default:
        return unreachable(lookup);
    }
  }

  async #service(asking: Asking, lookup: Extract<Lookup, { kind: "service" }>): Promise<Found> {
    const { settings, question } = asking;
    // Those of the mesh are looked for here, whatever peer is named.
    if (lookup.locality.peer !== undefined && lookup.variant === "plain") return noSuchName;
    const datacenter = lookup.locality.datacenter ?? settings.datacenter;
    const nodes = await this.#catalog.instances(asking, { ...lookup, datacenter });
    if (nodes.length === 0) return noSuchName;
    const context: RecordContext = {
      settings,
      questionName: question.name,
      questionType: question.type,
      datacenter,
      ttl: serviceTtl(settings, lookup.service),
    };
    const chosen = await this.#chosen(asking, context, shuffled(nodes, this.#random));
    if (asking.sources !== undefined && !chosen.isEmpty) asking.sources.choice = { nodes, context };
    return chosen;
  }

  /** What a prepared query finds, in the order that its server gives. */
  async #query(asking: Asking, lookup: Extract<Lookup, { kind: "query" }>): Promise<Found> {
    const { settings, question } = asking;
    asking.sources?.spoil();
    const reply = await executeQuery(this.#parts, settings, { ...lookup, source: asking.source });
    const nodes = reply.Nodes ?? [];
    if (nodes.length === 0) return noSuchName;
    const context: RecordContext = {
      settings,
      questionName: question.name,
      questionType: question.type,
      datacenter: reply.Datacenter,
      ttl: queryTtl(settings, reply),
    };
    return this.#chosen(asking, context, nodes);
  }

  /** The records of instances that can stand for each other, in this order. */
  async #chosen(asking: Asking, context: RecordContext, nodes: Iterable<CheckServiceNode>): Promise<Found> {
    const records =
      context.questionType === dnsType.SRV
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

  /** One of each address; an outside name only if there is nothing else. */
  async #addressRecords(
    asking: Asking,
    context: RecordContext,
    nodes: Iterable<CheckServiceNode>,
  ): Promise<Pick<Found, "answers" | "additional">> {
    const answers: DnsRecord[] = [];
    let alias: readonly DnsRecord[] = [];
    const seen = new Set<string>();
    const limit = Math.min(asking.answersMax, asking.settings.aRecordLimit ?? Infinity);
    for (const instance of nodes) {
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
    nodes: Iterable<CheckServiceNode>,
  ): Promise<Pick<Found, "answers" | "additional">> {
    const answers: DnsRecord[] = [];
    const additional: DnsRecord[] = [];
    const seen = new Set<string>();
    for (const instance of nodes) {
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
    asking.sources?.spoil();
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

  /** An address that the mesh gave out, whatever type was asked for. */
  async #virtual(asking: Asking, lookup: Extract<Lookup, { kind: "virtual" }>): Promise<Found> {
    const { settings, question } = asking;
    if (!lookup.isLocal) return found({ answers: [] });
    asking.sources?.spoil();
    const address = recordAddress(await this.#catalog.virtualIp(lookup.service));
    if (address === undefined) return found({ answers: [] });
    const name = nameOfOurs(settings, question.name);
    const data = { kind: address.kind, address: address.bytes };
    return found({ answers: [{ name, ttl: seconds(settings.nodeTtlMs), data }] });
  }

  async #node(asking: Asking, lookup: Extract<Lookup, { kind: "node" }>): Promise<Found> {
    const { settings, question } = asking;
    const wanted: readonly number[] = [dnsType.ANY, dnsType.A, dnsType.AAAA, dnsType.TXT];
    if (!wanted.includes(question.type)) return found({ answers: [] });
    if (lookup.locality.peer !== undefined) return noSuchName;
    const datacenter = lookup.locality.datacenter ?? settings.datacenter;
    const node = await this.#catalog.node(asking, { node: lookup.node, datacenter });
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

  async #nameservers(
    asking: Asking,
  ): Promise<{ readonly names: readonly DnsRecord[]; readonly glue: readonly DnsRecord[] }> {
    const { settings, question } = asking;
    const names: DnsRecord[] = [];
    const glue: DnsRecord[] = [];
    let servers: readonly CheckServiceNode[] = [];
    try {
      const { datacenter } = settings;
      asking.sources?.spoil();
      servers = await this.#catalog.instances(asking, {
        service: "consul",
        tag: "",
        variant: "plain",
        datacenter,
      });
    } catch (error) {
      if (!(error instanceof ProconsulError)) throw error;
      this.#parts.log.warn("Unable to get list of servers", { error: error.message });
    }
    const zone = domainOf(settings, question.name);
    for (const { Node: node } of shuffled(servers, this.#random)) {
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

  #soa(settings: DnsSettings, { name }: DnsQuestion): DnsRecord {
    return soaRecord(settings, name, this.#parts.clock.wallMs());
  }
}

function message(value: DnsMessage): DnsReply {
  return { kind: "message", message: value };
}
