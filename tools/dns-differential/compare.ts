/** Answers in a form in which what may differ does not: order of records, serial numbers, which few of many. */
import { unreachable } from "../../src/lib/assert.ts";
import { decodeMessage } from "../../src/wire/dns/decode.ts";
import { rcode, type DnsData, type DnsMessage, type DnsRecord } from "../../src/wire/dns/message.ts";

function dataText(data: DnsData): string {
  switch (data.kind) {
    case "A":
    case "AAAA":
      return `${data.kind} ${data.address.join(".")}`;
    case "CNAME":
    case "NS":
    case "PTR":
      return `${data.kind} ${data.target}`;
    case "SRV":
      // The servers' own ports are free ones of the moment.
      return `SRV ${data.priority} ${data.weight} ${isServer.test(data.target) ? "" : data.port} ${data.target}`;
    case "TXT":
      return `TXT ${JSON.stringify(data.text)}`;
    case "SOA":
      return `SOA ${data.primary} ${data.mailbox} ${data.refresh} ${data.retry} ${data.expire} ${data.minTtl}`;
    case "other":
      return `TYPE${data.type} ${JSON.stringify(String.fromCharCode(...data.bytes))}`;
    default:
      return unreachable(data);
  }
}

const recordText = ({ name, ttl, data }: DnsRecord): string => `${name} ${ttl} ${dataText(data)}`;

const isServer = /^(?:srv|follower)1\./u;

/** A section in which one choice of many was made: only how many records of each type and lifetime there are. */
function counts(records: readonly DnsRecord[]): readonly string[] {
  const found = new Map<string, number>();
  for (const { ttl, data } of records) {
    const kind = data.kind === "AAAA" ? "A" : data.kind === "other" ? data.type : data.kind;
    const key = `${ttl} ${kind}`;
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  return [...found].map(([key, count]) => `${count} × ${key}`).toSorted();
}

/** How an answer is looked at. */
export interface Look {
  /** The answer may hold any few of many. */
  readonly isChoice: boolean;
  /** Those few may be of different sizes. */
  readonly isUneven: boolean;
}

/** What must be alike. */
export function essence(bytes: Uint8Array | undefined, { isChoice, isUneven }: Look): object {
  if (bytes === undefined) return { silent: true };
  let message: DnsMessage;
  try {
    message = decodeMessage(bytes);
  } catch (error) {
    return { unreadable: String(error) };
  }
  const section = (records: readonly DnsRecord[]): readonly string[] =>
    isChoice ? counts(records) : records.map(recordText).toSorted();
  const { answers, authority, additional, edns, questions, ...header } = message;
  return {
    ...header,
    questions: questions.map(({ name, type, class: kind }) => `${name} ${type} ${kind}`),
    answerCount: answers.length,
    answers: section(answers),
    authority: section(authority),
    additional: isUneven ? [] : section(additional),
    edns: edns === undefined ? "none" : JSON.stringify({ ...edns, address: edns.subnet?.address.join(".") }),
    size: isUneven ? 0 : bytes.length,
  };
}

/**
 * The fields that differ and should not, one line each. Intended differences (docs/differences.md) are left out:
 * refusals outside of the domain are SERVFAIL, a shortened answer keeps its OPT record, and only instances are limited
 * in number.
 */
export function differences(
  ours: object,
  theirs: object,
  /** How many answers of any kind the reference gives to a question without EDNS; `undefined` for others. */
  plainLimit: number | undefined,
): readonly string[] {
  const [a, b] = [ours, theirs] as readonly [Record<string, unknown>, Record<string, unknown>];
  const isRefusal = a["rcode"] === rcode.serverFailure && b["rcode"] === rcode.refused;
  const hasLostEdns = a["edns"] !== "none" && b["edns"] === "none";
  const countOf = (answer: Record<string, unknown>): number =>
    typeof answer["answerCount"] === "number" ? answer["answerCount"] : 0;
  const hasCutAll = countOf(b) === plainLimit && countOf(a) > countOf(b);
  const excused = [
    ...(hasCutAll ? ["answerCount", "answers", "additional", "authority", "truncated", "size"] : []),
    ...(isRefusal ? ["rcode"] : []),
    ...(hasLostEdns ? ["edns", "size", "answerCount", "answers", "additional", "truncated"] : []),
  ];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) => {
    const [own, other] = [JSON.stringify(a[key]), JSON.stringify(b[key])];
    if (own === other || excused.includes(key)) return [];
    return [`${key}: ours ${own?.slice(0, 400)}, theirs ${other?.slice(0, 400)}`];
  });
}
