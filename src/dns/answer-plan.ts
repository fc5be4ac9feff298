/**
 * How one question is answered while nothing changes: the records, prepared, and the rules of `trim.ts` by which they
 * are made to fit. For each asker it writes what the resolver would answer.
 */
import type { DnsMessage, DnsRecord } from "../wire/dns/message.ts";
import type { AnswerWriter } from "./answer-writer.ts";
import type { Asked } from "./asked.ts";
import { InstanceParts, type Part } from "./instance-parts.ts";
import { NameTable, type PreparedName } from "./prepared-names.ts";
import { prepareRecord, type PreparedRecord } from "./prepared-records.ts";
import type { DnsSettings } from "./settings.ts";
import type { Choice } from "./sources.ts";
import { answersOfUse, bytesOfUse, choiceLimit, isPlainUdp } from "./trim.ts";

export interface PlanContent {
  /** The answer to the question before it was made to fit. */
  readonly message: DnsMessage;
  /** Instead of the message's answers. */
  readonly choice: Choice | undefined;
  readonly settings: DnsSettings;
  /** The question on the wire. */
  readonly question: Uint8Array;
}

const headerBytes = 12;
const noOptionBytes = 11;
/** Pointers reach all that was written in a message of so many bytes. */
const pointerReach = 0x3fff;
const responseFlag = 0x8000;
const authoritativeFlag = 0x0400;
const truncatedFlag = 0x0200;
const recursionAvailableFlag = 0x0080;

export class AnswerPlan {
  readonly #settings: DnsSettings;
  readonly #names = new NameTable();
  readonly #question: { readonly bytes: Uint8Array; readonly name: PreparedName };
  readonly #flags: number;
  readonly #fixed: readonly Part[];
  readonly #choice: InstanceParts | undefined;
  readonly #authority: readonly PreparedRecord[];
  readonly #additional: readonly PreparedRecord[];
  #additionalCount = 0;
  #isShort = false;

