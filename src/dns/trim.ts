/**
 * Makes an answer fit: few records for plain UDP, as many bytes as the client takes, 64 KiB over TCP.
 *
 * The additional section follows the answers: it holds what the remaining SRV records name.
 * Source: the reference's trimming; RFC 1035 section 4.2.1, RFC 6891 section 6.2.5.
 */
import { encodeMessage } from "../wire/dns/encode.ts";
import { dnsType, type DnsMessage, type DnsRecord } from "../wire/dns/message.ts";

/** How the answer travels. */
export type DnsNetwork = "udp" | "tcp";

export interface TrimOptions {
  readonly network: DnsNetwork;
  /** Most answers to a client without EDNS; 8 is the most that counts, `Infinity` is no limit. */
  readonly udpAnswerLimit: number;
  readonly compress: boolean;
}

const plainUdpBytes = 512;
const udpHeaderBytes = 8;
const udpBytesMax = 65_535 - 68;
const udpAnswersMax = 8;
const tcpBytesMax = 65_523;
/** More do not fit in 64 KiB, even compressed. */
const tcpAnswersMax = 4_096;
const tcpServicesMax = 1_024;
/** The least that an answer takes: a pointer, ten bytes of header and an IPv4 address. */
const recordBytesMin = 16;

/** What decides how large an answer may be. */
export interface Wish {
  /** Of the question. */
  readonly type: number;
  /** As the OPT record has it; `undefined` without one. */
  readonly ednsBytes: number | undefined;
}

/** How many answers can be of use, so that no more are made: one more than fit, to tell that some are left out. */
export function answersOfUse(wish: Wish, { network, udpAnswerLimit }: TrimOptions): number {
  if (network === "tcp") return wish.type === dnsType.SRV ? tcpServicesMax : tcpAnswersMax;
  const bytes = udpBytes(wish.ednsBytes);
  if (bytes === plainUdpBytes) return choiceLimit(udpAnswerLimit) + 1;
  return Math.ceil(bytes / recordBytesMin) + 1;
}

/** How many of those that can stand for each other a client without EDNS gets. */
export function choiceLimit(udpAnswerLimit: number): number {
  return Math.min(udpAnswersMax, udpAnswerLimit);
}

/** The most bytes that an answer may have. */
export function bytesOfUse(wish: Wish, network: DnsNetwork): number {
  return network === "tcp" ? tcpBytesMax : udpBytes(wish.ednsBytes) - udpHeaderBytes;
}

/** Whether few and small answers are wanted, since the client did not say what it can take. */
export function isPlainUdp(wish: Wish, network: DnsNetwork): boolean {
  return network === "udp" && udpBytes(wish.ednsBytes) === plainUdpBytes;
}

/** The message in its final size, and whether records were left out. */
export function trim(
  request: DnsMessage,
  answer: DnsMessage,
  options: TrimOptions,
): { readonly message: DnsMessage; readonly trimmed: boolean } {
  const wish = { type: request.questions[0]?.type ?? 0, ednsBytes: request.edns?.udpBytes };
  const bytesMax = bytesOfUse(wish, options.network);
  const limit = options.udpAnswerLimit === Infinity ? Infinity : choiceLimit(options.udpAnswerLimit);
  const isCut = isPlainUdp(wish, options.network) && answer.answers.length > limit;
  const shorter = isCut ? withAnswers(answer, answer.answers.slice(0, limit)) : answer;
  // Plain answers are measured as if they were not compressed, since what forwards them may undo it.
  const fitted = fit(shorter, { bytesMax, compress: options.compress && !isCut });
  return { message: fitted.message, trimmed: isCut || fitted.trimmed };
}

function udpBytes(ednsBytes = 0): number {
  return Math.min(udpBytesMax, Math.max(plainUdpBytes, ednsBytes));
}

/** At least one answer stays, however large; what stands beside a single one goes as far as it does not fit. */
function fit(
  answer: DnsMessage,
  { bytesMax, compress }: { readonly bytesMax: number; readonly compress: boolean },
): { readonly message: DnsMessage; readonly trimmed: boolean } {
  const size = (message: DnsMessage): number => encodeMessage(message, { compress }).length;
  if (size(answer) <= bytesMax) return { message: answer, trimmed: false };
  if (answer.answers.length <= 1) {
    const { additional } = answer;
    const alone = (count: number): DnsMessage => ({ ...answer, additional: additional.slice(0, count) });
    // Nothing that was asked for is missing.
    return {
      message: alone(mostThatFit(additional.length, (count) => size(alone(count)) <= bytesMax)),
      trimmed: false,
    };
  }
  const bare = { ...answer, authority: [] };
  const first = (count: number): DnsMessage => withAnswers(bare, bare.answers.slice(0, count));
  const fits = Math.max(
    1,
    mostThatFit(bare.answers.length, (count) => size(first(count)) <= bytesMax),
  );
  return { message: first(fits), trimmed: fits < answer.answers.length };
}

/** The highest count up to `total` that fits; sizes grow with it, and nothing always fits. */
function mostThatFit(total: number, isFitting: (count: number) => boolean): number {
  let fits = 0;
  let tooMany = total + 1;
  while (tooMany - fits > 1) {
    const middle = Math.floor((fits + tooMany) / 2);
    if (isFitting(middle)) fits = middle;
    else tooMany = middle;
  }
  return fits;
}

function withAnswers(message: DnsMessage, answers: readonly DnsRecord[]): DnsMessage {
  if (message.additional.length === 0) return { ...message, answers };
  const byName = new Map<string, DnsRecord>();
  for (const record of message.additional) {
    const name = record.name.toLowerCase();
    if (!byName.has(name)) byName.set(name, record);
  }
  const additional = new Set<DnsRecord>();
  for (const { data } of answers) {
    let target = data.kind === "SRV" ? data.target.toLowerCase() : undefined;
    while (target !== undefined) {
      const record = byName.get(target);
      if (record === undefined || additional.has(record)) break;
      additional.add(record);
      target = record.data.kind === "CNAME" ? record.data.target.toLowerCase() : undefined;
    }
  }
  return { ...message, answers, additional: [...additional] };
}
