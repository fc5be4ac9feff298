import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { HealthCheck, Node, RegisterRequest } from "../wire/structs/catalog.ts";
import { NodeService } from "../wire/structs/service.ts";
import {
  deleteCheck,
  deleteNode,
  deleteService,
  ensureCheck,
  ensureNode,
  ensureService,
  getNode,
  getNodeById,
  getService,
  register,
} from "./catalog.ts";
import { findInstances, instancesIndex, listNodes, listServices, nodeServices } from "./catalog-reads.ts";
import { checkServiceNodes, checksInState, nodeChecks, serviceChecks } from "./health.ts";
import { StateStore } from "./store.ts";
import { WatchSet } from "./watch.ts";

const idA = "aaaaaaaa-0000-4000-8000-000000000001";
const idB = "bbbbbbbb-0000-4000-8000-000000000002";

function node(name: string, more: Partial<Node> = {}): Node {
  return Node.make({ Node: name, Address: "10.0.0.1", Datacenter: "dc1", ...more });
}
function service(id: string, more: Partial<NodeService> = {}): NodeService {
  return NodeService.make({ ID: id, Service: id, ...more });
}
function check(nodeName: string, id: string, more: Partial<HealthCheck> = {}): HealthCheck {
  return HealthCheck.make({ Node: nodeName, CheckID: id, Name: id, Status: "passing", ...more });
}

test("the time of a check's last transition moves with its status only", () => {
  const store = new StateStore();
  ensureNode(store, 1, node("a"));
  const set = (index: number, more: Partial<HealthCheck>): unknown => {
    ensureCheck(store, index, check("a", "c", more));
    const { ModifyIndex, LastTransition: shown } = nodeChecks(store, new WatchSet(), "a")[0] as HealthCheck;
    return [ModifyIndex, shown];
  };
  expect(set(2, { LastTransition: 100 })).toEqual([2, 100]);
  expect(set(3, { LastTransition: 200 })).toEqual([2, 100]);
  expect(set(4, { LastTransition: 300, Output: "changed" })).toEqual([4, 100]);
  expect(set(5, { LastTransition: 400, Status: "critical" })).toEqual([5, 400]);
});

describe("nodes", () => {
  test("an equal node keeps its indexes, a changed one keeps its creation", () => {
    const store = new StateStore();
    expect(ensureNode(store, 5, node("a"))).toBeUndefined();
    ensureNode(store, 6, node("a"));
    expect(getNode(store, "A")).toMatchObject({ CreateIndex: 5, ModifyIndex: 5 });
    expect(store.maxIndex("nodes")).toBe(5);
    ensureNode(store, 7, node("a", { Address: "10.0.0.2" }));
    expect(getNode(store, "a")).toMatchObject({ CreateIndex: 5, ModifyIndex: 7 });
  });

  test("a known id under a new name is a rename, which drops what the old name had", () => {
    const store = new StateStore();
    ensureNode(store, 1, node("old", { ID: idA }));
    ensureService(store, 2, "old", service("web"));
    ensureCheck(store, 3, check("old", "c"));
    expect(ensureNode(store, 4, node("new", { ID: idA }))).toBeUndefined();
    expect(getNode(store, "old")).toBeUndefined();
    expect(getNodeById(store, idA.toUpperCase())).toMatchObject({
      Node: "new",
      CreateIndex: 1,
      ModifyIndex: 4,
    });
    expect(store.tables.services.size + store.tables.checks.size + store.tables.servicesByName.size).toBe(0);
  });

  test("the name of a living node with another id is refused", () => {
    const store = new StateStore();
    ensureNode(store, 1, node("a", { ID: idA }));
    ensureCheck(store, 2, check("a", "serfHealth"));
    expect(ensureNode(store, 3, node("A", { ID: idB }))).toBe(
      `Error while renaming Node ID: "${idB}": Node name A is reserved by node ${idA} with name a (10.0.0.1)`,
    );
    ensureCheck(store, 4, check("a", "serfHealth", { Status: "critical" }));
    expect(ensureNode(store, 5, node("A", { ID: idB }))).toBeUndefined();
    expect(getNodeById(store, idA)).toBeUndefined();
  });

  test("a node without an id may be given one", () => {
    const store = new StateStore();
    ensureNode(store, 1, node("a"));
    ensureCheck(store, 2, check("a", "serfHealth"));
    expect(ensureNode(store, 3, node("a", { ID: idA }))).toBeUndefined();
    expect(getNodeById(store, idA)).toMatchObject({ CreateIndex: 1, ModifyIndex: 3 });
  });
});