  /** Throws `DnsEncodeError` if DNS cannot carry a name. */
  constructor({ message, choice, settings, question }: PlanContent, random: (limit: number) => number) {
    const prepare = (record: DnsRecord): PreparedRecord => prepareRecord(this.#names, record);
    this.#settings = settings;
    this.#question = { bytes: question, name: this.#names.name(message.questions[0]?.name ?? ".") };
    this.#flags =
      responseFlag |
      (message.authoritative ? authoritativeFlag : 0) |
      (message.recursionAvailable ? recursionAvailableFlag : 0) |
      message.rcode;
    this.#choice = choice === undefined ? undefined : new InstanceParts(choice, this.#names, random);
    const isChoice = choice !== undefined;
    this.#fixed = isChoice
      ? []
      : message.answers.map((record, same) => {
          const answer = prepare(record);
          return { answer, extras: [], same, bytesMin: answer.bytesMin };
        });
    this.#authority = message.authority.map(prepare);
    this.#additional = isChoice ? [] : message.additional.map(prepare);
  }

  /** The answer's bytes; `undefined` if it cannot be told here. Throws `DnsEncodeError` as the constructor does. */
  write(writer: AnswerWriter, asked: Asked, timeSeconds: number): Uint8Array | undefined {
    const { compression: compress, udpAnswerLimit, enableTruncate } = this.#settings;
    const trimming = { network: asked.network, udpAnswerLimit, compress };
    const wish = { type: asked.questionType, ednsBytes: asked.ednsBytes };
    const parts = this.#parts(answersOfUse(wish, trimming));
    if (parts === undefined) return undefined;
    const bytesMax = bytesOfUse(wish, asked.network);
    const job: Job = { writer, parts, compress, timeSeconds, ednsBytes: asked.ednsBytes };
    const limit = this.#choice === undefined ? Infinity : choiceLimit(udpAnswerLimit);
    const isCut = isPlainUdp(wish, asked.network) && parts.length > limit;
    const count = isCut ? this.#writeCut(job, limit, bytesMax) : this.#writeFitting(job, bytesMax);
    if (count === undefined) return undefined;
    const isTruncated = count < parts.length && enableTruncate;
    return writer.finish({
      id: asked.id,
      flags: this.#flags | asked.flags | (isTruncated ? truncatedFlag : 0),
      answers: count,
      authority: this.#isShort ? 0 : this.#authority.length,
      additional: this.#additionalCount,
    });
  }

  #parts(limit: number): readonly Part[] | undefined {
    if (this.#choice === undefined) return this.#fixed;
    const isService = this.#isService;
    const most = isService ? limit : Math.min(limit, this.#settings.aRecordLimit ?? Infinity);
    const picked = this.#choice.pick(most);
    // Without an answer the message is another: it says so.
    return picked === undefined || picked.length === 0 ? undefined : picked;
  }

  get #isService(): boolean {
    const { bytes } = this.#question;
    return bytes[bytes.length - 4] === 0 && bytes[bytes.length - 3] === 33;
  }

  /** The first few, measured without compression. */
  #writeCut(job: Job, limit: number, bytesMax: number): number | undefined {
    let count = limit;
    while (count > 1 && this.#plainBytes(job, count) > bytesMax) count -= 1;
    return this.#write(job, { count, isShort: true, bytesMax: Infinity }) ? count : undefined;
  }

  /** As many as fit, at least one. */
  #writeFitting(job: Job, bytesMax: number): number | undefined {
    const total = job.parts.length;
    // If not even that fits, the resolver leaves out what stands beside it.
    if (total <= 1) return this.#write(job, { count: total, isShort: false, bytesMax }) ? total : undefined;
    const isHopeless = this.#bytesMin(job) > bytesMax;
    if (!isHopeless && this.#write(job, { count: total, isShort: false, bytesMax })) return total;
    if (bytesMax <= pointerReach) return this.#writeUntilFull(job, bytesMax);
    let fits = 1;
    let tooMany = total + 1;
    while (tooMany - fits > 1) {
      const probe = Math.floor((fits + tooMany) / 2);
      if (this.#write(job, { count: probe, isShort: true, bytesMax })) fits = probe;
      else tooMany = probe;
    }
    return this.#write(job, { count: fits, isShort: true, bytesMax: Infinity }) ? fits : undefined;
  }

  /** In one pass: within reach of pointers it is known what the extras of an answer will add. */
  #writeUntilFull(job: Job, bytesMax: number): number | undefined {
    const { writer, parts, compress, ednsBytes } = job;
    const seen: PreparedName[] = [];
    this.#begin(job, { isShort: true, bytesMax: Infinity });
    let count = 0;
    let laterBytes = ednsBytes === undefined ? 0 : noOptionBytes;
    for (const part of parts) {
      const mark = writer.length;
      if (!writer.record(part.answer)) return undefined;
      const extra = part.extras[0];
      if (extra !== undefined && !isRepeated(seen, extra.owner))
        laterBytes += compress ? extra.bytesMin : extra.plainBytes;
      if (count > 0 && writer.length + laterBytes > bytesMax) {
        writer.length = mark;
        break;
      }
      count += 1;
    }
    return this.#writeExtras(job, count) ? count : undefined;
  }

  /** `isShort`: without what could be left out: no authority, and one record for each name that an answer points to. */
  #write(
    job: Job,
    { count, ...how }: { readonly count: number; readonly isShort: boolean; readonly bytesMax: number },
  ): boolean {
    this.#begin(job, how);
    const { writer, parts } = job;
    for (let index = 0; index < count; index += 1) {
      const part = parts[index];
      if (part !== undefined && !writer.record(part.answer)) return false;
    }
    if (!this.#isShort) for (const record of this.#authority) if (!writer.record(record)) return false;
    return this.#writeExtras(job, count);
  }

  #begin(
    { writer, compress, timeSeconds }: Job,
    { isShort, bytesMax }: { readonly isShort: boolean; readonly bytesMax: number },
  ): void {
    const endCount = this.#names.endCount;
    writer.begin(this.#question, { compress, timeSeconds, endCount, bytesMax });
    this.#isShort = isShort;
    this.#additionalCount = 0;
  }

  /** The additional section to the first `count` parts. */
  #writeExtras({ writer, parts, ednsBytes }: Job, count: number): boolean {
    const isShort = this.#isShort;
    const seen: PreparedName[] = [];
    for (let index = 0; index < count; index += 1) {
      const extras = parts[index]?.extras ?? [];
      if (isShort && isRepeated(seen, extras[0]?.owner)) continue;
      const wanted = isShort ? Math.min(1, extras.length) : extras.length;
      for (let extra = 0; extra < wanted; extra += 1) if (!this.#extra(writer, extras[extra])) return false;
    }
    if (!isShort) for (const record of this.#additional) if (!this.#extra(writer, record)) return false;
    return ednsBytes === undefined || this.#opt(writer, ednsBytes);
  }

  /** At least so large is the answer with all parts. */
  #bytesMin({ parts }: Job): number {
    let size = headerBytes + this.#question.bytes.length;
    for (const part of parts) size += part.bytesMin;
    return size;
  }

  #extra(writer: AnswerWriter, record: PreparedRecord | undefined): boolean {
    this.#additionalCount += 1;
    return record === undefined || writer.record(record);
  }

  #opt(writer: AnswerWriter, ednsBytes: number): boolean {
    this.#additionalCount += 1;
    return writer.append(Uint8Array.of(0, 0, 41, ednsBytes >> 8, ednsBytes & 255, 0, 0, 0, 0, 0, 0));
  }

  #plainBytes({ parts, ednsBytes }: Job, count: number): number {
    let size = headerBytes + this.#question.bytes.length + (ednsBytes === undefined ? 0 : noOptionBytes);
    const seen: PreparedName[] = [];
    for (let index = 0; index < count; index += 1) {
      const part = parts[index];
      size += part?.answer.plainBytes ?? 0;
      const extra = part?.extras[0];
      if (extra !== undefined && !isRepeated(seen, extra.owner)) size += extra.plainBytes;
    }
    return size;
  }
}

/** One answer under way. */
interface Job {
  readonly writer: AnswerWriter;
  readonly parts: readonly Part[];
  readonly compress: boolean;
  readonly timeSeconds: number;
  readonly ednsBytes: number | undefined;
}

/** Notes a name; `true` if it was noted before. Names of one table are the same object when they are equal. */
function isRepeated(seen: PreparedName[], name: PreparedName | undefined): boolean {
  if (name === undefined) return false;
  if (seen.includes(name)) return true;
  seen.push(name);
  return false;
}
