/** memberlist's bytes: the recorded ones of real peers, both ways, and hostile ones. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { must } from "../../lib/assert.ts";
import { systemAead, systemNonces } from "../../runtime/aead.ts";
import { encodeMessage } from "./bodies.ts";
import {
  decodeCompound,
  decodeCompressed,
  decodeCrc,
  encodeCompound,
  encodeCompressed,
} from "./containers.ts";
import { decrypt, encrypt, type Encryption } from "./encryption.ts";
import { Keyring } from "./keyring.ts";
import { LzwEncoder } from "./lzw.ts";
import type { GossipMessage, StreamMessage } from "./messages.ts";
import { PacketCodec, type GossipSecurity } from "./packet-codec.ts";
import { encodeStream, StreamAssembler, type StreamProgress, type StreamSide } from "./stream-codec.ts";
import { decodeStreamMessage, encodeStreamMessage } from "./stream-messages.ts";

const folder = join(import.meta.dir, "../../../../shared/protocol/vectors");
const present = existsSync(join(folder, "memberlist.json"));
if (!present) console.warn("skipped: gossip vectors, since ../shared/protocol/vectors is not there");

interface Vector {
  readonly name?: string;
  readonly shape?: string;
  readonly hex?: string;
  readonly plain_hex?: string;
  readonly key?: string;
  readonly label?: string;
  readonly inner?: string;
  readonly plain?: string;
  readonly aad?: string;
  readonly initiator_hex?: string;
  readonly listener_hex?: string;
  readonly initiator_plain_hex?: string;
  readonly listener_plain_hex?: string;
  readonly initiator_decompressed_hex?: string;
  readonly listener_decompressed_hex?: string;
  readonly decoded?: unknown;
}

const vectorsOf = (name: string): readonly Vector[] =>
  present ? (JSON.parse(readFileSync(join(folder, name), "utf8")) as { vectors: Vector[] }).vectors : [];
const bytesOf = (text: string | undefined): Uint8Array => new Uint8Array(Buffer.from(text ?? "", "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const plainSecurity: GossipSecurity = {
  encryption: undefined,
  verifyIncoming: true,
  verifyOutgoing: true,
  label: "",
  compression: true,
};

function encryption(key: Uint8Array, nonce?: Uint8Array): Encryption {
  const nonces = nonce === undefined ? systemNonces : { bytes: () => nonce };
  return { keyring: Keyring.of([key]), aead: systemAead, nonces };
}

function secured(keyHex: string, extra: Partial<GossipSecurity> = {}): GossipSecurity {
  return { ...plainSecurity, encryption: encryption(bytesOf(keyHex)), ...extra };
}

const noMeta: GossipMessage = {
  kind: "alive",
  incarnation: 1,
  node: "a",
  address: { host: "fd00::1", port: 8301 },
  meta: new Uint8Array(0),
  vsn: [1, 5, 2, 2, 5, 4],
};
const samples: readonly GossipMessage[] = [
  { kind: "ping", seqNo: 0xffff_ffff, node: "b", source: { host: "10.0.0.1", port: 1 }, sourceNode: "a" },
  { kind: "ping", seqNo: 1, node: "" },
  { kind: "indirectPing", seqNo: 2, node: "c", target: { host: "10.0.0.3", port: 8301 }, nack: true },
  { kind: "ack", seqNo: 3, payload: null },
  { kind: "ack", seqNo: 3, payload: Uint8Array.of(1, 2) },
  { kind: "nack", seqNo: 4 },
  { kind: "suspect", incarnation: 5, node: "ü", from: "a" },
  { kind: "dead", incarnation: 70_000, node: "c", from: "c" },
  noMeta,
  { kind: "user", bytes: Uint8Array.of(9, 8, 7) },
];

/** Feeds whole, then byte by byte, and expects the same answer. */
function assembled(security: GossipSecurity, bytes: Uint8Array, from: StreamSide): StreamProgress {
  const whole = new StreamAssembler(security, from).feed(bytes);
  const slow = new StreamAssembler(security, from);
  let answer: StreamProgress = { kind: "needMore" };
  for (const byte of bytes) {
    answer = slow.feed(Uint8Array.of(byte));
    if (answer.kind !== "needMore") break;
  }
  expect(answer).toEqual(whole);
  return whole;
}

