/** Records about nodes and service instances. Source: the reference's DNS interface. */
import type { CheckServiceNode, Node } from "../wire/structs/catalog.ts";
import { dnsType, type DnsRecord } from "../wire/dns/message.ts";
import { fullName } from "../wire/dns/name.ts";
import { chooseAddress, familyOf, recordAddress, toHex, type RecordAddress } from "./address.ts";
import { domainOf, type DnsSettings } from "./settings.ts";

/** What records of one answer have in common. */
export interface RecordContext {
  readonly settings: DnsSettings;
  /** The question's name, as it was asked. */
  readonly questionName: string;
  readonly questionType: number;
  /** Of the instances or the node. */
  readonly datacenter: string;
  /** Seconds. */
  readonly ttl: number;
}

/** Answers with what belongs beside them. */
export interface Records {
  readonly answers: readonly DnsRecord[];
  readonly additional: readonly DnsRecord[];
}

/** What stands for an instance: its own address, its node's, or a name elsewhere. */
export type InstanceTarget =
  | { readonly kind: "none" }
  | { readonly kind: "node" | "address"; readonly address: RecordAddress }
  | { readonly kind: "name"; readonly name: string };

/** `db1.node.dc1.consul.` */
export function nodeName(context: RecordContext, node: string): string {
  return `${node}.node.${context.datacenter}.${domainOf(context.settings, context.questionName)}`;
}

/** An address record, if the question wants its kind. */
export function addressRecord(
  name: string,
  address: RecordAddress,
  { questionType, ttl }: RecordContext,
): DnsRecord | undefined {
  const unwanted = address.kind === "A" ? dnsType.AAAA : dnsType.A;
  const wanted: readonly number[] = [
    dnsType.SRV,
    dnsType.ANY,
    dnsType.NS,
    dnsType.TXT,
    dnsType[address.kind],
  ];
  if (questionType === unwanted || !wanted.includes(questionType)) return undefined;
  return { name, ttl, data: { kind: address.kind, address: address.bytes } };
}

/** The node's address: in text, "" if it has none that the question can use. */
export function nodeAddress(context: RecordContext, node: Node): string {
  return chooseAddress({
    address: node.Address,
    tagged: (tag) => node.TaggedAddresses?.[tag],
    wan: isWan(context, node.Datacenter),
    family: familyOf(context.questionType),
  });
}

export function targetOf(context: RecordContext, instance: CheckServiceNode): InstanceTarget {
  const { Node: node, Service: service } = instance;
  if (node === null || service === null) return { kind: "none" };
  const own = chooseAddress({
    address: service.Address,
    tagged: (tag) => service.TaggedAddresses?.[tag]?.Address,
    wan: isWan(context, context.datacenter),
    family: familyOf(context.questionType),
  });
  const ofNode = nodeAddress(context, node);
  if (own === "" && ofNode === "") return { kind: "none" };
  const nodeIp = recordAddress(ofNode);
  if (own === "") {
    if (nodeIp === undefined) return { kind: "name", name: fullName(ofNode) };
    // A wide-area address is not what the node's name stands for here.
    return { kind: node.Address === ofNode ? "node" : "address", address: nodeIp };
  }
  const ownIp = recordAddress(own);
  if (ownIp !== undefined) return { kind: "address", address: ownIp };
  // The service's address is the very name that was asked: the node's address breaks the circle.
  if (fullName(own) === context.questionName && nodeIp !== undefined)
    return { kind: "node", address: nodeIp };
  return { kind: "name", name: fullName(own) };
}

/** The records of one instance; `resolved` are those that the target's name has, if it is one. */
export function instanceRecords(
  context: RecordContext,
  instance: CheckServiceNode,
  found: { readonly target: InstanceTarget; readonly resolved: readonly DnsRecord[] },
): Records {
  const { questionName, questionType, ttl } = context;
  const { target } = found;
  if (target.kind === "none") return nothing;
  const isService = questionType === dnsType.SRV;
  if (target.kind === "name") {
    if (isService)
      return { answers: [serviceRecord(context, instance, target.name)], additional: found.resolved };
    const alias: DnsRecord = { name: questionName, ttl, data: { kind: "CNAME", target: target.name } };
    return { answers: [alias, ...found.resolved], additional: [] };
  }
  if (!isService) {
    const record = addressRecord(questionName, target.address, context);
    return record === undefined ? nothing : { answers: [record], additional: [] };
  }
  const name =
    target.kind === "node"
      ? nodeName(context, instance.Node?.Node ?? "")
      : `${toHex(target.address.bytes)}.addr.${context.datacenter}.${domainOf(context.settings, questionName)}`;
  const record = addressRecord(name, target.address, context);
  return {
    answers: [serviceRecord(context, instance, name)],
    additional: record === undefined ? [] : [record],
  };
}

const nothing: Records = { answers: [], additional: [] };

function serviceRecord(context: RecordContext, instance: CheckServiceNode, target: string): DnsRecord {
  return {
    name: context.questionName,
    ttl: context.ttl,
    data: {
      kind: "SRV",
      priority: 1,
      weight: weightOf(instance),
      port: portOf(context, instance) & 0xffff,
      target,
    },
  };
}

/** The port that clients in this datacenter use. */
export function portOf(context: RecordContext, { Service: service }: CheckServiceNode): number {
  const wide = isWan(context, context.datacenter) ? service?.TaggedAddresses?.["wan"]?.Port : undefined;
  return wide === undefined || wide === 0 ? (service?.Port ?? 0) : wide;
}

function weightOf({ Service: service, Checks: checks }: CheckServiceNode): number {
  const weights = service?.Weights ?? { Passing: 1, Warning: 1 };
  let isWarning = false;
  for (const { ServiceName: name, Status: status } of checks ?? []) {
    if (name !== "" && name !== service?.Service) continue;
    if (status === "critical") return 0;
    if (status === "warning") isWarning = true;
    else if (status !== "passing") return 1;
  }
  return (isWarning ? weights.Warning : weights.Passing) & 0xffff;
}

/** A node's metadata as TXT records; keys with `rfc1035-` give their value alone. */
export function metaRecords(name: string, meta: Node["Meta"], ttl: number): readonly DnsRecord[] {
  return Object.entries(meta ?? {}).map(([key, value]) => {
    const isBare = key.toLowerCase().startsWith("rfc1035-");
    return { name, ttl, data: { kind: "TXT", text: isBare ? value : attribute(key, value) } };
  });
}

/** `key=value` as RFC 1464 quotes it. */
function attribute(key: string, value: string): string {
  const quoted = key.replaceAll("`", "``").replaceAll("=", "`=");
  const spaced = quoted
    .replace(/^ +/u, (blanks) => "` ".repeat(blanks.length))
    .replace(/ +$/u, (blanks) => "` ".repeat(blanks.length));
  return `${spaced}=${value.replaceAll("`", "``")}`;
}

function isWan({ settings }: RecordContext, datacenter: string): boolean {
  return settings.translateWanAddrs && settings.datacenter !== datacenter;
}
