/** What is registered in both agents: every oddity that an answer may have to show. */
import type { DnsAgent } from "./agents.ts";

interface Entry {
  readonly Node: string;
  readonly Address: string;
  readonly [field: string]: unknown;
}

const check = (service: string, status: string): object => ({
  Name: "alive",
  CheckID: `alive-${service}`,
  ServiceID: service,
  Status: status,
});

const service = (name: string, more: object = {}): object => ({
  ID: name,
  Service: name,
  Port: 8080,
  ...more,
});

const many = (count: number, make: (index: number) => Entry): readonly Entry[] =>
  Array.from({ length: count }, (_, index) => make(index));

const nodes: readonly Entry[] = [
  { Node: "four", Address: "10.1.0.1", NodeMeta: { plain: "value" } },
  { Node: "six", Address: "2001:db8::1" },
  { Node: "mapped", Address: "::ffff:10.1.0.9" },
  { Node: "outside", Address: "www.outside.test" },
  { Node: "inside", Address: "four.node.consul" },
  { Node: "circle", Address: "circle.node.consul" },
  { Node: "Upper-Case", Address: "10.1.0.2" },
  { Node: "dots.in.name", Address: "10.1.0.3" },
  { Node: "under_score", Address: "10.1.0.4" },
  { Node: "with space", Address: "10.1.0.5" },
  { Node: "n".repeat(63), Address: "10.1.0.6" },
  { Node: `${"n".repeat(60)}.${"m".repeat(60)}`, Address: "10.1.0.7" },
  {
    Node: "tagged",
    Address: "10.1.0.8",
    TaggedAddresses: {
      lan: "10.1.0.8",
      lan_ipv4: "10.1.0.8",
      lan_ipv6: "2001:db8::8",
      wan: "198.51.100.8",
      wan_ipv4: "198.51.100.8",
      wan_ipv6: "2001:db8:1::8",
    },
  },
  {
    Node: "meta",
    Address: "10.1.0.10",
    NodeMeta: {
      "rfc1035-text": "value alone",
      "RFC1035-other": "upper",
      empty: "",
      "has`tick": "va`lue",
      "has=equals": "a=b",
      "has space": "spaced value",
      // Without a backslash, which the reference takes for an escape and loses.
      quoted: 'say "hi"',
      unicode: "grüße",
    },
  },
  // The reference fails to answer for a text of more than 255 bytes, so that one is compared by hand.
  { Node: "longmeta", Address: "10.1.0.11", NodeMeta: { long: "x".repeat(250) } },
];

const webNode = (index: number): Entry => ({
  Node: `web-${index}`,
  Address: `10.2.0.${index + 1}`,
  Service: service("web", { Tags: [`v${index % 2}`, "Prod", "a.b"], Port: 8000 + index }),
  Check: check("web", "passing"),
});

