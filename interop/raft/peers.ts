/** A voter that runs HashiCorp's raft library (`main.go`), and one of ours, for the interop test. */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import { seededRng } from "../../src/lib/rng.ts";
import { defaultRaftOptions } from "../../src/raft/core/options.ts";
import { defaultNodeSettings } from "../../src/raft/node/driver.ts";
import { MemoryLogStore } from "../../src/raft/node/memory-log-store.ts";
import { MemorySnapshotStore } from "../../src/raft/node/memory-snapshot-store.ts";
import { openNetEnd, type NetEnd } from "../../src/raft/node/testing/net-end.ts";
import { openRaftNode, type RaftNode } from "../../src/raft/node/raft-node.ts";
import { ListMachine } from "../../src/raft/node/test-kit.ts";
import { systemClock } from "../../src/runtime/clock.ts";

/** Which versions of the library can be built: the newest, and the one in Consul 1.16. */
export const libraries = [
  { version: "1.7.3", modules: "go.mod" },
  { version: "1.5.0", modules: "consul116.mod" },
] as const;

/** What a peer of Go says of itself. */
export interface GoState {
  readonly role: "Follower" | "Candidate" | "Leader" | "Shutdown";
  readonly term: string;
  readonly lastIndex: number;
  readonly appliedIndex: number;
  readonly leaderId: string;
  readonly leaderAddress: string;
  readonly count: number;
  readonly snapshotIndex: string;
}

/** The program's path, or why there is none: Go or its modules are missing. */
export function buildGoPeer(modules: string): { readonly program: string } | { readonly missing: string } {
  const program = join(mkdtempSync(join(tmpdir(), "proconsul-interop-")), "raft");
  const built = spawnSync("go", ["build", `-modfile=${modules}`, "-o", program, "."], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  if (built.error !== undefined) return { missing: "Go is not there" };
  return built.status === 0 ? { program } : { missing: built.stderr };
}

/** A running peer of Go. */
export class GoPeer implements AsyncDisposable {
  readonly id: string;
  address = "";
  /** Its log, for a test that failed. */
  readonly log: string[] = [];
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor(program: string, id: string) {
    this.id = id;
    this.#child = spawn(program, ["-id", id]);
    createInterface(this.#child.stdout).on("line", (line) => this.#waiting.shift()?.(line));
    createInterface(this.#child.stderr).on("line", (line) => this.log.push(line));
  }

  static async open(program: string, id: string): Promise<GoPeer> {
    const peer = new GoPeer(program, id);
    peer.address = (JSON.parse(await peer.#line()) as { address: string }).address;
    return peer;
  }

  /** The result of one command of `main.go`; rejects with its error. */
  async run(command: string): Promise<unknown> {
    const answer = this.#line();
    this.#child.stdin.write(`${command}\n`);
    const { result, error } = JSON.parse(await answer) as { result?: unknown; error?: string };
    if (error !== undefined) throw new Error(`${this.id}: ${command.slice(0, 60)}: ${error}`);
    return result;
  }

  async state(): Promise<GoState> {
    return (await this.run("state")) as GoState;
  }

  async items(): Promise<readonly string[]> {
    return (await this.run("items")) as readonly string[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    this.#child.kill("SIGKILL");
    await ended;
  }

  #line(): Promise<string> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** One of ours: memory stores, the network transport on a real socket. */
export class OwnPeer implements AsyncDisposable {
  readonly id: string;
  readonly end: NetEnd;
  readonly machine = new ListMachine();
  readonly failures: unknown[] = [];
  #node: RaftNode | undefined;

  constructor(id: string, end: NetEnd) {
    this.id = id;
    this.end = end;
  }

  static async open(id: string): Promise<OwnPeer> {
    return new OwnPeer(id, await openNetEnd());
  }

  get address(): string {
    return this.end.address;
  }

  get node(): RaftNode {
    if (this.#node === undefined) throw new Error(`${this.id} was not started`);
    return this.#node;
  }

  /** Begins to take part, as a new member or with the first configuration. */
  async start(seed: number): Promise<RaftNode> {
    this.#node = await openRaftNode(
      {
        machine: this.machine,
        store: new MemoryLogStore(),
        snapshots: new MemorySnapshotStore(systemClock),
        transport: this.end.transport,
        clock: systemClock,
        rng: seededRng(seed),
        // What a correct peer sends is never refused.
        log: { ...silentLog, error: (message, fields) => void this.failures.push({ message, ...fields }) },
        metrics: noMetrics,
        defer: (run) => void setImmediate(run),
      },
      {
        id: this.id,
        address: this.address,
        raft: {
          ...defaultRaftOptions,
          // As the library's, and long enough for a busy machine.
          heartbeatTimeoutMs: 900,
          electionTimeoutMs: 900,
          leaderLeaseTimeoutMs: 800,
          commitTimeoutMs: 20,
          trailingLogs: 4,
        },
        settings: { ...defaultNodeSettings, snapshotIntervalMs: 3_600_000 },
        onFailed: (error) => this.failures.push(error),
      },
    );
    return this.#node;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node?.close();
    await this.end[Symbol.asyncDispose]();
  }
}
