/** Tools for tests of SWIM: nodes with a recording delegate, and a network in one process. */
import { must } from "../../lib/assert.ts";
import { monotonicMs, type MonotonicMs } from "../../lib/clock.ts";
import type { NetAddress } from "../../lib/net.ts";
import { seededRng } from "../../lib/rng.ts";
import type { AliveMessage, GossipMessage } from "../../wire/gossip/messages.ts";
import type { SwimDelegate, SwimNode } from "./delegate.ts";
import type { NameSlots } from "./name-slots.ts";
import { Swim } from "./swim.ts";
import type { SwimEffects, SwimInput } from "./swim-effects.ts";
import { checkInvariants } from "./swim-invariants.ts";
import { consulLanOptions, consulVersions, type SwimOptions } from "./swim-options.ts";

const text = new TextEncoder();
const bytesText = new TextDecoder();

/** Messages as JSON, one type byte first: as good as any bytes for a core that is handed its encoder. */
export function encodeJson(message: GossipMessage): Uint8Array {
  return text.encode(
    `#${JSON.stringify(message, (_key, value: unknown) => (value instanceof Uint8Array ? { hex: hex(value) } : value))}`,
  );
}

/** The inverse of `encodeJson`. */
export function decodeJson(bytes: Uint8Array): GossipMessage {
  return JSON.parse(bytesText.decode(bytes.subarray(1)), (_key, value: unknown) =>
    typeof value === "object" && value !== null && "hex" in value ? unhex(String(value.hex)) : value,
  ) as GossipMessage;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const unhex = (digits: string): Uint8Array =>
  Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
    Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );

/** A delegate that writes down what it is told and answers what it is set to. */
export class RecordingDelegate implements SwimDelegate {
  /** One line per call, such as `joined b`. */
  readonly seen: string[] = [];
  /** Answers of `broadcasts`, one per call. */
  readonly outgoing: Uint8Array[][] = [];
  readonly limits: { overheadBytes: number; bytesMax: number }[] = [];
  readonly rtts: { name: string; rttMs: number; payload: Uint8Array }[] = [];
  meta: Uint8Array = new Uint8Array();
  state: Uint8Array = new Uint8Array();
  refuseAlive: string | undefined;
  refuseMerge: string | undefined;

  localMeta(): Uint8Array {
    return this.meta;
  }
  userMessage(bytes: Uint8Array): void {
    this.seen.push(`user ${bytesText.decode(bytes)}`);
  }
  broadcasts(limits: { readonly overheadBytes: number; readonly bytesMax: number }): readonly Uint8Array[] {
    this.limits.push(limits);
    return this.outgoing.shift() ?? [];
  }
  localState(join: boolean): Uint8Array {
    this.seen.push(`state join=${join}`);
    return this.state;
  }
  mergeState(bytes: Uint8Array, join: boolean): void {
    this.seen.push(`merge ${bytesText.decode(bytes)} join=${join}`);
  }
  nodeJoined({ name }: SwimNode): void {
    this.seen.push(`joined ${name}`);
  }
  nodeLeft({ name, state }: SwimNode): void {
    this.seen.push(`${state} ${name}`);
  }
  nodeUpdated({ name }: SwimNode): void {
    this.seen.push(`updated ${name}`);
  }
  aliveProblem(_message: AliveMessage): string | undefined {
    return this.refuseAlive;
  }
  mergeProblem(nodes: readonly SwimNode[]): string | undefined {
    this.seen.push(`mayMerge ${nodes.map(({ name }) => name).join(",")}`);
    return this.refuseMerge;
  }
  conflict(known: SwimNode, claimed: SwimNode): void {
    this.seen.push(`conflict ${known.name} ${known.address.host} ${claimed.address.host}`);
  }
  ackPayload(): Uint8Array {
    return text.encode("coordinate");
  }
  pingCompleted({ name }: SwimNode, rttMs: number, payload: Uint8Array): void {
    this.rtts.push({ name, rttMs, payload });
  }
}

