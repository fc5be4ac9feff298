import { describe, expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { systemClock } from "../runtime/clock.ts";
import { systemNet } from "../runtime/net.ts";
import {
  blankQuery,
  classInternet,
  dnsType,
  rcode,
  type ClientSubnet,
  type DnsMessage,
} from "../wire/dns/message.ts";
import { RpcError, type Rpc } from "../wire/rpc/method.ts";
import { CheckServiceNode, Node } from "../wire/structs/catalog.ts";
import {
  PreparedQueryExecuteResponse,
  type PreparedQueryExecuteRequest,
} from "../wire/structs/prepared-query.ts";
import { NodeService } from "../wire/structs/service.ts";
import { Recursors } from "./recursor.ts";
import { DnsResolver } from "./resolver.ts";
import type { DnsClient } from "./resolver-parts.ts";
import type { DnsSettings } from "./settings.ts";

const settings: DnsSettings = {
  domain: "consul.",
  altDomain: undefined,
  datacenter: "dc1",
  nodeName: "agent-1",
  translateWanAddrs: false,
  recursors: [],
  recursorStrategy: "sequential",
  recursorTimeoutMs: 500,
  allowStale: true,
  maxStaleMs: 5_000,
  nodeTtlMs: 0,
  serviceTtlMs: { web: 7_000 },
  onlyPassing: true,
  enableTruncate: true,
  compression: true,
  udpAnswerLimit: 3,
  aRecordLimit: undefined,
  nodeMetaTxt: false,
  useCache: false,
  cacheMaxAgeMs: undefined,
  soa: { refresh: 1, retry: 2, expire: 3, minTtl: 0 },
};

const client: DnsClient = { network: "udp", address: "::ffff:192.0.2.9" };

function instance(number: number): CheckServiceNode {
  return CheckServiceNode.make({
    Node: Node.make({ Node: `n${number}`, Address: `10.0.0.${number}`, Datacenter: "dc9" }),
    Service: NodeService.make({ ID: "web", Service: "web", Port: 80 + number }),
  });
}

type Answer = Partial<PreparedQueryExecuteResponse>;

/** A resolver whose server knows the query `q`, and what that server was asked. */
function resolverOf(answers: readonly Answer[], changed: Partial<DnsSettings> = {}) {
  const asked: PreparedQueryExecuteRequest[] = [];
  const rpc: Rpc = {
    call: async (method, request) => {
      if (method.name !== "PreparedQuery.Execute") throw new RpcError("boom");
      const query = request as unknown as PreparedQueryExecuteRequest;
      asked.push(query);
      if (query.Datacenter === "dc7") throw new RpcError("rpc error making call: No path to datacenter");
      if (query.QueryIDOrName === "broken") throw new RpcError("disk on fire");
      if (query.QueryIDOrName === "none") throw new RpcError("rpc error making call: Query not found");
      const answer = answers[Math.min(asked.length, answers.length) - 1];
      return PreparedQueryExecuteResponse.make({ Datacenter: "dc9", Service: "web", ...answer }) as never;
    },
  };
  const random = (limit: number): number => limit - 1;
  const resolver = new DnsResolver({
    settings: () => ({ ...settings, ...changed }),
    rpc,
    recursors: new Recursors({ net: systemNet, clock: systemClock, log: silentLog, random }),
    clock: systemClock,
    log: silentLog,
    metrics: noMetrics,
    timerLabels: [],
    planAfter: 2,
    token: () => "secret",
    random,
  });
  const ask = async (name: string, type: number = dnsType.A, subnet?: ClientSubnet): Promise<DnsMessage> => {
    const request: DnsMessage = {
      ...blankQuery,
      id: 7,
      questions: [{ name, type, class: classInternet }],
      edns: subnet === undefined ? undefined : { udpBytes: 1_232, subnet },
    };
    const reply = await resolver.answer(request, new Uint8Array(), client);
    if (reply.kind !== "message") throw new Error("nobody was to be asked");
    return reply.message;
  };
  return { asked, ask };
}

const three: Answer = { Nodes: [instance(2), instance(3), instance(1)] };

describe("questions about prepared queries", () => {
  test("keep the order of the server, which may have sorted by distance", async () => {
    const { ask } = resolverOf([three]);
    for (let round = 0; round < 5; round += 1) {
      const { answers, rcode: code } = await ask("q.query.consul.");
      expect(code).toBe(rcode.noError);
      expect(answers.map(({ data }) => data.kind === "A" && data.address.at(-1))).toEqual([2, 3, 1]);
    }
  });

  test("name targets in the datacenter where they were found", async () => {
    const { ask } = resolverOf([{ Nodes: [instance(4)], Failovers: 1 }]);
    const { answers, additional } = await ask("q.query.consul.", dnsType.SRV);
    expect(answers[0]?.data).toMatchObject({ kind: "SRV", port: 84, target: "n4.node.dc9.consul." });
    expect(additional[0]).toMatchObject({ name: "n4.node.dc9.consul.", data: { kind: "A" } });
  });

  test.each<[name: string, query: string, datacenter: string]>([
    ["Q.Query.consul.", "q", "dc1"],
    ["q.query.dc2.consul.", "q", "dc2"],
    ["a.dotted.name.query.consul.", "a.dotted.name", "dc1"],
    ["_q._tcp.query.consul.", "q", "dc1"],
    ["_a.dotted._udp.query.dc2.consul.", "a.dotted", "dc2"],
    ["_q.x.query.consul.", "_q.x", "dc1"],
  ])("%s runs %s in %s", async (name, query, datacenter) => {
    const { ask, asked } = resolverOf([three]);
    expect((await ask(name, dnsType.SRV)).answers.length).toBeGreaterThan(0);
    expect(asked[0]).toMatchObject({
      QueryIDOrName: query,
      Datacenter: datacenter,
      AllowStale: true,
      Token: "secret",
      Agent: { Datacenter: "dc1", Node: "agent-1", Segment: "", Ip: "" },
      Source: { Datacenter: "", Node: "", Ip: "192.0.2.9" },
    });
  });

  test.each<[name: string, code: number]>([
    ["none.query.consul.", rcode.nameError],
    ["q.query.dc7.consul.", rcode.nameError],
    ["query.consul.", rcode.nameError],
    ["q.query.dc1.more.consul.", rcode.nameError],
    ["broken.query.consul.", rcode.serverFailure],
  ])("%s is answered with code %p", async (name, code) => {
    const { ask } = resolverOf([three]);
    const { rcode: answered, answers, authority } = await ask(name);
    expect([answered, answers.length]).toEqual([code, 0]);
    expect(authority.map(({ data }) => data.kind)).toEqual(code === rcode.nameError ? ["SOA"] : []);
  });

  test("nobody found is no such name, another type is no data", async () => {
    const nobody = resolverOf([{ Nodes: [] }]);
    expect((await nobody.ask("q.query.consul.")).rcode).toBe(rcode.nameError);
    const {
      rcode: code,
      answers,
      authority,
    } = await resolverOf([three]).ask("q.query.consul.", dnsType.AAAA);
    expect([code, answers.length, authority[0]?.data.kind]).toEqual([rcode.noError, 0, "SOA"]);
  });

  test.each<[ttl: string, seconds: number]>([
    ["13s", 13],
    ["1m1500ms", 61],
    ["0s", 0],
    ["nonsense", 0],
    ["", 7],
  ])("a TTL of %p is %p seconds", async (TTL, seconds) => {
    const { ask } = resolverOf([{ ...three, DNS: { TTL } }]);
    expect((await ask("q.query.consul.")).answers[0]?.ttl).toBe(seconds);
  });

  test("what is too stale is asked of the leader", async () => {
    const { ask, asked } = resolverOf([{ ...three, LastContact: 6e9 }, { Nodes: [instance(9)] }]);
    const { answers } = await ask("q.query.consul.");
    expect(answers.map(({ data }) => data.kind === "A" && data.address.at(-1))).toEqual([9]);
    expect(asked.map(({ AllowStale }) => AllowStale)).toEqual([true, false]);
  });
});

describe("a resolver's client subnet", () => {
  const v4: ClientSubnet = {
    family: 1,
    sourceBits: 24,
    scopeBits: 0,
    address: Uint8Array.of(198, 51, 100),
  };
  const v6: ClientSubnet = {
    family: 2,
    sourceBits: 32,
    scopeBits: 0,
    address: Uint8Array.of(0x20, 0x01, 0x0d, 0xb8),
  };

  test.each([
    [v4, "198.51.100.0"],
    [v6, "2001:db8::"],
  ])("is where the question comes from", async (subnet, address) => {
    const { ask, asked } = resolverOf([three]);
    const { edns } = await ask("q.query.consul.", dnsType.A, subnet);
    expect(asked[0]?.Source.Ip).toBe(address);
    // The answer holds for that network only.
    expect(edns?.subnet).toEqual({ ...subnet, scopeBits: subnet.sourceBits });
  });

  test.each([
    ["none.query.consul.", 0],
    ["broken.query.consul.", 0],
    ["0a000001.addr.consul.", 0],
  ])("%s has an answer for everyone", async (name, scopeBits) => {
    const { ask } = resolverOf([three]);
    expect((await ask(name, dnsType.A, v4)).edns?.subnet).toEqual({ ...v4, scopeBits });
  });

  test("no data holds for that network only", async () => {
    const { ask } = resolverOf([three]);
    const { edns } = await ask("q.query.consul.", dnsType.AAAA, v4);
    expect(edns?.subnet?.scopeBits).toBe(24);
  });
});
