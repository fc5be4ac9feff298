/** The servers under torture: real processes, each with its own address and data, that come and go. */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../../src/lib/assert.ts";
import { Cluster, type ClusterAgent } from "../../test/support/cluster.ts";
import type { TestNetwork } from "../../test/support/test-network.ts";
import { Clocks, clockLibrary } from "./clocks.ts";
import { exchange } from "./http.ts";
import type { Endpoint } from "./recorder.ts";

const httpPort = 8500;
const probeTimeoutMs = 2_000;
const readyTimeoutMs = 90_000;
const pollMs = 100;
/** Size of a data directory that can be filled. */
const smallDiskMib = 96;

export interface ServersOptions {
  readonly count: number;
  readonly network: TestNetwork;
  /** Takes the reference's command line; ours if absent. */
  readonly program: string | undefined;
  /** Give each server a small disk of its own; needs root. */
  readonly smallDisks: boolean;
  /** Give each server a time of day of its own; needs `clockLibrary`. */
  readonly ownClocks: boolean;
}

interface Slot {
  agent: ClusterAgent | undefined;
  incarnation: number;
  /** What the processes before this one printed. */
  earlier: string;
}

/** Numbers are from 1. Disposing ends everything. */
export class Servers implements AsyncDisposable {
  readonly count: number;
  readonly network: TestNetwork;
  readonly #cluster: Cluster;
  readonly #options: ServersOptions;
  readonly #slots: readonly Slot[];
  readonly #mounted: string[] = [];
  readonly #clocks: Clocks | undefined;