describe.skipIf(!present)("vectors of memberlist's library", () => {
  const all = vectorsOf("memberlist.json");
  const named = (name: string): Vector =>
    must(
      all.find((one) => one.name === name),
      `there is a vector ${name}`,
    );
  const codec = new PacketCodec(() => plainSecurity);

  const bare = all.filter(
    ({ name, hex, decoded }) =>
      hex !== undefined &&
      JSON.stringify(decoded ?? "").includes("struct") &&
      !/err|header|crc|compress/.test(name ?? ""),
  );
  test.each(bare)("$name", ({ name, hex }) => {
    const { messages, drops } = codec.decode(bytesOf(hex));
    expect(drops).toEqual([]);
    const [message] = messages;
    const again = hexOf(encodeMessage(must(message, "one message")));
    // Two spellings that are not ours: an IPv4 address in 16 bytes, metadata that is nil.
    if (name === "alive ipv4-in-16") {
      expect(message).toMatchObject({ kind: "alive", address: { host: "127.0.0.1", port: 8301 } });
      expect(again).toContain("a44164");
    } else expect(again).toBe(hex ?? "");
  });

  test("there are vectors of most messages", () => {
    expect(bare.length).toBeGreaterThan(11);
  });

  test.each(["err"])("a stream's %s", (name) => {
    const bytes = bytesOf(named(name).hex);
    expect(hexOf(encodeStreamMessage(decodeStreamMessage(bytes)))).toBe(hexOf(bytes));
  });

  test("a user message of a packet", () => {
    expect(codec.decode(bytesOf(named("user msg packet").hex)).messages).toEqual([
      { kind: "user", bytes: new Uint8Array(Buffer.from("abc")) },
    ]);
  });

  test("a user message of a stream", () => {
    const bytes = bytesOf(`${named("user msg stream header").hex ?? ""}616263`);
    const message: StreamMessage = { kind: "user", bytes: new Uint8Array(Buffer.from("abc")) };
    expect(assembled(plainSecurity, bytes, "listener")).toEqual({ kind: "message", message });
    expect(hexOf(encodeStreamMessage(message))).toBe(hexOf(bytes));
  });

  test("compound", () => {
    const bytes = bytesOf(named("compound(ping,suspect)").hex);
    expect(hexOf(encodeCompound(decodeCompound(bytes).parts))).toBe(hexOf(bytes));
    expect(codec.decode(bytes).messages.map(({ kind }) => kind)).toEqual(["ping", "suspect"]);
  });

  test.each(["compress(ping)", "compress(long repetitive user msg)"])("%s", (name) => {
    const bytes = bytesOf(named(name).hex);
    const inner = decodeCompressed(bytes, 1 << 20);
    expect(hexOf(inner)).toBe((named(name).decoded as { uncompressed: string }).uncompressed);
    expect(hexOf(encodeCompressed(new LzwEncoder(), inner))).toBe(hexOf(bytes));
  });

  test.each(["crc(compound)", "crc(compress(ping))"])("%s", (name) => {
    const bytes = bytesOf(named(name).hex);
    expect(codec.decode(bytes).drops).toEqual([]);
    expect(
      codec.decode(Uint8Array.from(bytes, (byte, at) => (at === 20 ? byte ^ 1 : byte))).drops,
    ).toMatchObject([{ reason: "crc" }]);
    expect(hexOf(must(decodeCrc(bytes), "the checksum is right"))).toBe(hexOf(bytes.subarray(5)));
  });

  const sealed = all.filter(({ name }) => name?.startsWith("encrypt v") === true);
  test.each(sealed)("$name", ({ hex, decoded }) => {
    const { key, plain, vsn, nonce } = decoded as { key: string; plain: string; vsn?: 0 | 1; nonce?: string };
    const bytes = bytesOf(hex);
    expect(hexOf(decrypt(encryption(bytesOf(key)), bytes, new Uint8Array(0)))).toBe(plain);
    const fixed = encryption(bytesOf(key), nonce === undefined ? bytes.slice(1, 13) : bytesOf(nonce));
    expect(hexOf(encrypt(fixed, bytesOf(plain), { aad: new Uint8Array(0), version: vsn ?? 1 }))).toBe(
      hexOf(bytes),
    );
    expect(new PacketCodec(() => secured(key)).decode(bytes).drops).toEqual([]);
    expect(new PacketCodec(() => secured(hexOf(new Uint8Array(16)))).decode(bytes)).toMatchObject({
      messages: [],
      drops: [{ reason: "decrypt" }],
    });
  });

  test("there are encrypted vectors", () => {
    expect(sealed.length).toBeGreaterThan(4);
  });

  test("encrypted stream wrapper", () => {
    const { hex, decoded } = named("encrypted stream wrapper");
    const { aad, key, plain } = decoded as { aad: string; key: string; plain: string };
    expect(hexOf(decrypt(encryption(bytesOf(key)), bytesOf(hex).subarray(5), bytesOf(aad)))).toBe(plain);
    // It holds an alive message, which no stream carries.
    expect(assembled(secured(key), bytesOf(hex), "listener")).toMatchObject({ kind: "failed" });
  });
});

