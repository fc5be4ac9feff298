import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PreparedQuery, ServiceQuery } from "../wire/structs/prepared-query.ts";
import { Session } from "../wire/structs/session.ts";
import {
  preparedQueryDelete,
  preparedQueryGet,
  preparedQueryList,
  preparedQueryMaxIndex,
  preparedQueryResolve,
  preparedQueryRestore,
  preparedQuerySet,
} from "./prepared-queries.ts";
import { Refusal } from "./refusal.ts";
import { sessionDestroy, sessionRestore } from "./session.ts";
import { StateStore } from "./store.ts";
import { WatchSet } from "./watch.ts";

const sessionId = "aaaaaaaa-0000-4000-8000-000000000001";

function idOf(number: number): string {
  return `11111111-2222-4333-8444-${String(number).padStart(12, "0")}`;
}

interface Given {
  readonly name: string;
  readonly template?: boolean;
  readonly service?: Partial<ServiceQuery>;
  readonly regexp?: string;
  readonly session?: string;
  readonly removeEmptyTags?: boolean;
}

function queryOf(number: number, given: Given): PreparedQuery {
  return PreparedQuery.make({
    ID: idOf(number),
    Name: given.name,
    Session: given.session ?? "",
    Template: {
      Type: given.template === true ? "name_prefix_match" : "",
      Regexp: given.regexp ?? "",
      RemoveEmptyTags: given.removeEmptyTags ?? false,
    },
    Service: ServiceQuery.make({ Service: `s${number}`, ...given.service }),
  });
}

function storeWith(...queries: readonly Given[]): StateStore {
  const store = new StateStore();
  for (const [at, given] of queries.entries())
    expect(preparedQuerySet(store, at + 1, queryOf(at, given))).toBeUndefined();
  return store;
}

function refusal(answer: unknown): string | undefined {
  return answer instanceof Refusal ? answer.text : undefined;
}

function serviceFor(store: StateStore, name: string): string | undefined {
  const found = preparedQueryResolve(store, name, "seg");
  return found instanceof Refusal ? found.text : found?.Service.Service;
}

describe("names", () => {
  const store = storeWith(
    { name: "" },
    { name: "Web" },
    { name: "", template: true },
    { name: "geo-", template: true },
    { name: "geo-DB-", template: true },
    { name: "geo-db-main" },
  );

  test.each([
    ["web", "s1"],
    ["WEB", "s1"],
    ["geo-x", "s3"],
    ["GEO-", "s3"],
    ["geo-db", "s3"],
    ["geo-db-x", "s4"],
    ["geo-db-main", "s5"],
    ["geo-db-mainly", "s4"],
    ["other", "s2"],
    [idOf(1).toUpperCase(), "s1"],
    [idOf(3), "prepared query templates can only be resolved up by name, not by ID"],
    [idOf(99), "s2"],
    ["", "Missing Query ID"],
  ])("%p finds %p", (name, service) => {
    expect(serviceFor(store, name)).toBe(service);
  });

  test("nothing is found where nothing fits", () => {
    expect(preparedQueryResolve(storeWith({ name: "web" }), "we", "")).toBeUndefined();
  });

  test("the longest template is the one that a search through all would find", () => {
    const name = fc.stringMatching(/^[ab-]{0,5}$/);
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 8 }), name, (prefixes, asked) => {
        fc.pre(asked !== "");
        const templates = storeWith(...prefixes.map((prefix) => ({ name: prefix, template: true })));
        const longest = prefixes
          .filter((prefix) => asked.startsWith(prefix))
          .toSorted((a, b) => b.length - a.length)[0];
        const wanted = longest === undefined ? undefined : `s${prefixes.indexOf(longest)}`;
        expect(serviceFor(templates, asked)).toBe(wanted);
      }),
      { numRuns: 300 },
    );
  });
});

