/**
 * A neighbour that gossips what it likes: claims about the same few nodes over and over, packets as they were recorded
 * and then spoiled, and serf's messages inside.
 */
import { must } from "../../src/lib/assert.ts";
import type { NetAddress } from "../../src/lib/net.ts";
import { decodeMessage } from "../../src/wire/gossip/bodies.ts";
import type {
  AliveMessage,
  GossipMessage,
  NodeState,
  PushPullMessage,
  VersionVector,
} from "../../src/wire/gossip/messages.ts";
import { serfCodec } from "../../src/wire/gossip/serf-codec.ts";
import type { SerfMessage } from "../../src/wire/gossip/serf-messages.ts";
import type { Choices } from "./choices.ts";
import { refusable, utf8 } from "./target.ts";
import { vectorBytes } from "./vectors.ts";

/** "a" is the node that listens. */
const names = ["a", "b", "c", "d", "e", "f", "g", "h", "", "x".repeat(300), "é\u0000", "__proto__"];
const versions: readonly VersionVector[] = [
  [1, 5, 2, 2, 5, 4],
  [1, 5, 5, 2, 5, 5],
  [0, 0, 0, 0, 0, 0],
  [5, 1, 3, 0, 0, 0],
  [1, 2, 2],
  [],
];
const states: readonly NodeState[] = ["alive", "suspect", "dead", "left"];
const u32 = 2 ** 32;

/** What real nodes said; empty where no recordings are. */
export interface RecordedGossip {
  readonly packets: readonly Uint8Array[];
  readonly serf: readonly Uint8Array[];
}

/** Reads the recordings. */
export function recordedGossip(): RecordedGossip {
  const packets = [...vectorBytes("gossip_capture.json"), ...vectorBytes("memberlist.json")];
  return { packets, serf: vectorBytes("serf.json") };
}

/** The logical times that a listener has, so that messages about now can be made. */
export interface ListenerTimes {
  readonly memberTime: number;
  readonly eventTime: number;
  readonly queryTime: number;
}

export class LyingGossip {
  readonly #choices: Choices;
  readonly #times: () => ListenerTimes;
  readonly #incarnation: (name: string) => number;
  readonly #recordings: RecordedGossip;

  constructor(
    choices: Choices,
    o: {
      readonly recorded: RecordedGossip;
      readonly times: () => ListenerTimes;
      readonly incarnation: (name: string) => number;
    },
  ) {
    this.#choices = choices;
    this.#recordings = o.recorded;
    this.#times = o.times;
    this.#incarnation = o.incarnation;
  }

  name(): string {
    return this.#choices.chance(1, 8) ? this.#choices.pick(names) : this.#choices.pick(names.slice(0, 8));
  }

  address(of: string): NetAddress {
    const choices = this.#choices;
    if (choices.chance(1, 8))
      return {
        host: choices.pick(["10.0.0.1", "::1", "0.0.0.0", "10.9.9.9"]),
        port: choices.below(70_000) % 65_536,
      };
    return { host: `10.0.0.${1 + Math.max(0, names.indexOf(of))}`, port: 8301 };
  }