describe.skipIf(!present)("vectors of labels", () => {
  const [plain, packet, stream] = vectorsOf("memberlist_label.json");

  test("a packet in clear", () => {
    const bytes = bytesOf(plain?.hex);
    const codec = new PacketCodec(() => ({ ...plainSecurity, label: plain?.label ?? "" }));
    const { messages, drops } = codec.decode(bytes);
    expect(drops).toEqual([]);
    expect(hexOf(codec.encode(messages.map(encodeMessage), { crc: false }))).toBe(hexOf(bytes));
    expect(new PacketCodec(() => plainSecurity).decode(bytes)).toMatchObject({
      drops: [{ reason: "label" }],
    });
    expect(codec.decode(bytesOf(plain?.inner))).toMatchObject({ drops: [{ reason: "label" }] });
  });

  test("a packet that is encrypted", () => {
    const codec = new PacketCodec(() => secured(packet?.key ?? "", { label: packet?.label ?? "" }));
    expect(codec.decode(bytesOf(packet?.hex))).toMatchObject({ messages: [{ kind: "ping" }], drops: [] });
    const own = codec.encode([bytesOf(packet?.plain)], { crc: false });
    expect(own.length).toBe(bytesOf(packet?.hex).length);
    expect(codec.decode(own)).toMatchObject({ messages: [{ kind: "ping" }], drops: [] });
  });

  test("a stream that is encrypted", () => {
    const security = secured(stream?.key ?? "", { label: stream?.label ?? "" });
    const bytes = bytesOf(stream?.hex);
    expect(assembled(security, bytes, "dialler")).toMatchObject({
      kind: "message",
      message: { kind: "ping" },
    });
    expect(assembled({ ...security, label: "other" }, bytes, "dialler")).toMatchObject({
      kind: "failed",
      reply: false,
    });
  });
});

/** What the vector's shape says of layers and messages, in order of nesting. */
function kindsOf(decoded: unknown): readonly string[] {
  if (Array.isArray(decoded)) return decoded.flatMap(kindsOf);
  const [[kind, inner] = ["", undefined]] = Object.entries(decoded as Record<string, unknown>);
  return ["crc", "compress", "compound"].includes(kind) ? kindsOf(inner) : [kind];
}

