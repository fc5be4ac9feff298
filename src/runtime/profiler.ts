/**
 * Profiles of this process: where its time goes, what its heap holds, what it waits for.
 *
 * Time is sampled by the engine behind `node:inspector`. Its own form is a tree of calls with the times of the samples;
 * here it becomes stacks with sums.
 */
import { Session, type Profiler as Inspector } from "node:inspector";
import { getHeapSpaceStatistics } from "node:v8";
import { gzipSync } from "node:zlib";
import type { Clock } from "../lib/clock.ts";
import { ProconsulError } from "../lib/errors.ts";
import { encodeProfile, type Profile, type ProfileFrame, type ProfileSample } from "../wire/pprof/profile.ts";

/** Somebody else is measuring. The text is Go's. */
export class ProfilingBusyError extends ProconsulError {
  readonly code = "profiling-busy";
  constructor() {
    super("Could not enable CPU profiling: cpu profiling already in use");
  }
}

/** Profiles in pprof's form, compressed. */
export interface Profiler {
  /** Where the time goes for so long, or until `signal` aborts. Rejects with `ProfilingBusyError`. */
  cpu(durationMs: number, signal: AbortSignal): Promise<Uint8Array>;
  /** What the heap holds now. */
  heap(): Promise<Uint8Array>;
  /** What the process waits for now. */
  tasks(): Promise<Uint8Array>;
}

const microsecondNs = 1_000n;
const millisecondNs = 1_000_000n;
/** A hundred times a second, like Go. */
const sampleMicroseconds = 10_000;
/** V8's name for waiting; JavaScriptCore takes no samples then. */
const idleName = "(idle)";

/** The profiler of this process. */
export function createProfiler(clock: Clock): Profiler {
  let isBusy = false;
  return {
    cpu: async (durationMs, signal) => {
      if (isBusy) throw new ProfilingBusyError();
      isBusy = true;
      try {
        const startNs = BigInt(Math.floor(clock.wallMs())) * millisecondNs;
        const measured = await sampled(clock, durationMs, signal);
        return pack({ ...cpuProfile(measured), timeNs: startNs });
      } finally {
        isBusy = false;
      }
    },
    heap: async () =>
      pack({ ...(await heapProfile()), timeNs: BigInt(Math.floor(clock.wallMs())) * millisecondNs }),
    tasks: async () => pack({ ...taskProfile(), timeNs: BigInt(Math.floor(clock.wallMs())) * millisecondNs }),
  };
}

function pack(profile: Profile): Uint8Array {
  return gzipSync(encodeProfile(profile));
}

async function sampled(clock: Clock, durationMs: number, signal: AbortSignal): Promise<Inspector.Profile> {
  const session = new Session();
  session.connect();
  try {
    await post(session, "Profiler.enable");
    await post(session, "Profiler.setSamplingInterval", { interval: sampleMicroseconds });
    await post(session, "Profiler.start");
    await new Promise<void>((resolve) => {
      const timer = clock.after(durationMs, resolve);
      const stop = (): void => {
        timer[Symbol.dispose]();
        resolve();
      };
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
    });
    return ((await post(session, "Profiler.stop")) as Inspector.StopReturnType).profile;
  } finally {
    session.disconnect();
  }
}

function post(session: Session, method: string, parameters: object = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(method, parameters, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}

/** Time by stack. Exported for its test. */
export function cpuProfile(measured: Inspector.Profile): Omit<Profile, "timeNs"> {
  const { nodes, samples = [] } = measured;
  const parents = new Map<number, number>();
  const frames = new Map<number, ProfileFrame>();
  for (const { id, children = [], callFrame } of nodes) {
    for (const child of children) parents.set(child, id);
    frames.set(id, {
      name: callFrame.functionName === "" ? "(anonymous)" : callFrame.functionName,
      file: callFrame.url.replace(/^file:\/\//u, ""),
      line: callFrame.lineNumber + 1,
    });
  }
  // By count: what lies between two samples may be sleep.
  const counts = new Map<number, number>();
  for (const node of samples) {
    if (frames.get(node)?.name !== idleName) counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  const stackOf = (leaf: number): readonly ProfileFrame[] => {
    const stack: ProfileFrame[] = [];
    for (let at: number | undefined = leaf; at !== undefined; at = parents.get(at)) {
      const frame = frames.get(at);
      if (frame !== undefined) stack.push(frame);
    }
    return stack;
  };
  return {
    valueTypes: [
      ["samples", "count"],
      ["cpu", "nanoseconds"],
    ],
    samples: [...counts].map(([node, count]) => ({
      stack: stackOf(node),
      values: [count, count * sampleMicroseconds * 1000],
    })),
    durationNs: BigInt(Math.round(measured.endTime - measured.startTime)) * microsecondNs,
    period: { type: ["cpu", "nanoseconds"], value: BigInt(sampleMicroseconds) * microsecondNs },
  };
}

function row(name: string, values: readonly number[]): ProfileSample {
  return { stack: [{ name, file: "", line: 0 }], values };
}

/** Objects by type where the engine counts them, and bytes where it does that. */
async function heapProfile(): Promise<Omit<Profile, "timeNs">> {
  const samples = "Bun" in globalThis ? await bunHeap() : nodeHeap();
  return {
    valueTypes: [
      ["inuse_objects", "count"],
      ["inuse_space", "bytes"],
    ],
    samples,
    durationNs: 0n,
  };
}

async function bunHeap(): Promise<readonly ProfileSample[]> {
  const { heapStats } = await import("bun:jsc");
  const { objectTypeCounts, heapSize, extraMemorySize } = heapStats();
  return [
    ...Object.entries(objectTypeCounts).map(([type, count]) => row(type, [count, 0])),
    row("(bytes of all objects)", [0, heapSize]),
    row("(bytes that objects hold beside the heap)", [0, extraMemorySize]),
  ];
}

function nodeHeap(): readonly ProfileSample[] {
  return getHeapSpaceStatistics().map((space) => row(space.space_name, [0, space.space_used_size]));
}

/** Timers, sockets and requests under way, by kind: what stands in for goroutines here. */
function taskProfile(): Omit<Profile, "timeNs"> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return {
    valueTypes: [["goroutine", "count"]],
    samples: [row("(main thread)", [1]), ...[...counts].map(([kind, count]) => row(kind, [count]))],
    durationNs: 0n,
  };
}
