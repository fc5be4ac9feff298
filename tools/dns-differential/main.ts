/**
 * Asks our DNS door and the reference's the same thousands of questions over the same catalog, and shows what differs:
 *
 *     bun tools/dns-differential/main.ts --peer PROGRAM [--only TEXT] [--settings NAME] [--role leader|follower|client]
 *
 * Order, serial numbers and the choice among many instances may differ; codes, flags, sections, sizes may not.
 * Differences that are intended are in docs/differences.md. Exits 1 if there is another one.
 */
import { createSocket } from "node:dgram";
import { join } from "node:path";
import { decodeMessage } from "../../src/wire/dns/decode.ts";
import { encodeMessage } from "../../src/wire/dns/encode.ts";
import {
  blankQuery,
  classInternet,
  dnsType,
  rcode,
  type DnsMessage,
  type DnsRecord,
} from "../../src/wire/dns/message.ts";
import { startDnsAgent, type DnsAgent, type Role, type Way } from "./agents.ts";
import { fillCatalog, names, outsideNames } from "./catalog.ts";
import { differences, essence, type Look } from "./compare.ts";

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

interface Question {
  readonly name: string;
  readonly type: number;
  readonly way: Way;
  /** 0 is plain DNS. */
  readonly ednsBytes: number;
  readonly hasSubnet?: boolean;
  readonly class?: number;
}

const base: DnsMessage = {
  ...blankQuery,
  id: 4711,
  questions: [],
};

function encoded({ name, type, ednsBytes, hasSubnet, class: kind }: Question): Uint8Array {
  const subnet =
    hasSubnet === true
      ? { family: 1, sourceBits: 24, scopeBits: 0, address: Uint8Array.of(10, 2, 3) }
      : undefined;
  return encodeMessage(
    {
      ...base,
      questions: [{ name, type, class: kind ?? classInternet }],
      edns: ednsBytes === 0 ? undefined : { udpBytes: ednsBytes, subnet },
    },
    { compress: false },
  );
}

const types = ["A", "AAAA", "SRV", "ANY", "TXT", "CNAME", "NS", "SOA", "PTR"] as const;
const mx = 15;

function questionsOf(domains: readonly string[]): readonly Question[] {
  const all: Question[] = [];
  const [main = "consul."] = domains;
  const full = domains.flatMap((domain) => names.map((name) => (name === "" ? domain : `${name}.${domain}`)));
  for (const name of [...full, ...outsideNames]) {
    const isOutside = outsideNames.includes(name);
    for (const type of [...types.map((one) => dnsType[one]), mx]) {
      all.push({ name, type, way: "udp", ednsBytes: 0 });
      if (!isOutside) all.push({ name, type, way: "udp", ednsBytes: 1232 });
      if (type === dnsType.A || type === dnsType.SRV) all.push({ name, type, way: "tcp", ednsBytes: 0 });
    }
  }
  for (const name of ["web", "big", "bigsix", "bigown", "fat", "own", "gone", "crit"].map(
    (one) => `${one}.service.${main}`,
  )) {
    for (const type of [dnsType.A, dnsType.AAAA, dnsType.SRV, dnsType.ANY]) {
      for (const ednsBytes of [100, 511, 512, 513, 700, 1024, 1400, 4096, 16_384, 65_535])
        all.push({ name, type, way: "udp", ednsBytes });
      all.push(
        { name, type, way: "tcp", ednsBytes: 4096 },
        { name, type, way: "udp", ednsBytes: 1400, hasSubnet: true },
      );
      all.push(
        { name, type, way: "udp", ednsBytes: 0, class: 3 },
        { name, type, way: "udp", ednsBytes: 0, class: 255 },
      );
    }
  }
  all.push({ name: main, type: dnsType.AXFR, way: "tcp", ednsBytes: 0 });
  all.push({ name: `web.service.${main}`, type: dnsType.AXFR, way: "udp", ednsBytes: 0 });
  return all;
}

