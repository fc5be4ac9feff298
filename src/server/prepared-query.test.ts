import { describe, expect, test } from "bun:test";
import { catalogCommands } from "../fsm/catalog-commands.ts";
import { coordinateCommands } from "../fsm/coordinate-commands.ts";
import { Fsm } from "../fsm/fsm.ts";
import { preparedQueryCommands } from "../fsm/prepared-query-commands.ts";
import { allowAll, type Authorizer } from "../acl/authorizer.ts";
import { seededRng } from "../lib/rng.ts";
import { ensureCheck, ensureNode, ensureService } from "../state/catalog.ts";
import { updateCoordinates } from "../state/coordinates.ts";
import { StateStore } from "../state/store.ts";
import * as methods from "../wire/rpc/prepared-query-methods.ts";
import { HealthCheck, Node } from "../wire/structs/catalog.ts";
import { DCSpecificRequest, QuerySource } from "../wire/structs/common.ts";
import {
  PreparedQuery,
  PreparedQueryExecuteRemoteRequest,
  PreparedQueryExecuteRequest,
  PreparedQueryExecuteResponse,
  PreparedQueryRequest,
  PreparedQuerySpecificRequest,
  ServiceQuery,
} from "../wire/structs/prepared-query.ts";
import { NodeService, ServiceConnect } from "../wire/structs/service.ts";
import type { Endpoint, QueryDatacenters, ServerContext } from "./context.ts";
import { preparedQueryEndpoints } from "./prepared-query.ts";
import { redactedToken } from "./prepared-query-access.ts";
import { Server } from "./server.ts";
import { InstantConsensus, testContext } from "./testing.ts";

interface World {
  readonly store: StateStore;
  readonly server: Server;
  readonly context: ServerContext;
  create(query: Partial<PreparedQuery>): Promise<string>;
  execute(name: string, given?: Partial<PreparedQueryExecuteRequest>): Promise<PreparedQueryExecuteResponse>;
  /** The nodes that a query over `web` finds. */
  found(service: Partial<ServiceQuery>, given?: Partial<PreparedQueryExecuteRequest>): Promise<string[]>;
}

/** Four nodes with `web`: n1 and n2 pass, n3 warns, n4 is critical. */
function world(others?: QueryDatacenters): World {
  const store = new StateStore();
  const statuses = ["passing", "passing", "warning", "critical"];
  for (const [at, status] of statuses.entries()) {
    const name = `n${at + 1}`;
    ensureNode(
      store,
      1,
      Node.make({ Node: name, Address: `10.0.0.${at + 1}`, Datacenter: "dc1", Meta: { rack: `r${at % 2}` } }),
    );
    const service = NodeService.make({
      ID: "web",
      Service: "web",
      Tags: at === 0 ? ["Primary", "v1"] : ["v1"],
      Meta: { number: String(at + 1) },
    });
    ensureService(store, 1, name, service);
    const check = { Node: name, CheckID: "c", ServiceID: "web", ServiceName: "web", Status: status };
    ensureCheck(store, 1, HealthCheck.make(check));
  }
  const native = ServiceConnect.make({ Native: true });
  ensureService(store, 1, "n2", NodeService.make({ ID: "api", Service: "api", Connect: native }));
  store.commit();
  const fsm = new Fsm(store, [...catalogCommands, ...coordinateCommands, ...preparedQueryCommands], []);
  const rng = seededRng(3);
  let uuids = 0;
  const context: ServerContext = {
    ...testContext(store, new InstantConsensus(fsm)),
    random: (limit) => rng.below(limit),
    uuid: () => `00000000-0000-4000-8000-${String((uuids += 1)).padStart(12, "0")}`,
    ...(others === undefined ? {} : { otherDatacenters: others }),
  };
  const server = new Server(context, preparedQueryEndpoints);
  const create = (query: Partial<PreparedQuery>): Promise<string> =>
    server.call(
      methods.preparedQueryApply,
      PreparedQueryRequest.make({ Op: "create", Query: PreparedQuery.make(query) }),
    );
  const execute: World["execute"] = (name, given = {}) =>
    server.call(
      methods.preparedQueryExecute,
      PreparedQueryExecuteRequest.make({
        QueryIDOrName: name,
        Agent: QuerySource.make({ Datacenter: "dc1", Node: "n2" }),
        ...given,
      }),
    );
  const found: World["found"] = async (service, given) => {
    const id = await create({
      Name: `q${uuids}`,
      Service: ServiceQuery.make({ Service: "web", ...service }),
    });
    const { Nodes: nodes } = await execute(id, given);
    return (nodes ?? []).map((one) => one.Node?.Node ?? "");
  };
  return { store, server, context, create, execute, found };
}