describe("changes", () => {
  test.each<[what: string, query: PreparedQuery, text: string]>([
    ["no id", PreparedQuery.make({ Name: "x" }), "Missing Query ID"],
    [
      "a short id",
      PreparedQuery.make({ ID: "abc" }),
      "failed prepared query lookup: index error: UUID must be 36 characters",
    ],
    ["a taken name", queryOf(9, { name: "WEB" }), "name 'WEB' aliases an existing query name"],
    [
      "an id as name",
      queryOf(9, { name: idOf(0).toUpperCase() }),
      `name '${idOf(0).toUpperCase()}' aliases an existing query ID`,
    ],
    [
      "a second template for all names",
      queryOf(9, { name: "", template: true }),
      "a query template with an empty name already exists",
    ],
    ["an unknown session", queryOf(9, { name: "x", session: "nope" }), 'invalid session "nope"'],
    [
      "an unknown kind of template",
      {
        ...queryOf(9, { name: "x" }),
        Template: { Type: "weird", Regexp: "", RemoveEmptyTags: false },
      },
      "failed compiling template: Bad Template.Type 'weird'",
    ],
    [
      "a bad pattern",
      queryOf(9, { name: "x", template: true, regexp: "(" }),
      "failed compiling template: Bad Regexp: error parsing regexp: missing closing ): `(`",
    ],
  ])("%s is refused", (_, query, text) => {
    const store = storeWith({ name: "web" }, { name: "", template: true });
    expect(refusal(preparedQuerySet(store, 9, query))).toBe(text);
    expect(preparedQueryMaxIndex(store)).toBe(2);
  });

  test("an update keeps the first index and frees the old name", () => {
    const store = storeWith({ name: "one", template: true });
    expect(preparedQuerySet(store, 5, queryOf(0, { name: "two" }))).toBeUndefined();
    expect(preparedQueryGet(store, idOf(0))).toMatchObject({ CreateIndex: 1, ModifyIndex: 5, Name: "two" });
    expect(serviceFor(store, "one")).toBeUndefined();
    expect(serviceFor(store, "ones")).toBeUndefined();
    expect(preparedQuerySet(store, 6, queryOf(1, { name: "one" }))).toBeUndefined();
    expect(preparedQueryList(store, new WatchSet()).map(({ Name }) => Name)).toEqual(["two", "one"]);
  });

  test("a deletion is told once, and only if there was something", () => {
    const store = storeWith({ name: "one" });
    store.commit();
    let fired = 0;
    const watch = new WatchSet();
    preparedQueryGet(store, idOf(0), watch);
    store.watches.watch(watch, () => (fired += 1));
    expect(preparedQueryDelete(store, 4, idOf(7))).toBeUndefined();
    store.commit();
    expect([fired, preparedQueryMaxIndex(store)]).toEqual([0, 1]);
    expect(preparedQueryDelete(store, 5, idOf(0))).toBeUndefined();
    store.commit();
    expect([fired, preparedQueryMaxIndex(store)]).toEqual([1, 5]);
    expect(refusal(preparedQueryDelete(store, 6, "x"))).toStartWith("failed prepared query delete: failed ");
  });

  test("queries go with their session, and no others", () => {
    const store = new StateStore();
    sessionRestore(store, Session.make({ ID: sessionId, Node: "n" }));
    preparedQuerySet(store, 2, queryOf(0, { name: "", session: sessionId.toUpperCase() }));
    preparedQuerySet(store, 3, queryOf(1, { name: "kept" }));
    preparedQuerySet(store, 4, queryOf(2, { name: "t-", template: true, session: sessionId }));
    sessionDestroy(store, 7, sessionId);
    expect(preparedQueryList(store, new WatchSet()).map(({ Name }) => Name)).toEqual(["kept"]);
    expect(serviceFor(store, "t-x")).toBeUndefined();
    expect(preparedQueryMaxIndex(store)).toBe(7);
    expect(store.tables.preparedQuerySessions.size).toBe(0);
  });

  test("a query that no longer names a session outlives it", () => {
    const store = new StateStore();
    sessionRestore(store, Session.make({ ID: sessionId, Node: "n" }));
    preparedQuerySet(store, 2, queryOf(0, { name: "x", session: sessionId }));
    preparedQuerySet(store, 3, queryOf(0, { name: "x" }));
    sessionDestroy(store, 7, sessionId);
    expect(serviceFor(store, "x")).toBe("s0");
  });
});

