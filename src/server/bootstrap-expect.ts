/**
 * The first configuration of a cluster that was told how many servers to expect.
 *
 * Every server waits until gossip shows that many, asks each whether it has Raft peers already, and if none
 * has, writes the same configuration as all the others do. Whatever shows that a cluster exists ends the
 * wait for good. Source: the reference's `maybeBootstrap`.
 */
import { unreachable } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import type { Consensus, ConsensusServer } from "../lib/consensus.ts";
import type { Log } from "../lib/log.ts";
import type { Member, MemberPool } from "../lib/members.ts";
import { hostPort } from "../lib/net.ts";
import { parseServer, type ServerInfo } from "../wire/gossip/agent-tags.ts";

/** How often a server is asked for its peers before its silence counts as "none", as in the reference. */
const peerAttemptsMax = 6;
/** Doubles with each attempt. */
const firstRetryMs = 1_000;

export interface BootstrapView {
  readonly members: readonly Member[];
  readonly datacenter: string;
  /** `bootstrap_expect` of this server; above 1. */
  readonly expect: number;
  /** Of this server's log; 0 while it is fresh. */
  readonly lastIndex: number;
  readonly isReadReplica: boolean;
}

/** What to do about the members as they are. `stop` is for good, `wait` until they change. */
export type BootstrapDecision =
  | { readonly kind: "stop"; readonly reason: "dataFound" }
  | {
      readonly kind: "wait";
      readonly reason: "readReplica" | "tooFew" | "conflictingExpect" | "bootstrapMode";
      /** Who stands in the way. */
      readonly member?: string;
      readonly strangers: readonly string[];
    }
  | { readonly kind: "ask"; readonly servers: readonly ServerInfo[]; readonly strangers: readonly string[] };

/** Looks at the members. `strangers` are servers of other datacenters, which do not count. */
export function decideBootstrap(view: BootstrapView): BootstrapDecision {
  if (view.lastIndex !== 0) return { kind: "stop", reason: "dataFound" };
  if (view.isReadReplica) return { kind: "wait", reason: "readReplica", strangers: [] };
  const servers: ServerInfo[] = [];
  const strangers: string[] = [];
  for (const member of view.members) {
    const server = parseServer(member);
    if (server === undefined) continue;
    if (server.datacenter !== view.datacenter) {
      strangers.push(member.name);
      continue;
    }
    if (server.expect !== 0 && server.expect !== view.expect)
      return { kind: "wait", reason: "conflictingExpect", member: member.name, strangers };
    if (server.bootstrap) return { kind: "wait", reason: "bootstrapMode", member: member.name, strangers };
    servers.push(server);
  }
  const voters = servers.filter((server) => !server.nonVoter).length;
  if (voters < view.expect) return { kind: "wait", reason: "tooFew", strangers };
  return { kind: "ask", servers, strangers };
}

/** The first configuration. */
export function bootstrapConfiguration(servers: readonly ServerInfo[]): readonly ConsensusServer[] {
  return servers.map((server) => {
    const address = hostPort(server.rpc);
    // Servers of protocol 2 have no id of their own: the address is it.
    return { id: server.id === "" ? address : server.id, address, voter: !server.nonVoter };
  });
}

export interface BootstrapParts {
  readonly pool: MemberPool;
  readonly consensus: Pick<Consensus, "status"> & {
    bootstrap(servers: readonly ConsensusServer[]): Promise<void>;
  };
  readonly clock: Clock;
  readonly log: Log;
  readonly datacenter: string;
  readonly expect: number;
  readonly isReadReplica: boolean;
  /** `Status.Peers` of a server; rejects if it cannot be asked. */
  readonly peersOf: (server: ServerInfo) => Promise<readonly string[]>;
}

/** Watches the pool until the cluster exists or time shows that it did already. Disposing stops it. */
export class BootstrapExpect implements Disposable {
  readonly #parts: BootstrapParts;
  readonly #watching: Disposable;
  #isDone = false;
  #isLooking = false;
  /** The members changed during a look. */
  #mustLookAgain = false;
  #pause: { readonly timer: Disposable; readonly end: () => void } | undefined;

