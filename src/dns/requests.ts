/** The reads of the catalog that questions lead to. */
import { ServiceSpecificRequest } from "../wire/structs/catalog.ts";
import { NodeSpecificRequest } from "../wire/structs/common.ts";
import type { DnsSettings } from "./settings.ts";

/** Which instances are wanted. */
export interface WantedService {
  readonly service: string;
  /** "" for any. */
  readonly tag: string;
  readonly variant: "plain" | "connect" | "ingress";
  readonly datacenter: string;
}

/** The read of a service's instances with their health. */
export function serviceRequest(
  settings: DnsSettings,
  token: string,
  { service, tag, variant, datacenter }: WantedService,
): ServiceSpecificRequest {
  return ServiceSpecificRequest.make({
    Datacenter: datacenter,
    ServiceName: service,
    ServiceTags: tag === "" ? [] : [tag],
    TagFilter: tag !== "",
    Connect: variant === "connect",
    Ingress: variant === "ingress",
    AllowStale: settings.allowStale,
    Token: token,
  });
}

/** The read of a node. */
export function nodeRequest(
  settings: DnsSettings,
  token: string,
  { node, datacenter }: { readonly node: string; readonly datacenter: string },
): NodeSpecificRequest {
  return NodeSpecificRequest.make({
    Datacenter: datacenter,
    Node: node,
    AllowStale: settings.allowStale,
    Token: token,
  });
}
