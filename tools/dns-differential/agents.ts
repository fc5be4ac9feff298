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

/** Which agent of a cluster is asked: the one server of a development agent, a server that follows, or a client. */
export type Role = "leader" | "follower" | "client";

/** A running agent. Disposing ends it, with its cluster. */
export interface DnsAgent extends AsyncDisposable {
  readonly name: string;
  put(path: string, body: unknown): Promise<void>;
  post(path: string, body: unknown): Promise<void>;
  /** The bytes of the answer; `undefined` if there is none in time. */
  ask(question: Uint8Array, way: Way): Promise<Uint8Array | undefined>;
}

const readyDeadlineMs = 60_000;
const answerDeadlineMs = 3_000;
const portNames = ["http", "dns", "server", "serf-lan", "serf-wan", "grpc", "grpc-tls"];

/** A program with the settings of its DNS. */
export interface AgentProgram {
  readonly name: string;
  readonly path: string;
  readonly settings: object;
}

/** Starts an agent in its role, with all that it needs, and waits until it takes writes. */
export async function startDnsAgent(program: AgentProgram, role: Role): Promise<DnsAgent> {
  if (role === "leader")
    return agentOf(program, await startProcess(program, { node: "srv1", more: ["-dev"] }), []);
  const first = await startProcess(
    { ...program, settings: {} },
    { node: "srv1", more: ["-server", "-bootstrap-expect=1"] },
  );
  try {
    const join = `-retry-join=127.0.0.1:${first.port + portNames.indexOf("serf-lan")}`;
    const more = role === "client" ? [join] : ["-server", join];
    const second = await startProcess(program, { node: `${role}1`, more });
    return agentOf(program, second, [first]);
  } catch (error) {
    await first[Symbol.asyncDispose]();
    throw error;
  }
}

interface Process extends AsyncDisposable {
  /** The first of its ports, in the order of `portNames`. */
  readonly port: number;
}

async function startProcess(
  { name, path, settings }: AgentProgram,
  { node, more }: { readonly node: string; readonly more: readonly string[] },
): Promise<Process> {
  const folder = mkdtempSync(join(tmpdir(), "dns-differential-"));
  const file = join(folder, "settings.json");
  writeFileSync(file, JSON.stringify(settings));
  const port = await freePortRun(portNames.length);
  const child = spawn(
    path,
    [
      "agent",
      ...more,
      `-node=${node}`,
      "-bind=127.0.0.1",
      "-client=127.0.0.1",
      `-config-file=${file}`,
      // A development agent too takes services from the files of an earlier one.
      `-data-dir=${join(folder, "data")}`,
      ...portNames.map((one, index) => `-${one}-port=${port + index}`),
    ],
    { cwd: folder, stdio: "ignore" },
  );
  const running: Process = {
    port,
    [Symbol.asyncDispose]: async () => {
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  const deadlineMs = performance.now() + readyDeadlineMs;
  for (;;) {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/catalog/node/${node}`);
      if (answer.ok && (await answer.text()).includes(node)) return running;
    } catch {
      // Not listening yet.
    }
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      await running[Symbol.asyncDispose]();
      throw new Error(`${name} did not start`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function agentOf({ name }: AgentProgram, running: Process, others: readonly Process[]): DnsAgent {
  const { port } = running;
  const send = async (method: string, path: string, body: unknown): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${name}: ${path}: ${await answer.text()}`);
  };
  return {
    name,
    put: (path, body) => send("PUT", path, body),
    post: (path, body) => send("POST", path, body),
    // A datagram may be lost on a busy machine.
    ask: async (question, way) =>
      way === "udp"
        ? ((await askUdp(port + 1, question)) ?? askUdp(port + 1, question))
        : askTcp(port + 1, question),
    [Symbol.asyncDispose]: async () => {
      await running[Symbol.asyncDispose]();
      for (const other of others) await other[Symbol.asyncDispose]();
    },
  };
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