/** Raw datagrams that are no plain question. */
function oddities(): readonly (readonly [string, Uint8Array])[] {
  const plain = encoded({ name: "one.service.consul.", type: dnsType.A, way: "udp", ednsBytes: 0 });
  const withFlags = (high: number, low: number): Uint8Array => plain.with(2, high).with(3, low);
  const odd: (readonly [string, Uint8Array])[] = [["plain", plain]];
  for (let opcode = 0; opcode < 16; opcode += 1) odd.push([`opcode ${opcode}`, withFlags(opcode << 3, 0)]);
  for (let bit = 0; bit < 8; bit += 1) {
    odd.push([`flag high ${bit}`, withFlags(1 << bit, 0)], [`flag low ${bit}`, withFlags(1, 1 << bit)]);
  }
  for (const at of [5, 7, 9, 11]) {
    for (const count of [0, 1, 2, 3]) odd.push([`count at ${at} is ${count}`, plain.with(at, count)]);
  }
  // Not at 12, nor after the name: such questions are format errors here (docs/differences.md).
  for (let length = 1; length < plain.length - 4; length += 3)
    odd.push([`cut at ${length}`, plain.slice(0, length)]);
  const edns = encoded({ name: "one.service.consul.", type: dnsType.A, way: "udp", ednsBytes: 1232 });
  odd.push(
    ["edns version 1", edns.with(plain.length + 6, 1)],
    ["edns do bit", edns.with(plain.length + 7, 0x80)],
  );
  odd.push(["trailing bytes", Uint8Array.from([...plain, 1, 2, 3])]);
  odd.push(["pointer to itself", Uint8Array.from([...plain.slice(0, 12), 0xc0, 12, 0, 1, 0, 1])]);
  return odd;
}