/** What a call is refused with. */
async function failure(call: Promise<unknown>): Promise<string> {
  try {
    return `answered ${JSON.stringify(await call)}`;
  } catch (error) {
    return String((error as Error).message);
  }
}

describe("what a query finds", () => {
  test.each<[what: string, service: Partial<ServiceQuery>, nodes: readonly string[]]>([
    ["everything that is not critical", {}, ["n1", "n2", "n3"]],
    ["only what passes", { OnlyPassing: true }, ["n1", "n2"]],
    ["checks looked through", { IgnoreCheckIDs: ["c"] }, ["n1", "n2", "n3", "n4"]],
    ["other checks looked through", { IgnoreCheckIDs: ["d"] }, ["n1", "n2", "n3"]],
    ["a tag in any case", { Tags: ["PRIMARY"] }, ["n1"]],
    ["a tag and not another", { Tags: ["v1", "!Primary"] }, ["n2", "n3"]],
    ["a tag that nobody has", { Tags: ["v9"] }, []],
    ["metadata of nodes", { NodeMeta: { rack: "r0" } }, ["n1", "n3"]],
    ["metadata of services", { ServiceMeta: { number: "2" } }, ["n2"]],
    ["both", { NodeMeta: { rack: "r0" }, ServiceMeta: { number: "2" } }, []],
    ["ways into the mesh", { Service: "api", Connect: true }, ["n2"]],
    ["no ways into the mesh", { Connect: true }, []],
    ["nothing of a peer", { Peer: "other" }, []],
    ["a service in any case", { Service: "WEB", OnlyPassing: true }, ["n1", "n2"]],
  ])("%s", async (_, service, nodes) => {
    expect((await world().found(service)).toSorted()).toEqual([...nodes]);
  });

  test("comes in random order, cut at the limit", async () => {
    const { found } = world();
    const firsts = new Set<string>();
    for (let round = 0; round < 40; round += 1) {
      const nodes = await found({}, { Limit: 1 });
      expect(nodes).toHaveLength(1);
      firsts.add(nodes[0] ?? "");
    }
    expect([...firsts].toSorted()).toEqual(["n1", "n2", "n3"]);
    expect(await found({}, { Limit: -1 })).toHaveLength(3);
  });

  test("the caller may ask for the mesh", async () => {
    expect(await world().found({ Service: "api" }, { Connect: true })).toEqual(["n2"]);
  });

  test("what was read is not reordered under those who share it", async () => {
    const { found } = world();
    for (let round = 0; round < 10; round += 1) await found({});
    expect((await found({ OnlyPassing: true })).toSorted()).toEqual(["n1", "n2"]);
  });

  test("a reply tells where, how, and how fresh", async () => {
    const { create, execute } = world();
    await create({ Name: "q", Service: ServiceQuery.make({ Service: "web" }), DNS: { TTL: "10s" } });
    const { Nodes: _, ...rest } = await execute("Q");
    expect(rest).toMatchObject({
      Service: "web",
      DNS: { TTL: "10s" },
      Datacenter: "dc1",
      PeerName: "",
      Failovers: 0,
      Index: 1,
      KnownLeader: true,
      ConsistencyLevel: "leader",
    });
  });
});

