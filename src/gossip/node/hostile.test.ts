/**
 * Well-formed lies: every message of every layer with values that no honest peer sends, into a running node.
 *
 * Whatever they say, the node goes on, can still tell its whole state, and its invariants hold.
 */
import { encode } from "@msgpack/msgpack";
import { expect, test } from "bun:test";
import fc from "fast-check";
import { silentLog } from "../../lib/log.ts";
import { MemoryNet } from "../../lib/memory-net.ts";
import { noMetrics } from "../../lib/metrics.ts";
import { seededRng } from "../../lib/rng.ts";
import { systemAead, systemNonces } from "../../runtime/aead.ts";
import { systemClock } from "../../runtime/clock.ts";
import { encodeCompound } from "../../wire/gossip/containers.ts";
import type { GossipSecurity } from "../../wire/gossip/packet-codec.ts";
import { encodeStream } from "../../wire/gossip/stream-codec.ts";
import { quickSwim } from "../../../test/support/gossip-nodes.ts";
import { serfLanDefaults } from "../core/serf-options.ts";
import { GossipNode } from "./gossip-node.ts";
import { StreamClient } from "./stream-client.ts";

const plain: GossipSecurity = {
  encryption: undefined,
  verifyIncoming: true,
  verifyOutgoing: true,
  label: "",
  compression: true,
};

const names = fc.oneof(
  fc.constantFrom("victim", "n1", "n2", "n3", "", "127.0.0.1", "__proto__", "a\nb", "x".repeat(300)),
  fc.string({ maxLength: 20 }),
);
const addresses = fc.oneof(
  fc.constantFrom(Uint8Array.of(10, 0, 0, 1), Uint8Array.of(10, 0, 0, 7), Uint8Array.of(0, 0, 0, 0)),
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc.uint8Array({ maxLength: 20 }),
);
const u32 = fc.oneof(fc.constantFrom(0, 1, 2, 3, 0xffff_ffff, 0xffff_fffe), fc.nat(0xffff_ffff));
const u64 = fc.oneof(
  fc.constantFrom(0, 1, 2, 600, Number.MAX_SAFE_INTEGER, 2 ** 52),
  fc.nat(1000),
  fc.constantFrom(0xffff_ffff_ffff_ffffn, -1),
);
const port = fc.oneof(fc.constantFrom(0, 8301, 65_535), fc.nat(65_535));
const vsn = fc.oneof(
  fc.constant(Uint8Array.of(1, 5, 2, 2, 5, 4)),
  fc.uint8Array({ minLength: 6, maxLength: 6 }),
  fc.uint8Array({ maxLength: 8 }),
);
const meta = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc.dictionary(names, fc.string(), { maxKeys: 4 }).map((tags) => Uint8Array.from([0xff, ...encode(tags)])),
  fc.constant(null),
);
const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constant(null));

/** Now and then a field is missing, or of another kind altogether. */
function body(fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Uint8Array> {
  const spoiled = fc.record(
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [
        name,
        fc.oneof({ weight: 30, arbitrary: value }, { weight: 1, arbitrary: fc.anything({ maxDepth: 1 }) }),
      ]),
    ),
    { requiredKeys: [] },
  );
  return fc
    .oneof({ weight: 3, arbitrary: fc.record(fields) }, { weight: 1, arbitrary: spoiled })
    .map((value) => {
      try {
        return Uint8Array.from(encode(value));
      } catch {
        return Uint8Array.of(0x80); // What that library cannot encode, a peer cannot send.
      }
    });
}