describe.each([
  { file: "gossip_capture.json", isEncrypted: false },
  { file: "gossip_capture_encrypted.json", isEncrypted: true },
])("traffic of a real peer: $file", ({ file, isEncrypted }) => {
  const all = vectorsOf(file);
  const packets = all.filter(({ shape, hex }) => shape !== undefined && hex !== undefined);
  const streams = all.filter(({ initiator_hex }) => initiator_hex !== undefined);

  test.skipIf(!present)("there are packets and streams", () => {
    expect(packets.length).toBeGreaterThan(20);
    expect(streams.length).toBeGreaterThan(0);
  });

  test.skipIf(!present).each(packets.map((vector, index) => ({ ...vector, index })))(
    "packet $index: $shape",
    ({ hex, shape, key, plain_hex, decoded }) => {
      const security = key === undefined ? plainSecurity : secured(key);
      const { messages, drops } = new PacketCodec(() => security).decode(bytesOf(hex));
      expect(drops).toEqual([]);
      expect(messages.map(({ kind }) => kind as string).toSorted()).toEqual(kindsOf(decoded).toSorted());
      // The same messages make the same bytes: what a peer sends is what we would send.
      const parts = messages.map(encodeMessage);
      const plain = new PacketCodec(() => plainSecurity);
      const crc = shape?.startsWith("crc(") ?? false;
      const expected = isEncrypted ? plain_hex : hex;
      const isSingleCompound = /compound\([^,]*\)/.test(shape ?? "") && messages.length === 1;
      if (!isSingleCompound) expect(hexOf(plain.encode(parts, { crc }))).toBe(expected ?? "");
      if (key !== undefined) {
        const nonce = bytesOf(hex).slice(1, 13);
        const fixed = { ...security, encryption: encryption(bytesOf(key), nonce) };
        if (!isSingleCompound)
          expect(hexOf(new PacketCodec(() => fixed).encode(parts, { crc }))).toBe(hex ?? "");
      }
    },
  );

  const key = "30313233343536373839616263646566";
  test.skipIf(!present).each(streams)("$name", (vector) => {
    const security = isEncrypted ? secured(key) : plainSecurity;
    for (const from of ["initiator", "listener"] as const) {
      const bytes = bytesOf(vector[`${from}_hex`]);
      if (bytes.length === 0) continue;
      const side = from === "initiator" ? "dialler" : "listener";
      const answer = assembled(security, bytes, side);
      if (answer.kind !== "message") throw new Error(JSON.stringify(answer));
      const wanted = vector[`${from}_decompressed_hex`];
      if (wanted !== undefined) expect(hexOf(encodeStreamMessage(answer.message))).toBe(wanted);
      const fixed = isEncrypted
        ? { ...security, encryption: encryption(bytesOf(key), bytes.slice(6, 18)) }
        : security;
      expect(hexOf(encodeStream(fixed, answer.message, side))).toBe(hexOf(bytes));
    }
  });
});

