import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { seededRng } from "../lib/rng.ts";
import { systemClock } from "../runtime/clock.ts";
import { systemNet } from "../runtime/net.ts";
import { decodeMessage } from "../wire/dns/decode.ts";
import { encodeMessage } from "../wire/dns/encode.ts";
import {
  blankQuery,
  classInternet,
  dnsType,
  rcode,
  type DnsMessage,
  type Edns,
} from "../wire/dns/message.ts";
import { RpcError, type Rpc } from "../wire/rpc/method.ts";
import { CheckServiceNode, IndexedCheckServiceNodes, Node } from "../wire/structs/catalog.ts";
import { NodeService } from "../wire/structs/service.ts";
import { DnsDoor } from "./dns-door.ts";
import { FrameReader, framed } from "./frames.ts";
import { Recursors } from "./recursor.ts";
import { DnsResolver } from "./resolver.ts";
import type { DnsSettings } from "./settings.ts";
import { testSettings } from "./testing.ts";

function instances(count: number): readonly CheckServiceNode[] {
  return Array.from({ length: count }, (_, index) =>
    CheckServiceNode.make({
      Node: Node.make({
        Node: `n${index}`,
        Address: `10.0.${Math.floor(index / 250)}.${(index % 250) + 1}`,
        Datacenter: "dc1",
      }),
      Service: NodeService.make({ ID: "web", Service: "web", Port: 80 }),
    }),
  );
}

/** Answers for one service; everything else does not exist. */
function catalog(nodes: readonly CheckServiceNode[]): Rpc {
  return {
    call: async (method, request) => {
      if (method.name !== "Health.ServiceNodes") throw new RpcError("boom");
      const { ServiceName: name, Datacenter: dc } = request as { ServiceName: string; Datacenter: string };
      if (dc !== "dc1") throw new RpcError("No path to datacenter");
      return IndexedCheckServiceNodes.make({ Nodes: name === "web" ? nodes : [] }) as never;
    },
  };
}

async function startDoor(nodes: readonly CheckServiceNode[], changed: Partial<DnsSettings> = {}) {
  const own = { ...testSettings, ...changed };
  const rng = seededRng(1);
  const common = { net: systemNet, clock: systemClock, log: silentLog };
  const random = (limit: number): number => rng.below(limit);
  const resolver = new DnsResolver({
    settings: () => own,
    rpc: catalog(nodes),
    recursors: new Recursors({ ...common, random }),
    clock: systemClock,
    log: silentLog,
    metrics: noMetrics,
    timerLabels: [],
    planAfter: 2,
    token: () => "",
    random,
  });
  const door = new DnsDoor({ ...common, metrics: noMetrics, resolver, compression: () => own.compression });
  const address = await door.listen({ host: "127.0.0.1", port: 0 });
  return { address, [Symbol.asyncDispose]: () => door.close() };
}

function question(name: string, type: number, edns?: Edns): Uint8Array {
  const message: DnsMessage = {
    ...blankQuery,
    id: 7,
    questions: [{ name, type, class: classInternet }],
    edns,
  };
  return encodeMessage(message, { compress: true });
}

type Door = Awaited<ReturnType<typeof startDoor>>;

async function askBytes(door: Door, bytes: Uint8Array): Promise<Uint8Array> {
  let settle: (answer: Uint8Array) => void = () => undefined;
  const answered = new Promise<Uint8Array>((resolve) => (settle = resolve));
  const socket = await systemNet.bindUdp({ host: "127.0.0.1", port: 0 }, (answer) => settle(answer));
  try {
    socket.send(door.address, bytes);
    return await answered;
  } finally {
    socket.close();
  }
}

async function ask(door: Door, name: string, type: number = dnsType.A): Promise<DnsMessage> {
  return decodeMessage(await askBytes(door, question(name, type)));
}

async function askTcp(door: Door, ...questions: readonly Uint8Array[]): Promise<readonly DnsMessage[]> {
  const connection = await systemNet.connect(door.address, { timeoutMs: 1_000 });
  const frames = new FrameReader();
  const answers: DnsMessage[] = [];
  await new Promise<void>((resolve, reject) => {
    connection.handle({
      data: (bytes) => {
        answers.push(...frames.push(bytes).map(decodeMessage));
        if (answers.length === questions.length) resolve();
      },
      ended: () => reject(new Error("closed early")),
      closed: () => undefined,
    });
    // Cut in odd places: a stream has no packets.
    const all = Buffer.concat(questions.map(framed));
    connection.write(all.subarray(0, 3));
    connection.write(all.subarray(3));
  });
  connection.destroy();
  return answers;
}

