import { describe, expect, test } from "bun:test";
import { ManualClock } from "../lib/manual-clock.ts";
import { monotonicMs, wallMs, type Clock } from "../lib/clock.ts";
import { silentLog } from "../lib/log.ts";
import { MemoryNet } from "../lib/memory-net.ts";
import { decodeMessage } from "../wire/dns/decode.ts";
import { encodeMessage } from "../wire/dns/encode.ts";
import {
  blankQuery,
  classInternet,
  dnsType,
  rcode,
  type DnsMessage,
  type DnsRecord,
} from "../wire/dns/message.ts";
import { framed } from "./frames.ts";
import { Recursors } from "./recursor.ts";
import { testSettings } from "./testing.ts";

test("no more than 512 questions to other servers are under way at once", async () => {
  const timers: (() => void)[] = [];
  const clock: Clock = {
    monotonicMs: () => monotonicMs(0),
    wallMs: () => wallMs(0),
    after: (_, fn) => {
      timers.push(fn);
      return { [Symbol.dispose]: () => undefined };
    },
  };
  // Nobody answers there.
  const net = new MemoryNet().host("192.0.2.1");
  const recursors = new Recursors({ net, clock, log: silentLog, random: () => 7 });
  const settings = { ...testSettings, recursors: ["192.0.2.53"] };
  const empty = new Uint8Array(12);
  const ask = (): Promise<string> =>
    recursors.forward(empty, settings, "udp").then(
      () => "answered",
      (error: unknown) => String(error),
    );
  const waiting = Array.from({ length: 512 }, ask);
  expect(await ask()).toContain("all resolvers failed");
  expect(timers.length).toBe(512);
  for (const timer of timers.splice(0)) timer();
  expect(new Set(await Promise.all(waiting)).size).toBe(1);
  const next = ask();
  await new Promise((resolve) => setImmediate(resolve));
  expect(timers.length).toBe(1);
  timers[0]?.();
  await next;
});

const query: DnsMessage = {
  ...blankQuery,
  id: 0x1234,
  questions: [{ name: "Host.Test.", type: dnsType.A, class: classInternet }],
  edns: undefined,
};

const address = (last: number): DnsRecord => ({
  name: "host.test.",
  ttl: 1,
  data: { kind: "A", address: Uint8Array.of(203, 0, 113, last) },
});

type Answering = (asked: DnsMessage) => readonly (DnsMessage | Uint8Array)[];

/** An answer with so many addresses. */
const answering =
  (count: number): Answering =>
  (asked) => [
    { ...asked, response: true, answers: Array.from({ length: count }, (_, last) => address(last)) },
  ];

/** Name servers at 192.0.2.1, 192.0.2.2 …, which answer like this, and a client of them. */
async function world(...servers: readonly Answering[]) {
  const net = new MemoryNet();
  const clock = new ManualClock();
  const names: string[] = [];
  for (const [index, answer] of servers.entries()) {
    const host = `192.0.2.${index + 1}`;
    const at = { host, port: 53 };
    const answers = (bytes: Uint8Array): readonly Uint8Array[] =>
      answer(decodeMessage(bytes)).map((one) =>
        one instanceof Uint8Array ? one : encodeMessage(one, { compress: true }),
      );
    const socket = await net.host(host).bindUdp(at, (bytes, from) => {
      for (const one of answers(bytes)) socket.send(from, one);
    });
    await net.host(host).listen(at, (connection) => {
      const data = (bytes: Uint8Array): void => {
        for (const one of answers(bytes.slice(2))) connection.write(framed(one));
      };
      connection.handle({ data, ended: () => undefined, closed: () => undefined });
    });
  }
  const own = net.host("192.0.2.100");
  const recursors = new Recursors({
    net: {
      ...own,
      resolve: (name) => {
        names.push(name);
        return Promise.resolve(name === "ns.test" ? ["192.0.2.1"] : []);
      },
    },
    clock,
    log: silentLog,
    random: () => 0x4321,
  });
  const forward = (message: DnsMessage, network: "udp" | "tcp", ...addresses: readonly string[]) =>
    recursors.forward(
      encodeMessage(message, { compress: false }),
      {
        ...testSettings,
        recursors: addresses.length === 0 ? servers.map((_, index) => `192.0.2.${index + 1}`) : addresses,
      },
      network,
    );
  return { clock, names, forward };
}