const typed = (type: number, rest: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  rest.map((tail) => Uint8Array.from([type, ...tail]));
const source = { SourceAddr: addresses, SourcePort: port, SourceNode: names };

const intents = { LTime: u64, Node: names };
const serfMessage: fc.Arbitrary<Uint8Array> = fc.oneof(
  typed(0, body({ ...intents, Prune: fc.boolean() })),
  typed(1, body(intents)),
  typed(3, body({ LTime: u64, Name: names, Payload: bytes, CC: fc.boolean() })),
  typed(
    4,
    body({
      LTime: u64,
      ID: u32,
      Addr: addresses,
      Port: port,
      SourceNode: names,
      Filters: fc.array(
        fc.oneof(
          bytes,
          fc.array(names, { maxLength: 3 }).map((nodes) => Uint8Array.from([0, ...encode(nodes)])),
          fc
            .record({ Tag: names, Expr: fc.constantFrom("(a*)*b", "[", "^v", "", "(?i)x{1000}") })
            .map((filter) => Uint8Array.from([1, ...encode(filter)])),
        ),
        { maxLength: 3 },
      ),
      Flags: u32,
      RelayFactor: fc.nat(255),
      Timeout: u64,
      Name: fc.constantFrom(
        "q",
        "_serf_ping",
        "_serf_conflict",
        "_serf_install-key",
        "_serf_list-keys",
        "_serf_x",
      ),
      Payload: bytes,
    }),
  ),
  typed(5, body({ LTime: u64, ID: u32, From: names, Flags: u32, Payload: bytes })),
  typed(
    9,
    body({ DestAddr: fc.record({ IP: addresses, Port: port, Zone: names }), DestName: names }).map((head) =>
      Uint8Array.from([...head, 1, 0x80]),
    ),
  ),
  fc.uint8Array({ maxLength: 50 }),
);

const state = body({
  LTime: u64,
  StatusLTimes: fc.dictionary(names, u64, { maxKeys: 4 }),
  LeftMembers: fc.array(names, { maxLength: 3 }),
  EventLTime: u64,
  Events: fc.array(
    fc.oneof(
      fc.constant(null),
      fc.record({
        LTime: u64,
        Events: fc.array(fc.record({ Name: names, Payload: bytes }), { maxLength: 2 }),
      }),
    ),
    { maxLength: 4 },
  ),
  QueryLTime: u64,
});

const accusation = { Incarnation: u32, Node: names, From: names };
const swimMessage: fc.Arbitrary<Uint8Array> = fc.oneof(
  typed(0, body({ SeqNo: u32, Node: names, ...source })),
  typed(1, body({ SeqNo: u32, Target: addresses, Port: port, Node: names, Nack: fc.boolean(), ...source })),
  typed(2, body({ SeqNo: u32, Payload: bytes })),
  typed(3, body(accusation)),
  typed(4, body({ Incarnation: u32, Node: names, Addr: addresses, Port: port, Meta: meta, Vsn: vsn })),
  typed(5, body(accusation)),
  typed(11, body({ SeqNo: u32 })),
  typed(8, serfMessage),
);

const node = body({
  Name: names,
  Addr: addresses,
  Port: port,
  Meta: meta,
  Incarnation: u32,
  State: fc.nat(5),
  Vsn: vsn,
});
const exchange = fc
  .record({ join: fc.boolean(), nodes: fc.array(node, { maxLength: 4 }), user: state })
  .map(({ join, nodes, user }) => {
    const userState = Uint8Array.from([2, ...user]);
    const header = encode({ Nodes: nodes.length, UserStateLen: userState.length, Join: join });
    return Uint8Array.from([6, ...header, ...nodes.flatMap((one) => [...one]), ...userState]);
  });

async function startVictim(net: MemoryNet): Promise<GossipNode> {
  return GossipNode.start(
    {
      name: "victim",
      bind: { host: "10.0.0.1", port: 8301 },
      tags: { role: "consul" },
      swim: quickSwim,
      serf: serfLanDefaults,
      resolveNameConflicts: false,
      verifyIncoming: true,
      verifyOutgoing: true,
      label: "",
      compression: true,
      rejoinAfterLeave: false,
    },
    {
      net: net.host("10.0.0.1"),
      clock: systemClock,
      rng: seededRng(1),
      nonces: systemNonces,
      aead: systemAead,
      memberlistLog: silentLog,
      serfLog: silentLog,
      metrics: noMetrics,
    },
  );
}

test("lies change what is believed of others, and nothing else", async () => {
  const net = new MemoryNet();
  const victim = await startVictim(net);
  const to = victim.address;
  const attacker = net.host("10.0.0.7");
  const socket = await attacker.bindUdp({ host: "10.0.0.7", port: 8301 }, () => undefined);
  const client = new StreamClient({
    net: attacker,
    clock: systemClock,
    metrics: noMetrics,
    security: () => plain,
    localHost: undefined,
  });
  const send = async (message: Uint8Array): Promise<void> => {
    const connection = await attacker.connect(to, { timeoutMs: 1000 });
    await new Promise<void>((resolve) => {
      connection.handle({
        data: () => undefined,
        ended: () => connection.destroy(),
        closed: () => resolve(),
      });
      connection.write(message);
      connection.end();
    });
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(swimMessage, { minLength: 1, maxLength: 20 }),
      fc.array(exchange, { maxLength: 2 }),
      async (messages, exchanges) => {
        for (const message of messages) socket.send(to, message);
        socket.send(to, encodeCompound(messages));
        for (const one of exchanges) await send(one);
        const answer = await client.call({
          to,
          message: { kind: "pushPull", join: false, nodes: [], userState: new Uint8Array(0) },
          timeoutMs: 5000,
        });
        if (answer.kind !== "answered" || answer.message.kind !== "pushPull")
          throw new Error(JSON.stringify(answer));
        // What it tells others can be told again: nothing unspeakable was taken in.
        encodeStream(plain, answer.message, "dialler");
        expect(victim.localMember()).toMatchObject({ status: "alive", address: "10.0.0.1" });
      },
    ),
    { numRuns: 400 },
  );
  socket.close();
  await victim.shutdown();
}, 60_000);
