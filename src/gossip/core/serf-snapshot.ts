/**
 * What a node remembers of its pool across restarts: who was alive where, and the logical clocks.
 *
 * A text file that only grows, one record a line, until it is replaced by what is left of it:
 *
 *     alive: <name> <ip>:<port>      not-alive: <name>
 *     clock: N     event-clock: N    query-clock: N     leave     # comment
 *
 * Names may hold spaces, so the address is what follows the last one. A last line without a newline was cut off by a
 * crash and does not count. Source: protocol reference, gossip-serf section 11.
 */
import type { MonotonicMs } from "../../lib/clock.ts";
import type { MemberEvent } from "../../lib/members.ts";
import { hostPort } from "../../lib/net.ts";
import type { Rng } from "../../lib/rng.ts";
import { lamportTimeMax, type LamportTime } from "./lamport.ts";

/** How often the clock is written if nothing else happens. */
const clockIntervalMs = 500;
const compactBytesMin = 128 * 1024;
const bytesPerNode = 128;
/** The file is replaced when it is this many times larger than it need be. */
const compactFactor = 2;

export interface SerfSnapshotStart {
  /** The whole file; "" if there is none. */
  readonly text: string;
  /** Whether nodes are remembered through a leave. */
  readonly rejoinAfterLeave: boolean;
}

/** A write to the file: more lines, or all of it anew. */
export type SnapshotWrite =
  | { readonly kind: "append"; readonly text: string }
  | { readonly kind: "replace"; readonly text: string };

interface Times {
  clock: number;
  event: number;
  query: number;
}

const utf8 = new TextEncoder();

export class SerfSnapshot {
  readonly #alive = new Map<string, string>();
  readonly #rejoinAfterLeave: boolean;
  readonly #times: Times = { clock: 0, event: 0, query: 0 };
  /** Lines that were not understood, for the log. */
  readonly warnings: readonly string[];
  #lines = "";
  #bytes: number;
  #clockDueMs: MonotonicMs | undefined;
  #hasLeft = false;

  /** Replays a file. */
  constructor({ text, rejoinAfterLeave }: SerfSnapshotStart) {
    this.#rejoinAfterLeave = rejoinAfterLeave;
    this.#bytes = utf8.encode(text).length;
    const warnings: string[] = [];
    // What follows the last newline was cut off.
    for (const line of text.split("\n").slice(0, -1)) {
      const warning = this.#replay(line);
      if (warning !== undefined) warnings.push(warning);
    }
    this.warnings = warnings;
    // Appending to half a line would spoil the next one too.
    if (text !== "" && !text.endsWith("\n")) this.#append("");
  }

  /** Highest logical times that were seen before: members', events' and queries'. */
  get times(): Readonly<Times> {
    return this.#times;
  }