describe("the DNS door", () => {
  test("answers in random order, few to a plain client, and says that there are more", async () => {
    await using door = await startDoor(instances(10));
    const seen = new Set<string>();
    for (let round = 0; round < 20; round += 1) {
      const answer = await ask(door, "web.service.consul.");
      expect([answer.rcode, answer.answers.length, answer.truncated, answer.authoritative]).toEqual([
        0,
        3,
        true,
        true,
      ]);
      for (const { data, ttl } of answer.answers) {
        expect(ttl).toBe(5);
        if (data.kind === "A") seen.add(data.address.join("."));
      }
    }
    expect(seen.size).toBeGreaterThan(5);
  });

  test("gives as much as EDNS allows, and everything over TCP", async () => {
    await using door = await startDoor(instances(600));
    const bytes = await askBytes(
      door,
      question("web.service.consul.", dnsType.A, { udpBytes: 1232, subnet: undefined }),
    );
    expect(bytes.length).toBeLessThanOrEqual(1232);
    expect(decodeMessage(bytes).answers.length).toBeGreaterThan(60);
    const [all, services] = await askTcp(
      door,
      question("web.service.consul.", dnsType.A),
      question("_web._tcp.service.consul.", dnsType.SRV),
    );
    expect([all?.answers.length, all?.truncated]).toEqual([600, false]);
    expect(services?.answers.length).toBe(600);
    expect(services?.additional.length).toBe(600);
  });

  test.each([
    { name: "WEB.Service.CONSUL.", code: rcode.noError, answers: 1 },
    { name: "web.service.alt.example.", code: rcode.noError, answers: 1 },
    { name: "web.service.dc1.consul.", code: rcode.noError, answers: 1 },
    { name: "web.service.dc2.consul.", code: rcode.nameError, answers: 0 },
    { name: "gone.service.consul.", code: rcode.nameError, answers: 0 },
    { name: "n0.node.consul.", code: rcode.serverFailure, answers: 0 },
    { name: "x.y.z.consul.", code: rcode.nameError, answers: 0 },
    { name: "example.com.", code: rcode.serverFailure, answers: 0 },
    { name: "0a000102.addr.consul.", code: rcode.noError, answers: 1 },
  ])("$name gets code $code", async ({ name, code, answers }) => {
    await using door = await startDoor(instances(1));
    const answer = await ask(door, name);
    expect([answer.rcode, answer.answers.length]).toEqual([code, answers]);
    expect(answer.questions[0]?.name).toBe(name);
    expect(answer.authority.length).toBe(code === rcode.nameError ? 1 : 0);
  });

  test("what there is of another type is no data, with the SOA", async () => {
    await using door = await startDoor(instances(1));
    const answer = await ask(door, "web.service.consul.", dnsType.AAAA);
    expect([answer.rcode, answer.answers.length, answer.authority.length]).toEqual([0, 0, 1]);
  });

  test("passes what is not its own on to a recursor, and follows outside names there", async () => {
    const outside = [
      CheckServiceNode.make({
        Node: Node.make({ Node: "ext", Address: "web.service.consul", Datacenter: "dc1" }),
        Service: NodeService.make({ ID: "web", Service: "web", Port: 80 }),
      }),
    ];
    await using upstream = await startDoor(instances(2), { domain: "outside." });
    const recursor = `127.0.0.1:${upstream.address.port}`;
    await using door = await startDoor(outside, { recursors: ["127.0.0.1:1", recursor], domain: "inside." });
    const forwarded = await ask(door, "web.service.outside.");
    expect([forwarded.id, forwarded.rcode, forwarded.answers.length]).toEqual([7, 0, 2]);
    const [overTcp] = await askTcp(door, question("web.service.outside.", dnsType.A));
    expect(overTcp?.answers.length).toBe(2);
    const alias = await ask(door, "web.service.inside.");
    expect(alias.answers[0]?.data).toEqual({ kind: "CNAME", target: "web.service.consul." });
  });

  test.each([
    { what: "two questions", change: (b: Uint8Array) => b.with(5, 2), code: rcode.formatError },
    { what: "an unknown opcode", change: (b: Uint8Array) => b.with(2, 0x28), code: rcode.notImplemented },
    { what: "a cut question", change: (b: Uint8Array) => b.slice(0, 20), code: rcode.formatError },
    {
      what: "half a record",
      change: (b: Uint8Array) => Uint8Array.from([...b.with(11, 1), 0, 0]),
      code: rcode.formatError,
    },
  ])("refuses $what", async ({ change, code }) => {
    await using door = await startDoor(instances(1));
    const answer = decodeMessage(await askBytes(door, change(question("web.service.consul.", dnsType.A))));
    expect([answer.id, answer.response, answer.rcode, answer.answers.length]).toEqual([7, true, code, 0]);
  });

  test("lives through any datagram, and never answers an answer", async () => {
    await using door = await startDoor(instances(1));
    const socket = await systemNet.bindUdp({ host: "127.0.0.1", port: 0 }, () => undefined);
    const good = question("web.service.consul.", dnsType.A);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), fc.nat(good.length), (noise, at) => {
        socket.send(door.address, noise);
        socket.send(door.address, Uint8Array.from([...good.slice(0, at), ...noise]));
        // A turn for the door, so that its buffer does not overflow.
        return new Promise<void>((resolve) => setImmediate(resolve));
      }),
      { numRuns: 200 },
    );
    socket.close();
    expect((await ask(door, "web.service.consul.")).answers.length).toBe(1);
  });
});