describe("what is near", () => {
  function placed(): World {
    const one = world();
    const at = (Node: string, x: number) => ({
      Node,
      Segment: "",
      Coord: { Vec: [x, 0, 0, 0, 0, 0, 0, 0], Error: 1, Adjustment: 0, Height: 1e-5 },
    });
    updateCoordinates(one.store, 2, [at("n1", 0.1), at("n2", 0.2), at("n3", 0.5)]);
    one.store.commit();
    return one;
  }

  const toN1 = ["n1", "n2", "n3"];
  const toN2 = ["n2", "n1", "n3"];
  const toN3 = ["n3", "n2", "n1"];
  test.each<[what: string, near: string, given: Partial<PreparedQueryExecuteRequest>, nodes: string[]]>([
    ["a node of the query", "n3", {}, toN3],
    ["a node in another case", "N3", {}, toN3],
    ["the asking agent", "_agent", {}, toN2],
    ["the caller's choice before the query's", "n3", { Source: QuerySource.make({ Node: "n1" }) }, toN1],
    ["the caller's agent", "", { Source: QuerySource.make({ Node: "_agent" }) }, toN2],
    ["the caller's address", "_ip", { Source: QuerySource.make({ Ip: "10.0.0.3" }) }, toN3],
  ])("%s", async (...[, Near, given, nodes]) => {
    const { found } = placed();
    for (let round = 0; round < 5; round += 1) expect(await found({ Near }, given)).toEqual(nodes);
  });

  test.each<[what: string, near: string, given: Partial<PreparedQueryExecuteRequest>]>([
    ["nowhere", "", {}],
    ["an unknown node", "n9", {}],
    ["an unknown address", "_ip", { Source: QuerySource.make({ Ip: "10.9.9.9" }) }],
    ["no address", "_ip", {}],
    ["a node elsewhere", "", { Source: QuerySource.make({ Node: "n1", Datacenter: "dc2" }) }],
  ])("%s gives no order", async (_, Near, given) => {
    const { found } = placed();
    const orders = new Set<string>();
    for (let round = 0; round < 60; round += 1) orders.add((await found({ Near }, given)).join());
    expect(orders.size).toBe(6);
  });

  test("the node itself goes first even where nothing was measured", async () => {
    const { found } = world();
    for (let round = 0; round < 10; round += 1) expect((await found({ Near: "N1" }))[0]).toBe("n1");
  });
});

describe("changes", () => {
  const web = ServiceQuery.make({ Service: "web" });
  const refused: readonly (readonly [query: Partial<PreparedQuery>, text: string])[] = [
    [{ ID: "x" }, "ID must be empty when creating a new prepared query"],
    [{ Service: web }, "Invalid prepared query: Must be bound to a session"],
    [{ Name: "q" }, "Invalid prepared query: Must provide a Service name to query"],
    [
      { Name: "q", Token: redactedToken, Service: web },
      "Invalid prepared query: Bad Token '<hidden>', it looks like a query definition with a redacted token was submitted",
    ],
    [
      { Name: "q", Service: { ...web, Failover: { NearestN: -1, Datacenters: null, Targets: null } } },
      "Invalid prepared query: Bad NearestN '-1', must be >= 0",
    ],
    [
      {
        Name: "q",
        Service: {
          ...web,
          Failover: { NearestN: 0, Datacenters: ["a"], Targets: [{ Peer: "", Datacenter: "b" }] },
        },
      },
      "Invalid prepared query: Targets cannot be populated with NearestN or Datacenters",
    ],
    [
      { Name: "q", Service: { ...web, NodeMeta: { "bad key!": "v" } } },
      "Invalid prepared query: Couldn't load metadata pair ('bad key!', 'v'): Key contains invalid characters",
    ],
    [
      { Name: "q", Service: { ...web, SamenessGroup: "g" } },
      "Invalid prepared query: sameness-groups are an enterprise-only feature",
    ],
    [
      { Name: "q", Service: web, DNS: { TTL: "10" } },
      "Invalid prepared query: Bad DNS TTL '10': time: missing unit in duration \"10\"",
    ],
    [
      { Name: "q", Service: web, DNS: { TTL: "-1s" } },
      "Invalid prepared query: DNS TTL '-1000000000', must be >=0",
    ],
    [{ Name: "q", Session: "s", Service: web }, 'invalid session "s"'],
  ];
  test.each(refused.map(([query, text]) => [text, query] as const))("refused: %s", async (text, query) => {
    expect(await failure(world().create(query))).toBe(text);
  });

  test("a query is made, replaced and deleted", async () => {
    const { server, create } = world();
    const ID = await create({ Name: "q", Service: web, Token: "t" });
    const change = (Op: string, query: Partial<PreparedQuery>): Promise<string> =>
      server.call(
        methods.preparedQueryApply,
        PreparedQueryRequest.make({ Op, Query: PreparedQuery.make({ ID, ...query }) }),
      );
    expect(await change("update", { Name: "r", Service: web })).toBe(ID);
    const get = () =>
      server.call(
        methods.preparedQueryGet,
        PreparedQuerySpecificRequest.make({ Datacenter: "dc1", QueryID: ID }),
      );
    expect(await get()).toMatchObject({
      Index: 2,
      Queries: [{ ID, Name: "r", CreateIndex: 1, ModifyIndex: 2 }],
    });
    expect(await failure(change("frob", {}))).toMatch("Unknown prepared query operation: frob");
    expect(await change("delete", {})).toBe(ID);
    expect(await failure(get())).toMatch(/^Query not found$/);
    expect(await failure(change("update", { Name: "r", Service: web }))).toMatch(
      `Cannot modify non-existent prepared query: '${ID}'`,
    );
    expect(await failure(change("delete", { ID: "short" }))).toMatch(
      "Prepared Query lookup failed: failed prepared query lookup: index error: UUID must be 36 characters",
    );
  });

  test("an id that is taken is not given again", async () => {
    const { context, create } = world();
    const taken = await create({ Name: "a", Service: web });
    const fresh = "99999999-0000-4000-8000-000000000009";
    const ids = [fresh, taken, taken];
    const server = new Server({ ...context, uuid: () => ids.pop() ?? "" }, preparedQueryEndpoints);
    const Query = PreparedQuery.make({ Name: "b", Service: web });
    const request = PreparedQueryRequest.make({ Op: "create", Query });
    expect(await server.call(methods.preparedQueryApply, request)).toBe(fresh);
  });

  test("a list waits for the next change", async () => {
    const { server, create } = world();
    await create({ Name: "a", Service: web });
    const waiting = server.call(
      methods.preparedQueryList,
      DCSpecificRequest.make({ MinQueryIndex: 1, MaxQueryTime: 60e9 }),
    );
    await create({ Name: "b", Service: web });
    expect((await waiting).Queries?.map((query) => query?.Name)).toEqual(["a", "b"]);
  });
});

