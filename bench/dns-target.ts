/** The agent of a cluster that is asked: its one server, a server that follows, or a client. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePortRun } from "../tools/free-ports.ts";
import { startTarget, type Target } from "./target.ts";

export type DnsRole = "leader" | "follower" | "client";

/** What is measured of an agent. */
export type DnsTarget = Pick<Target, "name" | "url" | "dnsPort" | "cpuSeconds" | "stop">;

const portNames = ["http", "dns", "server", "serf-lan", "serf-wan", "grpc", "grpc-tls"];
const readyDeadlineMs = 60_000;
/** The kernel counts CPU time in hundredths of a second. */
const ticksPerSecond = 100;

/** Starts the agent with the server that it joins. Rejects if it is not a member within a minute. */
export async function startDnsTarget(
  program: { readonly name: string; readonly path: string },
  role: DnsRole,
  { useCache }: { readonly useCache: boolean },
): Promise<DnsTarget> {
  const folder = mkdtempSync(join(tmpdir(), "proconsul-dns-"));
  const hcl = ["-hcl", `dns_config { use_cache = ${useCache} }`];
  const first = await startTarget(program.name, program.path, role === "leader" ? hcl : []);
  if (role === "leader") return first;
  const self = (await (await fetch(`${first.url}/v1/agent/self`)).json()) as {
    readonly Member: { Port: number };
  };
  const ports = await freePortRun(portNames.length);
  const node = `bench-${role}`;
  const child = spawn(
    program.path,
    [
      "agent",
      ...(role === "client" ? [] : ["-server"]),
      `-retry-join=127.0.0.1:${self.Member.Port}`,
      `-node=${node}`,
      "-bind=127.0.0.1",
      "-client=127.0.0.1",
      `-data-dir=${folder}`,
      ...portNames.map((port, index) => `-${port}-port=${ports + index}`),
      ...hcl,
    ],
    { stdio: "ignore" },
  );
  const url = `http://127.0.0.1:${ports}`;
  const target: DnsTarget = {
    name: program.name,
    url,
    dnsPort: ports + 1,
    cpuSeconds: () => {
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond;
    },
    stop: async () => {
      if (child.exitCode === null) {
        const gone = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGKILL");
        await gone;
      }
      rmSync(folder, { recursive: true, force: true });
      await first.stop();
    },
  };
  const deadlineMs = performance.now() + readyDeadlineMs;
  while (!(await isMember(url, node))) {
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      await target.stop();
      throw new Error(`${program.name} did not join`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return target;
}

async function isMember(url: string, node: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/v1/catalog/node/${node}`);
    return answer.ok && (await answer.text()).includes(node);
  } catch {
    // Not listening yet.
    return false;
  }
}