  constructor(options: ServersOptions) {
    this.count = options.count;
    this.network = options.network;
    this.#options = options;
    this.#cluster = new Cluster(options.network);
    this.#slots = Array.from({ length: options.count }, () => ({
      agent: undefined,
      incarnation: 0,
      earlier: "",
    }));
    if (options.ownClocks) {
      this.#clocks = new Clocks(
        this.#cluster.folder,
        must(clockLibrary(), "there is a library for own clocks"),
      );
    }
    if (options.smallDisks) for (const number of this.numbers()) this.#mount(number);
  }

  numbers(): readonly number[] {
    return this.#slots.map((_, at) => at + 1);
  }

  start(number: number): void {
    const slot = this.#slot(number);
    const others = this.numbers().filter((one) => one !== number);
    slot.incarnation += 1;
    slot.earlier += slot.agent?.output() ?? "";
    slot.agent = this.#cluster.start({
      name: `s${number}`,
      host: number,
      args: [
        "-server",
        `-bootstrap-expect=${this.count}`,
        ...others.map((one) => `-retry-join=${this.network.address(one)}`),
        "-retry-interval=1s",
        // Elections in about a second and a half, so that a fault sees a few of them.
        "-hcl=performance { raft_multiplier = 1 }",
      ],
      ...(this.#options.program === undefined ? {} : { program: this.#options.program }),
      ...(this.#clocks === undefined ? {} : { env: this.#clocks.environment(number) }),
    });
  }

  endpoint(number: number): Endpoint {
    const { incarnation } = this.#slot(number);
    return { server: number, address: this.network.address(number), incarnation };
  }

  isRunning(number: number): boolean {
    return this.#slot(number).agent?.isRunning() === true;
  }

  /** The process is stopped, goes on, … */
  signal(number: number, signal: NodeJS.Signals): void {
    this.#slot(number).agent?.signal(signal);
  }

  /** `kill -9`, until it is gone. */
  async kill(number: number): Promise<void> {
    const { agent } = this.#slot(number);
    if (agent?.isRunning() === true) await agent.end("SIGKILL");
  }

  /** Sets the time of day of a server, by its distance from this machine's. */
  moveClock(number: number, seconds: number): void {
    must(this.#clocks, "servers have their own clocks").move(number, seconds);
  }

  /** Leaves no space on a small disk. */
  fill(number: number): void {
    try {
      writeFileSync(this.#ballast(number), new Uint8Array(smallDiskMib * 1_048_576));
    } catch (error) {
      // That is the point.
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    }
  }

  unfill(number: number): void {
    rmSync(this.#ballast(number), { force: true });
  }

  /** The number of the leader as some server sees it; undefined when none says. */
  async leader(): Promise<number | undefined> {
    for (const number of this.numbers()) {
      const request = { method: "GET", path: "/v1/status/leader?stale" } as const;
      const outcome = await exchange(
        { address: this.network.address(number), port: httpPort },
        request,
        probeTimeoutMs,
      );
      if (outcome.kind !== "answer" || outcome.status !== 200) continue;
      const found = this.numbers().find((one) => outcome.body.includes(`"${this.network.address(one)}:`));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Waits until a write through every server is acknowledged. Throws with what they printed, at once if one ended. */
  async ready(): Promise<void> {
    const deadlineMs = performance.now() + readyTimeoutMs;
    for (const number of this.numbers()) {
      for (let last = await this.#probe(number); last !== undefined; last = await this.#probe(number)) {
        if (!this.isRunning(number)) throw new Error(`server ${number} ended by itself\n${this.output()}`);
        if (performance.now() > deadlineMs)
          throw new Error(`server ${number} takes no writes: ${last}\n${this.output()}`);
        await new Promise((tick) => setTimeout(tick, pollMs));
      }
    }
  }

  /** Undefined when a write was acknowledged; otherwise what came instead. */
  async #probe(number: number): Promise<string | undefined> {
    const host = { address: this.network.address(number), port: httpPort };
    const request = { method: "PUT", path: `/v1/kv/ready/${number}`, body: "x" } as const;
    const outcome = await exchange(host, request, probeTimeoutMs);
    if (outcome.kind !== "answer") return outcome.why;
    const isDone = outcome.status === 200 && outcome.body.trim() === "true";
    return isDone ? undefined : `${outcome.status} ${outcome.body.trim()}`;
  }

  /** Writes what every server printed to `server-N.log` in `folder`. */
  keepOutput(folder: string): void {
    for (const number of this.numbers()) {
      const { agent, earlier } = this.#slot(number);
      writeFileSync(join(folder, `server-${number}.log`), earlier + (agent?.output() ?? ""));
    }
  }

  /** How each server sees the others, to `state.txt` in `folder`: for servers that do not come back. */
  async keepState(folder: string): Promise<void> {
    const lines: string[] = [];
    for (const number of this.numbers()) {
      for (const path of ["/v1/operator/raft/configuration?stale", "/v1/agent/members", "/v1/agent/self"]) {
        const host = { address: this.network.address(number), port: httpPort };
        const outcome = await exchange(host, { method: "GET", path }, probeTimeoutMs);
        lines.push(`server ${number} ${path}: ${outcome.kind === "answer" ? outcome.body : outcome.why}`);
      }
    }
    writeFileSync(join(folder, "state.txt"), `${lines.join("\n")}\n`);
  }

  /** The last lines that each server printed. */
  output(): string {
    return this.#slots
      .map(({ agent }, at) => `server ${at + 1}:\n${agent?.output().split("\n").slice(-25).join("\n") ?? ""}`)
      .join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A stopped process would not end.
    for (const number of this.numbers()) await this.kill(number);
    for (const path of this.#mounted) spawnSync("umount", [path]);
    await this.#cluster[Symbol.asyncDispose]();
  }

  #slot(number: number): Slot {
    return must(this.#slots[number - 1], "a server's number is known");
  }

  #dataDir(number: number): string {
    return join(this.#cluster.folder, `s${number}`);
  }

  #ballast(number: number): string {
    return join(this.#dataDir(number), "ballast");
  }

  #mount(number: number): void {
    const path = this.#dataDir(number);
    mkdirSync(path, { recursive: true });
    const done = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${smallDiskMib}m`, "tmpfs", path]);
    if (done.status !== 0) throw new Error(`mount: ${done.stderr.toString()}`);
    this.#mounted.push(path);
  }
}
