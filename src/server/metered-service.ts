/** A server whose calls are counted, however they come. */
import type { Clock } from "../lib/clock.ts";
import type { MetricLabel, Metrics } from "../lib/metrics.ts";
import type { RpcService } from "../rpc/service.ts";
import type { KeptReply, RpcMethod } from "../wire/rpc/method.ts";

export interface MeterParts {
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** The parts of requests that metrics tell of. */
interface SeenRequest {
  readonly MinQueryIndex?: number;
  readonly RequireConsistent?: boolean;
  readonly ServiceName?: string;
  readonly ServiceTags?: readonly string[] | null;
}

/** Writes by the names of their timers. */
const timers: ReadonlyMap<string, string> = new Map([
  ["Catalog.Register", "catalog.register"],
  ["Catalog.Deregister", "catalog.deregister"],
]);

/** Reads of one service by the first part of their counters. */
const serviceReads: ReadonlyMap<string, string> = new Map([
  ["Catalog.ServiceNodes", "catalog.service"],
  ["Health.ServiceNodes", "health.service"],
]);

/**
 * Services that get series of their own within a time. Anybody who can ask DNS can make names up; those beyond are
 * counted together. Each has two series or four, and all together must be fewer than the registry keeps, or each new
 * one would drive out another.
 */
const labelsMax = 2_048;
const labelsAgeMsMax = 60_000;
const noLabels: readonly MetricLabel[] = [];

export class MeteredService implements RpcService {
  readonly #inner: RpcService;
  readonly #parts: MeterParts;
  #blockingCount = 0;
  /** One list a name, so that its series is found by identity. */
  readonly #labels = new Map<string, readonly MetricLabel[]>();
  #labelsSinceMs = 0;

  constructor(inner: RpcService, parts: MeterParts) {
    this.#inner = inner;
    this.#parts = parts;
  }

  methodNamed(name: string): RpcMethod<unknown, unknown> | undefined {
    return this.#inner.methodNamed(name);
  }

  hasService(name: string): boolean {
    return this.#inner.hasService(name);
  }

  async call<Q, R>(method: RpcMethod<Q, R>, request: Q, signal?: AbortSignal): Promise<R> {
    const { clock, metrics } = this.#parts;
    const seen = request as SeenRequest;
    const isRead = seen.MinQueryIndex !== undefined;
    const isBlocking = isRead && (seen.MinQueryIndex ?? 0) > 0;
    if (isRead) metrics.count("rpc.query");
    if (isBlocking) this.#blocking(1);
    const startMs = clock.monotonicMs();
    try {
      const reply = await this.#inner.call(method, request, signal);
      if (seen.RequireConsistent === true) metrics.timer("rpc.consistentRead", clock.monotonicMs() - startMs);
      this.#looked(method.name, seen, reply);
      return reply;
    } finally {
      if (isBlocking) this.#blocking(-1);
      const timer = timers.get(method.name);
      if (timer !== undefined) metrics.timer(timer, clock.monotonicMs() - startMs);
    }
  }

  callNow<Q, R>(method: RpcMethod<Q, R>, request: Q): R | undefined {
    if (this.#inner.callNow === undefined) return undefined;
    const reply = this.#inner.callNow(method, request);
    // What is not answered now comes again by `call`, and is counted there.
    if (reply === undefined) return undefined;
    this.#parts.metrics.count("rpc.query");
    this.#looked(method.name, request as SeenRequest, reply);
    return reply;
  }

  keep<Q, R>(method: RpcMethod<Q, R>, request: Q): KeptReply<R> | undefined {
    return this.#inner.keep?.(method, request);
  }

  #blocking(by: number): void {
    this.#blockingCount += by;
    this.#parts.metrics.gauge("rpc.queries_blocking", this.#blockingCount);
  }

  /** Counts what was looked for, and whether there was any. */
  #looked(method: string, { ServiceName = "", ServiceTags }: SeenRequest, reply: unknown): void {
    const prefix = serviceReads.get(method);
    if (prefix === undefined || ServiceName === "") return;
    const { metrics } = this.#parts;
    const labels = this.#labelsOf(ServiceName);
    metrics.count(`${prefix}.query`, 1, labels);
    const tags = ServiceTags ?? [];
    if (tags.length > 0) {
      const sorted = [...tags].sort().map((value) => ({ name: "tag", value }));
      metrics.count(`${prefix}.query-tags`, 1, [...labels, ...sorted]);
    }
    if (isEmpty(reply)) metrics.count(`${prefix}.not-found`, 1, labels);
  }

  #labelsOf(service: string): readonly MetricLabel[] {
    const known = this.#labels.get(service);
    if (known !== undefined) return known;
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#labelsSinceMs >= labelsAgeMsMax) {
      this.#labels.clear();
      this.#labelsSinceMs = nowMs;
    }
    if (this.#labels.size >= labelsMax) return noLabels;
    const labels = [{ name: "service", value: service }];
    this.#labels.set(service, labels);
    return labels;
  }
}

function isEmpty(reply: unknown): boolean {
  const { ServiceNodes, Nodes } = reply as {
    readonly ServiceNodes?: readonly unknown[] | null;
    readonly Nodes?: readonly unknown[] | null;
  };
  return ((ServiceNodes ?? Nodes)?.length ?? 0) === 0;
}
