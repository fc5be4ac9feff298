/**
 * What this agent registered, and what of it the servers already know.
 *
 * Rows are replaced, never edited, when their content changes: the syncer may hold a row across an RPC and
 * mark it only if it is still the one in the table. A removed row stays as `deleted` until the servers
 * were told. Source: the reference's agent/local.
 */
import type { Clock } from "../lib/clock.ts";
import type { HealthCheck } from "../wire/structs/catalog.ts";
import type { NodeService } from "../wire/structs/service.ts";

/** A service or check with its bookkeeping. `value` is `undefined` for what only the servers have. */
export interface Row<T> {
  readonly value: T | undefined;
  readonly token: string;
  readonly fromConfig: boolean;
  inSync: boolean;
  deleted: boolean;
}
export type ServiceRow = Row<NodeService>;
export interface CheckRow extends Row<HealthCheck> {
  /** Monotonic time since which the check is critical. */
  readonly criticalSinceMs: number | undefined;
  /** Set while a change of output waits to be synced. */
  deferred: Disposable | undefined;
}

/** Where a registration comes from and with which token it is synced. */
export interface Origin {
  readonly token: string;
  readonly fromConfig: boolean;
}

export interface LocalStateDeps {
  readonly clock: Clock;
  /** Uniform integer below `limit`. */
  readonly random: (limit: number) => number;
  /** 0: changes of output are synced at once. */
  readonly updateIntervalMs: number;
  readonly discardOutput: boolean;
  /** Something is out of sync. Called within the change; must not call back. */
  readonly changed: () => void;
}

export class LocalState {
  readonly #deps: LocalStateDeps;
  readonly services = new Map<string, ServiceRow>();
  readonly checks = new Map<string, CheckRow>();
  readonly #watchers = new Map<string, Set<() => void>>();
  /** Whether the servers know the node's addresses and metadata. */
  nodeInSync = false;
  /** Whether results are kept without their output, from the next result on. */
  discardOutput: boolean;

  constructor(deps: LocalStateDeps) {
    this.#deps = deps;
    this.discardOutput = deps.discardOutput;
  }

  service(id: string): NodeService | undefined {
    const row = this.services.get(id);
    return row === undefined || row.deleted ? undefined : row.value;
  }

  check(id: string): HealthCheck | undefined {
    const row = this.checks.get(id);
    return row === undefined || row.deleted ? undefined : row.value;
  }

  allServices(): NodeService[] {
    return live(this.services);
  }

  allChecks(): HealthCheck[] {
    return live(this.checks);
  }

  /** Checks of a service, with those of the node if asked for. */
  checksOf(serviceId: string, withNodeChecks: boolean): HealthCheck[] {
    return this.allChecks().filter(
      (check) => check.ServiceID === serviceId || (withNodeChecks && check.ServiceID === ""),
    );
  }

  putService(service: NodeService, origin: Origin): void {
    this.services.set(service.ID, { value: service, ...origin, inSync: false, deleted: false });
    this.#notify(service.ID);
    this.#deps.changed();
  }

  putCheck(check: HealthCheck, origin: Origin): void {
    const before = this.checks.get(check.CheckID);
    before?.deferred?.[Symbol.dispose]();
    const shown = this.discardOutput ? { ...check, Output: "" } : check;
    const criticalSinceMs =
      check.Status === "critical" ? (before?.criticalSinceMs ?? this.#deps.clock.monotonicMs()) : undefined;
    const row = {
      value: shown,
      ...origin,
      inSync: false,
      deleted: false,
      criticalSinceMs,
      deferred: undefined,
    };
    this.checks.set(check.CheckID, row);
    this.#notify(check.ServiceID);
    this.#deps.changed();
  }

  /** Marks a service for removal. Answers whether there was one. */
  removeService(id: string): boolean {
    const row = this.services.get(id);
    if (row === undefined || row.deleted) return false;
    this.services.set(id, { ...row, inSync: false, deleted: true });
    this.#notify(id);
    this.#deps.changed();
    return true;
  }

  /** Marks a check for removal. Answers whether there was one. */
  removeCheck(id: string): boolean {
    const row = this.checks.get(id);
    if (row === undefined || row.deleted) return false;
    row.deferred?.[Symbol.dispose]();
    this.checks.set(id, { ...row, inSync: false, deleted: true, deferred: undefined });
    this.#notify(row.value?.ServiceID ?? "");
    this.#deps.changed();
    return true;
  }

  /** Takes a check's result. A repeated result costs nothing; changed output alone may wait. */
  updateCheck(id: string, status: string, output: string): void {
    const row = this.checks.get(id);
    if (row?.value === undefined || row.deleted) return;
    const shown = this.discardOutput ? "" : output;
    if (row.value.Status === status && row.value.Output === shown) return;
    const criticalSinceMs =
      status === "critical" ? (row.criticalSinceMs ?? this.#deps.clock.monotonicMs()) : undefined;
    const value = { ...row.value, Status: status, Output: shown };
    if (row.value.Status === status && this.#deps.updateIntervalMs > 0) {
      this.checks.set(id, { ...row, value, deferred: row.deferred ?? this.#defer(id) });
      return;
    }
    row.deferred?.[Symbol.dispose]();
    this.checks.set(id, { ...row, value, criticalSinceMs, inSync: false, deferred: undefined });
    this.#notify(value.ServiceID);
    this.#deps.changed();
  }

  /** Calls `fn` on each change of a service or of the status of its checks. */
  watchService(id: string, fn: () => void): Disposable {
    const set = this.#watchers.get(id) ?? new Set();
    this.#watchers.set(id, set);
    set.add(fn);
    return {
      [Symbol.dispose]: () => {
        set.delete(fn);
        if (set.size === 0) this.#watchers.delete(id);
      },
    };
  }

  /** Half the interval plus up to one interval at random, as the reference waits. */
  #defer(id: string): Disposable {
    const { clock, random, updateIntervalMs } = this.#deps;
    return clock.after(updateIntervalMs / 2 + random(updateIntervalMs), () => {
      const row = this.checks.get(id);
      if (row === undefined) return;
      row.deferred = undefined;
      if (row.deleted) return;
      row.inSync = false;
      this.#deps.changed();
    });
  }

  #notify(serviceId: string): void {
    for (const fn of this.#watchers.get(serviceId) ?? []) fn();
  }
}

function live<T>(rows: ReadonlyMap<string, Row<T>>): T[] {
  const values: T[] = [];
  for (const row of rows.values()) if (!row.deleted && row.value !== undefined) values.push(row.value);
  return values;
}
