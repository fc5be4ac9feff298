import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeMessage } from "../wire/dns/encode.ts";
import { dnsType } from "../wire/dns/message.ts";
import { readAsked } from "./asked.ts";
import { bench, Catalog, instance, question, quick, slow, type Wish } from "./testing-catalog.ts";

const web = { name: "web.service.consul.", type: dnsType.A };

describe("planned answers", () => {
  test("are the resolver's, byte by byte", async () => {
    const meta = fc.dictionary(fc.string({ maxLength: 9 }), fc.string({ maxLength: 90 }), { maxKeys: 3 });
    const one = fc.record({
      index: fc.nat(300),
      address: fc.constantFrom("", "", "192.0.2.1", "192.0.2.2", "2001:db8::1"),
      node: fc.record({ Address: fc.constantFrom("10.9.9.9", "10.9.9.8", "2001:db8::9"), Meta: meta }),
    });
    const wishes = fc.record({
      name: fc.constantFrom(
        web.name,
        "WEB.Service.Consul.",
        "_web._tcp.service.consul.",
        "n1.node.consul.",
        "gone.service.consul.",
        "web.service.alt.example.",
        "0a000001.addr.consul.",
        "x.consul.",
      ),
      type: fc.constantFrom(dnsType.A, dnsType.AAAA, dnsType.SRV, dnsType.ANY, dnsType.TXT, dnsType.CNAME),
      ednsBytes: fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined }),
      network: fc.constantFrom("udp" as const, "tcp" as const),
    });
    const settings = fc.record({
      compression: fc.boolean(),
      enableTruncate: fc.boolean(),
      udpAnswerLimit: fc.nat(10),
      aRecordLimit: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
      nodeMetaTxt: fc.boolean(),
    });
    let planned = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(one, { maxLength: 60 }), wishes, settings, async (parts, wish, changed) => {
        const nodes = parts.map(({ index, ...more }) => instance(index, more));
        const own = bench(new Catalog(nodes), changed);
        const expected = await slow(own, wish);
        expect(await slow(own, wish)).toEqual(expected);
        const answer = quick(own, wish);
        if (answer === undefined) return;
        planned += 1;
        expect(Buffer.from(answer).toString("hex")).toBe(Buffer.from(expected).toString("hex"));
      }),
      { numRuns: 600 },
    );
    expect(planned).toBeGreaterThan(500);
  });

  test("serve other ids, sizes and ways of the same question", async () => {
    const own = bench(new Catalog(Array.from({ length: 1_000 }, (_, index) => instance(index))));
    const services = { name: "web.service.alt.example.", type: dnsType.SRV };
    for (const wish of [web, web, services, services]) await slow(own, wish);
    for (const wish of [
      services,
      { ...services, network: "tcp" as const },
      { ...services, ednsBytes: 30_000 },
      { ...services, ednsBytes: 1232, network: "tcp" as const },
      { ...web, id: 99 },
      { ...web, ednsBytes: 1232 },
      { ...web, ednsBytes: 65_535 },
      { ...web, network: "tcp" as const },
    ])
      expect(quick(own, wish)).toEqual(await slow(own, wish));
  });

  test("are made at the second asking, and end with a change, new settings and age", async () => {
    const catalog = new Catalog([instance(1)]);
    const own = bench(catalog);
    await slow(own, web);
    expect(quick(own, web)).toBeUndefined();
    await slow(own, web);
    const reads = catalog.readCount;
    expect(quick(own, web)).toEqual(quick(own, web));
    expect(catalog.readCount).toBe(reads);

    catalog.change([instance(2)]);
    for (let round = 0; round < 3; round += 1) expect(quick(own, web)).toBeUndefined();
    expect(catalog.keptCount).toBe(0);
    const changed = await slow(own, web);
    expect(quick(own, web)).toEqual(changed);

    own.settings = { ...own.settings, serviceTtlMs: { web: 77_000 } };
    expect(quick(own, web)).toBeUndefined();
    await slow(own, web);
    own.clock.nowMs += 999;
    expect(quick(own, web)).toBeDefined();
    own.clock.nowMs += 1;
    expect(quick(own, web)).toBeUndefined();
  });

  test("are made of what comes as often in a second as is wanted", async () => {
    const catalog = new Catalog([instance(1)]);
    const own = bench(catalog, {}, { planAfter: 4 });
    for (let round = 0; round < 3; round += 1) await slow(own, web);
    expect(quick(own, web)).toBeUndefined();
    own.clock.nowMs += 1_000;
    for (let round = 0; round < 3; round += 1) await slow(own, web);
    expect(quick(own, web)).toBeUndefined();
    await slow(own, web);
    expect(quick(own, web)).toBeDefined();
  });

  test.each([
    { uses: 1, isPlannedAgain: false },
    { uses: 2, isPlannedAgain: true },
  ])("that were used $uses times in their second are made again: $isPlannedAgain", async (row) => {
    const catalog = new Catalog([instance(1)]);
    const own = bench(catalog);
    for (let round = 0; round < 2; round += 1) await slow(own, web);
    for (let use = 0; use < row.uses; use += 1) expect(quick(own, web)).toBeDefined();
    own.clock.nowMs += 1_000;
    expect(quick(own, web)).toBeUndefined();
    await slow(own, web);
    expect(quick(own, web) !== undefined).toBe(row.isPlannedAgain);
    expect(catalog.keptCount).toBe(row.isPlannedAgain ? 1 : 0);
  });

  test("are as many as there are places for, and the rest is not planned at all", async () => {
    const catalog = new Catalog([instance(1)]);
    const own = bench(catalog);
    const wish = (index: number): Wish => ({
      ...web,
      name: `_web._${"t".repeat(index % 50)}${index}.service.consul.`,
    });
    for (let round = 0; round < 2; round += 1)
      for (let index = 0; index < 3_000; index += 1) await slow(own, wish(index));
    const { keptCount } = catalog;
    expect(keptCount).toBeLessThanOrEqual(2_048);
    // Of two with the same place among the sightings one is forgotten.
    expect(keptCount).toBeGreaterThan(1_500);
    for (let index = 0; index < 3_000; index += 1) await slow(own, wish(index));
    expect(catalog.keptCount).toBe(keptCount);
    expect(quick(own, wish(0)) ?? quick(own, wish(1))).toBeDefined();
  });

  test("choose fairly", async () => {
    let seed = 1;
    const random = (limit: number): number => (seed = (seed * 48_271) % 0x7fff_ffff) % limit;
    const own = bench(new Catalog(Array.from({ length: 9 }, (_, index) => instance(index))), {}, { random });
    await slow(own, web);
    await slow(own, web);
    const counts = new Map<number, number>();
    for (let round = 0; round < 3_000; round += 1) {
      const last = quick(own, web)?.[12 + 20 + 4 + 15] ?? 0;
      counts.set(last, (counts.get(last) ?? 0) + 1);
    }
    expect(counts.size).toBe(9);
    for (const count of counts.values()) expect(Math.abs(count - 3_000 / 9)).toBeLessThan(70);
  });

  test("are not made of what has to be looked up, nor of prepared queries", async () => {
    const catalog = new Catalog([instance(1, { address: "www.example.com" })]);
    const own = bench(catalog);
    for (const name of ["web.service.consul.", "q.query.consul."]) {
      for (let round = 0; round < 3; round += 1) await slow(own, { name, type: dnsType.A });
      expect(quick(own, { name, type: dnsType.A })).toBeUndefined();
    }
    expect(catalog.keptCount).toBe(0);
  });
});