  messages(): readonly GossipMessage[] {
    return Array.from({ length: 1 + this.#choices.below(4) }, () => this.message());
  }

  message(): GossipMessage {
    const choices = this.#choices;
    const node = this.name();
    const incarnation = choices.number(this.#incarnation(node)) % u32;
    const seqNo = choices.number(3) % u32;
    switch (choices.below(12)) {
      case 0:
        return { kind: "ping", seqNo, node, ...this.#source() };
      case 1:
        return {
          kind: "indirectPing",
          seqNo,
          node,
          target: this.address(node),
          nack: choices.chance(1, 2),
          ...this.#source(),
        };
      case 2:
        return { kind: "ack", seqNo, payload: choices.pick([null, new Uint8Array(0), this.coordinate()]) };
      case 3:
        return { kind: "nack", seqNo };
      case 4:
      case 5:
        return { kind: "suspect", incarnation, node, from: this.name() };
      case 6:
      case 7:
        return { kind: "dead", incarnation, node, from: choices.chance(1, 3) ? node : this.name() };
      case 8:
        return { kind: "user", bytes: this.serf() };
      case 9:
        return this.#recorded() ?? this.#alive(node, incarnation);
      default:
        return this.#alive(node, incarnation);
    }
  }

  pushPull(): PushPullMessage {
    const choices = this.#choices;
    const nodes = Array.from({ length: choices.below(6) }, () => {
      const { node, kind: _, ...rest } = this.#alive(this.name(), choices.number(2) % u32);
      return { ...rest, name: node, state: choices.pick(states) };
    });
    const userState = choices.pick([
      new Uint8Array(0),
      this.serf(),
      serfCodec.encode({ kind: "pushPull", body: this.#pushPullBody() }),
    ]);
    return { kind: "pushPull", join: choices.chance(1, 2), nodes, userState };
  }

  /** A message of serf, well formed or not quite. */
  serf(): Uint8Array {
    const choices = this.#choices;
    const recorded = this.#recordings.serf;
    const bytes =
      recorded.length > 0 && choices.chance(1, 6)
        ? choices.pick(recorded)
        : serfCodec.encode(this.#serfMessage());
    return choices.chance(1, 6) ? this.#spoiled(bytes) : bytes;
  }

  coordinate(): Uint8Array {
    const choices = this.#choices;
    const float = (): number => choices.pick([0, 0.001, -1, 1e9, Number.NaN, Infinity, choices.byte() / 64]);
    const Vec = Array.from({ length: choices.chance(1, 8) ? choices.below(12) : 8 }, float);
    return serfCodec.encodeCoordinate({ Vec, Error: float(), Adjustment: float(), Height: float() });
  }

  #alive(node: string, incarnation: number): AliveMessage {
    const choices = this.#choices;
    const meta = choices.pick([
      serfCodec.encodeTags({ role: "node" }),
      serfCodec.encodeTags({ role: "consul", dc: choices.pick(["dc1", "dc2"]) }),
      choices.bytes(choices.below(9)),
      new Uint8Array(0),
      new Uint8Array(512).fill(7),
    ]);
    return {
      kind: "alive",
      incarnation,
      node,
      address: this.address(node),
      meta,
      vsn: choices.chance(1, 5) ? choices.pick(versions) : must(versions[0], "there is one"),
    };
  }

  #source(): { readonly source?: NetAddress; readonly sourceNode?: string } {
    if (this.#choices.chance(1, 2)) return {};
    const sourceNode = this.name();
    return { source: this.address(sourceNode), sourceNode };
  }

  #recorded(): GossipMessage | undefined {
    const { packets } = this.#recordings;
    if (packets.length === 0) return undefined;
    const bytes = this.#choices.pick(packets);
    return refusable(() => decodeMessage(this.#choices.chance(1, 2) ? this.#spoiled(bytes) : bytes));
  }

  #spoiled(bytes: Uint8Array): Uint8Array {
    const choices = this.#choices;
    const copy = bytes.slice();
    for (let count = 1 + choices.below(3); count > 0 && copy.length > 0; count -= 1)
      copy[choices.below(copy.length)] = choices.byte();
    return choices.chance(1, 6) ? copy.subarray(0, choices.below(copy.length + 1)) : copy;
  }

  #serfMessage(): Exclude<SerfMessage, { kind: "unknown" }> {
    const choices = this.#choices;
    const { memberTime, eventTime, queryTime } = this.#times();
    const Node = this.name();
    const time = (near: number): number => Math.min(choices.number(near), Number.MAX_SAFE_INTEGER - 1);
    switch (choices.below(8)) {
      case 0:
        return { kind: "leave", body: { LTime: time(memberTime), Node, Prune: choices.chance(1, 3) } };
      case 1:
        return { kind: "join", body: { LTime: time(memberTime), Node } };
      case 2:
      case 3:
        return {
          kind: "userEvent",
          body: {
            LTime: time(eventTime),
            Name: choices.pick(["deploy", "", "x"]),
            Payload: choices.bytes(choices.below(3)),
            CC: choices.chance(1, 2),
          },
        };
      case 4:
        return { kind: "query", body: this.#query(time(queryTime)) };
      case 5:
        return {
          kind: "queryResponse",
          body: {
            LTime: time(queryTime),
            ID: choices.number(1) % u32,
            From: Node,
            Flags: choices.below(4),
            Payload: choices.bytes(choices.below(4)),
          },
        };
      case 6: {
        const DestAddr = { IP: Uint8Array.of(10, 0, 0, 2), Port: 8301, Zone: "" };
        return { kind: "relay", body: { DestAddr, DestName: Node }, inner: choices.bytes(choices.below(6)) };
      }
      default:
        return this.#internal();
    }
  }

  #internal(): Exclude<SerfMessage, { kind: "unknown" }> {
    const choices = this.#choices;
    if (choices.chance(1, 2)) return { kind: "conflictResponse", body: null };
    if (choices.chance(1, 2)) return { kind: "keyRequest", body: { Key: choices.bytes(16) } };
    return {
      kind: "keyResponse",
      body: { Result: choices.chance(1, 2), Message: "m", Keys: ["k"], PrimaryKey: "k" },
    };
  }

  #query(LTime: number): Extract<SerfMessage, { kind: "query" }>["body"] {
    const choices = this.#choices;
    const SourceNode = this.name();
    const filters = [
      serfCodec.encodeFilter({ kind: "nodes", nodes: ["a", this.name()] }),
      serfCodec.encodeFilter({ kind: "tag", tag: "role", expression: choices.pick(["node", "(", ".*"]) }),
      choices.bytes(choices.below(5)),
    ];
    const Name = choices.pick([
      "q",
      "_serf_ping",
      "_serf_conflict",
      "_serf_list-keys",
      "_serf_install-key",
      "_serf_x",
      "",
    ]);
    const Payload = choices.chance(1, 2)
      ? utf8(this.name())
      : serfCodec.encode({ kind: "keyRequest", body: { Key: choices.bytes(16) } });
    return {
      LTime,
      ID: choices.number(5) % u32,
      Addr: choices.pick([Uint8Array.of(10, 0, 0, 2), new Uint8Array(0), choices.bytes(16)]),
      Port: choices.pick([8301, 0, 65_535]),
      SourceNode,
      Filters: choices.chance(1, 2) ? [] : [choices.pick(filters)],
      Flags: choices.below(4),
      RelayFactor: choices.pick([0, 1, 5, 255]),
      Timeout: choices.pick([0, 1_000_000_000, -1, 2 ** 62]),
      Name,
      Payload,
    };
  }

  #pushPullBody(): Extract<SerfMessage, { kind: "pushPull" }>["body"] {
    const choices = this.#choices;
    const { memberTime, eventTime, queryTime } = this.#times();
    const time = (near: number): number => Math.min(choices.number(near), Number.MAX_SAFE_INTEGER - 1);
    const statuses = Array.from({ length: choices.below(5) }, () => [this.name(), time(memberTime)] as const);
    return {
      LTime: time(memberTime),
      StatusLTimes: Object.fromEntries(statuses),
      LeftMembers: Array.from({ length: choices.below(3) }, () => this.name()),
      EventLTime: time(eventTime),
      Events: Array.from({ length: choices.below(4) }, () =>
        choices.chance(1, 3)
          ? null
          : { LTime: time(eventTime), Events: [{ Name: "e", Payload: choices.bytes(2) }] },
      ),
      QueryLTime: time(queryTime),
    };
  }
}
