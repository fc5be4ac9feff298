/**
 * What a name in our domain asks for. Pure; letter case is already lowered.
 *
 *     [tag.]web.service[.dc1].consul.     _web._tcp.service.consul.     db1.node[.dc1.dc].consul.
 *
 * Source: the reference's documentation of its DNS interface (discovery/dns), and its dispatcher.
 */
import { splitName } from "../wire/dns/name.ts";
import { dnsType } from "../wire/dns/message.ts";

/** Where to look: an explicit datacenter or peer, or one label that may be either. */
export interface Locality {
  readonly datacenter: string | undefined;
  readonly peer: string | undefined;
}

export type Lookup =
  | {
      readonly kind: "service";
      readonly service: string;
      /** "" for any. */
      readonly tag: string;
      readonly variant: "plain" | "connect" | "ingress";
      readonly locality: Locality;
    }
  | { readonly kind: "node"; readonly node: string; readonly locality: Locality }
  | { readonly kind: "query"; readonly query: string; readonly datacenter: string | undefined }
  /** `isLocal`: not of a peer, which a single label after the word would name. */
  | { readonly kind: "virtual"; readonly service: string; readonly isLocal: boolean }
  | { readonly kind: "address"; readonly hex: string }
  | { readonly kind: "invalid" };

const kinds = new Set(["service", "connect", "virtual", "ingress", "node", "query", "addr"]);
const invalid: Lookup = { kind: "invalid" };

/** Reads a name without the domain: `web.service.dc1.`. */
export function parseLookup(name: string, questionType: number): Lookup {
  const labels = splitName(name);
  for (let at = labels.length - 1; at >= 0; at -= 1) {
    const label = labels[at] ?? "";
    if (kinds.has(label)) return lookupOf(label, labels.slice(0, at), labels.slice(at + 1));
    // In a question for SRV the word "service" may be left out.
    if (questionType === dnsType.SRV && label.startsWith("_")) {
      return lookupOf("service", labels.slice(0, at + 1), labels.slice(at + 1));
    }
  }
  return invalid;
}

function lookupOf(kind: string, parts: readonly string[], suffixes: readonly string[]): Lookup {
  if (parts.length === 0) return invalid;
  if (kind === "addr") return parts.length === 1 ? { kind: "address", hex: parts[0] ?? "" } : invalid;
  if (kind === "query") {
    if (suffixes.length > 1) return invalid;
    return { kind: "query", query: queryName(parts), datacenter: suffixes[0] };
  }
  const locality = parseLocality(suffixes);
  if (locality === undefined) return invalid;
  const last = parts.at(-1) ?? "";
  switch (kind) {
    case "node":
      return { kind: "node", node: parts.join("."), locality };
    case "virtual":
      return {
        kind: "virtual",
        service: last,
        isLocal: suffixes.length !== 1 && locality.peer === undefined,
      };
    case "connect":
    case "ingress":
      return { kind: "service", service: last, tag: "", variant: kind, locality };
    default:
      return { kind: "service", ...serviceAndTag(parts), variant: "plain", locality };
  }
}

/** `_web._tag` (RFC 2782; the tag `tcp` is none), or `tag.with.dots.web`. */
function serviceAndTag(parts: readonly string[]): { readonly service: string; readonly tag: string } {
  const [first = "", second = ""] = parts;
  if (parts.length === 2 && first.startsWith("_") && second.startsWith("_")) {
    return { service: first.slice(1), tag: second === "_tcp" ? "" : second.slice(1) };
  }
  return { service: parts.at(-1) ?? "", tag: parts.slice(0, -1).join(".") };
}

function queryName(parts: readonly string[]): string {
  const isRfc2782 =
    parts.length >= 2 && parts[0]?.startsWith("_") === true && parts.at(-1)?.startsWith("_") === true;
  return isRfc2782 ? parts.slice(0, -1).join(".").slice(1) : parts.join(".");
}

/** `[dc]`, `[name, "dc"]`, `[name, "peer"]`, or nothing. */
function parseLocality(suffixes: readonly string[]): Locality | undefined {
  const [name, kind] = suffixes;
  if (suffixes.length <= 1) return { datacenter: name, peer: undefined };
  if (suffixes.length !== 2 && suffixes.length !== 4) return undefined;
  const found: { datacenter: string | undefined; peer: string | undefined } = {
    datacenter: undefined,
    peer: undefined,
  };
  for (const [label, word] of suffixes.length === 2
    ? [[name, kind]]
    : [
        [name, kind],
        [suffixes[2], suffixes[3]],
      ]) {
    if (word === "dc") found.datacenter = label;
    else if (word === "peer") found.peer = label;
    else return undefined;
  }
  return found.datacenter !== undefined && found.peer !== undefined ? undefined : found;
}

/** The IP address of an `in-addr.arpa.` or `ip6.arpa.` name in text, or `undefined`. */
export function reverseAddress(name: string): string | undefined {
  const labels = splitName(name).toReversed();
  if (labels[0] !== "arpa") return undefined;
  if (labels[1] === "in-addr") return labels.length === 6 ? labels.slice(2).join(".") : undefined;
  if (labels[1] !== "ip6" || labels.length !== 34) return undefined;
  const digits = labels.slice(2).join("");
  if (!/^[\da-f]{32}$/u.test(digits)) return undefined;
  return digits.match(/.{4}/gu)?.join(":");
}
