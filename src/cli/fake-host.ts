/** A command line's world for tests: literal replies, files in memory, everything written is kept. */
import type { HttpRequest } from "../client/transport.ts";
import { ChildError } from "../lib/child-error.ts";
import { monotonicMs, wallMs, type Clock } from "../lib/clock.ts";
import { CertificateError } from "../lib/certificate-error.ts";
import { FileError } from "../lib/file-error.ts";
import { NetworkError } from "../lib/network-error.ts";
import type { CertificateTools, ChildEnd, ChildSpec, CliHost, ConfigTools, InterruptSignal } from "./host.ts";
import { runCli } from "./run.ts";

/** A request as it would have gone onto the wire; the body as text. */
export interface SentRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One canned answer. */
export interface FakeReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** What a test sets up. */
export interface FakeWorld {
  /** Answers one request; without it the agent refuses connections. */
  readonly answer?: (request: SentRequest) => FakeReply | Promise<FakeReply>;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly config?: Partial<ConfigTools>;
  /** Plays a child; without it nothing can be started. */
  readonly child?: (spec: ChildSpec, world: FakeControls) => FakeChild;
  /** Ports of any host that accept connections. */
  readonly openPorts?: readonly number[];
  readonly clock?: Clock;
  /** Makes certificates; without them none can be made. */
  readonly certificates?: CertificateTools;
  /** Folders that are there, besides those that files lie in. */
  readonly folders?: readonly string[];
}

/** What a played child can do to the command that started it. */
export interface FakeControls {
  /** Interrupts the command, as a terminal would. */
  interrupt(signal: InterruptSignal): void;
}

/** A played child. */
export interface FakeChild {
  readonly ended: Promise<ChildEnd>;
  /** Called for each signal it gets. */
  readonly signalled?: (name: string) => void;
}

/** What came of a run. */
export interface FakeOutcome {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly sent: readonly SentRequest[];
  /** Addresses that were opened. */
  readonly opened: readonly string[];
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Permission bits of the files that were written with some. */
  readonly modes: ReadonlyMap<string, number>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function toBytes(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: number[] = [];
  for await (const chunk of chunks) parts.push(...chunk);
  return Uint8Array.from(parts);
}

class FakeSink {
  readonly #parts: Uint8Array[] = [];

  write(data: string | Uint8Array): void {
    this.#parts.push(toBytes(data));
  }

