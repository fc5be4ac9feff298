/**
 * Makes the servers agree with the agent: changes at once, everything about once a minute.
 *
 * One pass runs at a time; changes that arrive meanwhile are taken by one more pass. A failed full sync is
 * tried again after 15 s plus a random part. Source: the reference's agent/ae and agent/local.
 */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { PermissionDeniedError, type Rpc } from "../wire/rpc/method.ts";
import {
  catalogDeregister,
  catalogNodeServiceList,
  catalogRegister,
  healthNodeChecks,
} from "../wire/rpc/methods.ts";
import { DeregisterRequest, RegisterRequest, type HealthCheck, type Node } from "../wire/structs/catalog.ts";
import { NodeSpecificRequest } from "../wire/structs/common.ts";
import type { NodeService } from "../wire/structs/service.ts";
import type { CheckRow, LocalState, ServiceRow } from "./local-state.ts";
import { sameCheck, sameRecord, sameService } from "./same.ts";

const retryFailMs = 15_000;
/** A new server gives the agent this long to gather changes before one full sync. */
const serverUpMs = 3_000;
const consulServiceId = "consul";
const serfCheckId = "serfHealth";
const reservedPrefix = "consul-";

/** The node as the agent registers it. */
export interface NodeFacts {
  readonly datacenter: string;
  readonly nodeName: string;
  readonly nodeId: string;
  readonly address: string;
  readonly taggedAddresses: Readonly<Record<string, string>>;
  readonly meta: Readonly<Record<string, string>>;
}

export interface AntiEntropyDeps {
  readonly rpc: Rpc;
  readonly clock: Clock;
  readonly random: (limit: number) => number;
  readonly log: Log;
  readonly state: LocalState;
  readonly node: NodeFacts;
  readonly intervalMs: number;
  /** Tokens of the agent's own calls and of registrations without one. */
  readonly tokens: () => { readonly agent: string; readonly user: string };
}

/** What is logged once it is done, and of which entry. */
interface Attempt {
  readonly done: string;
  readonly service?: string;
  readonly check?: string;
}

/** Waits for the pass that covers the changes up to a count. */
interface Waiter {
  readonly through: number;
  readonly resolve: () => void;
}

export class AntiEntropy {
  readonly #deps: AntiEntropyDeps;
  #node: NodeFacts;
  #timer: Disposable | undefined;
  #wanted: "none" | "changes" | "full" = "none";
  #running: Promise<void> | undefined;
  #stopped = true;
  /** Counts changes; a pass covers those counted before it began. */
  #changeCount = 0;
  #passes: readonly Waiter[] = [];

  constructor(deps: AntiEntropyDeps) {
    this.#deps = deps;
    this.#node = deps.node;
  }

  /** Begins with a full sync at once. */
  start(): void {
    this.#stopped = false;
    this.#want("full");
  }

