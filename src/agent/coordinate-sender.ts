/**
 * Tells the servers now and then where this node stands in the network, as gossip measured it.
 *
 * The larger the pool the more rarely, so that the servers see a steady number of updates. Source: the
 * reference's Agent.sendCoordinate.
 */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Member, MemberPool } from "../lib/members.ts";
import { PermissionDeniedError, type Rpc } from "../wire/rpc/method.ts";
import { coordinateUpdate } from "../wire/rpc/operator-methods.ts";
import type { Coordinate } from "../wire/structs/operator.ts";

/** The protocol version from which servers take coordinates. */
const serverProtocolMin = 3;

export interface CoordinateSenderParts {
  readonly rpc: Rpc;
  readonly clock: Clock;
  readonly log: Log;
  readonly pool: MemberPool;
  readonly datacenter: string;
  readonly nodeName: string;
  /** Least pause between updates of one node. */
  readonly intervalMinMs: number;
  /** Updates a second that all nodes together aim at. */
  readonly rateTarget: number;
  /** Uniform integer below `limit`. */
  random(limit: number): number;
  /** This node's coordinate in each network segment ("" where there are none); empty before gossip has one. */
  coordinates(): Readonly<Record<string, NonNullable<Coordinate["Coord"]>>>;
  /** Token of the agent, "" without. */
  token(): string;
}

/** Sends until disposed. */
export function startCoordinateSender(parts: CoordinateSenderParts): Disposable {
  let timer: Disposable | undefined;
  let ended = false;
  const again = (): void => {
    if (ended) return;
    const intervalMs = sendIntervalMs(parts, parts.pool.members().length);
    timer = parts.clock.after(intervalMs + parts.random(Math.max(1, Math.floor(intervalMs))), () => {
      void sendCoordinates(parts).then(again);
    });
  };
  again();
  return {
    [Symbol.dispose]: () => {
      ended = true;
      timer?.[Symbol.dispose]();
    },
  };
}

/** Pause between two updates in a pool of `poolSize`, before the random part. */
export function sendIntervalMs(
  { intervalMinMs, rateTarget }: Pick<CoordinateSenderParts, "intervalMinMs" | "rateTarget">,
  poolSize: number,
): number {
  // Less than one a day in the whole pool is as good as none: then the least pause is meant.
  const rateMin = 1 / 86_400;
  if (rateTarget <= rateMin) return intervalMinMs;
  return Math.max(intervalMinMs, (1_000 * poolSize) / rateTarget);
}

/** Sends once. Never rejects. */
async function sendCoordinates(parts: CoordinateSenderParts): Promise<void> {
  const { rpc, log, pool, datacenter, nodeName } = parts;
  if (!serversUnderstand(pool.members())) {
    log.debug("Skipping coordinate updates until servers are upgraded");
    return;
  }
  try {
    for (const [segment, coord] of Object.entries(parts.coordinates())) {
      const request = { Datacenter: datacenter, Node: nodeName, Segment: segment, Coord: coord };
      await rpc.call(coordinateUpdate, { ...request, Token: parts.token() });
    }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    if (error instanceof PermissionDeniedError) log.warn("Coordinate update blocked by ACLs");
    else log.error("Coordinate update error", { error: text });
  }
}

/** Whether there are servers and every one of them takes coordinates. */
function serversUnderstand(members: readonly Member[]): boolean {
  const servers = members.filter(({ tags }) => tags["role"] === "consul");
  const understands = ({ tags }: Member): boolean =>
    Number(tags["vsn_min"]) <= serverProtocolMin && serverProtocolMin <= Number(tags["vsn_max"]);
  return servers.length > 0 && servers.every(understands);
}