describe("templates", () => {
  test("every text of the service part is rendered", () => {
    const all = "${name.suffix}";
    const store = storeWith({
      name: "t-",
      template: true,
      regexp: "^t-(.*?)-(.*)$",
      service: {
        Service: "${match(1)}",
        Near: "${name.full}",
        Tags: ["${match(2)}", "!${agent.segment}"],
        IgnoreCheckIDs: [all],
        NodeMeta: { k: all },
        ServiceMeta: { m: "${name.prefix}" },
        Failover: { NearestN: 1, Datacenters: [all], Targets: [{ Peer: all, Datacenter: "d" }] },
        Peer: all,
      },
    });
    const found = preparedQueryResolve(store, "t-web-v1", "alpha");
    expect(found).toMatchObject({
      Service: {
        Service: "web",
        Near: "t-web-v1",
        Tags: ["v1", "!alpha"],
        IgnoreCheckIDs: ["web-v1"],
        NodeMeta: { k: "web-v1" },
        ServiceMeta: { m: "t-" },
        Failover: {
          NearestN: 1,
          Datacenters: ["web-v1"],
          Targets: [{ Peer: "web-v1", Datacenter: "d" }],
        },
        Peer: "web-v1",
      },
    });
    // The template itself is as it was.
    expect(preparedQueryGet(store, idOf(0))).toMatchObject({ Service: { Service: "${match(1)}" } });
  });

  test.each([
    [false, ["", "x", ""]],
    [true, ["x"]],
  ])("empty tags are taken out: %p", (removeEmptyTags, tags) => {
    const store = storeWith({
      name: "t-",
      template: true,
      removeEmptyTags,
      service: { Tags: ["${match(1)}", "x", "${agent.segment}"] },
    });
    expect(preparedQueryResolve(store, "t-a", "")).toMatchObject({ Service: { Tags: tags } });
  });

  test.each<[service: Partial<ServiceQuery>, text: string]>([
    [
      { Service: "${nope}" },
      "Bad evaluation for '${nope}' in Service.Service: 1:3: unknown variable accessed: nope",
    ],
    [
      { Tags: ["ok", "${"] },
      "Bad format '${' in Service.Tags[1]: parse error at 1:3: expected expression but found end of string",
    ],
    [
      { NodeMeta: { a: "${x}" } },
      "Bad evaluation for '${x}' in Service.NodeMeta[a]: 1:3: unknown variable accessed: x",
    ],
    [{ Near: "${1/0}" }, "Bad evaluation for '${1/0}' in Service.Near: __builtin_IntMath: divide by zero"],
  ])("%p is refused", (service, text) => {
    const answer = preparedQuerySet(new StateStore(), 1, queryOf(0, { name: "t-", template: true, service }));
    expect(refusal(answer)).toBe(`failed compiling template: ${text}`);
  });

  test("only what is spelled alike is cut off", () => {
    const store = storeWith({ name: "T-", template: true, service: { Service: "${name.suffix}" } });
    expect([serviceFor(store, "T-x"), serviceFor(store, "t-x")]).toEqual(["x", "t-x"]);
  });

  test("one that fails for a name says so then", () => {
    const service = { Service: '${match(name.suffix == "" ? "0" : name.suffix)}' };
    const store = storeWith({ name: "t-", template: true, service });
    expect(serviceFor(store, "t-x")).toEndWith(
      '__builtin_StringToInt: strconv.ParseInt: parsing "x": invalid syntax',
    );
  });

  test("one that came in a snapshot and cannot be read is kept, and says so when it is asked for", () => {
    const store = new StateStore();
    preparedQueryRestore(store, queryOf(0, { name: "t-", template: true, service: { Near: "${y}" } }));
    expect(serviceFor(store, "t-x")).toContain("unknown variable accessed: y");
    expect(preparedQueryList(store, new WatchSet())).toHaveLength(1);
  });
});