/** Stands in for the name servers of the world. */
async function startUpstream(): Promise<{ readonly port: number } & Disposable> {
  const a = (name: string, last: number): DnsRecord => ({
    name,
    ttl: 60,
    data: { kind: "A", address: Uint8Array.of(203, 0, 113, last) },
  });
  const known = new Map<string, readonly DnsRecord[]>([
    ["www.outside.test.", [a("www.outside.test.", 1), a("www.outside.test.", 2)]],
    ["host.outside.test.", [a("host.outside.test.", 3)]],
    [
      "chain.outside.test.",
      [
        { name: "chain.outside.test.", ttl: 60, data: { kind: "CNAME", target: "end.outside.test." } },
        ...[1, 2, 3, 4, 5, 6, 7].map((last) => a("end.outside.test.", last)),
      ],
    ],
  ]);
  const socket = createSocket("udp4");
  socket.on("message", (bytes, from) => {
    const query = decodeMessage(Uint8Array.from(bytes));
    const answers = known.get(query.questions[0]?.name.toLowerCase() ?? "");
    const code = answers === undefined ? rcode.nameError : rcode.noError;
    const answer = {
      ...query,
      response: true,
      recursionAvailable: true,
      rcode: code,
      answers: answers ?? [],
    };
    socket.send(encodeMessage(answer, { compress: true }), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return { port: socket.address().port, [Symbol.dispose]: () => void socket.close() };
}

interface Setup {
  readonly settings: object;
  readonly domains: readonly string[];
  /** `udp_answer_limit`, 8 at most. */
  readonly plainLimit: number;
  /** Names that the reference leaves without any answer (docs/differences.md). */
  readonly unanswered?: RegExp;
}

function setups(upstreamPort: number): Readonly<Record<string, Setup>> {
  const recursors = [`127.0.0.1:${upstreamPort}`];
  return {
    default: { settings: {}, domains: ["consul."], plainLimit: 3 },
    recursors: { settings: { recursors }, domains: ["consul."], plainLimit: 3 },
    tuned: {
      settings: {
        recursors,
        alt_domain: "alt.example.org",
        dns_config: {
          a_record_limit: 2,
          only_passing: true,
          enable_truncate: true,
          node_ttl: "7s",
          service_ttl: { "*": "3s", "we*": "4s", web: "5s", "big*": "1500ms" },
          soa: { refresh: 1, retry: 2, expire: 3, min_ttl: 4 },
        },
      },
      domains: ["consul.", "alt.example.org.", "ALT.Example.ORG."],
      plainLimit: 3,
    },
    domain: {
      settings: {
        domain: "Deep.Domain.internal",
        alt_domain: "x.deep.domain.internal",
        dns_config: {
          udp_answer_limit: 1,
          disable_compression: true,
          enable_additional_node_meta_txt: false,
        },
      },
      domains: ["deep.domain.internal.", "x.deep.domain.internal.", "consul."],
      plainLimit: 1,
    },
    wide: {
      settings: { dns_config: { udp_answer_limit: 100, enable_truncate: true } },
      domains: ["consul."],
      plainLimit: 8,
    },
    cached: {
      settings: { recursors, dns_config: { use_cache: true, cache_max_age: "10s", max_stale: "1h" } },
      domains: ["consul."],
      plainLimit: 3,
      unanswered: /\.service\..*dc2\./u,
    },
    consistent: { settings: { dns_config: { allow_stale: false } }, domains: ["consul."], plainLimit: 3 },
    none: {
      settings: { dns_config: { udp_answer_limit: 0, enable_truncate: true } },
      domains: ["consul."],
      plainLimit: 0,
    },
  };
}

/** More instances than an answer is sure to hold. */
const choiceNames = /(?:^|[._])(?:web|big|bigsix|bigown|fat|mixed|v6|ports|upper|tmpl-web|near|far)[._]/iu;

const unevenNames = /(?:^|[._])(?:mixed|v6)[._]/iu;

const roles: readonly Role[] = ["leader", "follower", "client"];

interface Pair {
  readonly ours: DnsAgent;
  readonly theirs: DnsAgent;
}

async function compareOne(
  { ours, theirs }: Pair,
  bytes: Uint8Array,
  how: Look & { readonly way: Way; readonly plainLimit: number | undefined },
): Promise<readonly string[]> {
  const [own, other] = await Promise.all([ours.ask(bytes, how.way), theirs.ask(bytes, how.way)]);
  return differences(essence(own, how), essence(other, how), how.plainLimit);
}

function isZoneType(type: number): boolean {
  return type === dnsType.NS || type === dnsType.SOA;
}

/** Runs one setup and answers how many questions were asked and how many differed. */
async function run(name: string, setup: Setup, only: string): Promise<readonly [number, number]> {
  const own = join(import.meta.dirname, "../../bin/proconsul");
  const { settings } = setup;
  const role = roles.find((one) => one === option("--role")) ?? "leader";
  await using ours = await startDnsAgent({ name: "ours", path: own, settings }, role);
  await using theirs = await startDnsAgent(
    { name: "theirs", path: option("--peer") ?? "consul", settings },
    role,
  );
  await Promise.all([fillCatalog(ours), fillCatalog(theirs)]);
  const questions = questionsOf(setup.domains).filter(
    (question) => question.name.includes(only) && setup.unanswered?.test(question.name) !== true,
  );
  let differing = 0;
  let asked = 0;
  const report = (what: string, lines: readonly string[]): void => {
    asked += 1;
    if (lines.length === 0) return;
    differing += 1;
    console.log(`${name}: ${what}\n    ${lines.join("\n    ")}`);
  };
  const typeName = (type: number): string =>
    Object.entries(dnsType).find(([, number]) => number === type)?.[0] ?? String(type);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let question = questions[next++]; question !== undefined; question = questions[next++]) {
      const { way, ednsBytes, type } = question;
      const look = { isChoice: choiceNames.test(question.name), isUneven: unevenNames.test(question.name) };
      const plainLimit =
        way === "udp" && ednsBytes <= 512 && (!look.isChoice || isZoneType(type))
          ? setup.plainLimit
          : undefined;
      const lines = await compareOne({ ours, theirs }, encoded(question), { way, plainLimit, ...look });
      const more = `${question.hasSubnet === true ? " subnet" : ""}${question.class === undefined ? "" : ` class ${question.class}`}`;
      report(`${question.name} ${typeName(type)} ${way} ${ednsBytes}${more}`, lines);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  if (only === "") {
    for (const [what, bytes] of oddities())
      report(
        what,
        await compareOne({ ours, theirs }, bytes, {
          way: "udp",
          isChoice: false,
          isUneven: false,
          plainLimit: undefined,
        }),
      );
  }
  return [asked, differing];
}

using upstream = await startUpstream();
let failed = false;
for (const [name, setup] of Object.entries(setups(upstream.port))) {
  if (name !== (option("--settings") ?? name)) continue;
  const [asked, differing] = await run(name, setup, option("--only") ?? "");
  console.log(`${name}: ${asked} questions, ${differing} answers differ`);
  failed ||= differing > 0 || asked === 0;
}
process.exitCode = failed ? 1 : 0;
