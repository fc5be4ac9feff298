/** Reads the catalog for questions: at once where the server that answers is in this process, by a call otherwise. */
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { catalogNodeServices, catalogVirtualIp, healthServiceNodes } from "../wire/rpc/methods.ts";
import type { Rpc, RpcMethod } from "../wire/rpc/method.ts";
import { ServiceSpecificRequest, type CheckServiceNode, type Node } from "../wire/structs/catalog.ts";
import type { HealthyInstances } from "./healthy.ts";
import { nodeRequest, serviceRequest, type WantedService } from "./requests.ts";
import { countStale, isTooStale, type DnsSettings } from "./settings.ts";
import type { Sources } from "./sources.ts";

export interface ReaderParts {
  readonly rpc: Rpc;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Token for reads. */
  readonly token: () => string;
}

/** For which answer the catalog is read. */
export interface Reading {
  readonly settings: DnsSettings;
  /** Where to note what was read, if the answer may be given again. */
  readonly sources: Sources | undefined;
}

/** All reads reject with what the server answered. */
export class CatalogReader {
  readonly #parts: ReaderParts;
  readonly #healthy: HealthyInstances;

  constructor(parts: ReaderParts, healthy: HealthyInstances) {
    this.#parts = parts;
    this.#healthy = healthy;
  }

  /** The instances that an answer may name. */
  async instances(reading: Reading, wanted: WantedService): Promise<readonly CheckServiceNode[]> {
    const { settings } = reading;
    const request = serviceRequest(settings, this.#parts.token(), wanted);
    const { Nodes } = await this.#read(reading, healthServiceNodes, request);
    return this.#healthy.of(Nodes ?? [], settings.onlyPassing);
  }

  /** A node by its name. */
  async node(
    reading: Reading,
    wanted: { readonly node: string; readonly datacenter: string },
  ): Promise<Node | undefined> {
    const request = nodeRequest(reading.settings, this.#parts.token(), wanted);
    const { NodeServices } = await this.#read(reading, catalogNodeServices, request);
    return NodeServices?.Node ?? undefined;
  }

  /** The virtual address of a service here; "" if it has none. Only the leader is asked, as in the reference. */
  virtualIp(service: string): Promise<string> {
    const request = ServiceSpecificRequest.make({ ServiceName: service, Token: this.#parts.token() });
    return this.#parts.rpc.call(catalogVirtualIp, request);
  }

  /** Asks the leader instead, where a stale reply is older than the settings allow. */
  async #read<Q extends { readonly AllowStale: boolean }, R extends { readonly LastContact: number }>(
    { settings, sources }: Reading,
    method: RpcMethod<Q, R>,
    request: Q,
  ): Promise<R> {
    const { rpc, log, metrics } = this.#parts;
    const reply = await this.#first(sources, method, request);
    if (!isTooStale(settings, reply.LastContact)) {
      countStale(metrics, settings, reply.LastContact);
      return reply;
    }
    sources?.spoil();
    log.warn("Query results too stale, re-requesting");
    return rpc.call(method, { ...request, AllowStale: false });
  }

  #first<Q, R>(sources: Sources | undefined, method: RpcMethod<Q, R>, request: Q): R | Promise<R> {
    const { rpc } = this.#parts;
    const kept = sources?.read(method, request);
    if (kept !== undefined) return kept;
    const reply = rpc.callNow?.(method, request);
    if (reply === undefined) return this.#later(sources, method, request);
    sources?.spoil();
    return reply;
  }

  async #later<Q, R>(sources: Sources | undefined, method: RpcMethod<Q, R>, request: Q): Promise<R> {
    const reply = await this.#parts.rpc.call(method, request);
    return sources?.adopt(method, request) ?? reply;
  }
}
