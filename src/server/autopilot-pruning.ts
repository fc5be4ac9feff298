/** Which dead servers may go, and what must change so that a server can join: rules over the configuration. */
import type { ConsensusServer } from "../lib/consensus.ts";
import { quorumOf, type AutopilotSettings, type KnownServer } from "./autopilot-core.ts";

/** Dead servers of the configuration, each list by id. */
export interface DeadServers {
  /** Gossip knows them, as failed or left. */
  readonly failedVoters: readonly KnownServer[];
  readonly failedNonVoters: readonly KnownServer[];
  /** Ids that gossip knows nothing of. */
  readonly staleVoters: readonly string[];
  readonly staleNonVoters: readonly string[];
}

/** `forceLeave`: gossip is told that it left, and the rest follows from that. `remove`: out of the configuration. */
export type PruneAction =
  | { readonly kind: "forceLeave"; readonly id: string; readonly name: string }
  | { readonly kind: "remove"; readonly id: string }
  | { readonly kind: "keep"; readonly id: string; readonly why: string };

const tooFew = "would leave fewer voters than the minimum number allowed";
const unsafe = "removal of a majority of servers is not safe";

/** Sorts the servers of the configuration that are not alive. */
export function deadServers(
  configuration: readonly ConsensusServer[],
  known: ReadonlyMap<string, KnownServer>,
): DeadServers {
  const dead = [...configuration]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, voter }) => ({ id, voter, server: known.get(id) }))
    .filter(({ server }) => server?.nodeStatus !== "alive");
  const failed = (voter: boolean): KnownServer[] =>
    dead.flatMap((one) => (one.voter === voter && one.server !== undefined ? [one.server] : []));
  const stale = (voter: boolean): string[] =>
    dead.filter((one) => one.voter === voter && one.server === undefined).map(({ id }) => id);
  return {
    failedVoters: failed(true),
    failedNonVoters: failed(false),
    staleVoters: stale(true),
    staleNonVoters: stale(false),
  };
}

/**
 * What to do about the dead, in order. Servers without a vote go at once; of the voters never more than a
 * minority, and never so many that fewer than `minQuorum` remain.
 */
export function pruning(
  dead: DeadServers,
  { minQuorum }: Pick<AutopilotSettings, "minQuorum">,
  voterCount: number,
): PruneAction[] {
  let voters = voterCount;
  let removalsLeft = Math.floor((voterCount - 1) / 2);
  const unlessUnsafe = (action: PruneAction): PruneAction => {
    if (voters - 1 < minQuorum) return { kind: "keep", id: action.id, why: tooFew };
    if (removalsLeft < 1) return { kind: "keep", id: action.id, why: unsafe };
    voters -= 1;
    removalsLeft -= 1;
    return action;
  };
  const leave = ({ id, name }: KnownServer): PruneAction => ({ kind: "forceLeave", id, name });
  const remove = (id: string): PruneAction => ({ kind: "remove", id });
  return [
    ...dead.failedNonVoters.map(leave),
    ...dead.staleNonVoters.map(remove),
    ...dead.staleVoters.map((id) => unlessUnsafe(remove(id))),
    ...dead.failedVoters.map((server) => unlessUnsafe(leave(server))),
  ];
}

/** How a server that gossip found comes into the configuration. */
export type JoinPlan =
  /** It is there already, with this address. */
  | { readonly kind: "none" }
  | { readonly kind: "refuse"; readonly why: string }
  /** Servers that held its address before go first. */
  | { readonly kind: "change"; readonly removeIds: readonly string[]; readonly add: ConsensusServer };

/** Plans the joining of a server. A new one has no vote; one that moved keeps what it has. */
export function joinPlan(
  configuration: readonly ConsensusServer[],
  { id, address }: Pick<ConsensusServer, "id" | "address">,
): JoinPlan {
  if (configuration.some((one) => one.id === id && one.address === address)) return { kind: "none" };
  const isVoter = configuration.some((one) => one.id === id && one.voter);
  const sameAddress = configuration.filter((one) => one.id !== id && one.address === address);
  const voterCount = configuration.filter(({ voter }) => voter).length;
  const votersToRemove = sameAddress.filter(({ voter }) => voter);
  if (votersToRemove.length > voterCount - quorumOf(voterCount)) {
    return {
      kind: "refuse",
      why: "Preventing server addition that would require removal of too many servers and cause cluster instability",
    };
  }
  const rest = sameAddress.filter(({ voter }) => !voter);
  return {
    kind: "change",
    removeIds: [...votersToRemove, ...rest].map((one) => one.id),
    add: { id, address, voter: isVoter },
  };
}
