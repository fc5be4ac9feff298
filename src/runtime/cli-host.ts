/**
 * The command line's real world: this process's streams, files, signals and network.
 *
 * `node:*` only, so that it runs on Bun and on Node 20. The composition root adds what only it can
 * build: the agent and the reader of configuration files.
 */
import { randomBytes } from "node:crypto";
import { createReadStream, existsSync, realpathSync } from "node:fs";
import { access, appendFile, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type {
  AgentCommand,
  CertificateTools,
  ChildSpec,
  CliFiles,
  CliHost,
  ConfigTools,
  InterruptSignal,
  OutputSink,
  RunningChild,
  WriteOptions,
} from "../cli/host.ts";
import { FileError } from "../lib/file-error.ts";
import type { NetAddress } from "../lib/net.ts";
import { NetworkError } from "../lib/network-error.ts";
import type { HttpTransport, TransportOpener } from "../client/transport.ts";
import { buildInfo } from "./build-info.ts";
import { systemClock } from "./clock.ts";
import { goFileText } from "./go-file-text.ts";

/** What the composition root adds. */
export interface CliParts {
  readonly agent: AgentCommand;
  readonly config: ConfigTools;
}

const privateMode = 0o600;

async function named<Value>(operation: string, path: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (cause) {
    throw new FileError(goFileText(operation, path, cause), { cause });
  }
}

async function openStream(path: string): Promise<AsyncIterable<Uint8Array>> {
  const stream: Readable = createReadStream(path);
  await named("open", path, once(stream, "open"));
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const iterator = stream[Symbol.asyncIterator]();
    try {
      for (;;) {
        const step = await named("read", path, iterator.next());
        if (step.done === true) return;
        yield step.value as Uint8Array;
      }
    } finally {
      stream.destroy();
    }
  }
  return chunks();
}

async function writeStream(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  options: WriteOptions = { mode: privateMode },
): Promise<void> {
  const file = await named("open", path, open(path, "w", options.mode));
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length;) {
        at += (await named("write", path, file.write(chunk, at))).bytesWritten;
      }
    }
    await named("sync", path, file.sync());
  } finally {
    await file.close();
  }
}

const files: CliFiles = {
  read: (path) => named("open", path, readFile(path)),
  listTree: async (path) =>
    (await named("lstat", path, readdir(path, { recursive: true, withFileTypes: true })))
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort(),
  stream: openStream,
  write: writeStream,
  rename: (from, to) => named("rename", from, rename(from, to)),
  remove: (path) => named("remove", path, rm(path, { force: true })),
  append: (path, text) => named("open", path, appendFile(path, text)),
  exists: (path) =>
    access(path).then(
      () => true,
      () => false,
    ),
  makeFolder: async (path) => void (await named("mkdir", path, mkdir(path, { recursive: true }))),
  removeTree: (path) => named("remove", path, rm(path, { force: true, recursive: true })),
};

/** A standard stream as a sink. Writing never waits; `flush` does. */
class StandardSink implements OutputSink {
  readonly #stream: NodeJS.WriteStream;
  #open = true;
  #pendingCount = 0;
  #onIdle: () => void = () => undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    // The reader of a pipe may leave early, like `head`; there is nobody to tell then.
    stream.on("error", () => {
      this.#open = false;
      this.#onIdle();
    });
  }

  write(data: string | Uint8Array): void {
    // Counted rather than probed: Bun calls back at once for an empty write behind a full pipe.
    if (!this.#open || data.length === 0) return;
    this.#pendingCount += 1;
    this.#stream.write(data, () => {
      this.#pendingCount -= 1;
      if (this.#pendingCount === 0) this.#onIdle();
    });
  }

  async flush(): Promise<void> {
    if (!this.#open || this.#pendingCount === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }
}

async function readStdin(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

function onInterrupt(fn: (signal: InterruptSignal) => void): Disposable {
  const onInt = (): void => fn("SIGINT");
  const onTerm = (): void => fn("SIGTERM");
  process.on("SIGINT", onInt);
  process.on("SIGTERM", onTerm);
  return {
    [Symbol.dispose]: () => {
      process.off("SIGINT", onInt);
      process.off("SIGTERM", onTerm);
    },
  };
}

/**
 * What runs this program again: the executable, or, where an interpreter runs its sources, their build or its bundle,
 * the launcher that lies beside them.
 */
function programPath(): string {
  const script = process.argv[1] ?? "";
  if (!/\.(?:ts|mjs|js)$/u.test(script) || !existsSync(script)) return process.execPath;
  // Of src/main.ts and dist/proconsul.mjs, and of dist/app/build-1/main.js.
  const roots = ["../..", "../../../.."].map((up) => join(realpathSync(script), up));
  return roots.map((root) => join(root, "bin/proconsul")).find((path) => existsSync(path)) ?? script;
}

// What few commands need is loaded when they need it: every command's start pays for the rest.

/** Loads the way over HTTP with the first request: an agent, which is a command too, has no use for it. */
const lazyTransports: TransportOpener = {
  open: (endpoint, tls) => {
    let opened: Promise<HttpTransport> | undefined;
    const open = async (): Promise<HttpTransport> =>
      (await import("./http-transport.ts")).nodeTransports.open(endpoint, tls);
    return {
      send: async (request) => (await (opened ??= open())).send(request),
      close: () => void opened?.then((transport) => transport.close()),
    };
  },
};

async function spawnLater(spec: ChildSpec): Promise<RunningChild> {
  return (await import("./child-process.ts")).spawnChild(spec);
}

const certificates: CertificateTools = {
  createAuthority: async (request) => (await import("./certificates.ts")).createAuthority(request),
  createCertificate: async (request) => (await import("./certificates.ts")).createCertificate(request),
};

async function canConnect(to: NetAddress, timeoutMs: number): Promise<boolean> {
  const { systemNet } = await import("./net.ts");
  try {
    const [host = to.host] = await systemNet.resolve(to.host);
    (await systemNet.connect({ host, port: to.port }, { timeoutMs })).destroy();
    return true;
  } catch (error) {
    if (error instanceof NetworkError) return false;
    throw error;
  }
}

/** The host of a real command line. */
export function openCliHost(parts: CliParts): CliHost {
  const stdout = new StandardSink(process.stdout);
  const stderr = new StandardSink(process.stderr);
  return {
    programName: "proconsul",
    programPath: programPath(),
    build: buildInfo(),
    env: process.env,
    stdout,
    stderr,
    flush: async () => {
      await Promise.all([stdout.flush(), stderr.flush()]);
    },
    readStdin,
    files,
    certificates,
    transports: lazyTransports,
    clock: systemClock,
    randomBytes: (count) => randomBytes(count),
    onInterrupt,
    spawn: spawnLater,
    canConnect,
    agent: parts.agent,
    config: parts.config,
  };
}