/** A node under test with its time. */
export class TestNode {
  readonly name: string;
  readonly address: NetAddress;
  readonly delegate = new RecordingDelegate();
  readonly swim: Swim;
  nowMs: MonotonicMs = monotonicMs(0);
  /** Everything logged so far. */
  readonly logs: string[] = [];
  /** Every counter raised so far, once per time. */
  readonly counted: string[] = [];

  constructor(
    name: string,
    o: { readonly options?: Partial<SwimOptions>; readonly seed?: number } & TestHosts = {},
  ) {
    this.name = name;
    this.address = addressOf(name);
    this.swim = new Swim({
      name,
      address: this.address,
      options: { ...consulLanOptions, ...o.options },
      rng: seededRng(o.seed ?? 1).fork(name),
      delegate: this.delegate,
      encode: encodeJson,
      ...(o.slots === undefined ? {} : { slots: o.slots }),
      ...(o.allowsHost === undefined ? {} : { allowsHost: o.allowsHost }),
      ...(o.incarnationBefore === undefined ? {} : { incarnationBefore: o.incarnationBefore }),
    });
    this.step({ kind: "start" });
  }

  /** Steps at the present time; the node's invariants must hold afterwards. */
  step(...inputs: readonly SwimInput[]): SwimEffects {
    const effects = this.swim.step(this.nowMs, inputs);
    for (const { level, text: line } of effects.logs) this.logs.push(`${level}: ${line}`);
    for (const metric of effects.metrics) if (metric.kind === "count") this.counted.push(metric.name);
    const broken = checkInvariants(this.swim);
    if (broken.length > 0) throw new Error(`${this.name}: ${broken.join("; ")}`);
    return effects;
  }

  /** Lets time pass, stepping at every wish of the core; answers what it wanted, in order. */
  pass(ms: number): readonly SwimEffects[] {
    const all: SwimEffects[] = [];
    const untilMs = this.nowMs + ms;
    for (;;) {
      const { wakeAtMs } = this.swim.inside();
      if (wakeAtMs > untilMs) break;
      this.nowMs = wakeAtMs;
      all.push(this.step());
    }
    this.nowMs = monotonicMs(untilMs);
    return all;
  }

  /** Delivers messages as one datagram from somewhere. */
  hear(...messages: readonly GossipMessage[]): SwimEffects {
    return this.step({ kind: "datagram", from: addressOf("elsewhere"), messages });
  }

  /** When the verdict on a suspect falls. */
  verdictMs(name: string): MonotonicMs | undefined {
    const belief = this.swim.inside().state.table.get(name);
    return belief?.kind === "suspect" ? belief.suspicion.deadlineMs : undefined;
  }

  /** The state of a node as this one sees it. */
  sees(name: string): string {
    const node = this.swim.node(name);
    return node === undefined ? "unknown" : `${node.state} ${node.incarnation}`;
  }
}

interface TestHosts {
  readonly slots?: NameSlots;
  readonly allowsHost?: (host: string) => boolean;
  readonly incarnationBefore?: number;
}

/** A made-up address for a name. */
export function addressOf(name: string): NetAddress {
  let sum = 0;
  for (const unit of name) sum = (sum * 31 + must(unit.codePointAt(0), "a character has a code")) % 65_536;
  return { host: `10.0.${sum >> 8}.${sum & 255}`, port: 8301 };
}

/** An alive message of a node with its made-up address. */
export function aliveOf(name: string, o: Partial<AliveMessage> = {}): AliveMessage {
  return {
    kind: "alive",
    node: name,
    address: addressOf(name),
    incarnation: 1,
    meta: new Uint8Array(),
    vsn: consulVersions,
    ...o,
  };
}

/** All messages of all datagrams, each with where it went. */
export function sent(...effects: readonly SwimEffects[]): { to: NetAddress; message: GossipMessage }[] {
  return effects.flatMap(({ datagrams }) =>
    datagrams.flatMap(({ to, messages }) => messages.map((bytes) => ({ to, message: decodeJson(bytes) }))),
  );
}
