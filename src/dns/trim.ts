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

/** How many answers can be of use, so that no more are made: one more than fit, to tell that some are left out. */
export function answersOfUse(request: DnsMessage, { network, udpAnswerLimit }: TrimOptions): number {
  if (network === "tcp") return request.questions[0]?.type === dnsType.SRV ? tcpServicesMax : tcpAnswersMax;
  const bytes = udpBytes(request);
  if (bytes === plainUdpBytes) return Math.min(udpAnswersMax, udpAnswerLimit) + 1;
  return Math.ceil(bytes / recordBytesMin) + 1;
}

/** The message in its final size, and whether records were left out. */
export function trim(
  request: DnsMessage,
  answer: DnsMessage,
  options: TrimOptions,
): { readonly message: DnsMessage; readonly trimmed: boolean } {
  if (options.network === "tcp") {
    return fit(answer, { bytesMax: tcpBytesMax, compress: options.compress });
  }
  const bytes = udpBytes(request);
  const limit =
    options.udpAnswerLimit === Infinity ? Infinity : Math.min(udpAnswersMax, options.udpAnswerLimit);
  const isPlain = bytes === plainUdpBytes && answer.answers.length > limit;
  const shorter = isPlain ? withAnswers(answer, answer.answers.slice(0, limit)) : answer;
  // Plain answers are measured as if they were not compressed, since what forwards them may undo it.
  const fitted = fit(shorter, { bytesMax: bytes - udpHeaderBytes, compress: options.compress && !isPlain });
  return { message: fitted.message, trimmed: isPlain || fitted.trimmed };
}

function udpBytes({ edns }: DnsMessage): number {
  return Math.min(udpBytesMax, Math.max(plainUdpBytes, edns?.udpBytes ?? 0));
}

/** At least one answer stays, however large. */
function fit(
  answer: DnsMessage,
  { bytesMax, compress }: { readonly bytesMax: number; readonly compress: boolean },
): { readonly message: DnsMessage; readonly trimmed: boolean } {
  const size = (message: DnsMessage): number => encodeMessage(message, { compress }).length;
  if (answer.answers.length <= 1 || size(answer) <= bytesMax) return { message: answer, trimmed: false };
  const bare = { ...answer, authority: [] };
  // The most answers that fit; sizes grow with their number.
  let fits = 1;
  let tooMany = bare.answers.length + 1;
  while (tooMany - fits > 1) {
    const middle = Math.floor((fits + tooMany) / 2);
    if (size(withAnswers(bare, bare.answers.slice(0, middle))) <= bytesMax) fits = middle;
    else tooMany = middle;
  }
  const message = withAnswers(bare, bare.answers.slice(0, fits));
  return { message, trimmed: fits < answer.answers.length };
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
