/**
 * Measures the DNS door, as ratios against a peer when one is given:
 *
 *     bun bench/dns.ts [--peer PROGRAM] [--program PROGRAM] [--only TEXT] [--seconds N] [--cache]
 *                  [--role leader|follower|client]
 *
 * Both agents run at once, each in a cluster of its own; `--role` says which agent of it is asked, `--cache` turns on
 * `use_cache`; each question is measured on one, then on the other. The loader is
 * `dnsperf` (Debian: dnsperf) where it is installed, else a window of outstanding questions in this process, whose own
 * cost is larger. CPU time is the agent's by /proc, which does not depend on who else uses the machine.
 */
import { createSocket } from "node:dgram";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeMessage } from "../src/wire/dns/encode.ts";
import { blankQuery, classInternet, dnsType, type DnsMessage } from "../src/wire/dns/message.ts";
import { startDnsTarget, type DnsRole, type DnsTarget } from "./dns-target.ts";

type TypeName = "A" | "SRV";

interface DnsLoad {
  readonly name: string;
  readonly type: TypeName;
  /** What is asked, one after the other. */
  readonly names: readonly string[];
  /** The size that the question allows; `undefined` is plain DNS. */
  readonly ednsBytes?: number;
}

const roles: readonly DnsRole[] = ["leader", "follower", "client"];
/** Questions in flight. */
const windowSize = 100;
const range = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

const loads: readonly DnsLoad[] = [
  { name: "A, 10 instances", type: "A", names: ["ten.service.consul"] },
  { name: "A, 10 instances, EDNS 1232", type: "A", names: ["ten.service.consul"], ednsBytes: 1232 },
  { name: "SRV, 10 instances", type: "SRV", names: ["ten.service.consul"] },
  { name: "SRV, 10 instances, EDNS 1232", type: "SRV", names: ["ten.service.consul"], ednsBytes: 1232 },
  { name: "A, 1,000 instances", type: "A", names: ["thousand.service.consul"] },
  { name: "A, 1,000 instances, EDNS 1232", type: "A", names: ["thousand.service.consul"], ednsBytes: 1232 },
  { name: "SRV, 1,000 instances", type: "SRV", names: ["thousand.service.consul"] },
  {
    name: "SRV, 1,000 instances, EDNS 1232",
    type: "SRV",
    names: ["thousand.service.consul"],
    ednsBytes: 1232,
  },
  { name: "A, a node", type: "A", names: ["bench-ten-3.node.consul"] },
  {
    name: "A, 1,000 nodes in turn",
    type: "A",
    names: range(1000).map((i) => `bench-thousand-${i}.node.consul`),
  },
  { name: "NXDOMAIN, one name", type: "A", names: ["gone.service.consul"] },
  {
    name: "NXDOMAIN, 20,000 names in turn",
    type: "A",
    names: range(20_000).map((i) => `gone-${i}.service.consul`),
  },
];

async function register(target: DnsTarget, service: string, count: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) {
      const answer = await fetch(`${target.url}/v1/catalog/register`, {
        method: "PUT",
        body: JSON.stringify({
          Node: `bench-${service}-${i}`,
          Address: `10.${count % 200}.${i >> 8}.${i & 255}`,
          Service: { Service: service, Port: 8000 + i },
          Check: { Name: "alive", Status: "passing", ServiceID: service },
        }),
      });
      if (!answer.ok) throw new Error(await answer.text());
    }
  };
  await Promise.all(range(16).map(worker));
}

interface Run {
  readonly port: number;
  readonly seconds: number;
  readonly folder: string;
}