describe("packets", () => {
  const codec = new PacketCodec(() => plainSecurity);

  test.each(samples)("a $kind comes back", (message) => {
    for (const crc of [false, true]) {
      for (const security of [
        plainSecurity,
        secured("00".repeat(32)),
        secured("00".repeat(24), { label: "x" }),
      ]) {
        const own = new PacketCodec(() => security);
        expect(own.decode(own.encode([encodeMessage(message)], { crc }))).toEqual({
          messages: [message],
          drops: [],
        });
      }
    }
  });

  test("a compound that is cut off still gives its first parts", () => {
    const bytes = encodeCompound(samples.map(encodeMessage));
    const { messages, drops } = codec.decode(bytes.subarray(0, bytes.length - 1));
    expect(messages).toEqual(samples.slice(0, -1));
    expect(drops).toEqual([{ reason: "compound", text: "Compound request had 1 truncated messages" }]);
  });

  test("a broken part does not lose the others", () => {
    const parts = [encodeMessage(noMeta), Uint8Array.of(99), Uint8Array.of(), Uint8Array.of(3, 0xc1)];
    const { messages, drops } = codec.decode(encodeCompound([...parts, Uint8Array.of(11, 0x80)]));
    expect(messages).toEqual([noMeta, { kind: "nack", seqNo: 0 }]);
    expect(drops.map(({ text }) => text)).toEqual([
      "msg type (99) not supported",
      "missing message type byte",
      expect.any(String) as unknown as string,
    ]);
  });

  test("without keys an encrypted packet is refused, and the other way round", () => {
    const own = new PacketCodec(() => secured("00".repeat(16)));
    const sealed = own.encode(samples.map(encodeMessage), { crc: true });
    expect(codec.decode(sealed).messages).toEqual([]);
    expect(own.decode(codec.encode(samples.map(encodeMessage), { crc: true }))).toMatchObject({
      messages: [],
      drops: [{ reason: "decrypt" }],
    });
  });

  test("while keys are being rolled out, plain packets are read and sent if that is allowed", () => {
    const lenient = new PacketCodec(() =>
      secured("00".repeat(16), { verifyIncoming: false, verifyOutgoing: false }),
    );
    const parts = [encodeMessage(noMeta)];
    expect(hexOf(lenient.encode(parts, { crc: false }))).toBe(hexOf(codec.encode(parts, { crc: false })));
    expect(lenient.decode(codec.encode(parts, { crc: false })).messages).toEqual([noMeta]);
  });

  test("compressed parts share one limit of output", () => {
    const bomb = encodeCompressed(new LzwEncoder(), new Uint8Array(200_000).fill(8));
    const { messages, drops } = codec.decode(encodeCompound([bomb, bomb, bomb]));
    expect(messages.length).toBe(1);
    expect(drops.map(({ reason }) => reason)).toEqual(["compress", "compress"]);
  });

  test("containers nest only so deep", () => {
    let bytes = encodeMessage(noMeta);
    for (let depth = 0; depth < 12; depth += 1) bytes = encodeCompound([bytes]);
    expect(codec.decode(bytes)).toMatchObject({ messages: [], drops: [{ reason: "compound" }] });
  });
});

