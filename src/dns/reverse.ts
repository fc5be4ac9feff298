/** From an address back to a name. */
import { ProconsulError } from "../lib/errors.ts";
import { parseIp, renderIp } from "../lib/ip.ts";
import type { Log } from "../lib/log.ts";
import type { Clock } from "../lib/clock.ts";
import { dnsType, rcode, type DnsMessage } from "../wire/dns/message.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import { catalogNodes, catalogServiceNodes } from "../wire/rpc/methods.ts";
import { ServiceSpecificRequest } from "../wire/structs/catalog.ts";
import { DCSpecificRequest } from "../wire/structs/common.ts";
import { reply } from "./answers.ts";
import { reverseAddress } from "./lookup.ts";
import type { DnsSettings } from "./settings.ts";
import type { NodesByAddress } from "./nodes-by-address.ts";
import { soaRecord } from "./soa.ts";

export interface ReverseParts {
  readonly rpc: Rpc;
  readonly clock: Clock;
  readonly log: Log;
  /** Token for reads. */
  readonly token: () => string;
  readonly nodesByAddress: NodesByAddress;
}

/** The answer to a question below `arpa.`; `undefined` if the address is not in the catalog. */
export async function answerReverse(
  parts: ReverseParts,
  settings: DnsSettings,
  request: DnsMessage,
): Promise<DnsMessage | undefined> {
  const [question] = request.questions;
  const text = question === undefined ? undefined : reverseAddress(question.name.toLowerCase());
  const ip = text === undefined ? undefined : parseIp(text);
  if (question === undefined || ip === undefined) return undefined;
  const target = await nameOfAddress(parts, settings, renderIp(ip));
  if (target === undefined) return undefined;
  const isZoneAsked = question.type === dnsType.SOA;
  return {
    ...reply(request, rcode.noError),
    authoritative: true,
    recursionAvailable: settings.recursors.length > 0,
    answers: [{ name: question.name, ttl: 0, data: { kind: "PTR", target } }],
    authority: isZoneAsked ? [soaRecord(settings, question.name, parts.clock.wallMs())] : [],
  };
}

/**
 * The name of the node that has an address, else of a service instance there; `undefined` if nobody has it or the
 * servers cannot be asked.
 */
async function nameOfAddress(
  { rpc, log, token, nodesByAddress }: ReverseParts,
  settings: DnsSettings,
  address: string,
): Promise<string | undefined> {
  const common = {
    Datacenter: settings.datacenter,
    AllowStale: settings.allowStale,
    Token: token(),
  };
  const isIt = (other: string): boolean => other === address || sameAddress(other, address);
  try {
    const { Nodes: nodes } = await rpc.call(catalogNodes, DCSpecificRequest.make(common));
    const node = nodesByAddress.find(nodes ?? [], address);
    if (node !== undefined) return `${node.Node}.node.${node.Datacenter}.${settings.domain}`;
    const request = ServiceSpecificRequest.make({ ...common, ServiceAddress: address });
    const { ServiceNodes: services } = await rpc.call(catalogServiceNodes, request);
    const service = services?.find((one) => isIt(one.ServiceAddress));
    return service === undefined
      ? undefined
      : `${service.ServiceName}.service.${service.Datacenter}.${settings.domain}`;
  } catch (error) {
    if (!(error instanceof ProconsulError)) throw error;
    log.warn("reverse lookup failed", { address, error: error.message });
    return undefined;
  }
}

function sameAddress(one: string, other: string): boolean {
  const [a, b] = [parseIp(one), parseIp(other)];
  return a !== undefined && b !== undefined && renderIp(a) === renderIp(b);
}