describe("plain questions", () => {
  const plain = encodeMessage(question(web), { compress: false });
  const edns = encodeMessage(question({ ...web, ednsBytes: 1232 }), { compress: false });

  test("are read with their EDNS size", () => {
    expect(readAsked(plain, "udp")).toMatchObject({
      id: 7,
      questionType: 1,
      ednsBytes: undefined,
      flags: 0x100,
    });
    expect(readAsked(edns, "udp")?.ednsBytes).toBe(1232);
  });

  test.each([
    { what: "an answer", bytes: plain.with(2, 0x81) },
    { what: "another opcode", bytes: plain.with(2, 0x20) },
    { what: "two questions", bytes: plain.with(5, 2) },
    { what: "an answer section", bytes: plain.with(7, 1) },
    { what: "something behind", bytes: Uint8Array.from([...plain, 0]) },
    { what: "a pointer", bytes: plain.with(12, 0xc0) },
    { what: "an OPT record that is cut", bytes: edns.slice(0, -1) },
    { what: "a client subnet", bytes: Uint8Array.from([...edns.slice(0, -1), 8, 0, 8, 0, 4, 0, 1, 0, 0]) },
  ])("with $what are not", ({ bytes }) => {
    expect(readAsked(bytes, "udp")).toBeUndefined();
  });

  test("of any bytes are read or not", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (noise, at) => {
        readAsked(noise, "udp");
        readAsked(Uint8Array.from([...edns.slice(0, at), ...noise]), "udp");
      }),
    );
  });
});