test("templates are explained and run by the name that was asked", async () => {
  const { server, create, execute } = world();
  await create({
    Name: "t-",
    Template: { Type: "name_prefix_match", Regexp: "^t-(.*?)-(.*)$", RemoveEmptyTags: false },
    Service: ServiceQuery.make({ Service: "${match(1)}", Tags: ["${match(2)}", "!${agent.segment}"] }),
  });
  const { Nodes: nodes } = await execute("t-web-primary");
  expect(nodes?.map((one) => one.Node?.Node)).toEqual(["n1"]);
  const explained = await server.call(
    methods.preparedQueryExplain,
    PreparedQueryExecuteRequest.make({
      QueryIDOrName: "T-web-v2",
      Agent: QuerySource.make({ Segment: "alpha" }),
    }),
  );
  // The pattern minds letter case, though the name does not.
  expect(explained.Query.Service).toMatchObject({ Service: "", Tags: ["", "!alpha"] });
  expect(await failure(execute("nope"))).toMatch(/^Query not found$/);
  expect(await failure(execute(""))).toMatch("Missing Query ID");
});

describe("other datacenters", () => {
  function answering(
    found: Readonly<Record<string, number>>,
  ): QueryDatacenters & { readonly asked: string[] } {
    const asked: string[] = [];
    return {
      asked,
      byDistance: () => ["dc3", "dc2"],
      execute: (request) => {
        asked.push(request.Datacenter);
        expect(request.Query.Name).toBe("q");
        const count = found[request.Datacenter] ?? 0;
        const Nodes = Array.from({ length: count }, () => ({ Node: null, Service: null, Checks: null }));
        return Promise.resolve(
          PreparedQueryExecuteResponse.make({ Datacenter: request.Datacenter, Nodes, Service: "gone" }),
        );
      },
    };
  }

  function failing(NearestN: number, ...Datacenters: readonly string[]): Partial<PreparedQuery> {
    const Failover = { NearestN, Datacenters, Targets: null };
    return { Name: "q", Service: ServiceQuery.make({ Service: "gone", Failover }) };
  }

  test("are asked in order until one has somebody", async () => {
    const others = answering({ dc2: 2 });
    const { create, execute } = world(others);
    await create(failing(2));
    expect(await execute("q")).toMatchObject({ Datacenter: "dc2", Failovers: 2, Service: "gone" });
    expect(others.asked).toEqual(["dc3", "dc2"]);
  });

  test("are left alone while somebody is here", async () => {
    const others = answering({ dc2: 2 });
    const { create, execute } = world(others);
    await create({ ...failing(2), Service: { ...ServiceQuery.make({ Service: "web" }) } });
    expect(await execute("q")).toMatchObject({ Datacenter: "dc1", Failovers: 0 });
    expect(others.asked).toEqual([]);
  });

  test("nobody anywhere is an empty answer that counts the attempts", async () => {
    const { create, execute } = world(answering({}));
    await create(failing(1, "dc2", "dc9"));
    expect(await execute("q")).toMatchObject({ Failovers: 2, Nodes: [] });
  });

  test("that nobody knows are no attempts", async () => {
    const { create, execute } = world();
    await create(failing(3, "dc2", "dc9"));
    expect(await execute("q")).toMatchObject({ Datacenter: "dc1", Failovers: 0, Nodes: null });
  });

  test("send their queries here whole", async () => {
    const { server } = world();
    const query = PreparedQuery.make({
      Name: "theirs",
      Service: ServiceQuery.make({ Service: "web", OnlyPassing: true }),
      DNS: { TTL: "1s" },
    });
    const request = PreparedQueryExecuteRemoteRequest.make({ Datacenter: "dc1", Query: query, Limit: 1 });
    const reply = await server.call(methods.preparedQueryExecuteRemote, request);
    expect(reply).toMatchObject({ Datacenter: "dc1", Failovers: 0, DNS: { TTL: "1s" } });
    expect(reply.Nodes).toHaveLength(1);
  });
});

