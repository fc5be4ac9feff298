/**
 * Keeps catalog and configuration in step with gossip, one member at a time; for the leader.
 *
 * Source: the reference's leader.go (reconcile, reconcileMember, reconcileReaped).
 */
import { commandType } from "../fsm/command.ts";
import { encodeCommand } from "../fsm/encode.ts";
import type { Clock } from "../lib/clock.ts";
import type { Consensus } from "../lib/consensus.ts";
import type { Log } from "../lib/log.ts";
import type { Member, MemberPool } from "../lib/members.ts";
import type { Metrics } from "../lib/metrics.ts";
import { getCheck, getNode, getService } from "../state/catalog.ts";
import type { StateStore } from "../state/store.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { DeregisterRequest, RegisterRequest } from "../wire/structs/catalog.ts";
import type { Autopilot } from "./autopilot.ts";
import { serverMembers } from "./known-servers.ts";
import { stamped } from "./registration.ts";
import {
  gossipCheckId,
  memberDuties,
  sameName,
  unknownNodeDuties,
  type MemberDuty,
  type MemberFacts,
} from "./leader-members.ts";

/** Members whose entries are written at the same time. */
const parallelMax = 64;

/** A member, or what is left of it. */
export interface ReconcileTarget {
  readonly member: Member;
  /** Gossip has forgotten it. */
  readonly reaped: boolean;
}

export interface ReconcilerParts {
  readonly consensus: Consensus;
  readonly store: StateStore;
  readonly pool: MemberPool;
  readonly autopilot: Pick<Autopilot, "addServer" | "removeServer">;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly datacenter: string;
  readonly nodeName: string;
  /** See `MemberFacts.ownNode`. */
  readonly ownNode?: NonNullable<MemberFacts["ownNode"]>;
}

export class Reconciler {
  readonly #parts: ReconcilerParts;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
  }

  /** Looks at every member, and at every node that gossip should know. Answers whether all went well. */
  async reconcileAll(): Promise<boolean> {
    const { pool, clock, metrics } = this.#parts;
    const startMs = clock.monotonicMs();
    const members = pool.members();
    let wentWell = true;
    // Servers one after another, since the configuration changes one server at a time.
    const servers = new Set(serverMembers(pool).map(({ member }) => member));
    for (const member of servers) wentWell = (await this.reconcile({ member, reaped: false })) && wentWell;
    const clients = members.filter((member) => !servers.has(member));
    wentWell = (await inGroups(clients, (member) => this.reconcile({ member, reaped: false }))) && wentWell;
    wentWell = (await this.#reconcileUnknown(members)) && wentWell;
    metrics.timer("leader.reconcile", clock.monotonicMs() - startMs);
    return wentWell;
  }

  /** Does what is due about one member. Answers whether it could; failures are logged. */
  async reconcile(target: ReconcileTarget): Promise<boolean> {
    const { clock, metrics } = this.#parts;
    const startMs = clock.monotonicMs();
    const done = await this.#carryOut(target.member.name, memberDuties(this.#facts(target)));
    metrics.timer("leader.reconcileMember", clock.monotonicMs() - startMs);
    return done;
  }

  #reconcileUnknown(members: readonly Member[]): Promise<boolean> {
    const { store, datacenter, nodeName } = this.#parts;
    const known = new Set(members.map(({ name }) => name.toLowerCase()));
    const unknown = [...store.tables.nodes.values()]
      .map((node) => node.Node)
      .filter((name) => !known.has(name.toLowerCase()) && getCheck(store, name, gossipCheckId) !== undefined);
    return inGroups(unknown, (node) =>
      this.#carryOut(node, unknownNodeDuties({ node, ownName: nodeName, datacenter })),
    );
  }

  #facts({ member, reaped }: ReconcileTarget): MemberFacts {
    const { store, pool, datacenter, nodeName, ownNode } = this.#parts;
    const isOwn = sameName(member.name, nodeName);
    return {
      member,
      status: reaped ? "reaped" : member.status,
      datacenter,
      ownName: nodeName,
      // The pool is searched only where it matters: there may be thousands of members.
      bootstrapServers: member.tags["bootstrap"] === undefined ? [] : bootstrapServers(pool),
      idLivesOn: member.status !== "alive" && livesOn(pool, member),
      node: getNode(store, member.name),
      serverService: getService(store, member.name, "consul"),
      gossipCheck: getCheck(store, member.name, gossipCheckId),
      ...(isOwn && ownNode !== undefined ? { ownNode } : {}),
    };
  }

  async #carryOut(name: string, duties: readonly MemberDuty[]): Promise<boolean> {
    try {
      for (const duty of duties) await this.#do(name, duty);
      return true;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#parts.log.error("failed to reconcile member", { member: name, error: text });
      return false;
    }
  }

  async #do(member: string, duty: MemberDuty): Promise<void> {
    const { autopilot, log } = this.#parts;
    switch (duty.kind) {
      case "joinServer":
        return autopilot.addServer(duty);
      case "removeServer":
        return autopilot.removeServer(duty.id);
      case "register": {
        log.info(duty.because, { member });
        const request = stamped(duty.request, this.#parts.clock.wallMs());
        return this.#propose(encodeCommand(commandType.register, RegisterRequest, request), request);
      }
      case "deregister":
        log.info("deregistering member", { member, reason: duty.because });
        return this.#propose(
          encodeCommand(commandType.deregister, DeregisterRequest, duty.request),
          duty.request,
        );
      case "report":
        log[duty.level](duty.text, { member });
        return;
      default:
        duty satisfies never;
    }
  }

  async #propose(command: Uint8Array, decoded: unknown): Promise<void> {
    const refusal = await this.#parts.consensus.propose(command, decoded);
    if (typeof refusal === "string") throw new RpcError(refusal);
  }
}

function bootstrapServers(pool: MemberPool): readonly string[] {
  return serverMembers(pool).flatMap(({ info }) => (info.bootstrap ? [info.name] : []));
}

function livesOn(pool: MemberPool, { name, tags }: Member): boolean {
  if (tags["role"] !== "consul") return false;
  return serverMembers(pool).some(
    ({ member, info }) => info.id === tags["id"] && member.status === "alive" && !sameName(member.name, name),
  );
}

/** Runs `duty` for all, some at a time. Answers whether all went well. */
async function inGroups<T>(items: readonly T[], duty: (item: T) => Promise<boolean>): Promise<boolean> {
  let wentWell = true;
  for (let start = 0; start < items.length; start += parallelMax) {
    const done = await Promise.all(items.slice(start, start + parallelMax).map(duty));
    wentWell = done.every(Boolean) && wentWell;
  }
  return wentWell;
}