const services: readonly Entry[] = [
  ...many(6, webNode),
  { Node: "web-6", Address: "10.2.0.7", Service: service("web"), Check: check("web", "critical") },
  {
    Node: "web-7",
    Address: "10.2.0.8",
    Service: service("web", { Weights: { Passing: 10, Warning: 3 } }),
    Check: check("web", "warning"),
  },
  { Node: "one-1", Address: "10.3.0.1", Service: service("one"), Check: check("one", "passing") },
  { Node: "own-1", Address: "10.3.0.2", Service: service("own", { Address: "192.0.2.7", Port: 99 }) },
  { Node: "own-2", Address: "10.3.0.3", Service: service("own6", { Address: "2001:db8::77", Port: 99 }) },
  { Node: "ext-1", Address: "10.3.0.4", Service: service("ext", { Address: "www.outside.test" }) },
  { Node: "ext-2", Address: "host.outside.test", Service: service("extnode") },
  { Node: "ext-3", Address: "10.3.0.5", Service: service("alias", { Address: "one.service.consul" }) },
  { Node: "ext-4", Address: "10.3.0.6", Service: service("self", { Address: "self.service.consul" }) },
  { Node: "ext-5", Address: "10.3.0.7", Service: service("mixed", { Address: "www.outside.test" }) },
  { Node: "ext-6", Address: "10.3.0.8", Service: service("mixed") },
  { Node: "ext-7", Address: "10.3.0.9", Service: service("nowhere", { Address: "unknown.outside.test" }) },
  { Node: "long-1", Address: "10.3.0.30", Service: service("chain", { Address: "chain.outside.test" }) },
  { Node: "warn-1", Address: "10.3.0.10", Service: service("warn"), Check: check("warn", "warning") },
  { Node: "crit-1", Address: "10.3.0.11", Service: service("crit"), Check: check("crit", "critical") },
  {
    Node: "nodecrit",
    Address: "10.3.0.12",
    Service: service("nodecrit"),
    Check: { Name: "disk", CheckID: "disk", Status: "critical" },
  },
  {
    Node: "weights",
    Address: "10.3.0.13",
    Service: service("weights", { Weights: { Passing: 65535, Warning: 1 } }),
    Check: { Name: "disk", CheckID: "disk", Status: "warning" },
  },
  { Node: "same", Address: "10.3.0.14", Service: service("ports", { ID: "p1", Port: 1 }) },
  { Node: "same", Address: "10.3.0.14", Service: service("ports", { ID: "p2", Port: 2 }) },
  { Node: "same", Address: "10.3.0.14", Service: service("ports", { ID: "p3", Port: 2 }) },
  { Node: "caps", Address: "10.3.0.15", Service: service("CapsService", { Tags: ["CapsTag"] }) },
  { Node: "dotted", Address: "10.3.0.16", Service: service("dotted.service.name") },
  { Node: "odd", Address: "10.3.0.17", Service: service("under_score", { Tags: ["under_tag"] }) },
  { Node: "odd", Address: "10.3.0.17", Service: service("with space") },
  { Node: "odd", Address: "10.3.0.17", Service: service("port0", { Port: 0 }) },
  { Node: "odd.dot", Address: "10.3.0.18", Service: service("dotnode") },
  {
    Node: "metanode",
    Address: "10.3.0.19",
    NodeMeta: { k: "v", "rfc1035-x": "y" },
    Service: service("metasvc"),
  },
  {
    Node: "taggedsvc",
    Address: "10.3.0.20",
    Service: service("taggedsvc", {
      Address: "10.3.0.21",
      TaggedAddresses: {
        lan_ipv4: { Address: "10.3.0.22", Port: 1 },
        lan_ipv6: { Address: "2001:db8::22", Port: 2 },
        wan: { Address: "198.51.100.22", Port: 3 },
      },
    }),
  },
  {
    Node: "taggednode",
    Address: "10.3.0.23",
    TaggedAddresses: { lan_ipv6: "2001:db8::23", wan: "198.51.100.23" },
    Service: service("taggednode"),
  },
  { Node: "v6-1", Address: "2001:db8:2::1", Service: service("v6") },
  { Node: "v6-2", Address: "2001:db8:2::2", Service: service("v6") },
  { Node: "v6-3", Address: "10.3.0.24", Service: service("v6") },
  { Node: "long-2", Address: "10.3.0.25", Service: service("s".repeat(63)) },
  { Node: "b".repeat(63), Address: "10.3.0.26", Service: service("longnode") },
  ...many(1000, (index) => ({
    Node: `big-${1000 + index}`,
    Address: `10.${100 + (index >> 8)}.0.${index & 255}`,
    Service: service("big", { Port: 10_000 + index }),
  })),
  ...many(40, (index) => ({
    Node: `six-${100 + index}`,
    Address: `2001:db8:9::1${String(index).padStart(2, "0")}`,
    Service: service("bigsix"),
  })),
  ...many(30, (index) => ({
    Node: `addr-${100 + index}`,
    Address: "10.5.0.1",
    Service: service("bigown", { Address: `192.0.2.${100 + index}`, Port: 20_000 + index }),
  })),
  ...many(20, (index) => ({
    Node: `fat-${100 + index}`,
    Address: `10.6.0.${100 + index}`,
    NodeMeta: { weight: "z".repeat(100) },
    Service: service("fat"),
  })),
];

/** What speaks for a service in a mesh. */
const mesh: readonly Entry[] = [
  {
    Node: "mesh-1",
    Address: "10.7.0.1",
    Service: service("one-sidecar-proxy", {
      Kind: "connect-proxy",
      Port: 21_000,
      Proxy: { DestinationServiceName: "one" },
    }),
  },
  {
    Node: "mesh-2",
    Address: "10.7.0.2",
    Service: service("own-sidecar-proxy", {
      Kind: "connect-proxy",
      Address: "192.0.2.40",
      Port: 21_001,
      Proxy: { DestinationServiceName: "own" },
    }),
    Check: check("own-sidecar-proxy", "critical"),
  },
  { Node: "mesh-3", Address: "10.7.0.3", Service: service("native", { Connect: { Native: true } }) },
];

const queries: readonly object[] = [
  { Name: "plain", Service: { Service: "one" } },
  { Name: "Upper", Service: { Service: "web", Tags: ["v1"] }, DNS: { TTL: "9s" } },
  { Name: "dotted.query.name", Service: { Service: "own", Tags: ["!none"] } },
  { Name: "without", Service: { Service: "gone" }, DNS: { TTL: "9s" } },
  { Name: "strict", Service: { Service: "warn", OnlyPassing: true } },
  { Name: "outer", Service: { Service: "ext" }, DNS: { TTL: "9s" } },
  { Name: "mesh", Service: { Service: "one", Connect: true } },
  { Name: "meta", Service: { Service: "metasvc", NodeMeta: { k: "v" } } },
  { Name: "near", Service: { Service: "web", Near: "_agent" } },
  { Name: "far", Service: { Service: "web", Near: "_ip" } },
  { Name: "elsewhere", Service: { Service: "gone", Failover: { NearestN: 2, Datacenters: ["dc7"] } } },
  { Name: "tmpl-", Template: { Type: "name_prefix_match" }, Service: { Service: "${name.suffix}" } },
];

