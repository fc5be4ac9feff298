/**
 * Who takes part: the configuration in use, the one to fall back to, and single-server changes.
 *
 * A configuration counts from the moment its entry is appended, and is undone if that entry is cut.
 * At most one is uncommitted, so one step back is all there ever is. Source: Ongaro 2014, §4.1.
 */
import { assert, unreachable } from "../../lib/assert.ts";
import type { LogIndex } from "../../lib/log-index.ts";
import type { ConfigurationChange } from "./effects.ts";
import type { Configuration, Server, ServerId } from "./entry.ts";
import type { Rules } from "./rules.ts";

/** A configuration and the index of its entry; 0 for none. */
export interface PlacedConfiguration {
  readonly configuration: Configuration;
  readonly index: LogIndex;
}

/** The configurations of one server's log. */
export class Membership {
  readonly #rules: Rules;
  #latest: PlacedConfiguration;
  #committed: PlacedConfiguration;
  #voters: readonly ServerId[] = [];

  constructor(rules: Rules, start: PlacedConfiguration) {
    this.#rules = rules;
    this.#latest = start;
    this.#committed = start;
    this.#use(start);
  }

  /** In use now. */
  get latest(): PlacedConfiguration {
    return this.#latest;
  }
  /** The newest that is known to be committed; equal to `latest` when no change is pending. */
  get committed(): PlacedConfiguration {
    return this.#committed;
  }
  /** Ids of those who count, in the configuration in use. */
  get voters(): readonly ServerId[] {
    return this.#voters;
  }

  isVoter(id: ServerId): boolean {
    return this.#voters.includes(id);
  }

  /**
   * Whether `id` may stand for election: a voter, or one whose removal or demotion is not yet committed.
   *
   * The reference lets only voters of the newest configuration stand; but then a server that holds
   * an uncommitted entry removing itself can neither win nor let those with shorter logs win
   * (found by simulation, seed 4901; Ongaro 2014, §4.2.2).
   */
  mayStand(id: ServerId): boolean {
    if (this.isVoter(id)) return true;
    const { servers } = this.#committed.configuration;
    return this.#committed !== this.#latest && servers.some((s) => s.id === id && this.#rules.isVoter(s));
  }

  /** The member with this id. O(servers). */
  find(id: ServerId): Server | undefined {
    return this.#latest.configuration.servers.find((server) => server.id === id);
  }

  /** The member with this address, for peers that send no id. O(servers). */
  findByAddress(address: string): Server | undefined {
    return this.#latest.configuration.servers.find((server) => server.address === address);
  }

  /** Its entry was appended. A leader appends a second only when the first is committed, so that one is by now. */
  append(placed: PlacedConfiguration): void {
    assert(placed.index > this.#latest.index, "configurations are appended in order");
    this.#committed = this.#latest;
    this.#use(placed);
  }

  /** Entries from `from` on were cut. */
  truncateFrom(from: LogIndex): void {
    if (this.#latest.index < from) return;
    assert(this.#committed.index < from, "a committed configuration is never cut");
    this.#use(this.#committed);
  }

  /** Entries through `commitIndex` are committed. */
  commit(commitIndex: LogIndex): void {
    if (commitIndex >= this.#latest.index) this.#committed = this.#latest;
  }

  /** A snapshot replaced the log. */
  restart(placed: PlacedConfiguration): void {
    this.#committed = placed;
    this.#use(placed);
  }

  #use(placed: PlacedConfiguration): void {
    this.#latest = placed;
    this.#voters = placed.configuration.servers.filter((s) => this.#rules.isVoter(s)).map((s) => s.id);
  }
}

/** `servers` after `change`, or undefined when the change does not fit. */
export function changedConfiguration(
  current: Configuration,
  change: ConfigurationChange,
): Configuration | undefined {
  const servers = changedServers(current.servers, change);
  return servers !== undefined && isSoundConfiguration({ servers }) ? { servers } : undefined;
}

/** Whether ids and addresses are present and unique and somebody may vote. */
export function isSoundConfiguration(configuration: Configuration): boolean {
  const { servers } = configuration;
  const ids = new Set(servers.map((server) => server.id));
  const addresses = new Set(servers.map((server) => server.address));
  return (
    ids.size === servers.length &&
    addresses.size === servers.length &&
    !addresses.has("") &&
    servers.some((server) => server.suffrage === "voter")
  );
}

function changedServers(
  servers: readonly Server[],
  change: ConfigurationChange,
): readonly Server[] | undefined {
  const known = servers.find((server) => server.id === change.id);
  const put = (server: Server): readonly Server[] =>
    known === undefined ? [...servers, server] : servers.map((s) => (s === known ? server : s));
  switch (change.kind) {
    case "addVoter":
      return put({ id: change.id, address: change.address, suffrage: "voter" });
    case "addNonvoter":
      // As the reference: a voter stays one, only its address moves.
      return put({
        id: change.id,
        address: change.address,
        suffrage: known?.suffrage === "voter" ? "voter" : "nonvoter",
      });
    case "demoteVoter":
      return known === undefined ? undefined : put({ ...known, suffrage: "nonvoter" });
    case "removeServer":
      return known === undefined ? undefined : servers.filter((s) => s !== known);
    default:
      return unreachable(change);
  }
}
