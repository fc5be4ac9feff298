/** What clients and operators ask of the cluster, and what goes wrong around it. */
import { logIndex } from "../../src/lib/log-index.ts";
import type { Rng } from "../../src/lib/rng.ts";
import type { ConfigurationChange } from "../../src/raft/core/effects.ts";
import { entryType, type Server } from "../../src/raft/core/entry.ts";
import { commandData } from "./checkers.ts";
import type { Plan } from "./plan.ts";
import type { SimServer } from "./sim-server.ts";
import type { World } from "./world.ts";

/** Drives one world by one plan until `stopFaults`. */
export class Workload {
  readonly #world: World;
  readonly #plan: Plan;
  readonly #rng: Rng;
  #proposal = 0;
  #faults = true;
  #clients = true;

  constructor(world: World, plan: Plan, rng: Rng) {
    this.#world = world;
    this.#plan = plan;
    this.#rng = rng;
    this.#bootstrap();
    world.later(plan.proposeMs, () => this.#proposeForEver());
    world.later(plan.readMs, () => this.#readForEver());
    world.later(plan.rollMs, () => this.#rollForEver());
  }

  /** Heals everything that is broken; from here on nothing breaks any more. */
  stopFaults(): void {
    const { servers, network } = this.#world;
    this.#faults = false;
    this.#world.network.healLinks();
    Object.assign(network.rates, { lossRate: 0, duplicateRate: 0, longDelayRate: 0, crashAfterVoteRate: 0 });
    for (const server of servers) {
      server.pausedUntilMs = 0;
      this.#world.restart(server);
    }
  }

  /** Clients ask for nothing more: what is missing must come by itself. */
  stopClients(): void {
    this.#clients = false;
  }

  /** A user's snapshot becomes the state; asked of whoever leads, unless it was asked already. */
  restore(): void {
    const leader = this.leader();
    if (leader === undefined || this.#world.isStoringRestored) return;
    if ([...leader.waiting.values()].some(({ kind }) => kind === "restore")) return;
    // What is not committed would be aborted, and the checkers know no gaps.
    const { commitIndex, lastIndex } = leader.running.status();
    if (commitIndex < lastIndex) return;
    this.#world.note(leader, () => "restore a user's snapshot");
    this.#world.ask(leader, { kind: "restore", digest: this.#rng.below(2 ** 31) }, (proposalId) => ({
      kind: "planRestore",
      proposalId,
      index: logIndex(0),
    }));
  }

  /** A server that believes to lead, the newest term first; undefined if none does. */
  leader(): SimServer | undefined {
    return this.#leaders().toSorted((a, b) => b.running.status().term - a.running.status().term)[0];
  }

  #leaders(): SimServer[] {
    return this.#world.servers.filter((server) => server.core !== undefined && server.role === "leader");
  }