  text(): string {
    return decoder.decode(Uint8Array.from(this.#parts.flatMap((part) => [...part])));
  }
}

interface FakeDisk {
  readonly files: Map<string, Uint8Array>;
  readonly modes: Map<string, number>;
  readonly folders: Set<string>;
}

function fakeFiles({ files, modes, folders }: FakeDisk): CliHost["files"] {
  const read = async (path: string): Promise<Uint8Array> => {
    const bytes = files.get(path);
    if (bytes === undefined) throw new FileError(`open ${path}: no such file or directory`);
    return bytes;
  };
  const appended = (path: string, text: string): Uint8Array =>
    toBytes(decoder.decode(files.get(path)) + text);
  return {
    read,
    append: async (path, text) => {
      await read(path);
      files.set(path, appended(path, text));
    },
    exists: async (path) =>
      folders.has(path) || [...files.keys()].some((name) => name === path || name.startsWith(`${path}/`)),
    makeFolder: async (path) => void folders.add(path),
    removeTree: async (path) => {
      folders.delete(path);
      for (const name of files.keys()) if (name.startsWith(`${path}/`)) files.delete(name);
    },
    listTree: async (path) => [...files.keys()].filter((name) => name.startsWith(`${path}/`)),
    stream: async (path) => once(await read(path)),
    write: async (path, chunks, options) => {
      files.set(path, await collect(chunks));
      if (options !== undefined) modes.set(path, options.mode);
    },
    rename: async (from, to) => {
      files.set(to, await read(from));
      files.delete(from);
      const mode = modes.get(from);
      if (mode !== undefined) modes.set(to, mode);
      modes.delete(from);
    },
    remove: async (path) => void files.delete(path),
  };
}

function fakeTransports(
  world: FakeWorld,
  log: { sent: SentRequest[]; opened: string[] },
): CliHost["transports"] {
  return {
    open: (endpoint) => {
      const scheme = endpoint.secure ? "https" : "http";
      log.opened.push(
        endpoint.kind === "unix" ? `unix://${endpoint.path}` : `${scheme}://${endpoint.authority}`,
      );
      return {
        send: async (request: HttpRequest) => {
          const { body } = request;
          const bytes =
            body instanceof Uint8Array ? body : body === undefined ? new Uint8Array(0) : await collect(body);
          const sent = {
            method: request.method,
            target: request.target,
            headers: request.headers,
            body: decoder.decode(bytes),
          };
          log.sent.push(sent);
          if (world.answer === undefined)
            throw new NetworkError("refused", {
              errno: "ECONNREFUSED",
              address: undefined,
              cause: undefined,
            });
          const reply = await orAborted(Promise.resolve(world.answer(sent)), request.signal);
          return {
            status: reply.status ?? 200,
            header: (name) => reply.headers?.[name],
            body: once(toBytes(reply.body ?? "")),
          };
        },
        close: () => undefined,
      };
    },
  };
}

/** `work`, given up as a network does when `signal` aborts. */
function orAborted<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const giveUp = (): void =>
      reject(new NetworkError("aborted", { errno: "ABORT_ERR", address: undefined, cause: undefined }));
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}

const noCertificates: CertificateTools = {
  createAuthority: () => Promise.reject(new CertificateError("no certificates in this world")),
  createCertificate: () => Promise.reject(new CertificateError("no certificates in this world")),
};

/** Runs one command line, given as its words, in `world`. */
export async function runFake(argv: readonly string[], world: FakeWorld = {}): Promise<FakeOutcome> {
  const stdout = new FakeSink();
  const stderr = new FakeSink();
  const log = { sent: [] as SentRequest[], opened: [] as string[] };
  const files = new Map(
    Object.entries(world.files ?? {}).map(([path, data]) => [path, toBytes(data)] as const),
  );
  const modes = new Map<string, number>();
  const interrupts = new Set<(signal: InterruptSignal) => void>();
  const host: CliHost = {
    programName: "proconsul",
    programPath: "/usr/bin/proconsul",
    build: { version: "0.1.0", compatibleVersion: "1.16.4", revision: "", buildDate: "2026-11-01T00:00:00Z" },
    env: world.env ?? {},
    stdout,
    stderr,
    flush: async () => undefined,
    readStdin: async () => toBytes(world.stdin ?? ""),
    files: fakeFiles({ files, modes, folders: new Set(world.folders) }),
    certificates: world.certificates ?? noCertificates,
    transports: fakeTransports(world, log),
    clock: world.clock ?? {
      monotonicMs: () => monotonicMs(0),
      wallMs: () => wallMs(0),
      after: () => ({ [Symbol.dispose]: () => undefined }),
    },
    randomBytes: (count) => new Uint8Array(count).fill(7),
    onInterrupt: (fn) => {
      interrupts.add(fn);
      return { [Symbol.dispose]: () => void interrupts.delete(fn) };
    },
    spawn: async (spec) => {
      if (world.child === undefined) throw new ChildError(`exec: no children in this world`);
      const controls = { interrupt: (name: InterruptSignal) => interrupts.forEach((fn) => fn(name)) };
      const child = world.child(spec, controls);
      return { pid: 7, ended: child.ended, signal: (name) => child.signalled?.(name) };
    },
    canConnect: async ({ port }) => world.openPorts?.includes(port) === true,
    agent: {
      help: () => "Usage: proconsul agent [options]\n",
      run: async (words) => {
        stdout.write(`agent ${words.join(" ")}\n`);
        return 3;
      },
    },
    config: {
      validate: async () => ({ kind: "valid", warnings: [] }),
      services: async () => ({ kind: "valid", services: [], warnings: [] }),
      ...world.config,
    },
  };
  const exit = await runCli(argv, host);
  return { exit, stdout: stdout.text(), stderr: stderr.text(), ...log, files, modes };
}
