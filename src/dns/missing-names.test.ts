import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { dnsType } from "../wire/dns/message.ts";
import { bench, Catalog, instance, quick, slow, type Wish } from "./testing-catalog.ts";

const gone = { name: "gone.service.consul.", type: dnsType.A };

describe("missing names", () => {
  test("are answered at once as the resolver answers, byte by byte", async () => {
    const label = fc.constantFrom(
      "gone",
      "Gone",
      "web",
      "n1",
      "n9",
      "_gone",
      "_web",
      "_tcp",
      "v1",
      "a-b_c",
      "w\\ x",
      "ns",
    );
    const kind = fc.constantFrom(
      "service",
      "node",
      "SERVICE",
      "Node",
      "connect",
      "query",
      "addr",
      "virtual",
      "none",
    );
    const place = fc.constantFrom("", "", "", "", "", "dc1.", "dc2.", "dc1.dc.", "p1.peer.");
    const domain = fc.constantFrom(
      "consul.",
      "consul.",
      "consul.",
      "alt.example.",
      "CONSUL.",
      "alt.example.",
      "Alt.example.",
      "consul.consul.",
      "x.alt.example.",
      "example.",
    );
    const wishes = fc.record({
      name: fc
        .tuple(fc.array(label, { minLength: 1, maxLength: 3 }), kind, place, domain)
        .map(([labels, ...rest]) => [...labels, ""].join(".") + rest.join(".").replace("..", ".")),
      type: fc.constantFrom(...Object.values(dnsType), 15),
      ednsBytes: fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined }),
      network: fc.constantFrom("udp" as const, "tcp" as const),
      id: fc.nat(65_535),
    });
    const settings = fc.record({
      compression: fc.constantFrom(true, true, true, true, true, false),
      domain: fc.constantFrom("consul.", "consul.", "consul.", "consul.", "example."),
      altDomain: fc.constantFrom(undefined, "alt.example."),
      onlyPassing: fc.boolean(),
      recursors: fc.constantFrom([], ["192.0.2.1"]),
    });
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(wishes, settings, async (wish, changed) => {
        const own = bench(new Catalog([instance(1)], true), changed);
        const answer = quick(own, wish);
        if (answer === undefined) return;
        answered += 1;
        const expected = await slow(own, wish);
        expect(Buffer.from(answer).toString("hex")).toBe(Buffer.from(expected).toString("hex"));
      }),
      { numRuns: 3_000 },
    );
    expect(answered).toBeGreaterThan(40);
  });

  test.each<{ what: string; wish: Wish; isAnswered: boolean }>([
    { what: "a service", wish: gone, isAnswered: true },
    {
      what: "a service by RFC 2782",
      wish: { name: "_gone._tcp.consul.", type: dnsType.SRV },
      isAnswered: true,
    },
    { what: "a node", wish: { name: "gone.node.consul.", type: dnsType.AAAA }, isAnswered: true },
    {
      what: "a node, of a type that nodes have not",
      wish: { name: "gone.node.consul.", type: 15 },
      isAnswered: false,
    },
    { what: "one that is there", wish: { name: "web.service.consul.", type: dnsType.A }, isAnswered: false },
    {
      what: "another datacenter's",
      wish: { name: "gone.service.dc2.consul.", type: dnsType.A },
      isAnswered: false,
    },
    { what: "the zone", wish: { name: "consul.", type: dnsType.SOA }, isAnswered: false },
    { what: "name servers of it", wish: { ...gone, type: dnsType.NS }, isAnswered: false },
  ])("of $what: $isAnswered", ({ wish, isAnswered }) => {
    expect(quick(bench(new Catalog([instance(1)], true)), wish) !== undefined).toBe(isAnswered);
  });

  test("are looked up again at each asking, until they are asked for all the time", async () => {
    const catalog = new Catalog([], true);
    const own = bench(catalog);
    for (let round = 1; round < 32; round += 1) {
      expect(quick(own, gone)).toBeDefined();
      expect(catalog.readCount).toBe(round);
    }
    // Then the resolver makes a plan.
    expect(quick(own, gone)).toBeUndefined();
    const answer = await slow(own, gone);
    const reads = catalog.readCount;
    expect(quick(own, gone)).toEqual(answer);
    expect(catalog.readCount).toBe(reads);
  });

  test("are left to the resolver where a reply is too old or has to be waited for", () => {
    const catalog = new Catalog([]);
    expect(quick(bench(catalog), gone)).toBeUndefined();
    expect(quick(bench(new Catalog([], true), { maxStaleMs: -1 }), gone)).toBeUndefined();
  });

  test("that take turns are not planned", () => {
    const catalog = new Catalog([], true);
    const own = bench(catalog);
    for (let round = 0; round < 20; round += 1)
      for (let index = 0; index < 100; index += 1)
        expect(quick(own, { name: `gone-${index}.service.consul.`, type: dnsType.A })).toBeDefined();
    expect(catalog.keptCount).toBe(0);
  });
});