describe("services and checks", () => {
  test("need their node and their service", () => {
    const store = new StateStore();
    expect(ensureService(store, 1, "a", service("web"))).toBe("Missing node registration");
    expect(ensureCheck(store, 1, check("a", "c"))).toBe("Missing node registration");
    ensureNode(store, 2, node("a"));
    expect(ensureCheck(store, 3, check("a", "c", { ServiceID: "web" }))).toBe("Missing service registration");
  });

  test("weights that cannot be used fall back to one each", () => {
    const store = new StateStore();
    ensureNode(store, 1, node("a"));
    ensureService(store, 2, "a", service("web", { Weights: { Passing: 0, Warning: 1 } }));
    expect(getService(store, "a", "web")?.Weights).toEqual({ Passing: 1, Warning: 1 });
    ensureService(store, 3, "a", service("web"));
    expect(getService(store, "a", "web")?.ModifyIndex).toBe(2);
  });

  test("a check takes name and tags from its service and is critical by default", () => {
    const store = new StateStore();
    ensureNode(store, 1, node("a"));
    ensureService(store, 2, "a", service("w1", { Service: "web", Tags: ["x"] }));
    ensureCheck(store, 3, check("a", "c", { ServiceID: "w1", Status: "" }));
    expect(store.tables.checks.get("a\u0000c")).toMatchObject({
      ServiceName: "web",
      ServiceTags: ["x"],
      Status: "critical",
    });
  });

  test("the last instance leaves the time of its extinction, and no index of its own", () => {
    const store = new StateStore();
    ensureNode(store, 1, node("a"));
    ensureService(store, 2, "a", service("web"));
    ensureService(store, 3, "a", service("web2", { Service: "web" }));
    deleteService(store, 4, "a", "web");
    expect(store.maxIndex("service.web", "service_last_extinction")).toBe(4);
    expect(store.maxIndex("service_last_extinction")).toBe(0);
    deleteNode(store, 5, "a");
    expect(store.maxIndex("service.web")).toBe(0);
    expect(store.maxIndex("service_last_extinction")).toBe(5);
  });

  test("metadata has limits", () => {
    const store = new StateStore();
    ensureNode(store, 1, node("a"));
    const refusal = ensureService(store, 2, "a", service("web", { Meta: { "consul-x": "1" } }));
    expect(refusal).toContain("Key prefix 'consul-' is reserved for internal use");
    expect(getService(store, "a", "web")).toBeUndefined();
  });
});

describe("registrations", () => {
  const cases: readonly [string, Partial<RegisterRequest>, string][] = [
    ["a check of another node", { Check: check("other", "c") }, 'check node "other" does not match node "a"'],
    [
      "a check of a missing service",
      { Check: check("a", "c", { ServiceID: "ghost" }) },
      'failed inserting check: Missing service registration on node "a"',
    ],
  ];
  test.each(cases)("%s is refused and changes nothing", (_, more, text) => {
    const store = new StateStore();
    const request = RegisterRequest.make({ Node: "a", Address: "x", Service: service("web"), ...more });
    expect(register(store, 1, request)).toBe(text);
    expect(store.tables.nodes.size + store.tables.services.size).toBe(0);
  });

  test("SkipNodeUpdate leaves a known node as it is", () => {
    const store = new StateStore();
    register(store, 1, RegisterRequest.make({ Node: "a", Address: "x" }));
    register(store, 2, RegisterRequest.make({ Node: "a", SkipNodeUpdate: true, Service: service("web") }));
    expect(getNode(store, "a")).toMatchObject({ Address: "x", ModifyIndex: 1 });
  });
});

/** One change, drawn from few names so that histories meet. */
type Change =
  | { readonly kind: "node"; readonly node: string; readonly address: string }
  | {
      readonly kind: "service";
      readonly node: string;
      readonly id: string;
      readonly name: string;
      readonly tag: string;
    }
  | {
      readonly kind: "check";
      readonly node: string;
      readonly id: string;
      readonly of: string;
      readonly status: string;
    }
  | { readonly kind: "drop"; readonly node: string; readonly service: string; readonly check: string };