  /** Nodes that were alive, as addresses to join (`name/host:port`), in random order: no node is asked by all. */
  previousNodes(rng: Rng, self: string): readonly string[] {
    const nodes = [...this.#alive].filter(([name]) => name !== self);
    for (let at = nodes.length - 1; at > 0; at -= 1) {
      const other = rng.below(at + 1);
      const [one, two] = [nodes[at], nodes[other]];
      if (one !== undefined && two !== undefined) [nodes[at], nodes[other]] = [two, one];
    }
    return nodes.map(([name, address]) => (name === "" ? address : `${name}/${address}`));
  }

  /** A member came or went. */
  member({ kind, member }: MemberEvent): void {
    if (this.#hasLeft || member.name.includes("\n")) return;
    switch (kind) {
      case "join": {
        const address = hostPort({ host: member.address, port: member.port });
        this.#alive.set(member.name, address);
        return this.#append(`alive: ${member.name} ${address}`);
      }
      case "leave":
      case "failed":
        this.#alive.delete(member.name);
        return this.#append(`not-alive: ${member.name}`);
      case "update":
      case "reap":
        return;
    }
  }

  /** The members' clock shows `time`. Written now if `urgent`, as with an event of members, else in a while. */
  clock(time: LamportTime, nowMs: MonotonicMs, urgent: boolean): void {
    const seen = time - 1;
    if (this.#hasLeft || seen <= this.#times.clock) return;
    this.#clockDueMs ??= (nowMs + clockIntervalMs) as MonotonicMs;
    if (!urgent && nowMs < this.#clockDueMs) return;
    this.#clockDueMs = undefined;
    this.#times.clock = seen;
    this.#append(`clock: ${seen}`);
  }

  /** When `clock` should be called next; `undefined`: when the clock moves. */
  get clockDueMs(): MonotonicMs | undefined {
    return this.#clockDueMs;
  }

  /** A user event of logical time `time` was delivered. */
  event(time: LamportTime): void {
    if (this.#hasLeft || time <= this.#times.event) return;
    this.#times.event = time;
    this.#append(`event-clock: ${time}`);
  }

  /** A query of logical time `time` was delivered. */
  query(time: LamportTime): void {
    if (this.#hasLeft || time <= this.#times.query) return;
    this.#times.query = time;
    this.#append(`query-clock: ${time}`);
  }

  /** This node leaves: a restart must not bring it back, unless that is wished for. Nothing is written after it. */
  leave(): void {
    this.#clockDueMs = undefined;
    if (!this.#rejoinAfterLeave) this.#alive.clear();
    this.#append("leave");
    this.#hasLeft = true;
  }

  /** What to write since the last call. */
  take(): SnapshotWrite | undefined {
    if (this.#lines === "") return undefined;
    const text = this.#lines;
    this.#lines = "";
    this.#bytes += utf8.encode(text).length;
    const bytesMax = Math.max(compactBytesMin, compactFactor * bytesPerNode * this.#alive.size);
    if (this.#hasLeft || this.#bytes <= bytesMax) return { kind: "append", text };
    const whole = this.#compacted();
    this.#bytes = utf8.encode(whole).length;
    return { kind: "replace", text: whole };
  }

  #compacted(): string {
    const nodes = Array.from(this.#alive, ([name, address]) => `alive: ${name} ${address}\n`).join("");
    const { clock, event, query } = this.#times;
    return `${nodes}clock: ${clock}\nevent-clock: ${event}\nquery-clock: ${query}\n`;
  }

  #append(line: string): void {
    this.#lines += `${line}\n`;
  }

  /** Takes one line of a file; answers what is wrong with it. */
  #replay(line: string): string | undefined {
    const [, kind = "", rest = ""] = /^([a-z-]+): ?(.*)$/s.exec(line) ?? [];
    switch (kind) {
      case "alive": {
        const space = rest.lastIndexOf(" ");
        if (space < 0) return `Failed to parse address: ${line}`;
        this.#alive.set(rest.slice(0, space), rest.slice(space + 1));
        return undefined;
      }
      case "not-alive":
        this.#alive.delete(rest);
        return undefined;
      case "clock":
        return this.#replayTime("clock", rest);
      case "event-clock":
        return this.#replayTime("event", rest);
      case "query-clock":
        return this.#replayTime("query", rest);
      case "coordinate":
        // Old files hold one. Coordinates are found anew instead.
        return undefined;
      default:
        return this.#replayWord(line);
    }
  }

  #replayTime(which: keyof Times, text: string): string | undefined {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Infinity;
    if (value > lamportTimeMax) return `Failed to convert ${which} time: ${text}`;
    this.#times[which] = value;
    return undefined;
  }

  #replayWord(line: string): string | undefined {
    if (line === "" || line.startsWith("#")) return undefined;
    if (line !== "leave") return `Unrecognized snapshot line: ${line}`;
    if (this.#rejoinAfterLeave) return undefined;
    this.#alive.clear();
    Object.assign(this.#times, { clock: 0, event: 0, query: 0 } satisfies Times);
    return undefined;
  }
}