  /** As `bootstrap_expect` does: some or all of the servers write the same first configuration. */
  #bootstrap(): void {
    const first = this.#world.servers.slice(0, this.#plan.serverCount);
    const configuration = {
      servers: first.map(({ id, address }): Server => ({ id, address, suffrage: "voter" })),
    };
    const sure = this.#rng.below(first.length);
    for (const server of first) {
      if (server.index !== sure && !this.#rng.chance(2, 3)) continue;
      this.#world.ask(server, { kind: "other" }, (proposalId) => ({
        kind: "bootstrap",
        proposalId,
        configuration,
      }));
    }
  }

  #proposeForEver(): void {
    if (!this.#clients) return;
    // Once healed, a trickle: what piled up before must drain.
    const pauseMs = this.#faults ? 1 + this.#rng.below(2 * this.#plan.proposeMs) : 40;
    this.#world.later(pauseMs, () => this.#proposeForEver());
    const leaders = this.#leaders();
    const candidates = leaders.length > 0 && this.#rng.chance(19, 20) ? leaders : this.#world.servers;
    const server = candidates[this.#rng.below(candidates.length)];
    if (server?.core === undefined) return;
    const count = this.#rng.chance(1, 4) ? 1 + this.#rng.below(12) : 1;
    const proposals = Array.from({ length: count }, (_, at) => this.#proposal + 1 + at);
    this.#proposal += count;
    const entries = proposals.map((proposal) => ({ type: entryType.command, data: commandData(proposal) }));
    this.#world.ask(server, { kind: "propose", proposals }, (proposalId) => ({
      kind: "propose",
      proposalId,
      entries,
    }));
  }

  #readForEver(): void {
    if (!this.#clients) return;
    this.#world.later(1 + this.#rng.below(2 * this.#plan.readMs), () => this.#readForEver());
    const leaders = this.#leaders();
    const server = leaders[this.#rng.below(leaders.length)];
    if (server === undefined) return;
    const acknowledgedAtStart = this.#world.checkers.acknowledgedIndex;
    const startMs = this.#world.nowMs;
    this.#world.ask(server, { kind: "read", acknowledgedAtStart, startMs }, (proposalId) => ({
      kind: "verifyLeader",
      proposalId,
    }));
  }

  #rollForEver(): void {
    if (!this.#faults) return;
    this.#world.later(this.#plan.rollMs, () => this.#rollForEver());
    const { servers } = this.#world;
    const server = servers[this.#rng.below(servers.length)] as SimServer;
    const roll = (rate: number): boolean => rate > 0 && this.#rng.chance(rate, 1000);
    if (roll(this.#plan.cutRate)) this.#partition();
    if (roll(this.#plan.oneWayCutRate))
      this.#world.network.cut(server, servers[this.#rng.below(servers.length)] as SimServer);
    if (this.#rng.chance(1, 6)) this.#world.network.healLinks();
    if (roll(this.#plan.crashRate)) this.#crash(server);
    if (roll(this.#plan.pauseRate)) this.#world.pause(server, this.#rng.below(150));
    if (roll(this.#plan.snapshotRate)) this.#world.takeSnapshot(server);
    if (roll(this.#plan.membershipRate)) this.#changeMembership();
    if (roll(this.#plan.transferRate)) this.#transfer();
  }

  #partition(): void {
    const { servers } = this.#world;
    const side = servers.map(() => this.#rng.chance(1, 2));
    this.#world.network.healLinks();
    for (const a of servers) {
      for (const b of servers) if (side[a.index] !== side[b.index]) this.#world.network.cut(a, b);
    }
    this.#world.note(
      undefined,
      () => `partition ${servers.map((s) => (side[s.index] === true ? s.id : "|")).join(" ")}`,
    );
  }

  /** Often one, sometimes all at once. */
  #crash(server: SimServer): void {
    const victims = this.#rng.chance(1, 5) ? this.#world.servers : [server];
    for (const victim of victims) {
      if (victim.core === undefined) continue;
      this.#world.crash(victim);
      this.#world.restartLater(victim, this.#rng.below(this.#plan.restartMs));
    }
  }

  #changeMembership(): void {
    const leader = this.leader();
    const { servers } = this.#world;
    const target = servers[this.#rng.below(servers.length)] as SimServer;
    if (leader === undefined) return;
    const { id, address } = target;
    const changes: readonly ConfigurationChange[] = [
      { kind: "addVoter", id, address },
      { kind: "addVoter", id, address },
      { kind: "addNonvoter", id, address },
      { kind: "demoteVoter", id },
      { kind: "removeServer", id },
    ];
    const change = changes[this.#rng.below(changes.length)] as ConfigurationChange;
    this.#world.note(leader, () => `change ${change.kind} ${id}`);
    this.#world.ask(leader, { kind: "other" }, (proposalId) => ({
      kind: "changeConfiguration",
      proposalId,
      change,
    }));
  }

  #transfer(): void {
    const leader = this.leader();
    if (leader === undefined) return;
    this.#world.note(leader, () => "transfer leadership");
    this.#world.ask(leader, { kind: "other" }, (proposalId) => ({ kind: "transferLeadership", proposalId }));
  }
}
