/** A command line's world for tests: literal replies, files in memory, everything written is kept. */
import type { HttpRequest } from "../client/transport.ts";
import { monotonicMs, wallMs } from "../lib/clock.ts";
import { FileError } from "../lib/file-error.ts";
import { NetworkError } from "../lib/network-error.ts";
import type { CliHost, ConfigTools } from "./host.ts";
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
  readonly answer?: (request: SentRequest) => FakeReply;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly config?: Partial<ConfigTools>;
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

function fakeFiles(files: Map<string, Uint8Array>): CliHost["files"] {
  const read = async (path: string): Promise<Uint8Array> => {
    const bytes = files.get(path);
    if (bytes === undefined) throw new FileError(`open ${path}: no such file or directory`);
    return bytes;
  };
  return {
    read,
    list: async (path) => {
      const prefix = `${path}/`;
      return [...files.keys()]
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length));
    },
    stream: async (path) => once(await read(path)),
    write: async (path, chunks) => void files.set(path, await collect(chunks)),
    rename: async (from, to) => {
      files.set(to, await read(from));
      files.delete(from);
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
          const reply = world.answer(sent);
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

/** Runs one command line, given as its words, in `world`. */
export async function runFake(argv: readonly string[], world: FakeWorld = {}): Promise<FakeOutcome> {
  const stdout = new FakeSink();
  const stderr = new FakeSink();
  const log = { sent: [] as SentRequest[], opened: [] as string[] };
  const files = new Map(
    Object.entries(world.files ?? {}).map(([path, data]) => [path, toBytes(data)] as const),
  );
  const host: CliHost = {
    programName: "proconsul",
    build: { version: "0.1.0", compatibleVersion: "1.16.4", revision: "", buildDate: "2026-11-01T00:00:00Z" },
    env: world.env ?? {},
    stdout,
    stderr,
    flush: async () => undefined,
    readStdin: async () => toBytes(world.stdin ?? ""),
    files: fakeFiles(files),
    transports: fakeTransports(world, log),
    clock: {
      monotonicMs: () => monotonicMs(0),
      wallMs: () => wallMs(0),
      after: () => ({ [Symbol.dispose]: () => undefined }),
    },
    randomBytes: (count) => new Uint8Array(count).fill(7),
    onInterrupt: () => ({ [Symbol.dispose]: () => undefined }),
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
  return { exit, stdout: stdout.text(), stderr: stderr.text(), ...log, files };
}
