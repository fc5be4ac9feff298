/**
 * The servers a client agent knows, in the order in which it asks them.
 *
 * The first is asked for everything until it fails; then it goes to the end. From time to time the list is
 * shuffled, so that old agents do not all stay with old servers: every two to three minutes, more rarely in
 * clusters so large that the servers would feel the reconnecting. Gossip says who is on the list.
 * Source: the reference's router manager (1.16).
 */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Member, MemberEvent, MemberPool } from "../lib/members.ts";
import { hostPort } from "../lib/net.ts";
import { parseServer, type ServerInfo } from "../wire/gossip/agent-tags.ts";

const rebalanceMinMs = 120_000;
const rebalanceJitterMs = 60_000;
/** With more nodes for each server than make up the minimum, every node adds this to the time between shuffles. */
const rebalanceMsPerNode = 15.625;

export interface RouterParts {
  readonly members: MemberPool;
  /** Servers of other datacenters are not asked. */
  readonly datacenter: string;
  /** Whether a server answers. Never rejects. */
  ping(server: ServerInfo): Promise<boolean>;
  /** Uniform integer below `limit`. */
  random(limit: number): number;
  readonly clock: Clock;
  readonly log: Log;
}

export class Router implements Disposable {
  readonly #parts: RouterParts;
  readonly #watching: Disposable;
  readonly #waiting = new Set<() => void>();
  #servers: readonly ServerInfo[] = [];
  #timer: Disposable;
  #isStopped = false;

  constructor(parts: RouterParts) {
    this.#parts = parts;
    for (const member of parts.members.members()) if (member.status === "alive") this.#add(member);
    this.#watching = parts.members.onMember((event) => this.#changed(event));
    this.#timer = this.#arm();
  }

  /** Servers in the order in which they are asked. */
  get servers(): readonly ServerInfo[] {
    return this.#servers;
  }

  /** The server to ask, or `undefined` if none is known. */
  findServer(): ServerInfo | undefined {
    return this.#servers[0];
  }

  /** A call to this server failed: others come first. */
  notifyFailedServer({ name }: { readonly name: string }): void {
    const [first, ...others] = this.#servers;
    if (first === undefined || others.length === 0 || first.name !== name) return;
    this.#servers = [...others, first];
    this.#parts.log.debug("cycled away from server", { server: shown(first) });
  }

  /** Runs `wake` once, when a server becomes known where none was. Disposing cancels. */
  onServer(wake: () => void): Disposable {
    this.#waiting.add(wake);
    return { [Symbol.dispose]: () => this.#waiting.delete(wake) };
  }

  /** Shuffles the list, with a server first that answers; without one, leaves it as it is. */
  async rebalance(): Promise<void> {
    const { log, ping } = this.#parts;
    const order = this.#shuffled();
    for (const candidate of order) {
      if (!(await ping(candidate))) {
        log.debug("pinging server failed", { server: shown(candidate) });
        continue;
      }
      // Gossip may have changed the list meanwhile.
      const present = new Map(this.#servers.map((one) => [one.name, one]));
      const first = present.get(candidate.name);
      if (first === undefined) return;
      const known = order.map((one) => present.get(one.name)).filter((one) => one !== undefined);
      const added = this.#servers.filter((one) => !order.some(({ name }) => name === one.name));
      this.#servers = [first, ...known.filter((one) => one !== first), ...added];
      log.debug("Rebalanced servers, new active server", {
        number_of_servers: this.#servers.length,
        active_server: shown(first),
      });
      return;
    }
    log.debug("No healthy servers during rebalance, aborting");
  }

  [Symbol.dispose](): void {
    this.#isStopped = true;
    this.#watching[Symbol.dispose]();
    this.#timer[Symbol.dispose]();
    this.#waiting.clear();
  }

  #changed({ kind, member }: MemberEvent): void {
    switch (kind) {
      case "join":
      case "update":
        return this.#add(member);
      case "leave":
      case "failed":
      case "reap":
        this.#servers = this.#servers.filter(({ name }) => name !== member.name);
    }
  }

  #add(member: Member): void {
    const server = parseServer(member);
    if (server === undefined) return;
    if (server.datacenter !== this.#parts.datacenter) {
      this.#parts.log.warn("server has joined the wrong cluster: wrong datacenter", {
        server: shown(server),
      });
      return;
    }
    const at = this.#servers.findIndex(({ name }) => name === server.name);
    if (at >= 0) {
      this.#servers = this.#servers.with(at, server);
      return;
    }
    // Each agent starts with a server of its own choice, long before the first shuffle.
    const place = this.#parts.random(this.#servers.length + 1);
    this.#servers = [...this.#servers.slice(0, place), server, ...this.#servers.slice(place)];
    this.#parts.log.info("adding server", { server: shown(server) });
    if (this.#servers.length > 1) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #shuffled(): ServerInfo[] {
    const order = [...this.#servers];
    for (let i = order.length - 1; i > 0; i -= 1) {
      const j = this.#parts.random(i + 1);
      [order[i], order[j]] = [order[j] as ServerInfo, order[i] as ServerInfo];
    }
    return order;
  }

  #arm(): Disposable {
    const { clock, random, members, log } = this.#parts;
    const delayMs = rebalanceDelayMs({
      serverCount: this.#servers.length,
      nodeCount: members.members().length,
      jitterMs: random(rebalanceJitterMs),
    });
    return clock.after(delayMs, () => {
      this.rebalance()
        .catch((error: unknown) => log.error("rebalancing failed", { error: String(error) }))
        .finally(() => {
          if (!this.#isStopped) this.#timer = this.#arm();
        });
    });
  }
}

/** Time to the next shuffle. */
export function rebalanceDelayMs(o: {
  readonly serverCount: number;
  readonly nodeCount: number;
  readonly jitterMs: number;
}): number {
  const leastMs = rebalanceMinMs + o.jitterMs;
  return o.serverCount === 0
    ? leastMs
    : Math.max(leastMs, (o.nodeCount * rebalanceMsPerNode) / o.serverCount);
}

function shown({ name, rpc }: ServerInfo): string {
  return `${name} (Addr: tcp/${hostPort(rpc)})`;
}
