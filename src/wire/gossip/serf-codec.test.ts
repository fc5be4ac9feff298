import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { DecodeError } from "../../lib/errors.ts";
import { PacketCodec } from "./packet-codec.ts";
import { serfCodec, type EncodableSerfMessage } from "./serf-codec.ts";
import { decodeUserEvent, encodeUserEvent } from "./serf-user-events.ts";

const folder = join(import.meta.dir, "../../../../shared/protocol/vectors");
const present = existsSync(join(folder, "serf.json"));
if (!present) console.warn("skipped: serf vectors, since ../shared/protocol/vectors is not there");

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const utf8 = new TextEncoder();

interface Vector {
  readonly name?: string;
  readonly hex?: string;
  readonly type?: number;
  readonly shape?: string;
  readonly plain_hex?: string;
}

function vectorsOf(file: string): readonly Vector[] {
  if (!present) return [];
  return (JSON.parse(readFileSync(join(folder, file), "utf8")) as { vectors: Vector[] }).vectors;
}

function named(name: string): Uint8Array {
  const found = vectorsOf("serf.json").find((vector) => vector.name === name);
  if (found?.hex === undefined) throw new Error(`no vector ${name}`);
  return unhex(found.hex);
}

function again(bytes: Uint8Array): string {
  const message = serfCodec.decode(bytes);
  if (message.kind === "unknown") throw new Error("unknown message");
  return hex(serfCodec.encode(message));
}

describe.skipIf(!present)("serf vectors", () => {
  const messages = vectorsOf("serf.json").filter(
    ({ type, name }) => type !== undefined || (name ?? "").startsWith("relay"),
  );

  test("there are vectors of every message type", () => {
    expect(new Set(messages.map(({ hex: text }) => text?.slice(0, 2))).size).toBe(10);
  });

  test.each([...messages])("$name", ({ hex: text = "" }) => expect(again(unhex(text))).toBe(text));

  test("a query says who asks and how to answer", () => {
    const message = serfCodec.decode(named("query"));
    if (message.kind !== "query") throw new Error(message.kind);
    expect({
      ...message.body,
      Filters: (message.body.Filters ?? []).map((one) => serfCodec.decodeFilter(one ?? new Uint8Array())),
    }).toEqual({
      LTime: 7,
      ID: 12_345_678,
      Addr: unhex("7f000001"),
      Port: 8301,
      SourceNode: "node-a",
      Filters: [
        { kind: "nodes", nodes: ["node-a", "node-b"] },
        { kind: "tag", tag: "role", expression: "^consul$" },
      ],
      Flags: 1,
      RelayFactor: 2,
      Timeout: 5e9,
      Name: "q",
      Payload: utf8.encode("p"),
    });
  });

  test("filters, tags and coordinates", () => {
    for (const name of ["filter node", "filter tag"])
      expect(hex(serfCodec.encodeFilter(serfCodec.decodeFilter(named(name))))).toBe(hex(named(name)));
    const tags = named("tags (node meta) v3+");
    expect(serfCodec.decodeTags(tags)).toEqual({ role: "node" });
    expect(hex(serfCodec.encodeTags({ role: "node" }))).toBe(hex(tags));
    expect(serfCodec.decodeTags(named("tags v2 (role only)"))).toEqual({ role: "node" });
    const payload = named("ack payload: initial coordinate");
    expect(hex(serfCodec.encodeCoordinate(serfCodec.decodeCoordinate(payload)))).toBe(hex(payload));
  });
});

const packets = new PacketCodec(() => ({
  encryption: undefined,
  verifyIncoming: false,
  verifyOutgoing: false,
  label: "",
  compression: true,
}));

/** The serf messages of a packet. */
function userMessages(packet: Uint8Array): readonly Uint8Array[] {
  const { messages } = packets.decode(packet);
  return messages.flatMap((message) => (message.kind === "user" ? [message.bytes] : []));
}

describe.skipIf(!present)("serf messages inside recorded packets", () => {
  const recorded = ["gossip_capture.json", "gossip_capture_encrypted.json"]
    .flatMap(vectorsOf)
    .flatMap(({ shape, hex: text, plain_hex: plain }) => (shape === undefined ? [] : [plain ?? text ?? ""]));
  const messages = recorded.flatMap((text) => userMessages(unhex(text)));

  test("encode to the same bytes", () => {
    expect(messages.length).toBeGreaterThan(90);
    for (const message of messages) expect(again(message)).toBe(hex(message));
  });

  test("key responses inside query responses do too", () => {
    let seen = 0;
    for (const bytes of messages) {
      const message = serfCodec.decode(bytes);
      if (message.kind !== "queryResponse" || message.body.Payload?.[0] !== 8) continue;
      seen += 1;
      expect(again(message.body.Payload)).toBe(hex(message.body.Payload));
    }
    expect(seen).toBeGreaterThan(4);
  });

  test("bodies of users' events do too", () => {
    let seen = 0;
    for (const bytes of messages) {
      const message = serfCodec.decode(bytes);
      if (message.kind !== "userEvent" || !message.body.Name.startsWith("consul:event:")) continue;
      seen += 1;
      const body = message.body.Payload ?? new Uint8Array();
      expect(hex(encodeUserEvent(decodeUserEvent(body)))).toBe(hex(body));
    }
    expect(seen).toBeGreaterThan(0);
  });
});