  stop(): void {
    this.#stopped = true;
    this.#release(Number.POSITIVE_INFINITY);
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /** The node's own metadata changed. */
  describeNode(meta: NodeFacts["meta"]): void {
    if (sameRecord(this.#node.meta, meta)) return;
    this.#node = { ...this.#node, meta };
    this.#deps.state.nodeInSync = false;
    this.changed();
  }

  /** Something changed here. */
  changed(): void {
    this.#changeCount += 1;
    this.#want("changes");
  }

  /**
   * Settles when the servers were told of all changes up to this call, or that failed: the next full sync tries
   * again. At once while nothing is synced.
   */
  caughtUp(): Promise<void> {
    if (this.#running === undefined) return Promise.resolve();
    const through = this.#changeCount;
    return new Promise((resolve) => {
      this.#passes = [...this.#passes, { through, resolve }];
    });
  }

  /** The servers may have changed: a full sync soon. */
  serverUp(): void {
    if (!this.#stopped) this.#schedule(this.#deps.random(serverUpMs));
  }

  /** Settles when no pass is running or wanted. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #want(kind: "changes" | "full"): void {
    if (this.#stopped) return;
    if (this.#wanted !== "full") this.#wanted = kind;
    if (this.#running !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.#release(Number.POSITIVE_INFINITY);
    });
  }

  #release(through: number): void {
    const waiting = this.#passes;
    this.#passes = waiting.filter((one) => one.through > through);
    for (const one of waiting) if (one.through <= through) one.resolve();
  }

  async #run(): Promise<void> {
    // Lets the registration that triggered this pass finish, so that a service and its checks go together.
    await Promise.resolve();
    while (this.#wanted !== "none" && !this.#stopped) {
      const kind = this.#wanted;
      this.#wanted = "none";
      const through = this.#changeCount;
      const done = kind === "full" ? await this.#full() : await this.#changes();
      this.#release(through);
      const { intervalMs, random } = this.#deps;
      if (kind === "full")
        this.#schedule(done ? intervalMs + random(intervalMs) : retryFailMs + random(retryFailMs));
      else if (!done) this.#schedule(retryFailMs + random(retryFailMs));
    }
  }

  #schedule(delayMs: number): void {
    this.#timer?.[Symbol.dispose]();
    if (this.#stopped) return;
    this.#timer = this.#deps.clock.after(delayMs, () => this.#want("full"));
  }

  async #full(): Promise<boolean> {
    try {
      await this.#compare();
    } catch (error) {
      this.#deps.log.error("failed to sync remote state", { error: textOf(error) });
      return false;
    }
    return this.#changes();
  }

  /** Reads what the servers have and marks the differences. */
  async #compare(): Promise<void> {
    const node = this.#node;
    const { rpc, state, tokens } = this.#deps;
    const request = NodeSpecificRequest.make({
      Datacenter: node.datacenter,
      Node: node.nodeName,
      AllowStale: true,
      Token: tokens().agent,
    });
    const { NodeServices: remote } = await rpc.call(catalogNodeServiceList, request);
    const { HealthChecks: remoteChecks } = await rpc.call(healthNodeChecks, request);
    if (!sameNode(remote.Node, node)) state.nodeInSync = false;
    const services = new Map((remote.Services ?? []).map((one) => [one.ID, one]));
    for (const [id, row] of state.services) if (!services.has(id)) row.inSync = false;
    for (const [id, theirs] of services) this.#compareService(id, theirs);
    const checks = new Map((remoteChecks ?? []).map((one) => [one.CheckID, one]));
    for (const [id, row] of state.checks) if (!checks.has(id)) row.inSync = false;
    for (const [id, theirs] of checks) this.#compareCheck(id, theirs);
  }

  #compareService(id: string, theirs: NodeService): void {
    const { services } = this.#deps.state;
    const row = services.get(id);
    if (row === undefined) {
      if (id !== consulServiceId) services.set(id, { ...unknownRow });
      return;
    }
    if (row.deleted || row.value === undefined) return;
    const value = mergedService(row.value, theirs);
    const inSync = sameService(value, theirs);
    if (value === row.value) row.inSync = inSync;
    else services.set(id, { ...row, value, inSync });
  }

  #compareCheck(id: string, theirs: HealthCheck): void {
    const { checks } = this.#deps.state;
    const row = checks.get(id);
    if (row === undefined) {
      if (id !== serfCheckId)
        checks.set(id, { ...unknownRow, criticalSinceMs: undefined, deferred: undefined });
      return;
    }
    if (row.deleted || row.value === undefined) return;
    // While a change of output waits, its timer will mark the row.
    row.inSync =
      row.deferred === undefined
        ? sameCheck(row.value, theirs)
        : sameCheck({ ...row.value, Output: "" }, { ...theirs, Output: "" });
  }

  /** Sends whatever is marked. Answers whether all of it arrived. */
  async #changes(): Promise<boolean> {
    const { state } = this.#deps;
    let arrived = true;
    if (!state.nodeInSync && !(await this.#attempt({ done: "Synced node info" }, () => this.#syncNode()))) {
      return false;
    }
    for (const [service, row] of state.services) {
      if (row.inSync && !row.deleted) continue;
      const sent = row.deleted
        ? this.#attempt({ done: "Deregistered service", service }, () => this.#deleteService(service, row))
        : this.#attempt({ done: "Synced service", service }, () => this.#syncService(service, row));
      if (!(await sent)) arrived = false;
    }
    for (const [check, row] of state.checks) {
      if (row.inSync && !row.deleted) continue;
      const sent = row.deleted
        ? this.#attempt({ done: "Deregistered check", check }, () => this.#deleteCheck(check, row))
        : this.#attempt({ done: "Synced check", check }, () => this.#syncCheck(check, row));
      if (!(await sent)) arrived = false;
    }
    return arrived;
  }

  async #attempt({ done, ...fields }: Attempt, send: () => Promise<void>): Promise<boolean> {
    if (this.#stopped) return false;
    try {
      await send();
      this.#deps.log.info(done, fields);
      return true;
    } catch (error) {
      this.#deps.log.warn("Sync failed", { ...fields, wanted: done, error: textOf(error) });
      return false;
    }
  }

  /** A refusal by ACLs counts as done until the next full sync, as in the reference. */
  async #refusable(call: () => Promise<unknown>): Promise<void> {
    try {
      await call();
    } catch (error) {
      if (!(error instanceof PermissionDeniedError)) throw error;
      this.#deps.log.warn("sync blocked by ACLs", { error: error.message });
    }
  }

  #registration(token: string): RegisterRequest {
    const node = this.#node;
    const { state } = this.#deps;
    return RegisterRequest.make({
      Datacenter: node.datacenter,
      ID: node.nodeId,
      Node: node.nodeName,
      Address: node.address,
      TaggedAddresses: node.taggedAddresses,
      NodeMeta: node.meta,
      SkipNodeUpdate: state.nodeInSync,
      Token: token,
    });
  }

