/** The catalog: datacenters, nodes, services. */
import type { HttpClient, ReadOptions } from "./http-client.ts";
import { readQuery, readRequest } from "./http-client.ts";
import { textField, textListField, textMapField, toList, toRecord } from "./shape.ts";
import type { QueryParameters } from "./url.ts";

/** A node, also where it is told by the service that it offers. */
export interface CatalogNode {
  readonly ID: string;
  readonly Node: string;
  readonly Address: string;
  readonly Datacenter: string;
  readonly TaggedAddresses: Readonly<Record<string, string>>;
  readonly Meta: Readonly<Record<string, string>>;
}

/** Narrows and sorts a list of nodes or services. */
export interface CatalogOptions extends ReadOptions {
  /** Node name to sort by distance from; "_agent" is the asked agent's. */
  readonly near?: string;
  /** All of these metadata must match. */
  readonly nodeMeta?: Readonly<Record<string, string>>;
  /** Expression evaluated by the agent. */
  readonly filter?: string;
}

function query(options: CatalogOptions): QueryParameters {
  const meta = Object.entries(options.nodeMeta ?? {}).map(([key, value]) => `${key}:${value}`);
  return {
    near: options.near === "" ? undefined : options.near,
    filter: options.filter === "" ? undefined : options.filter,
    "node-meta": meta.length === 0 ? undefined : meta,
    ...readQuery(options),
  };
}

function toNode(value: unknown, metaField: "Meta" | "NodeMeta"): CatalogNode {
  const record = toRecord(value, "a node");
  return {
    ID: textField(record, "ID"),
    Node: textField(record, "Node"),
    Address: textField(record, "Address"),
    Datacenter: textField(record, "Datacenter"),
    TaggedAddresses: textMapField(record, "TaggedAddresses"),
    Meta: textMapField(record, metaField),
  };
}

/** Known datacenters, nearest first. */
export async function catalogDatacenters(client: HttpClient): Promise<readonly string[]> {
  const list = await client.json({ method: "GET", path: "/v1/catalog/datacenters" });
  return textListField({ datacenters: list }, "datacenters");
}

/** Nodes of a datacenter. */
export async function catalogNodes(
  client: HttpClient,
  options: CatalogOptions = {},
): Promise<readonly CatalogNode[]> {
  const path = "/v1/catalog/nodes";
  const list = await client.json({ method: "GET", path, query: query(options), ...readRequest(options) });
  return toList(list).map((node) => toNode(node, "Meta"));
}

/** Nodes that offer `service`, one for each instance. */
export async function catalogServiceNodes(
  client: HttpClient,
  service: string,
  options: CatalogOptions = {},
): Promise<readonly CatalogNode[]> {
  const path = `/v1/catalog/service/${service}`;
  const list = await client.json({ method: "GET", path, query: query(options), ...readRequest(options) });
  return toList(list).map((node) => toNode(node, "NodeMeta"));
}

/** Service names of a datacenter with all their tags. */
export async function catalogServices(
  client: HttpClient,
  options: CatalogOptions = {},
): Promise<ReadonlyMap<string, readonly string[]>> {
  const path = "/v1/catalog/services";
  const reply = toRecord(
    await client.json({ method: "GET", path, query: query(options), ...readRequest(options) }),
  );
  return new Map(Object.keys(reply).map((name) => [name, textListField(reply, name)]));
}

/** Service names of one node with the tags of all its instances; `undefined` if there is no such node. */
export async function catalogNodeServices(
  client: HttpClient,
  node: string,
  options: CatalogOptions = {},
): Promise<ReadonlyMap<string, readonly string[]> | undefined> {
  const path = `/v1/catalog/node/${node}`;
  const reply = await client.json({ method: "GET", path, query: query(options), ...readRequest(options) });
  if (reply === null) return undefined;
  const tagsByName = new Map<string, readonly string[]>();
  for (const value of Object.values(toRecord(toRecord(reply)["Services"], "Services"))) {
    const record = toRecord(value, "a service");
    const name = textField(record, "Service");
    tagsByName.set(name, [...(tagsByName.get(name) ?? []), ...textListField(record, "Tags")]);
  }
  return tagsByName;
}