/** Registers everything, and puts a service of the agent into maintenance. */
export async function fillCatalog(agent: DnsAgent): Promise<void> {
  const entries = [...nodes, ...services, ...mesh];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let entry = entries[next++]; entry !== undefined; entry = entries[next++])
      await agent.put("/v1/catalog/register", entry);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  for (const query of queries) await agent.post("/v1/query", query);
  await agent.put("/v1/agent/service/register", { Name: "maint", Port: 1, Address: "10.4.0.1" });
  await agent.put("/v1/agent/service/maintenance/maint?enable=true", {});
  await agent.put("/v1/agent/service/register", { Name: "local", Port: 2, Tags: ["t1"] });
}

/** Names that are asked for, without the domain; `""` is the domain itself. */
export const names: readonly string[] = [
  "",
  "consul.service",
  "srv1.node",
  "gone.service",
  "gone.node",
  "service",
  "node",
  "addr",
  "query",
  "gone.query",
  "x.y.z",
  "ns",
  "a.b.c.d.e.f",
  "web.service.dc1",
  "web.service.dc1.dc",
  "web.service.dc2",
  "web.service.dc2.dc",
  "web.service.p1.peer",
  "web.service.dc1.dc.p1.peer",
  "web.service.default.ns",
  "web.service.dc1.extra.labels",
  "four.node.dc1",
  "four.node.dc1.dc",
  "four.node.dc2",
  "four.node.p1.peer",
  "four.node.dc1.x",
  "WEB.Service",
  "v0.web.service",
  "v1.web.service.dc1",
  "prod.web.service",
  "a.b.web.service",
  "none.web.service",
  "_web._tcp",
  "_web._tcp.service",
  "_web._udp.service",
  "_web._v0.service",
  "_WEB._TCP.service",
  "_web._tcp.dc1",
  "_web.service",
  "_web._v0.x.service",
  "_._tcp.service",
  "web.connect",
  "web.connect.dc1",
  "web.ingress",
  // No virtual addresses that the mesh assigned: there is none here (docs/differences.md).
  ...(
    "one.connect own.connect native.connect x.one.connect _one._tcp.connect one.connect.dc1.dc one.connect.p1.peer " +
    "one.ingress gone.ingress x.one.ingress one.ingress.dc2 gone.virtual " +
    "one.virtual.p1.peer one.virtual.dc1 one.virtual.a.b web.service.dc1.dc.dc2.dc " +
    "web.service.p1.peer.p2.peer web.service.dc1.ns web.service.default.ns.default.ap web.default.ns.service " +
    "four.node.default.ns four.node.default.ap.dc1.dc"
  ).split(" "),
  ...(
    "plain PLAIN upper Upper dotted.query.name without strict outer mesh meta near far elsewhere tmpl-one tmpl-web " +
    "tmpl-gone tmpl- x.plain _plain._tcp _dotted.query.name._tcp _plain._udp _plain"
  )
    .split(" ")
    .map((query) => `${query}.query`),
  "plain.query.dc1",
  "plain.query.dc1.dc",
  "plain.query.dc2",
  "_plain._tcp.query.dc1",
  "capsservice.service",
  "CapsService.service",
  "CAPSTAG.capsservice.service",
  "dotted.service.name.service",
  "under_score.service",
  "under_tag.under_score.service",
  "with\\ space.service",
  "with\\032space.service",
  "dotnode.service",
  `${"s".repeat(63)}.service`,
  "longnode.service",
  "web\\000x.service",
  "w\\195\\164b.service",
  "0a010001.addr",
  "0A010001.addr",
  "0a010001.addr.dc1",
  "0a010001.addr.a.b.c",
  "x.0a010001.addr",
  "0a01000.addr",
  "0a0100011.addr",
  "zz010001.addr",
  "20010db8000000000000000000000001.addr",
  "20010db80000000000000000000000011.addr",
  "00000000000000000000ffff0a010001.addr",
  ...[
    "four six mapped outside inside circle upper-case dots.in.name under_score with\\032space tagged meta longmeta",
    `${"n".repeat(63)} ${"n".repeat(60)}.${"m".repeat(60)} web-0 ext-2 metanode taggednode`,
  ]
    .join(" ")
    .split(" ")
    .map((node) => `${node}.node`),
  ...(
    "web one own own6 ext extnode alias self mixed nowhere chain warn crit nodecrit weights ports port0 metasvc " +
    "taggedsvc taggednode v6 big bigsix bigown fat maint local"
  )
    .split(" ")
    .map((name) => `${name}.service`),
];

/** Names outside of the domain. */
export const outsideNames: readonly string[] = [
  ".",
  "test.",
  "www.outside.test.",
  "chain.outside.test.",
  "unknown.outside.test.",
  "consul.example.",
  "notconsul.",
  "1.0.1.10.in-addr.arpa.",
  "7.2.0.192.in-addr.arpa.",
  "99.99.99.10.in-addr.arpa.",
  "1.10.in-addr.arpa.",
  "x.y.z.w.in-addr.arpa.",
  "arpa.",
  "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
  "7.7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
  "7.7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.IP6.ARPA.",
];