describe("streams", () => {
  const exchange: StreamMessage = {
    kind: "pushPull",
    join: true,
    nodes: Array.from({ length: 50 }, (_, index) => ({
      name: `node-${index}`,
      address: { host: "10.0.0.1", port: index },
      meta: Uint8Array.of(0xff, 0x80),
      incarnation: index,
      state: "left",
      vsn: [1, 5, 2, 2, 5, 4],
    })),
    userState: new Uint8Array(1000).fill(7),
  };
  const messages: readonly StreamMessage[] = [
    exchange,
    { kind: "ping", seqNo: 7, node: "b" },
    { kind: "ack", seqNo: 7, payload: null },
    { kind: "user", bytes: new Uint8Array(300) },
    { kind: "error", text: "no" },
  ];

  test.each(messages)("a $kind comes back however it is cut up and wrapped", (message) => {
    for (const compression of [true, false]) {
      for (const security of [plainSecurity, secured("11".repeat(32), { label: "pool" })]) {
        const own = { ...security, compression };
        const bytes = encodeStream(own, message, "dialler");
        expect(assembled(own, bytes, "dialler")).toEqual({ kind: "message", message });
        expect(new StreamAssembler(own, "dialler").feed(bytes.subarray(0, -1))).toEqual({ kind: "needMore" });
      }
    }
  });

  test.each([
    {
      name: "encrypted where there are no keys",
      bytes: encodeStream(secured("11".repeat(16)), exchange, "dialler"),
      security: plainSecurity,
      text: "Remote state is encrypted and encryption is not configured",
      reply: true,
    },
    {
      name: "plain where there are keys",
      bytes: encodeStream(plainSecurity, exchange, "dialler"),
      security: secured("11".repeat(16)),
      text: "Encryption is configured but remote state is not encrypted",
      reply: true,
    },
    {
      name: "another key",
      bytes: encodeStream(secured("22".repeat(16)), exchange, "dialler"),
      security: secured("11".repeat(16)),
      text: "No installed keys could decrypt the message",
      reply: true,
    },
    {
      name: "a claim of too many bytes",
      bytes: Uint8Array.of(10, 0xff, 0xff, 0xff, 0xff),
      security: secured("11".repeat(16)),
      text: "Remote node state is larger than limit (4294967295)",
      reply: true,
    },
    {
      name: "a claim of too many nodes",
      bytes: bytesOf("0683a44a6f696ec3a54e6f646573ceffffffffac5573657253746174654c656e0a"),
      security: plainSecurity,
      text: "an exchange of 4294967295 nodes",
      reply: false,
    },
    {
      name: "a type that streams do not carry",
      bytes: Uint8Array.of(4, 0x80),
      security: plainSecurity,
      text: "Received invalid msgType (4)",
      reply: false,
    },
  ])("is refused: $name", ({ bytes, security, text, reply }) => {
    expect(assembled(security, bytes, "dialler")).toEqual({ kind: "failed", text, reply });
  });

  test("an array that claims billions of elements and drips in costs linear work", () => {
    const assembler = new StreamAssembler(plainSecurity, "listener");
    let answer = assembler.feed(Uint8Array.of(6, 0xdd, 0xff, 0xff, 0xff, 0xff));
    const chunk = new Uint8Array(1024);
    const chunks = (20 * 1024 * 1024) / 1024;
    for (let i = 0; i <= chunks && answer.kind === "needMore"; i += 1) answer = assembler.feed(chunk);
    expect(answer).toMatchObject({ kind: "failed" });
  });
});

describe("hostile bytes", () => {
  const keys = [plainSecurity, secured("11".repeat(16)), secured("11".repeat(16), { verifyIncoming: false })];
  const honest = [
    new PacketCodec(() => plainSecurity).encode(samples.map(encodeMessage), { crc: false }),
    encodeCompound(samples.map(encodeMessage)),
    encodeStreamMessage({ kind: "pushPull", join: true, nodes: [], userState: new Uint8Array(5) }),
    ...["memberlist.json", "gossip_capture.json"].flatMap((name) =>
      vectorsOf(name).flatMap(({ hex, initiator_decompressed_hex: stream }) =>
        [hex, stream].filter((one) => one !== undefined).map(bytesOf),
      ),
    ),
  ];
  const mutated = fc
    .record({
      base: fc.constantFrom(...honest),
      at: fc.nat(2000),
      put: fc.uint8Array({ minLength: 1, maxLength: 5 }),
      cut: fc.nat(2000),
    })
    .map(({ base, at, put, cut }) => {
      const bytes = base.slice();
      for (const [index, byte] of put.entries()) bytes[(at + index) % bytes.length] = byte;
      return cut % 3 === 0 ? bytes.subarray(0, cut % (bytes.length + 1)) : bytes;
    });

  test.each([
    { name: "random", source: fc.uint8Array({ maxLength: 400 }) },
    { name: "mutated", source: mutated },
  ])("$name bytes are messages or counted drops, in packets and streams", ({ source }) => {
    fc.assert(
      fc.property(source, fc.constantFrom(...keys), (bytes, security) => {
        const { messages, drops } = new PacketCodec(() => security).decode(bytes);
        expect(messages.length + drops.length).toBeGreaterThanOrEqual(bytes[0] === 7 ? 0 : 1);
        const answer = new StreamAssembler(security, "dialler").feed(bytes);
        expect(["needMore", "message", "failed"]).toContain(answer.kind);
      }),
      { numRuns: 3000 },
    );
  });
});
