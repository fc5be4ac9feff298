/** Breaks things at random, and keeps a record of what may excuse a read. */
import type { Rng } from "../../src/lib/rng.ts";
import type { FaultRecord } from "../../tools/torture/history.ts";
import type { SimHost } from "./host.ts";
import type { SimNetwork } from "./network.ts";
import { healedNetwork, type ClusterPlan } from "./plan.ts";
import type { Scheduler } from "./scheduler.ts";

/** A leader that is cut off may lead for as long as its lease lasts, and a little longer for its clock. */
const leaseFactor = 1.5;
const leaseMs = 500;

export interface FaultsParts {
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly hosts: readonly SimHost[];
  readonly plan: ClusterPlan;
  readonly rng: Rng;
  readonly log: (line: string) => void;
}

export class Faults {
  readonly records: FaultRecord[] = [];
  readonly counts: Record<string, number> = {};
  readonly #parts: FaultsParts;
  /** Grows with each cut, so that an earlier one's end does not heal a later one. */
  #cutCount = 0;
  #isStopped = false;
  /** When each host was last disturbed, by its index. */
  readonly #disturbedMs = new Map<number, number>();

  constructor(parts: FaultsParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#parts.scheduler.after(1 + this.#parts.rng.below(this.#parts.plan.rollMs), undefined, () => {
      if (this.#isStopped) return;
      this.#roll();
      this.start();
    });
  }

  /** Ends everything that is wrong. */
  heal(): void {
    const { network, hosts, plan } = this.#parts;
    this.#isStopped = true;
    this.#cutCount += 1;
    network.heal();
    network.plan = healedNetwork(plan);
    for (const host of hosts) {
      if (host.isUp) host.stall(0);
      else host.start();
    }
  }

  /** Takes a host's power away; somebody else gives it back. */
  lose(host: SimHost): void {
    this.#disturb("loss", host, this.#parts.scheduler.nowMs);
    host.crash(true);
  }

  /** The host that was lost is back. */
  findAgain(host: SimHost): void {
    this.#disturb("return", host, this.#parts.scheduler.nowMs);
    host.start();
  }

  /** For how long nothing was done to this host. */
  wellMs(host: SimHost): number {
    return this.#parts.scheduler.nowMs - (this.#disturbedMs.get(host.index) ?? 0);
  }

  #roll(): void {
    const { plan, rng, hosts } = this.#parts;
    const one = hosts[rng.below(hosts.length)];
    if (one === undefined) return;
    const hits = (rate: number): boolean => rng.chance(rate, 1_000);
    if (hits(plan.crashRate)) this.#crash(one);
    if (hits(plan.cutRate)) this.#cut("partition", (fromAside, toAside) => fromAside !== toAside);
    if (hits(plan.oneWayCutRate)) this.#cut("one way", (fromAside, toAside) => fromAside && !toAside);
    if (hits(plan.stallRate)) this.#stall(one);
    if (hits(plan.leaveRate)) this.#leave(one);
    if (hits(plan.transferRate)) this.#transfer();
  }

  #disturb(kind: string, host: SimHost, untilMs: number): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    this.#parts.log(`FAULT ${kind} ${host.name}`);
    this.#disturbedMs.set(host.index, Math.max(untilMs, this.#disturbedMs.get(host.index) ?? 0));
  }

  #crash(host: SimHost): void {
    const { scheduler, rng, plan } = this.#parts;
    if (!host.isUp) return;
    const downMs = 1 + rng.below(plan.downMs);
    this.#disturb("crash", host, scheduler.nowMs + downMs);
    host.crash(rng.chance(1, 2));
    const { incarnation } = host;
    scheduler.after(downMs, undefined, () => this.#restart(host, incarnation));
  }

  /** Also when all is well: who was on the way out then is away only now. Not if it has lived again since. */
  #restart(host: SimHost, incarnation: number): void {
    if (host.isUp || host.incarnation !== incarnation) return;
    this.#parts.log(`FAULT restart ${host.name}`);
    host.start();
  }

  #cut(kind: string, isCut: (fromAside: boolean, toAside: boolean) => boolean): void {
    const { scheduler, network, hosts, plan, rng } = this.#parts;
    const aside = new Set(hosts.filter(() => rng.chance(1, 2)));
    if (aside.size === 0 || aside.size === hosts.length) return;
    const cutMs = 1 + rng.below(plan.cutMs);
    network.heal();
    for (const from of hosts) {
      for (const to of hosts) {
        if (from !== to && isCut(aside.has(from), aside.has(to))) network.cut(from.address, to.address);
      }
    }
    for (const host of hosts) this.#disturb(kind, host, scheduler.nowMs + cutMs);
    const endMs = scheduler.nowMs + leaseMs * plan.raftMultiplier * leaseFactor;
    this.#record("partition", hosts, endMs);
    this.#cutCount += 1;
    const cut = this.#cutCount;
    scheduler.after(cutMs, undefined, () => {
      if (cut !== this.#cutCount) return;
      this.#parts.log("FAULT cut heals");
      network.heal();
    });
  }

  #stall(host: SimHost): void {
    const { scheduler, rng, plan } = this.#parts;
    if (!host.isUp) return;
    const ms = 1 + rng.below(plan.stallMs);
    this.#disturb("pause", host, scheduler.nowMs + ms);
    this.#record("pause", [host], scheduler.nowMs + ms);
    host.stall(ms);
  }

  #leave(host: SimHost): void {
    const { scheduler, rng, plan } = this.#parts;
    if (!host.isUp || host.core === undefined || host.hasLeft) return;
    // It takes some seconds to go, and is then away.
    const awayMs = 10_000 + rng.below(plan.downMs);
    this.#disturb("leave", host, scheduler.nowMs + awayMs);
    host.leave();
    this.#restartOnceGone(host, awayMs);
  }

  /** Leaving takes its time, most of all behind a cut. */
  #restartOnceGone(host: SimHost, delayMs: number): void {
    const { incarnation } = host;
    this.#parts.scheduler.after(delayMs, undefined, () => {
      const isLeaving = host.isUp && host.hasLeft && host.incarnation === incarnation;
      if (isLeaving) this.#restartOnceGone(host, 500);
      else this.#restart(host, incarnation);
    });
  }

  #transfer(): void {
    const leader = this.#parts.hosts.find((host) => host.core?.consensus?.status().role === "leader");
    if (leader === undefined) return;
    this.#parts.log(`FAULT transfer from ${leader.name}`);
    this.counts["transfer"] = (this.counts["transfer"] ?? 0) + 1;
    // Refusals are as good as success here.
    leader.core?.consensus?.transferLeadership().catch(() => undefined);
  }

  #record(name: string, hosts: readonly SimHost[], endMs: number): void {
    this.records.push({
      kind: "fault",
      name,
      servers: hosts.map(({ index }) => index + 1),
      startUs: this.#parts.scheduler.nowMs * 1_000,
      endUs: endMs * 1_000,
    });
  }
}
