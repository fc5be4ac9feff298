/** Gossip: packets and streams, with and without keys, and what is inside of them. */
import { seededRng } from "../../src/lib/rng.ts";
import { SerfSnapshot } from "../../src/gossip/core/serf-snapshot.ts";
import { systemAead } from "../../src/runtime/aead.ts";
import { decodeMessage, encodeMessage } from "../../src/wire/gossip/bodies.ts";
import { decodeCompound, decodeCompressed, decodeCrc } from "../../src/wire/gossip/containers.ts";
import { encrypt } from "../../src/wire/gossip/encryption.ts";
import { Keyring, parseKeyringFile, renderKeyringFile } from "../../src/wire/gossip/keyring.ts";
import { takeLabel } from "../../src/wire/gossip/label.ts";
import { LzwEncoder, lzwDecode } from "../../src/wire/gossip/lzw.ts";
import { PacketCodec, type GossipSecurity } from "../../src/wire/gossip/packet-codec.ts";
import { serfCodec } from "../../src/wire/gossip/serf-codec.ts";
import { decodeUserEvent, encodeUserEvent } from "../../src/wire/gossip/serf-user-events.ts";
import { StreamAssembler } from "../../src/wire/gossip/stream-codec.ts";
import { decodeStreamMessage, encodeStreamMessage } from "../../src/wire/gossip/stream-messages.ts";
import { pure, pureText, utf8, type FuzzTargetPlan } from "./target.ts";
import { vectorBytes } from "./vectors.ts";

const unpackedBytesMax = 256 * 1024;
const keyring = Keyring.of([new Uint8Array(16).fill(7), new Uint8Array(32).fill(9)]);
const nonces = seededRng(1);
const encryption = { keyring, aead: systemAead, nonces };

const securityOf = (o: Partial<GossipSecurity>): GossipSecurity => ({
  encryption: undefined,
  verifyIncoming: true,
  verifyOutgoing: true,
  label: "",
  compression: true,
  ...o,
});

/** Packets that were recorded, and the messages of the library's own tests. */
export const gossipPackets = (): readonly Uint8Array[] => [
  ...vectorBytes("gossip_capture.json"),
  ...vectorBytes("memberlist.json"),
  ...vectorBytes("memberlist_label.json"),
];
const serfMessages = (): readonly Uint8Array[] => vectorBytes("serf.json");

function same(what: string, one: unknown, other: unknown): void {
  if (!Bun.deepEquals(one, other)) throw new Error(`${what}: what was written is not what is read back`);
}

/** Everything below the door of a gossip node. */
export const gossipTargets: readonly FuzzTargetPlan[] = [
  packets("gossip-packet", securityOf({})),
  packets("gossip-packet-label", securityOf({ label: "consul-dc1" })),
  packets("gossip-packet-keys", securityOf({ encryption })),
  pure({ name: "gossip-packet-encrypted", form: "msgpack", seeds: gossipPackets }, (input) => {
    // Sealed here, so that what is inside gets through.
    const sealed = encrypt(encryption, input, { aad: new Uint8Array(0) });
    new PacketCodec(() => securityOf({ encryption })).decode(sealed);
  }),
  pure({ name: "gossip-stream", form: "msgpack", seeds: gossipPackets }, (input) => {
    const cut = input.length >> 1;
    for (const security of [
      securityOf({}),
      securityOf({ encryption }),
      securityOf({ label: "consul-dc1" }),
    ]) {
      const assembler = new StreamAssembler(security, "dialler");
      if (assembler.feed(input.subarray(0, cut)).kind === "needMore") assembler.feed(input.subarray(cut));
    }
  }),
  pure({ name: "gossip-message", form: "msgpack", seeds: gossipPackets }, (input) => {
    const message = decodeMessage(input);
    same(message.kind, decodeMessage(encodeMessage(message)), message);
  }),
  pure({ name: "gossip-stream-message", form: "msgpack", seeds: gossipPackets }, (input) => {
    const message = decodeStreamMessage(input);
    same(message.kind, decodeStreamMessage(encodeStreamMessage(message)), message);
  }),
  pure({ name: "gossip-containers", form: "bytes", seeds: gossipPackets }, (input) => {
    takeLabel(input);
    decodeCrc(input);
    decodeCompound(input);
    decodeCompressed(input, unpackedBytesMax);
  }),
  pure({ name: "lzw", form: "bytes", seeds: () => vectorBytes("lzw.json", /lzw_hex/) }, (input) => {
    const plain = lzwDecode(input, unpackedBytesMax);
    if (plain.length > unpackedBytesMax) throw new Error(`${plain.length} bytes came out`);
  }),
  pure({ name: "lzw-encode", form: "bytes", seeds: () => vectorBytes("lzw.json", /plain_hex/) }, (input) => {
    same("lzw", lzwDecode(new LzwEncoder().encode(input), unpackedBytesMax), input);
  }),
  pure({ name: "serf-message", form: "msgpack", seeds: serfMessages }, (input) => {
    const message = serfCodec.decode(input);
    if (message.kind === "unknown" || message.kind === "relay") return;
    same(message.kind, serfCodec.decode(serfCodec.encode(message as never)), message);
  }),
  pure(
    { name: "serf-tags", form: "msgpack", seeds: serfMessages },
    (input) => void serfCodec.decodeTags(input),
  ),
  pure({ name: "user-event", form: "msgpack", seeds: serfMessages }, (input) => {
    const event = decodeUserEvent(input);
    same("user event", decodeUserEvent(encodeUserEvent(event)), event);
  }),
  pureText(
    {
      name: "keyring-file",
      words: ['"', "[", "]", ",", "BwcHBwcHBwcHBwcHBwcHBw==", "null", "{}", "=", "\\u0000"],
      seeds: [renderKeyringFile(keyring), "[]", '["x"]'],
    },
    (input) => void renderKeyringFile(parseKeyringFile(input)),
  ),
  pureText(
    {
      name: "serf-snapshot-file",
      words: [
        "alive: ",
        "not-alive: ",
        "clock: ",
        "event-clock: ",
        "query-clock: ",
        "coordinate: ",
        "leave",
        "\n",
        "a 10.0.0.1:8301",
        "[::1]:8301",
        "18446744073709551615",
        "-1",
        "#comment",
      ],
      seeds: ["alive: a 10.0.0.1:8301\nclock: 7\nevent-clock: 3\nquery-clock: 2\nnot-alive: a\nleave\n"],
    },
    (input) => {
      for (const rejoinAfterLeave of [true, false]) {
        const snapshot = new SerfSnapshot({ text: input, rejoinAfterLeave });
        snapshot.previousNodes(seededRng(1), "a");
      }
    },
  ),
];

function packets(name: string, security: GossipSecurity): FuzzTargetPlan {
  const seeds = (): readonly Uint8Array[] => [
    ...gossipPackets(),
    ...serfMessages().map((one) => Uint8Array.from([8, ...one])),
    utf8("no packet"),
  ];
  return pure({ name, form: "msgpack", seeds }, (input) => {
    new PacketCodec(() => security).decode(input);
  });
}