interface Exchange {
  readonly name?: string;
  readonly initiator_decompressed_hex?: string;
  readonly initiator_plain_hex?: string;
  readonly initiator_header?: { readonly UserStateLen: number };
  readonly initiator_serf_state?: Readonly<Record<string, unknown>>;
}

describe.skipIf(!present)("full exchanges of real peers", () => {
  const exchanges = (vectorsOf("gossip_capture.json") as readonly Exchange[]).filter(
    ({ initiator_header: header }) => header !== undefined,
  );
  test.each([...exchanges])("$name", (exchange) => {
    const whole = unhex(exchange.initiator_decompressed_hex ?? "");
    const state = whole.subarray(whole.length - (exchange.initiator_header?.UserStateLen ?? 0));
    const message = serfCodec.decode(state);
    if (message.kind !== "pushPull") throw new Error(message.kind);
    const { EventLTime, LTime, LeftMembers, QueryLTime, StatusLTimes, Events } = message.body;
    const { Events_length, Events_nonnull: _, ...told } = exchange.initiator_serf_state ?? {};
    expect({
      EventLTime,
      LTime,
      LeftMembers,
      QueryLTime,
      StatusLTimes: { ...StatusLTimes },
    } as unknown).toEqual(told);
    expect(Events?.length as unknown).toBe(Events_length);
    // Go writes maps in random order, so only the length and the value must be the same.
    const encoded = serfCodec.encode(message);
    expect(encoded.length).toBe(state.length);
    expect(serfCodec.decode(encoded)).toEqual(message);
  });
});

test("the event of the reference page", () => {
  const event = {
    ID: "21d7d131-0185-7421-d0f0-000000000000",
    Name: "deploy",
    Payload: utf8.encode("payload-bytes"),
    NodeFilter: ".*",
    ServiceFilter: "",
    TagFilter: "",
    Version: 1,
  };
  const bytes = encodeUserEvent(event);
  expect(hex(bytes)).toBe(
    `85a24944d924${hex(utf8.encode(event.ID))}a16ea66465706c6f79a26e66a22e2aa170c40d7061796c6f61642d6279746573a17601`,
  );
  expect(decodeUserEvent(bytes)).toEqual(event);
});

test("an event's payload may come as raw or as bin", () => {
  const raw = unhex("83a16ea164a170a3616263a17601");
  expect(decodeUserEvent(raw)).toMatchObject({ Name: "d", Payload: utf8.encode("abc"), Version: 1 });
});

const samples: readonly EncodableSerfMessage[] = [
  { kind: "leave", body: { LTime: 10, Node: "a", Prune: true } },
  {
    kind: "pushPull",
    body: {
      LTime: 5,
      StatusLTimes: { a: 1 },
      LeftMembers: ["b"],
      EventLTime: 3,
      Events: [null, { LTime: 2, Events: [{ Name: "e", Payload: null }] }],
      QueryLTime: 1,
    },
  },
  {
    kind: "relay",
    body: { DestAddr: { IP: Uint8Array.of(127, 0, 0, 1), Port: 1, Zone: "" }, DestName: "a" },
    inner: Uint8Array.of(5, 0x80),
  },
  { kind: "keyResponse", body: { Result: true, Message: "", Keys: ["a"], PrimaryKey: "a" } },
];

function onlyDecodeErrors(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    expect(error).toBeInstanceOf(DecodeError);
  }
}

test("hostile bytes give a value or a DecodeError", () => {
  const mutated = fc
    .tuple(fc.constantFrom(...samples), fc.nat(), fc.nat(255), fc.nat())
    .map(([sample, at, value, length]) => {
      const bytes = serfCodec.encode(sample).slice();
      bytes[at % bytes.length] = value;
      return bytes.subarray(0, length % (bytes.length + 1));
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
      onlyDecodeErrors(() => serfCodec.decode(bytes));
      onlyDecodeErrors(() => serfCodec.decodeTags(bytes));
      onlyDecodeErrors(() => serfCodec.decodeFilter(bytes));
      onlyDecodeErrors(() => serfCodec.decodeCoordinate(bytes));
      onlyDecodeErrors(() => decodeUserEvent(bytes));
    }),
    { numRuns: 2000 },
  );
});

test("a logical time that no clock may reach is refused", () => {
  expect(() => serfCodec.decode(unhex("0182a54c54696d65cf001ffffffffffffea44e6f6465a161"))).not.toThrow();
  expect(() => serfCodec.decode(unhex("0182a54c54696d65cf001fffffffffffffa44e6f6465a161"))).toThrow(
    DecodeError,
  );
  expect(() => serfCodec.decode(unhex("0182a54c54696d65cfffffffffffffffffa44e6f6465a161"))).toThrow(
    DecodeError,
  );
});
