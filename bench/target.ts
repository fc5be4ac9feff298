/** Starts an agent to measure, waits until it answers, ends it by pid. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePortRun } from "../tools/free-ports.ts";

/** A running agent under measurement. */
export interface Target {
  readonly name: string;
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly dnsPort: number;
  /** From exec to the first acknowledged write, in milliseconds. */
  readonly firstWriteMs: number;
  /** Resident memory in MiB. */
  memoryMib(): number;
  /** CPU seconds used so far. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

const portNames = ["http", "dns", "server", "lan", "wan", "grpc", "grpcTls"] as const;
/** One server on durable data, all ports free ones. */
export const serverArguments =
  "agent -server -bootstrap-expect=1 -node=bench -bind=127.0.0.1 -client=127.0.0.1 -data-dir={dir} " +
  "-http-port={http} -dns-port={dns} -server-port={server} -serf-lan-port={lan} -serf-wan-port={wan} -grpc-port={grpc} " +
  "-grpc-tls-port={grpcTls}";

/** Starts `program` with `serverArguments`. Rejects when it does not take a write within a minute. */
export async function startTarget(
  name: string,
  program: string,
  extra: readonly string[] = [],
): Promise<Target> {
  const dir = mkdtempSync(join(tmpdir(), "proconsul-bench-"));
  const firstPort = await freePortRun(portNames.length);
  const values: Record<string, string> = { dir };
  portNames.forEach((port, i) => (values[port] = String(firstPort + i)));
  const line = `${program} ${serverArguments}`.replace(/\{(\w+)\}/g, (_, key: string) => values[key] ?? "");
  const [command = "", ...args] = line.split(" ");
  const startedMs = performance.now();
  const child = spawn(command, [...args, ...extra], { stdio: "ignore" });
  const url = `http://127.0.0.1:${values["http"]}`;
  try {
    await firstWrite(url, child);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  const firstWriteMs = performance.now() - startedMs;
  return {
    name,
    url,
    dnsPort: Number(values["dns"]),
    firstWriteMs,
    memoryMib: () => Number(/VmRSS:\s+(\d+)/.exec(proc(child, "status"))?.[1] ?? 0) / 1024,
    cpuSeconds: () => {
      const fields = proc(child, "stat").split(") ")[1]?.split(" ") ?? [];
      return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
    },
    stop: async () => {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function proc(child: ChildProcess, file: string): string {
  return readFileSync(`/proc/${child.pid}/${file}`, "utf8");
}

async function firstWrite(url: string, child: ChildProcess): Promise<void> {
  const deadlineMs = performance.now() + 60_000;
  while (performance.now() < deadlineMs) {
    if (child.exitCode !== null) throw new Error(`the agent ended with code ${child.exitCode}`);
    try {
      const answer = await fetch(`${url}/v1/kv/bench/first`, { method: "PUT", body: "x" });
      if (answer.ok && (await answer.text()).startsWith("true")) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("the agent took no write within a minute");
}
