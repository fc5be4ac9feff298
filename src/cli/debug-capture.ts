/** The files that `debug` collects: each written into the folder as it comes, under the reference's name. */
import { agentMonitor, agentSelf } from "../client/agent.ts";
import { agentHost, agentMetricsStream, agentProfile, agentWanMembers } from "../client/debug.ts";
import { renderGoJson, toGoJson, type GoJson } from "../client/go-json.ts";
import type { HttpClient } from "../client/http-client.ts";
import { ProconsulError } from "../lib/errors.ts";
import type { CliFiles } from "./host.ts";

/** What can be collected, in the order in which it is listed. */
export const targets = ["metrics", "logs", "pprof", "host", "agent", "members"] as const;

/** One of them; `cluster` is an older name of `members`. */
export type Target = (typeof targets)[number] | "cluster";

/** Whether `name` is a target. */
export function isTarget(name: string): name is Target {
  return name === "cluster" || targets.some((target) => target === name);
}

/** Time that the CPU's profile of Go covers, and its trace; in whole seconds. */
const traceSeconds = 30;

/** What a capture needs to know. */
export interface CapturePlan {
  readonly folder: string;
  readonly capture: readonly Target[];
  /** Length of the whole. */
  readonly seconds: number;
}

/** Collects into one folder. What fails is told as a sentence and does not stop the rest. */
export class Capture {
  readonly #client: HttpClient;
  readonly #files: CliFiles;
  readonly #plan: CapturePlan;
  readonly #names: string[] = [];

  constructor(parts: { readonly client: HttpClient; readonly files: CliFiles }, plan: CapturePlan) {
    this.#client = parts.client;
    this.#files = parts.files;
    this.#plan = plan;
  }

  /** Files written so far, by their names within the folder. */
  names(): readonly string[] {
    return this.#names;
  }

  /** What does not change while the capture runs. Returns what failed. */
  async facts(): Promise<readonly string[]> {
    const problems: string[] = [];
    const keep = async (name: string, work: () => Promise<unknown>): Promise<void> => {
      problems.push(...(await problemsOf(async () => this.writeJson(name, await work()))));
    };
    if (this.#wants("host")) await keep("host.json", () => agentHost(this.#client));
    if (this.#wants("agent")) await keep("agent.json", () => agentSelf(this.#client));
    if (this.#wants("members")) await keep("members.json", () => agentWanMembers(this.#client));
    return problems;
  }

  /** Profiles of one moment, in a folder of their own. Returns what failed. */
  async interval(time: string, signal: AbortSignal): Promise<readonly string[]> {
    if (!this.#wants("pprof")) return [];
    const one = (name: string): Promise<readonly string[]> =>
      problemsOf(async () => {
        await this.#files.makeFolder(`${this.#plan.folder}/${time}`);
        const body = await agentProfile(this.#client, name, { signal });
        if (body !== undefined) await this.#write(`${time}/${name}.prof`, body);
      });
    return [...(await one("heap")), ...(await one("goroutine"))];
  }

  /**
   * What goes on until `end` aborts, and profiles, whose agents tell nothing before their time is over: only `stop`
   * cuts them short. Returns what failed.
   */
  async streams(end: AbortSignal, stop: AbortSignal): Promise<readonly string[]> {
    const running: Promise<readonly string[]>[] = [];
    const start = (work: () => Promise<void>): void => void running.push(problemsOf(work));
    if (this.#wants("logs")) start(() => this.#logs(end));
    if (this.#wants("metrics")) {
      start(async () =>
        this.#write("metrics.json", untilEnd(await agentMetricsStream(this.#client, end), end)),
      );
    }
    if (this.#wants("pprof")) {
      start(() => this.#profile("profile", { file: "profile.prof", seconds: this.#plan.seconds, end: stop }));
      start(() => this.#profile("trace", { file: "trace.out", seconds: traceSeconds, end: stop }));
    }
    return (await Promise.all(running)).flat();
  }

  /** Writes a value as the reference does: indented with tabs. */
  async writeJson(name: string, value: unknown): Promise<void> {
    const isOurs = name === "index.json" && typeof value === "object" && value !== null;
    // The index is a struct of the reference, whose order stays; the rest came as maps.
    const json: GoJson = isOurs
      ? new Map(Object.entries(value).map(([field, item]) => [field, toGoJson(item)]))
      : toGoJson(value);
    await this.#write(name, once(renderGoJson(json, "\t")));
  }

  #wants(target: Target): boolean {
    const { capture } = this.#plan;
    return capture.includes(target) || (target === "members" && capture.includes("cluster"));
  }

  async #logs(end: AbortSignal): Promise<void> {
    const lines = await agentMonitor(this.#client, { level: "TRACE", json: false, signal: end });
    const encoder = new TextEncoder();
    async function* bytes(): AsyncGenerator<Uint8Array> {
      for await (const line of lines) yield encoder.encode(`${line}\n`);
    }
    await this.#write("consul.log", untilEnd(bytes(), end));
  }

  async #profile(
    name: string,
    options: { readonly file: string; readonly seconds: number; readonly end: AbortSignal },
  ): Promise<void> {
    const { file, seconds, end } = options;
    const body = await agentProfile(this.#client, name, { seconds, signal: end });
    // Traces are those of Go's scheduler: not every agent has them.
    if (body !== undefined) await this.#write(file, untilEnd(body, end));
  }

  async #write(name: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.#names.push(name);
    await this.#files.write(`${this.#plan.folder}/${name}`, chunks);
  }
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

/** The stream, whose breaking off is its end once `end` has aborted. */
async function* untilEnd(chunks: AsyncIterable<Uint8Array>, end: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    if (!(error instanceof ProconsulError) || !end.aborted) throw error;
  }
}

async function problemsOf(work: () => Promise<void>): Promise<readonly string[]> {
  try {
    await work();
    return [];
  } catch (error) {
    if (!(error instanceof ProconsulError)) throw error;
    return [error.message];
  }
}
