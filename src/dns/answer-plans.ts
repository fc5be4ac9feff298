/**
 * The questions that are asked again and again, with how they are answered.
 *
 * A question is planned when it has come some times, so that names that are asked once cost nothing here; so do those
 * of which there are more than plans. A plan holds while all that it was made of does (`Sources`), and a second
 * at most: that bounds what a forgotten dependency could do.
 */
import type { DnsMessage } from "../wire/dns/message.ts";
import { DnsEncodeError } from "../wire/dns/name.ts";
import { AnswerPlan } from "./answer-plan.ts";
import { AnswerWriter } from "./answer-writer.ts";
import { readAsked, type Asked } from "./asked.ts";
import type { ResolverParts } from "./resolver-parts.ts";
import type { DnsSettings } from "./settings.ts";
import { Sources } from "./sources.ts";
import type { DnsNetwork } from "./trim.ts";

export type PlansParts = Pick<
  ResolverParts,
  "settings" | "token" | "rpc" | "clock" | "metrics" | "timerLabels" | "planAfter" | "random"
>;

interface Entry {
  readonly question: Uint8Array;
  readonly plan: AnswerPlan;
  readonly sources: Sources;
  readonly settings: DnsSettings;
  readonly token: string;
  readonly madeMs: number;
  /** How far the sources may have been behind then; `undefined` if they were not, or are asked again each time. */
  readonly lastContactMs: number | undefined;
  /** Answers that it gave. */
  useCount: number;
}

/** Plans kept; the oldest goes first. */
const plansMax = 2_048;
const planAgeMsMax = 1_000;
const questionStart = 12;
/** A power of two. */
const sightingsMax = 16_384;
/** What comes `planAfter` times in so long is worth a plan. */
const sightingAgeMsMax = 1_000;

export class AnswerPlans {
  readonly #parts: PlansParts;
  readonly #writer = new AnswerWriter();
  /** By hash of the question: of two with the same hash one is planned. */
  readonly #entries = new Map<number, Entry>();
  /** Hashes of questions that were asked lately. */
  readonly #sightings = new Uint32Array(sightingsMax);
  /** How often. */
  readonly #sightingCounts = new Uint8Array(sightingsMax);
  #sightingsSinceMs = 0;

  constructor(parts: PlansParts) {
    this.#parts = parts;
  }

  /** Plans kept at present. */
  get size(): number {
    return this.#entries.size;
  }

  /** The answer to a question as it came; `undefined` if there is no plan for it that holds. */
  answer(bytes: Uint8Array, asked: Asked): Uint8Array | undefined {
    const hash = hashOf(bytes, asked.questionEnd);
    const entry = this.#entries.get(hash);
    if (entry === undefined || !isQuestion(entry.question, bytes, asked)) return undefined;
    const startMs = this.#parts.clock.monotonicMs();
    if (!this.#isInTime(entry, startMs) || !entry.sources.isCurrent()) {
      // Its place stays: the question is worth another plan.
      if (!entry.sources.isRefreshable) entry.sources.spoil();
      return undefined;
    }
    return this.#write({ hash, entry, startMs }, asked);
  }