const nodes = fc.constantFrom("n1", "n2", "N2");
const ids = fc.constantFrom("s1", "s2");
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant("node" as const), node: nodes, address: fc.constantFrom("1", "2") }),
  fc.record({
    kind: fc.constant("service" as const),
    node: nodes,
    id: ids,
    name: fc.constantFrom("web", "db"),
    tag: fc.constantFrom("", "x", "y"),
  }),
  fc.record({
    kind: fc.constant("check" as const),
    node: nodes,
    id: fc.constantFrom("c1", "c2"),
    of: fc.constantFrom("", "s1", "s2"),
    status: fc.constantFrom("passing", "warning", "critical"),
  }),
  fc.record({
    kind: fc.constant("drop" as const),
    node: nodes,
    service: fc.constantFrom("", "s1", "s2"),
    check: fc.constantFrom("", "c1", "c2"),
  }),
);

function apply(store: StateStore, index: number, one: Change): void {
  switch (one.kind) {
    case "node":
      ensureNode(store, index, node(one.node, { Address: one.address }));
      break;
    case "service":
      ensureService(
        store,
        index,
        one.node,
        service(one.id, { Service: one.name, Tags: one.tag === "" ? null : [one.tag] }),
      );
      break;
    case "check":
      ensureCheck(store, index, check(one.node, one.id, { ServiceID: one.of, Status: one.status }));
      break;
    case "drop":
      if (one.service !== "") deleteService(store, index, one.node, one.service);
      else if (one.check !== "") deleteCheck(store, index, one.node, one.check);
      else deleteNode(store, index, one.node);
      break;
  }
  store.commit();
}

const query = { service: "web", connect: false, tags: undefined };
/** Every read with a watch of its own: what it shows, and the index it answers with. */
const reads: Readonly<
  Record<string, (store: StateStore, watch: WatchSet) => { value: unknown; index: number }>
> = {
  nodes: (store, watch) => ({ value: listNodes(store, watch, null), index: store.maxIndex("nodes") }),
  services: (store, watch) => ({
    value: Object.entries(listServices(store, watch, null))
      .map(([name, tags]) => `${name} ${[...tags].sort().join()}`)
      .sort(),
    index: store.maxIndex("services"),
  }),
  service: (store, watch) => {
    const found = findInstances(store, watch, { ...query, health: false });
    return { value: found, index: instancesIndex(store, found, { ...query, health: false }) };
  },
  health: (store, watch) => {
    const value = checkServiceNodes(store, watch, query);
    const rows = value.flatMap(({ Service: row }) => (row === null ? [] : [{ row }]));
    return { value, index: instancesIndex(store, rows, { ...query, health: true }) };
  },
  node: (store, watch) => ({
    value: nodeServices(store, watch, "n1"),
    index: store.maxIndex("nodes", "services"),
  }),
  "node checks": (store, watch) => ({
    value: nodeChecks(store, watch, "n1"),
    index: store.maxIndex("checks"),
  }),
  "service checks": (store, watch) => ({
    value: serviceChecks(store, watch, { service: "web", meta: null }),
    index: store.maxIndex("checks"),
  }),
  critical: (store, watch) => ({
    value: checksInState(store, watch, { state: "critical", meta: null }),
    index: store.maxIndex("checks"),
  }),
};

describe("watches", () => {
  test.each(Object.keys(reads))(
    "a read of %s wakes exactly when it shows something else, with a higher index",
    (name) => {
      const read = reads[name];
      if (read === undefined) throw new Error("the read exists");
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 40 }), (changes) => {
          const store = new StateStore();
          changes.forEach((one, at) => {
            const watch = new WatchSet();
            const before = read(store, watch);
            const shown = JSON.stringify(before.value);
            let woken = false;
            using _ = store.watches.watch(watch, () => (woken = true));
            apply(store, at + 1, one);
            const after = read(store, new WatchSet());
            const changed = JSON.stringify(after.value) !== shown;
            expect({ woken, one }).toEqual({ woken: changed, one });
            if (changed) expect(after.index).toBe(at + 1);
            expect(after.index).toBeGreaterThanOrEqual(before.index);
          });
        }),
        { numRuns: 150 },
      );
    },
  );

  test("the tables agree with each other after any history", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const store = new StateStore();
        changes.forEach((one, at) => apply(store, at + 1, one));
        const { services, servicesByName, nodes: rows, checks } = store.tables;
        expect(servicesByName.size).toBe(services.size);
        for (const [key, row] of services.entries()) {
          expect(servicesByName.has(`${row.Service}\u0000${key}`)).toBe(true);
          expect(rows.has(key.split("\u0000")[0] ?? "")).toBe(true);
        }
        for (const [key, row] of checks.entries()) {
          const owner = key.split("\u0000")[0] ?? "";
          expect(rows.has(owner)).toBe(true);
          if (row.ServiceID !== "") expect(services.has(`${owner}\u0000${row.ServiceID}`)).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });
});