describe("an answer of another server", () => {
  test("is handed on with the id of the question", async () => {
    const { forward } = await world(answering(2));
    for (const network of ["udp", "tcp"] as const) {
      const answer = decodeMessage(await forward(query, network));
      expect([answer.id, answer.answers.length]).toEqual([0x1234, 2]);
    }
  });

  test("may come from one that is given by name, whose address is looked up once a minute", async () => {
    const { clock, names, forward } = await world(answering(1));
    for (let round = 0; round < 2; round += 1) await forward(query, "udp", "ns.test:53");
    expect(names).toEqual(["ns.test"]);
    clock.advance(60_000);
    await forward(query, "udp", "ns.test");
    expect(names.length).toBe(2);
    expect(await forward(query, "udp", "gone.test").catch(String)).toContain("all resolvers failed");
  });

  test.each<{ what: string; before: Answering }>([
    { what: "another id", before: (asked) => [{ ...asked, response: true, id: asked.id ^ 1 }] },
    {
      what: "another name",
      before: (asked) => [{ ...asked, response: true, questions: [other("a.test.", 1)] }],
    },
    {
      what: "another type",
      before: (asked) => [{ ...asked, response: true, questions: [other("host.test.", 28)] }],
    },
    { what: "no question", before: (asked) => [{ ...asked, response: true, questions: [] }] },
    { what: "the mark of a question", before: (asked) => [asked] },
  ])("with $what is not taken for one", async ({ before }) => {
    const { forward } = await world((asked) => [...before(asked), ...answering(3)(asked)]);
    expect(decodeMessage(await forward(query, "udp")).answers.length).toBe(3);
  });

  test.each<{ what: string; bad: Answering }>([
    {
      what: "cannot be read",
      bad: (asked) => [Uint8Array.of(asked.id >> 8, asked.id & 255, 0x80, 0, 0, 1, 0, 9, 0, 0, 0, 0, 1)],
    },
    { what: "is a failure", bad: (asked) => [{ ...asked, response: true, rcode: rcode.serverFailure }] },
    {
      what: "is a failure without the question",
      bad: (asked) => [{ ...asked, response: true, rcode: rcode.formatError, questions: [] }],
    },
  ])("that $what lets the next one be asked", async ({ bad }) => {
    const { forward } = await world(bad, answering(4));
    for (const network of ["udp", "tcp"] as const)
      expect(decodeMessage(await forward(query, network)).answers.length).toBe(4);
  });

  test.each([
    { network: "udp" as const, ednsBytes: undefined, count: 60, isCut: true },
    { network: "udp" as const, ednsBytes: undefined, count: 20, isCut: false },
    { network: "udp" as const, ednsBytes: 700, count: 60, isCut: true },
    { network: "udp" as const, ednsBytes: 1232, count: 60, isCut: false },
    { network: "tcp" as const, ednsBytes: undefined, count: 60, isCut: false },
  ])(
    "of $count records by $network is cut for EDNS $ednsBytes: $isCut",
    async ({ network, ednsBytes, count, isCut }) => {
      const { forward } = await world(answering(count));
      const edns = ednsBytes === undefined ? undefined : { udpBytes: ednsBytes, subnet: undefined };
      const answer = decodeMessage(await forward({ ...query, edns }, network));
      expect(answer.truncated).toBe(isCut);
      expect(answer.answers.length).toBe(isCut ? 0 : count);
      expect(answer.questions).toEqual(query.questions);
    },
  );
});

function other(name: string, type: number): DnsMessage["questions"][number] {
  return { name, type, class: classInternet };
}