  /**
   * The answer of a plan of which only asking again tells whether it holds. `undefined` if there is none such, or it
   * does not. Rejects as calls do.
   */
  async refreshed(bytes: Uint8Array, network: DnsNetwork): Promise<Uint8Array | undefined> {
    const asked = readAsked(bytes, network);
    if (asked === undefined) return undefined;
    const hash = hashOf(bytes, asked.questionEnd);
    const entry = this.#entries.get(hash);
    if (entry?.sources.isRefreshable !== true || !isQuestion(entry.question, bytes, asked)) return undefined;
    const startMs = this.#parts.clock.monotonicMs();
    if (!this.#isInTime(entry, startMs)) return undefined;
    const { sources, settings } = entry;
    await sources.refresh();
    const isTooStale = settings.allowStale && (sources.lastContactMs ?? 0) > settings.maxStaleMs;
    return sources.isCurrent() && !isTooStale ? this.#write({ hash, entry, startMs }, asked) : undefined;
  }

  #write(
    { hash, entry, startMs }: { readonly hash: number; readonly entry: Entry; readonly startMs: number },
    asked: Asked,
  ): Uint8Array | undefined {
    const { clock, metrics, timerLabels } = this.#parts;
    try {
      const answer = entry.plan.write(this.#writer, asked, Math.floor(clock.wallMs() / 1_000));
      if (answer === undefined) return undefined;
      entry.useCount += 1;
      metrics.timer("dns.domain_query", clock.monotonicMs() - startMs, timerLabels);
      return answer;
    } catch (error) {
      if (!(error instanceof DnsEncodeError)) throw error;
      // The resolver meets the same name, and reports it.
      this.#forget(hash, entry);
      return undefined;
    }
  }

  /** Where to note what the answer to a question is made of, if it is worth a plan. */
  sourcesFor(bytes: Uint8Array, network: DnsNetwork): Sources | undefined {
    const asked = readAsked(bytes, network);
    if (asked === undefined || this.#parts.rpc.keep === undefined) return undefined;
    if (this.isWorthPlanning(bytes, asked)) return new Sources(this.#parts.rpc);
    this.sight(bytes, asked);
    const hash = hashOf(bytes, asked.questionEnd);
    this.#forget(hash, this.#entries.get(hash));
    return undefined;
  }

  /** Whether a question comes often enough, and there is a place for its plan. */
  isWorthPlanning(
    bytes: Uint8Array,
    { questionEnd }: Asked,
    planAfter: number = this.#parts.planAfter,
  ): boolean {
    const hash = hashOf(bytes, questionEnd);
    const nowMs = this.#parts.clock.monotonicMs();
    const entry = this.#entries.get(hash);
    // One that has become too old is made again if it was of use.
    if (entry !== undefined && (this.#isInTime(entry, nowMs) || entry.useCount >= planAfter)) return true;
    if (nowMs - this.#sightingsSinceMs >= sightingAgeMsMax) {
      this.#sightings.fill(0);
      this.#sightingsSinceMs = nowMs;
    }
    const place = hash & (sightingsMax - 1);
    const isFrequent = this.#sightings[place] === hash && (this.#sightingCounts[place] ?? 0) >= planAfter - 1;
    return isFrequent && this.#hasPlace(nowMs);
  }

  /** Notes that a question came. */
  sight(bytes: Uint8Array, { questionEnd }: Asked): void {
    const hash = hashOf(bytes, questionEnd);
    const place = hash & (sightingsMax - 1);
    const isKnown = this.#sightings[place] === hash;
    this.#sightings[place] = hash;
    this.#sightingCounts[place] = isKnown ? Math.min(255, (this.#sightingCounts[place] ?? 0) + 1) : 1;
  }

  /** Keeps how a question was answered; `message` is its answer before it was made to fit. */
  remember(bytes: Uint8Array, message: DnsMessage, sources: Sources): void {
    const asked = readAsked(bytes, "udp");
    if (asked === undefined || !sources.isCurrent()) {
      sources[Symbol.dispose]();
      return;
    }
    const question = bytes.slice(questionStart, asked.questionEnd);
    const { clock, random } = this.#parts;
    const settings = this.#parts.settings();
    try {
      const content = { message, choice: sources.choice, settings, question };
      const plan = new AnswerPlan(content, (limit) => random.call(this.#parts, limit));
      const hash = hashOf(bytes, asked.questionEnd);
      this.#forget(hash, this.#entries.get(hash));
      const token = this.#parts.token();
      const lastContactMs = sources.isRefreshable ? undefined : sources.lastContactMs;
      const madeMs = clock.monotonicMs();
      this.#entries.set(hash, {
        question,
        plan,
        sources,
        settings,
        token,
        madeMs,
        lastContactMs,
        useCount: 0,
      });
      this.#evict();
    } catch (error) {
      sources[Symbol.dispose]();
      if (!(error instanceof DnsEncodeError)) throw error;
    }
  }

  /** Whether nothing but the sources can have made the plan wrong. */
  #isInTime({ settings, token, madeMs, lastContactMs }: Entry, nowMs: number): boolean {
    const ageMs = nowMs - madeMs;
    // Behind by no more than it was and what went by since.
    const isTooStale =
      lastContactMs !== undefined && settings.allowStale && lastContactMs + ageMs > settings.maxStaleMs;
    return (
      ageMs < planAgeMsMax &&
      !isTooStale &&
      settings === this.#parts.settings() &&
      token === this.#parts.token()
    );
  }

  /** Where more questions take turns than there are plans, one that drives out another would be of no use itself. */
  #hasPlace(nowMs: number): boolean {
    if (this.#entries.size < plansMax) return true;
    for (const { madeMs } of this.#entries.values()) return nowMs - madeMs >= planAgeMsMax;
    return true;
  }

  #forget(hash: number, entry: Entry | undefined): void {
    entry?.sources[Symbol.dispose]();
    this.#entries.delete(hash);
  }

  #evict(): void {
    // The way to the oldest leads past all that was deleted before it.
    if (this.#entries.size <= plansMax) return;
    for (const [hash, entry] of this.#entries) {
      if (this.#entries.size <= plansMax) return;
      this.#forget(hash, entry);
    }
  }
}

function isQuestion(question: Uint8Array, bytes: Uint8Array, { questionEnd }: Asked): boolean {
  if (question.length !== questionEnd - questionStart) return false;
  for (let index = 0; index < question.length; index += 1)
    if (question[index] !== bytes[questionStart + index]) return false;
  return true;
}

/** FNV-1a of the question. */
function hashOf(bytes: Uint8Array, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = questionStart; at < end; at += 1) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  return hash >>> 0;
}
