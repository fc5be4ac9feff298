/** Two agents with the same settings and the same catalog, ours and the reference's, to be asked the same. */
import { createSocket } from "node:dgram";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePortRun } from "../free-ports.ts";

/** How a question travels. */
export type Way = "udp" | "tcp";

/** A running agent. Disposing ends it. */
export interface DnsAgent extends AsyncDisposable {
  readonly name: string;
  put(path: string, body: unknown): Promise<void>;
  /** The bytes of the answer; `undefined` if there is none in time. */
  ask(question: Uint8Array, way: Way): Promise<Uint8Array | undefined>;
}

const readyDeadlineMs = 60_000;
const answerDeadlineMs = 3_000;
const portNames = ["http", "dns", "server", "serf-lan", "serf-wan", "grpc", "grpc-tls"];

/** Starts `program agent -dev` with these settings, and waits until it takes writes. */
export async function startDnsAgent(name: string, program: string, settings: object): Promise<DnsAgent> {
  const folder = mkdtempSync(join(tmpdir(), "dns-differential-"));
  const file = join(folder, "settings.json");
  writeFileSync(file, JSON.stringify(settings));
  const first = await freePortRun(portNames.length);
  const ports = portNames.map((port, index) => `-${port}-port=${first + index}`);
  const child = spawn(
    program,
    [
      "agent",
      "-dev",
      "-node=srv1",
      "-bind=127.0.0.1",
      "-client=127.0.0.1",
      `-config-file=${file}`,
      // A development agent too takes services from the files of an earlier one.
      `-data-dir=${join(folder, "data")}`,
      ...ports,
    ],
    { cwd: folder, stdio: "ignore" },
  );
  const url = `http://127.0.0.1:${first}`;
  const agent: DnsAgent = {
    name,
    put: async (path, body) => {
      const answer = await fetch(url + path, { method: "PUT", body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(`${name}: ${path}: ${await answer.text()}`);
    },
    // A datagram may be lost on a busy machine.
    ask: async (question, way) =>
      way === "udp"
        ? ((await askUdp(first + 1, question)) ?? askUdp(first + 1, question))
        : askTcp(first + 1, question),
    [Symbol.asyncDispose]: async () => {
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  const deadlineMs = performance.now() + readyDeadlineMs;
  for (;;) {
    try {
      const answer = await fetch(`${url}/v1/catalog/service/consul`);
      if (answer.ok && (await answer.text()).includes("srv1")) return agent;
    } catch {
      // Not listening yet.
    }
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      await agent[Symbol.asyncDispose]();
      throw new Error(`${name} did not start`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

function askUdp(port: number, question: Uint8Array): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    const done = (answer: Uint8Array | undefined): void => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => done(undefined), answerDeadlineMs);
    socket.on("message", (bytes) => done(Uint8Array.from(bytes)));
    socket.send(question, port, "127.0.0.1");
  });
}

function askTcp(port: number, question: Uint8Array): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    let all = Buffer.alloc(0);
    const done = (answer: Uint8Array | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => done(undefined), answerDeadlineMs);
    socket.on("error", () => done(undefined));
    socket.on("close", () => done(undefined));
    socket.on("data", (bytes: Buffer) => {
      all = Buffer.concat([all, bytes]);
      if (all.length >= 2 && all.length >= 2 + all.readUInt16BE(0)) done(Uint8Array.from(all.subarray(2)));
    });
    const size = Buffer.alloc(2);
    size.writeUInt16BE(question.length);
    socket.write(Buffer.concat([size, question]));
  });
}