  async #syncNode(): Promise<void> {
    await this.#refusable(() =>
      this.#deps.rpc.call(catalogRegister, this.#registration(this.#deps.tokens().agent)),
    );
    this.#deps.state.nodeInSync = true;
  }

  async #syncService(id: string, row: ServiceRow): Promise<void> {
    const { rpc, state, tokens } = this.#deps;
    const token = row.token === "" ? tokens().user : row.token;
    // Checks that need syncing ride along, if they are to be registered with the same token.
    const riders = [...state.checks].filter(
      ([, check]) =>
        !check.deleted && !check.inSync && check.value?.ServiceID === id && check.token === row.token,
    );
    const checks = riders.flatMap(([, check]) => (check.value === undefined ? [] : [check.value]));
    const request = {
      ...this.#registration(token),
      Service: row.value ?? null,
      ...(checks.length === 1
        ? { Check: checks[0] ?? null }
        : { Checks: checks.length === 0 ? null : checks }),
    };
    await this.#refusable(() => rpc.call(catalogRegister, request));
    state.nodeInSync = true;
    if (state.services.get(id) === row) row.inSync = true;
    for (const [checkId, check] of riders) if (state.checks.get(checkId) === check) markSynced(check);
  }

  async #syncCheck(id: string, row: CheckRow): Promise<void> {
    const { rpc, state, tokens } = this.#deps;
    const request = {
      ...this.#registration(row.token === "" ? tokens().user : row.token),
      Check: row.value ?? null,
      Service: state.service(row.value?.ServiceID ?? "") ?? null,
    };
    await this.#refusable(() => rpc.call(catalogRegister, request));
    state.nodeInSync = true;
    if (state.checks.get(id) === row) markSynced(row);
  }

  async #deleteService(id: string, row: ServiceRow): Promise<void> {
    const { state } = this.#deps;
    await this.#deregister({ ServiceID: id });
    if (state.services.get(id) === row) state.services.delete(id);
    // The servers removed the checks with their service.
    for (const [checkId, check] of state.checks) {
      if (check.deleted && check.value?.ServiceID === id) state.checks.delete(checkId);
    }
  }

  async #deleteCheck(id: string, row: CheckRow): Promise<void> {
    await this.#deregister({ CheckID: id });
    if (this.#deps.state.checks.get(id) === row) this.#deps.state.checks.delete(id);
  }

  async #deregister(target: { readonly ServiceID?: string; readonly CheckID?: string }): Promise<void> {
    const node = this.#node;
    const { rpc, tokens } = this.#deps;
    const request = DeregisterRequest.make({
      Datacenter: node.datacenter,
      Node: node.nodeName,
      Token: tokens().agent,
      ...target,
    });
    try {
      await this.#refusable(() => rpc.call(catalogDeregister, request));
    } catch (error) {
      if (!/Unknown (service|check)/.test(textOf(error))) throw error;
    }
  }
}

const unknownRow: ServiceRow & CheckRow = {
  value: undefined,
  token: "",
  fromConfig: false,
  inSync: false,
  deleted: true,
  criticalSinceMs: undefined,
  deferred: undefined,
};

function markSynced(row: CheckRow): void {
  row.inSync = true;
  row.deferred?.[Symbol.dispose]();
  row.deferred = undefined;
}

/** Tags that the catalog may override, and addresses that servers add, come back into the local definition. */
function mergedService(ours: NodeService, theirs: NodeService): NodeService {
  let merged = ours;
  if (ours.EnableTagOverride && JSON.stringify(ours.Tags) !== JSON.stringify(theirs.Tags)) {
    merged = { ...merged, Tags: theirs.Tags };
  }
  const added = Object.entries(theirs.TaggedAddresses ?? {}).filter(
    ([name]) => name.startsWith(reservedPrefix) && ours.TaggedAddresses?.[name] === undefined,
  );
  if (added.length === 0) return merged;
  return { ...merged, TaggedAddresses: { ...merged.TaggedAddresses, ...Object.fromEntries(added) } };
}

function sameNode(theirs: Node | null, ours: NodeFacts): boolean {
  return (
    theirs !== null &&
    theirs.ID === ours.nodeId &&
    theirs.Address === ours.address &&
    sameRecord(theirs.TaggedAddresses, ours.taggedAddresses) &&
    sameRecord(theirs.Meta, ours.meta)
  );
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
