/**
 * Whether clients will take what an authority has signed: times, purposes and the authority's name constraints.
 *
 * Texts and their order are those of Go's `x509.Certificate.Verify`, which the reference asks. Signatures are
 * not looked at here.
 */
import { quoteGo } from "../../lib/go-quote.ts";
import { isIpv4, networkContains, renderCidr, renderIp, type IpBytes } from "../../lib/ip.ts";
import type { IssuerFacts, NameTrees } from "./read-certificate.ts";

/** What was signed. */
export interface IssuedFacts {
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly IpBytes[];
}

/** The first problem with `issued`, or `undefined`. `nowMs` is the present time. */
export function checkIssued(issued: IssuedFacts, issuer: IssuerFacts, nowMs: number): string | undefined {
  const expired = checkTime(issued, nowMs);
  if (expired !== undefined) return expired;
  if (!issuer.maySign) {
    const reason = "x509: invalid signature: parent certificate cannot sign this kind of certificate";
    const where = `while trying to verify candidate authority certificate ${quoteGo(issuer.shortName)}`;
    return `x509: certificate signed by unknown authority (possibly because of ${quoteGo(reason)} ${where})`;
  }
  const issuerExpired = checkTime(issuer, nowMs);
  if (issuerExpired !== undefined) return issuerExpired;
  const outside = checkNames(issued, issuer);
  if (outside !== undefined) {
    return `x509: a root or intermediate certificate is not authorized to sign for this name: ${outside}`;
  }
  return issuer.allowsServers ? undefined : "x509: certificate specifies an incompatible key usage";
}

interface Period {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Certificates keep whole seconds, so that one of no length has expired once the second has begun. */
function checkTime(period: Period, nowMs: number): string | undefined {
  const head = `x509: certificate has expired or is not yet valid: current time ${renderSecond(nowMs)}`;
  if (nowMs < wholeSecond(period.notBeforeMs)) return `${head} is before ${renderSecond(period.notBeforeMs)}`;
  if (nowMs > wholeSecond(period.notAfterMs)) return `${head} is after ${renderSecond(period.notAfterMs)}`;
  return undefined;
}

function wholeSecond(epochMs: number): number {
  return Math.floor(epochMs / 1000) * 1000;
}

function renderSecond(epochMs: number): string {
  // oxlint-disable-next-line no-restricted-globals -- formats the number, not the present.
  return new Date(wholeSecond(epochMs)).toISOString().replace(".000Z", "Z");
}

function checkNames(issued: IssuedFacts, issuer: IssuerFacts): string | undefined {
  for (const name of issued.dnsNames) {
    const quoted = `DNS name ${quoteGo(name)}`;
    const excluding = issuer.excluded.dnsNames.find((domain) => lies(name, domain));
    if (excluding !== undefined) return `${quoted} is excluded by constraint ${quoteGo(excluding)}`;
    const { dnsNames } = issuer.permitted;
    if (dnsNames.length > 0 && !dnsNames.some((domain) => lies(name, domain))) {
      return `${quoted} is not permitted by any constraint`;
    }
  }
  for (const ip of issued.ipAddresses) {
    const quoted = `IP address ${quoteGo(renderIp(ip))}`;
    const excluding = containing(issuer.excluded, ip);
    if (excluding !== undefined) return `${quoted} is excluded by constraint ${quoteGo(excluding)}`;
    const { networks } = issuer.permitted;
    if (networks.length > 0 && containing(issuer.permitted, ip) === undefined) {
      return `${quoted} is not permitted by any constraint`;
    }
  }
  return undefined;
}

/** Whether a name is a domain or lies in it; with a dot in front, only what lies in it. */
function lies(name: string, domain: string): boolean {
  const own = name.toLowerCase();
  const wanted = domain.toLowerCase();
  if (wanted === "") return true;
  return own === wanted || own.endsWith(wanted.startsWith(".") ? wanted : `.${wanted}`);
}

function containing(trees: NameTrees, ip: IpBytes): string | undefined {
  const found = trees.networks.find((network) => {
    // 0.0.0.0/0 is about IPv4 alone, and ::/0 about IPv6.
    const isForIpv4 = isIpv4(network.base) && network.bits >= 96;
    return isForIpv4 === isIpv4(ip) && networkContains(network, ip);
  });
  return found === undefined ? undefined : renderCidr(found);
}
