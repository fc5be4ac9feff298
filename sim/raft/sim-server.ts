/** One simulated server: a core, the state machine it feeds, and what a crash leaves of them. */
import { must } from "../../src/lib/assert.ts";
import { monotonicMs, type MonotonicMs } from "../../src/lib/clock.ts";
import type { Rng } from "../../src/lib/rng.ts";
import { RaftCore } from "../../src/raft/core/core.ts";
import type { Input, Lane, Outgoing, Role } from "../../src/raft/core/effects.ts";
import type { Configuration, ConfigurationCodec, ServerId } from "../../src/raft/core/entry.ts";
import type { RaftRequest } from "../../src/raft/core/messages.ts";
import type { RaftOptions } from "../../src/raft/core/options.ts";
import type { Rules } from "../../src/raft/core/rules.ts";
import { SimDisk, type StoredSnapshot } from "./sim-disk.ts";

/** A request under way. */
export interface Rpc {
  readonly from: SimServer;
  readonly incarnation: number;
  readonly requestId: number;
  readonly to: SimServer;
  readonly lane: Lane | "snapshot";
  readonly message: RaftRequest;
  readonly sentMs: number;
  readonly timeoutMs: number;
  readonly snapshot: StoredSnapshot | undefined;
}

/** Something a client waits for. */
export type Waiting =
  | { readonly kind: "propose"; readonly proposals: readonly number[] }
  | { readonly kind: "read"; readonly acknowledgedAtStart: number; readonly startMs: number }
  | { readonly kind: "restore"; readonly digest: number }
  | { readonly kind: "other" };

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder();

/** Configurations as JSON: the simulator's own bytes. */
export const simCodec: ConfigurationCodec = {
  encode: (configuration) => textEncoder.encode(JSON.stringify(configuration)),
  decode: (data) => JSON.parse(textDecoder.decode(data)) as Configuration,
};

/** Mutable on purpose: the world moves it about. */
export class SimServer {
  readonly index: number;
  readonly id: ServerId;
  readonly address: string;
  readonly disk = new SimDisk();
  readonly #rng: Rng;
  readonly #rate: number;
  readonly #offsetMs: number;
  /** Grows with each crash; events of earlier lives are void. */
  incarnation = 0;
  core: RaftCore | undefined;
  role: Role = "follower";
  inbox: Input[] = [];
  processAtMs = Infinity;
  wakeAtMs = Infinity;
  pausedUntilMs = 0;
  /** Messages that wait for write `token`. */
  held: { readonly token: number; readonly outgoing: readonly Outgoing[] }[] = [];
  lastToken = 0;
  syncedToken = 0;
  syncDueMs = 0;
  readonly inbound = new Map<number, Rpc | undefined>();
  readonly waiting = new Map<number, Waiting>();
  /** Appended for a client, not yet applied: index to term. */
  readonly unacknowledged = new Map<number, number>();
  /** Per peer: when the newest AppendEntries was sent that it has answered. */
  readonly answeredMs = new Map<ServerId, number>();
  machineIndex = 0;
  machineDigest = 0;

  constructor(o: { index: number; rng: Rng; rate: number }) {
    this.index = o.index;
    this.id = `n${o.index + 1}` as ServerId;
    this.address = `10.0.0.${o.index + 1}:8300`;
    this.#rng = o.rng;
    this.#rate = o.rate;
    this.#offsetMs = o.rng.below(100_000);
  }

  /** What this server's clock shows. */
  clockMs(nowMs: number): MonotonicMs {
    return monotonicMs(this.#offsetMs + Math.floor((nowMs * this.#rate) / 1000));
  }

  /** When its clock will show `clockMs`; never in the past. */
  worldMs(nowMs: number, clockMs: number): number {
    const left = clockMs - this.clockMs(nowMs);
    return left <= 0 ? nowMs : nowMs + Math.max(1, Math.ceil((left * 1000) / this.#rate));
  }

  start(nowMs: number, options: RaftOptions, rules: Rules): void {
    const { snapshot, hardState } = this.disk;
    this.machineIndex = snapshot?.mark.index ?? 0;
    this.machineDigest = snapshot?.digest ?? 0;
    this.role = "follower";
    this.core = new RaftCore({
      id: this.id,
      address: this.address,
      options,
      rules,
      rng: this.#rng,
      codec: simCodec,
      log: this.disk,
      hardState,
      snapshot: snapshot?.mark,
      nowMs: this.clockMs(nowMs),
    });
  }

  /** Everything in memory is gone; `kept` disk operations under way happened after all. */
  crash(kept: number): void {
    this.disk.crash(kept);
    this.incarnation += 1;
    this.core = undefined;
    this.role = "follower";
    this.inbox = [];
    this.processAtMs = Infinity;
    this.wakeAtMs = Infinity;
    this.pausedUntilMs = 0;
    this.held = [];
    this.lastToken = 0;
    this.syncedToken = 0;
    this.syncDueMs = 0;
    this.inbound.clear();
    this.waiting.clear();
    this.unacknowledged.clear();
    this.answeredMs.clear();
  }

  /** The core, for callers that know that the server is up. */
  get running(): RaftCore {
    return must(this.core, "the server is up");
  }
}
