/** Estimates the round trip between two nodes from their network coordinates. */
import { agentIdentity } from "../../client/agent.ts";
import {
  coordinateDatacenters,
  coordinateNodes,
  distanceSeconds,
  type Coordinate,
} from "../../client/coordinate.ts";
import type { HttpClient } from "../../client/http-client.ts";
import { clientFlags, connect } from "../client-flags.ts";
import { CommandFailure, defineCommand, orFail } from "../command.ts";
import { boolFlag } from "../flag-set.ts";

interface Pair {
  readonly names: readonly [string, string];
  readonly coordinates: readonly [Coordinate | undefined, Coordinate | undefined];
}

function isNode(name: string, wanted: string): boolean {
  return name.toLowerCase() === wanted.toLowerCase();
}

async function findLan(client: HttpClient, names: readonly [string, string]): Promise<Pair> {
  const entries = await orFail(coordinateNodes(client), (why) => `Error getting coordinates: ${why}`);
  const of = (name: string): ReadonlyMap<string, Coordinate> =>
    new Map(entries.filter((entry) => isNode(entry.Node, name)).map((entry) => [entry.Segment, entry.Coord]));
  const [first, second] = [of(names[0]), of(names[1])];
  // Only coordinates of the same segment can be compared. A node in exactly one segment decides
  // which, since it may be a client; nodes in several are servers, and those are in all of them.
  const only = (set: ReadonlyMap<string, Coordinate>): string | undefined =>
    set.size === 1 ? [...set.keys()][0] : undefined;
  const segment = only(second) ?? only(first) ?? "";
  return { names, coordinates: [first.get(segment), second.get(segment)] };
}

async function findWan(client: HttpClient, names: readonly [string, string]): Promise<Pair> {
  const parts = names.map((name) => name.split("."));
  if (parts.some((part) => part.length !== 2)) {
    throw new CommandFailure("Node names must be specified as <node name>.<datacenter> with -wan");
  }
  const datacenters = await orFail(
    coordinateDatacenters(client),
    (why) => `Error getting coordinates: ${why}`,
  );
  const [first, second] = parts.map(([node = "", datacenter = ""]) =>
    datacenters
      .filter((one) => one.Datacenter === datacenter)
      .flatMap((one) => one.Coordinates.map((entry) => ({ ...entry, area: one.AreaID })))
      .filter((entry) => isNode(entry.Node, node)),
  );
  for (const a of first ?? []) {
    const b = (second ?? []).find((entry) => entry.area === a.area);
    if (b !== undefined) return { names, coordinates: [a.Coord, b.Coord] };
  }
  return { names, coordinates: [undefined, undefined] };
}

/** `rtt` */
export const rttCommand = defineCommand({
  usage: "rtt [options] node1 [node2]",
  about: `Estimates the round trip between two nodes from the network coordinates that the cluster
computes. The second node is the agent's own if absent. Names are node names, as "{program} members"
shows them; with -wan they are followed by a dot and the datacenter, such as "server-1.dc1".`,
  flags: {
    ...clientFlags,
    wan: boolFlag("Use the coordinates of servers across datacenters."),
  },
  run: async (context) => {
    const { args, flags } = context;
    const [first, given] = args;
    if (first === undefined || args.length > 2) {
      throw new CommandFailure("One or two node names must be specified", { helpTo: "stderr" });
    }
    const client = await connect(context);
    let second = given;
    if (second === undefined) {
      const self = await orFail(agentIdentity(client), (why) => `Unable to look up agent info: ${why}`);
      second = flags.wan ? `${self.nodeName}.${self.datacenter}` : self.nodeName;
    }
    const find = flags.wan ? findWan : findLan;
    const { names, coordinates } = await find(client, [first, second]);
    const [a, b] = coordinates;
    if (a === undefined || b === undefined) {
      const missing = a === undefined ? names[0] : names[1];
      throw new CommandFailure(`Could not find a coordinate for node ${JSON.stringify(missing)}`);
    }
    const ms = (distanceSeconds(a, b) * 1000).toFixed(3);
    const source = flags.wan ? "WAN" : "LAN";
    context.out(`Estimated ${names[0]} <-> ${names[1]} rtt: ${ms} ms (using ${source} coordinates)`);
    return 0;
  },
});
