/**
 * Asks all servers at once how they stand, and waits for no answer longer than given.
 *
 * At most one question is under way to each server, so that a server that hangs costs nothing more.
 * Source: the reference's stats fetcher.
 */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { ServerInfo } from "../wire/gossip/agent-tags.ts";
import type { RaftStats } from "../wire/rpc/status-methods.ts";
import type { ServerLogStats } from "./autopilot-core.ts";
import { toLogStats } from "./raft-stats.ts";

export interface StatsFetcherParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Calls Status.RaftStats of a server. */
  raftStats(server: ServerInfo): Promise<RaftStats>;
}

export class StatsFetcher {
  readonly #parts: StatsFetcherParts;
  readonly #underWay = new Set<string>();

  constructor(parts: StatsFetcherParts) {
    this.#parts = parts;
  }

  /** The answers that come within `timeoutMs`, by server id. Never rejects. */
  async fetch(servers: readonly ServerInfo[], timeoutMs: number): Promise<Map<string, ServerLogStats>> {
    const answers = new Map<string, ServerLogStats>();
    const asked = servers.filter((server) => !this.#isBusy(server));
    const answered = Promise.all(
      asked.map(async (server) => {
        const stats = await this.#ask(server);
        if (stats !== undefined) answers.set(server.id, stats);
      }),
    );
    if (asked.length > 0) await this.#within(answered, timeoutMs);
    // A copy: answers that come late must not change what the caller has seen.
    return new Map(answers);
  }

  #isBusy({ id, name }: ServerInfo): boolean {
    if (!this.#underWay.has(id)) return false;
    this.#parts.log.warn("error getting server health from server", {
      server: name,
      error: "last request still outstanding",
    });
    return true;
  }

  async #ask(server: ServerInfo): Promise<ServerLogStats | undefined> {
    this.#underWay.add(server.id);
    try {
      return toLogStats(await this.#parts.raftStats(server));
    } catch (error) {
      this.#parts.log.warn("error getting server health from server", {
        server: server.name,
        error: error instanceof Error ? error.message : String(error),
      });
      return undefined;
    } finally {
      this.#underWay.delete(server.id);
    }
  }

  #within(done: Promise<unknown>, timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#parts.clock.after(timeoutMs, resolve);
      void done.then(() => {
        timer[Symbol.dispose]();
        resolve();
      });
    });
  }
}
