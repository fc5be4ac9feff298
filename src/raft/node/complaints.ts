/**
 * What peers sent that no correct peer sends: counted every time, and told to the log at most once a second for
 * each of them, so that a peer cannot fill a disk with what is said about it.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { Header } from "../core/messages.ts";

const silenceMs = 1_000;
/** More peers than this at once are no peers. */
const peersMax = 1_024;

export interface Complaint {
  /** Where it came from, without the port, since one peer has many connections; undefined if that is not known. */
  readonly from: string | undefined;
  /** Who it says it is, if the message could be read. */
  readonly header?: Header;
  /** What kind of message it was; also the label of the counter. */
  readonly message: string;
  readonly problem: string;
}

export interface ComplaintParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** See the file's head. */
export class Complaints {
  readonly #parts: ComplaintParts;
  /** By peer: when it was last named, and what was left unsaid since. */
  readonly #named = new Map<string, { readonly atMs: number; unsaid: number }>();
  #forgotMs = -Infinity;

  constructor(parts: ComplaintParts) {
    this.#parts = parts;
  }

  add(complaint: Complaint): void {
    const { header, message, problem } = complaint;
    const peer = header?.id ?? header?.address;
    const from = complaint.from ?? peer ?? "unknown";
    const { clock, log, metrics } = this.#parts;
    metrics.count("raft.peer.refused", 1, [{ name: "message", value: message }]);
    const nowMs = clock.monotonicMs();
    const before = this.#named.get(from);
    if (before !== undefined && nowMs - before.atMs < silenceMs) {
      before.unsaid += 1;
      return;
    }
    if (before === undefined && this.#named.size >= peersMax && !this.#forget(nowMs)) return;
    this.#named.set(from, { atMs: nowMs, unsaid: 0 });
    const unsaid = before?.unsaid === 0 ? undefined : before?.unsaid;
    log.error("refused what no correct peer sends", { from, peer, message, problem, unsaid });
  }

  /** Makes room; false if all were named within the second. */
  #forget(nowMs: number): boolean {
    if (nowMs - this.#forgotMs < silenceMs) return false;
    this.#forgotMs = nowMs;
    for (const [from, { atMs }] of this.#named) {
      if (nowMs - atMs >= silenceMs) this.#named.delete(from);
    }
    return this.#named.size < peersMax;
  }
}
