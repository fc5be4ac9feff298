/** Runs a prepared query in this datacenter. Source: the reference's prepared_query_endpoint.go. */
import { checkServiceNodes } from "../state/health.ts";
import { listNodes, satisfiesMeta } from "../state/catalog-reads.ts";
import { WatchSet } from "../state/watch.ts";
import type { CheckServiceNode } from "../wire/structs/catalog.ts";
import type {
  PreparedQuery,
  PreparedQueryExecuteRequest,
  PreparedQueryExecuteResponse,
  ServiceQuery,
} from "../wire/structs/prepared-query.ts";
import { filtered } from "./catalog.ts";
import type { Caller, ServerContext } from "./context.ts";
import { sortByDistance, type NearSource } from "./near.ts";
import { queryCacheOf } from "./query-cache.ts";

/** The instances of a query with what is told along. */
export type QueryResult = Pick<
  PreparedQueryExecuteResponse,
  "Service" | "Nodes" | "DNS" | "Datacenter" | "PeerName"
>;

interface Asking {
  readonly server: ServerContext;
  readonly caller: Caller;
}

interface Wishes {
  readonly Connect: boolean;
  /** Without limit from 0 down. */
  readonly Limit: number;
}

/** The node that was asked for comes first, if it is found among so many. */
const searchDepth = 10;

/** The wanted instances in random order. */
export function runQuery(asking: Asking, query: PreparedQuery, wishes: Wishes): QueryResult {
  return resultOf(asking, query, limited(shuffled(asking.server, instances(asking, query, wishes)), wishes));
}

/** The wanted instances, the nearest first where the query or the caller asks for that; else in random order. */
export function runNearest(
  asking: Asking,
  query: PreparedQuery,
  request: PreparedQueryExecuteRequest,
): QueryResult {
  const { server } = asking;
  const { datacenter } = server.settings;
  const source = nearSource(server, query, request);
  const random = shuffled(server, instances(asking, query, request));
  const sorted = sortByDistance(server.store, random, { source, datacenter, nodeOf: nodeNameOf });
  const ordered = source.Datacenter === datacenter ? ownFirst(sorted, source.Node) : sorted;
  return resultOf(asking, query, limited(ordered, request));
}

function resultOf(
  { server }: Asking,
  { Service: service, DNS }: PreparedQuery,
  Nodes: readonly CheckServiceNode[],
): QueryResult {
  const { Service, Peer: PeerName } = service;
  const Datacenter = PeerName === "" ? server.settings.datacenter : "";
  return { Service, Nodes, DNS, Datacenter, PeerName };
}

function instances(
  { server, caller: { authorizer } }: Asking,
  { Service: wanted }: PreparedQuery,
  { Connect }: Wishes,
): readonly CheckServiceNode[] {
  // What peers export comes with peering.
  if (wanted.Peer !== "") return [];
  const { store } = server;
  const connect = wanted.Connect || Connect;
  const key = `query ${connect} ${wanted.Service.toLowerCase()}`;
  const all = queryCacheOf(store).read(key, new WatchSet(), (watch) =>
    checkServiceNodes(store, watch, { service: wanted.Service, connect, tags: undefined }).map(withoutEmpty),
  );
  const fits = filterOf(wanted);
  return filtered(
    authorizer,
    all.filter(fits),
    ({ Node: node, Service: service }) =>
      authorizer.nodeRead(node?.Node ?? "") && authorizer.serviceRead(service?.Service ?? ""),
  );
}

/** No checks are none here, not an empty list as in reads of health. */
function withoutEmpty(instance: CheckServiceNode): CheckServiceNode {
  return instance.Checks?.length === 0 ? { ...instance, Checks: null } : instance;
}

/** Whether an instance is healthy enough and has the metadata and the tags. */
function filterOf(wanted: ServiceQuery): (instance: CheckServiceNode) => boolean {
  const ignored = new Set(wanted.IgnoreCheckIDs ?? []);
  const tags = (wanted.Tags ?? []).map((tag) => tag.toLowerCase());
  const needed = tags.filter((tag) => !tag.startsWith("!"));
  const banned = tags.filter((tag) => tag.startsWith("!")).map((tag) => tag.slice(1));
  const isHealthy = (status: string): boolean =>
    wanted.OnlyPassing ? status === "passing" : status !== "critical";
  return ({ Node: node, Service: service, Checks: checks }) => {
    const isUp = (checks ?? []).every((check) => ignored.has(check.CheckID) || isHealthy(check.Status));
    if (!isUp) return false;
    if (!satisfiesMeta(node?.Meta ?? null, wanted.NodeMeta)) return false;
    if (!satisfiesMeta(service?.Meta ?? null, wanted.ServiceMeta)) return false;
    if (tags.length === 0) return true;
    const own = (service?.Tags ?? []).map((tag) => tag.toLowerCase());
    return needed.every((tag) => own.includes(tag)) && !banned.some((tag) => own.includes(tag));
  };
}

/** Where distances are measured from: what the caller says goes before what the query says. */
function nearSource(
  server: ServerContext,
  query: PreparedQuery,
  { Source, Agent }: PreparedQueryExecuteRequest,
): NearSource {
  const Datacenter = Source.Datacenter === "" ? Agent.Datacenter : Source.Datacenter;
  const node = Source.Node === "" ? query.Service.Near : Source.Node;
  if (node === "_agent") return { Datacenter, Node: Agent.Node };
  if (node !== "_ip") return { Datacenter, Node: node };
  if (Source.Ip === "") {
    server.log.warn("a query that prefers what is near an address was run without one");
    return { Datacenter, Node: "" };
  }
  const near = listNodes(server.store, new WatchSet(), null).find(({ Address }) => Address === Source.Ip);
  return { Datacenter, Node: near?.Node ?? "" };
}

function nodeNameOf({ Node: node }: CheckServiceNode): string {
  return node?.Node ?? "";
}

/** Neighbours of no distance are in random order: the node itself goes before them. */
function ownFirst(nodes: readonly CheckServiceNode[], name: string): readonly CheckServiceNode[] {
  if (name === "") return nodes;
  const wanted = name.toLowerCase();
  const at = nodes.slice(0, searchDepth).findIndex((one) => nodeNameOf(one).toLowerCase() === wanted);
  const [own, first] = [nodes[at], nodes[0]];
  if (at <= 0 || own === undefined || first === undefined) return nodes;
  return nodes.with(0, own).with(at, first);
}

/** A copy: what was read is shared with others. */
function shuffled<T>(server: ServerContext, items: readonly T[]): readonly T[] {
  const order = items.slice();
  for (let index = order.length - 1; index > 0; index -= 1) {
    const other = server.random(index + 1);
    const chosen = order[other] as T;
    order[other] = order[index] as T;
    order[index] = chosen;
  }
  return order;
}

function limited<T>(items: readonly T[], { Limit }: Wishes): readonly T[] {
  return Limit > 0 ? items.slice(0, Limit) : items;
}
