/** Nobody is sent much more than was asked for: who forges a sender's address gains little. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeMessage } from "../wire/dns/decode.ts";
import { dnsType } from "../wire/dns/message.ts";
import { bench, Catalog, instance, quick, slow } from "./testing-catalog.ts";

/** A record of the longest metadata with its name, beside a question of the longest name. */
const singleBytesMax = 1_300;

test("answers over UDP are as large as the client takes, or hold a single record", async () => {
  const meta = fc.dictionary(fc.string({ maxLength: 128 }), fc.string({ maxLength: 512 }), { maxKeys: 64 });
  const one = fc.record({
    index: fc.nat(300),
    node: fc.record({ Address: fc.constantFrom("10.9.9.9", "10.9.9.8", "2001:db8::9"), Meta: meta }),
  });
  const wishes = fc.record({
    name: fc.constantFrom(
      "web.service.consul.",
      "n1.node.consul.",
      "gone.service.consul.",
      "consul.",
      "0a000001.addr.consul.",
    ),
    type: fc.constantFrom(...Object.values(dnsType)),
    ednsBytes: fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(one, { maxLength: 8 }),
      wishes,
      fc.boolean(),
      async (parts, wish, compression) => {
        const nodes = parts.map(({ index, node }, at) => instance(at === 0 ? 1 : index, { node }));
        const own = bench(new Catalog(nodes, true), { compression });
        const limit = Math.max(512, wish.ednsBytes ?? 0);
        for (const answer of [await slow(own, wish), await slow(own, wish), quick(own, wish)]) {
          if (answer === undefined || answer.length <= limit) continue;
          const { answers, authority, additional } = decodeMessage(answer);
          expect(answers.length + authority.length).toBe(1);
          // The address that an SRV record names.
          expect(additional.length).toBeLessThanOrEqual(1);
          expect(answer.length).toBeLessThan(singleBytesMax);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test("metadata that does not fit beside the one answer stays away, and nothing is said to be missing", async () => {
  const Meta = Object.fromEntries(
    Array.from({ length: 64 }, (_, index) => [`key-${index}`, "x".repeat(500)]),
  );
  const own = bench(new Catalog([instance(1, { node: { Meta } })]));
  for (const wish of [
    { name: "n1.node.consul.", type: dnsType.A },
    { name: "web.service.consul.", type: dnsType.SRV },
  ]) {
    const plain = await slow(own, wish);
    expect(plain.length).toBeLessThanOrEqual(512);
    expect(decodeMessage(plain)).toMatchObject({ truncated: false, answers: [{}] });
    expect((await slow(own, { ...wish, ednsBytes: 4_096 })).length).toBeGreaterThan(3_000);
    expect(decodeMessage(await slow(own, { ...wish, network: "tcp" })).additional.length).toBeGreaterThan(63);
  }
});