/** Answers per second. */
function dnsperf(load: DnsLoad, { port, seconds, folder }: Run): number {
  const file = join(folder, "questions");
  writeFileSync(file, load.names.map((name) => `${name} ${load.type}\n`).join(""));
  const edns = load.ednsBytes === undefined ? [] : ["-e", "-b", String(load.ednsBytes)];
  const output = execFileSync(
    "dnsperf",
    [
      "-s",
      "127.0.0.1",
      "-p",
      String(port),
      "-d",
      file,
      "-l",
      String(seconds),
      "-c",
      "4",
      "-q",
      `${windowSize}`,
      ...edns,
    ],
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
  return Number(/Queries per second:\s+([\d.]+)/.exec(output)?.[1] ?? 0);
}

function question(load: DnsLoad, id: number): Uint8Array {
  const message: DnsMessage = {
    ...blankQuery,
    id,
    questions: [
      { name: `${load.names[id % load.names.length]}.`, type: dnsType[load.type], class: classInternet },
    ],
    edns: load.ednsBytes === undefined ? undefined : { udpBytes: load.ednsBytes, subnet: undefined },
  };
  return encodeMessage(message, { compress: false });
}

/** Where dnsperf is missing: each answer lets the next question go. */
async function ownLoader(load: DnsLoad, { port, seconds }: Run): Promise<number> {
  const questions = range(Math.max(windowSize, load.names.length)).map((id) => question(load, id));
  const socket = createSocket("udp4");
  let sent = 0;
  let answered = 0;
  const ask = (): void => {
    const bytes = questions[sent % questions.length];
    sent += 1;
    if (bytes !== undefined) socket.send(bytes, port, "127.0.0.1");
  };
  socket.on("message", () => {
    answered += 1;
    ask();
  });
  for (const _ of range(windowSize)) ask();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  socket.close();
  return answered / seconds;
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

function shown(rate: number): string {
  return rate >= 10_000 ? `${(rate / 1000).toFixed(1)} k` : rate.toFixed(0);
}

async function main(): Promise<void> {
  const hasDnsperf = spawnSync("dnsperf", ["-h"]).error === undefined;
  if (!hasDnsperf) console.log("dnsperf is not installed: this process asks the questions");
  const seconds = Number(option("--seconds") ?? 3);
  const own = option("--program") ?? join(import.meta.dirname, "../bin/proconsul");
  const peer = option("--peer");
  const role = roles.find((one) => one === option("--role")) ?? "leader";
  const settings = { useCache: process.argv.includes("--cache") };
  const programs = [
    { name: "proconsul", path: own },
    ...(peer === undefined ? [] : [{ name: "peer", path: peer }]),
  ];
  const targets: DnsTarget[] = [];
  for (const program of programs) targets.push(await startDnsTarget(program, role, settings));
  const folder = mkdtempSync(join(tmpdir(), "proconsul-dns-"));
  try {
    for (const target of targets) {
      await register(target, "ten", 10);
      await register(target, "thousand", 1000);
    }
    const columns = targets.flatMap(({ name }) => [`${name}, 1/s`, `${name}, CPU µs`]);
    console.log(`| question | ${columns.join(" | ")} | ratio | ratio of CPU |`);
    console.log(`|---|${"---|".repeat(columns.length + 2)}`);
    for (const load of loads.filter(({ name }) => name.includes(option("--only") ?? ""))) {
      const figures: { readonly rate: number; readonly cpuMicros: number }[] = [];
      for (const target of targets) {
        const run = { port: target.dnsPort, seconds, folder };
        const before = target.cpuSeconds();
        const rate = hasDnsperf ? dnsperf(load, run) : await ownLoader(load, run);
        figures.push({ rate, cpuMicros: ((target.cpuSeconds() - before) * 1e6) / (rate * seconds) });
      }
      const [a, b] = figures;
      const cells = figures.flatMap(({ rate, cpuMicros }) => [shown(rate), cpuMicros.toFixed(1)]);
      const ratios =
        a === undefined || b === undefined
          ? ["", ""]
          : [`${(a.rate / b.rate).toFixed(1)}×`, `${(b.cpuMicros / a.cpuMicros).toFixed(1)}×`];
      console.log(`| ${load.name} | ${[...cells, ...ratios].join(" | ")} |`);
    }
  } finally {
    rmSync(folder, { recursive: true });
    for (const target of targets) await target.stop();
  }
}

await main();