describe("a token with few rights", () => {
  const own: Authorizer = {
    ...allowAll,
    preparedQueryRead: (name) => name.startsWith("own"),
    preparedQueryWrite: (name) => name.startsWith("own"),
    nodeRead: (node) => node === "n1",
    management: () => false,
  };

  async function as<R>(one: World, method: { readonly name: string }, request: unknown): Promise<R> {
    const found = preparedQueryEndpoints.find((each) => each.method.name === method.name);
    const handler = found as unknown as Endpoint<unknown, R>;
    return handler.handle(one.context, request, { authorizer: own, signal: undefined });
  }

  test("sees its own queries without their tokens, and what it may see of nodes", async () => {
    const one = world();
    const Service = ServiceQuery.make({ Service: "web" });
    await one.create({ Name: "own", Token: "secret", Service });
    const foreign = await one.create({ Name: "foreign", Token: "secret", Service });
    const listed = await as(one, methods.preparedQueryList, DCSpecificRequest.make({}));
    expect(listed).toMatchObject({ Queries: [{ Name: "own", Token: redactedToken }] });
    const get = PreparedQuerySpecificRequest.make({ QueryID: foreign });
    expect(await failure(as(one, methods.preparedQueryGet, get))).toMatch("Permission denied");
    const run = (QueryIDOrName: string) => PreparedQueryExecuteRequest.make({ QueryIDOrName });
    expect(await failure(as(one, methods.preparedQueryExplain, run("foreign")))).toMatch("Permission denied");
    expect(await as(one, methods.preparedQueryExplain, run("own"))).toMatchObject({
      Query: { Token: redactedToken },
    });
    const { Nodes: nodes } = await as<PreparedQueryExecuteResponse>(
      one,
      methods.preparedQueryExecute,
      run("own"),
    );
    expect(nodes?.map(({ Node: node }) => node?.Node)).toEqual(["n1"]);
  });

  test("changes its own queries only", async () => {
    const one = world();
    const Service = ServiceQuery.make({ Service: "web" });
    const ID = await one.create({ Name: "foreign", Service });
    const change = (Op: string, query: Partial<PreparedQuery>) =>
      as(
        one,
        methods.preparedQueryApply,
        PreparedQueryRequest.make({ Op, Query: PreparedQuery.make({ Service, ...query }) }),
      );
    expect(await failure(change("create", { Name: "x" }))).toMatch("Permission denied");
    expect(await failure(change("update", { ID, Name: "own" }))).toMatch("Permission denied");
    expect(await failure(change("delete", { ID }))).toMatch("Permission denied");
    expect(await change("create", { Name: "own" })).toMatch(/^[\da-f-]{36}$/);
  });
});