  constructor(parts: BootstrapParts) {
    this.#parts = parts;
    this.#watching = parts.pool.onMember(({ kind }) => {
      if (kind === "join" || kind === "update") this.#look();
    });
    this.#look();
  }

  /** Whether nothing more will be done. */
  get isDone(): boolean {
    return this.#isDone;
  }

  [Symbol.dispose](): void {
    this.#isDone = true;
    this.#watching[Symbol.dispose]();
    this.#pause?.timer[Symbol.dispose]();
    this.#pause?.end();
  }

  #look(): void {
    if (this.#isDone) return;
    this.#mustLookAgain = this.#isLooking;
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#lookOnce()
      .catch((error: unknown) =>
        this.#parts.log.error("Failed to bootstrap cluster", { error: String(error) }),
      )
      .finally(() => {
        this.#isLooking = false;
        if (this.#mustLookAgain) this.#look();
      });
  }

  async #lookOnce(): Promise<void> {
    const { pool, consensus, datacenter, expect, isReadReplica, log } = this.#parts;
    const decision = decideBootstrap({
      members: pool.members(),
      datacenter,
      expect,
      isReadReplica,
      lastIndex: consensus.status().lastIndex,
    });
    if (decision.kind !== "stop") {
      for (const member of decision.strangers)
        log.warn("Member has a conflicting datacenter, ignoring", { member });
    }
    switch (decision.kind) {
      case "stop":
        log.info("Raft data found, disabling bootstrap mode");
        return this[Symbol.dispose]();
      case "wait":
        return this.#explain(decision.reason, decision.member);
      case "ask":
        return this.#bootstrap(decision.servers);
      default:
        return unreachable(decision);
    }
  }

  #explain(reason: Extract<BootstrapDecision, { kind: "wait" }>["reason"], member: string | undefined): void {
    const { log } = this.#parts;
    switch (reason) {
      case "tooFew":
        return;
      case "readReplica":
        return log.info("Read replicas cannot bootstrap raft");
      case "conflictingExpect":
        return log.error("Member has a conflicting expect value. All nodes should expect the same number.", {
          member,
        });
      case "bootstrapMode":
        return log.error("Member has bootstrap mode. Expect disabled.", { member });
      default:
        return unreachable(reason);
    }
  }

  async #bootstrap(servers: readonly ServerInfo[]): Promise<void> {
    const { log, consensus } = this.#parts;
    for (const server of servers) {
      const peers = await this.#peersOf(server);
      if (this.#isDone) return;
      if (peers.length > 0) {
        // They will take us in; a configuration of our own would only disturb them.
        log.info("Existing Raft peers reported by server, disabling bootstrap mode", { server: server.name });
        return this[Symbol.dispose]();
      }
    }
    const configuration = bootstrapConfiguration(servers);
    log.info("Found expected number of peers, attempting bootstrap", {
      peers: configuration.map(({ address }) => address).join(","),
    });
    // Whatever comes of it, it is not tried twice.
    this[Symbol.dispose]();
    await consensus.bootstrap(configuration);
  }

  /** None if the server cannot be asked: it is new as well, or of no use to anybody. */
  async #peersOf(server: ServerInfo): Promise<readonly string[]> {
    const { peersOf, log } = this.#parts;
    for (let attempt = 0; attempt < peerAttemptsMax && !this.#isDone; attempt += 1) {
      try {
        return await peersOf(server);
      } catch (error) {
        const retryMs = firstRetryMs * 2 ** attempt;
        log.error("Failed to confirm peer status for server (will retry).", {
          server: server.name,
          retry_interval: `${retryMs / 1_000}s`,
          error: String(error),
        });
        await this.#sleep(retryMs);
      }
    }
    return [];
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#pause = { timer: this.#parts.clock.after(ms, resolve), end: resolve };
    });
  }
}
