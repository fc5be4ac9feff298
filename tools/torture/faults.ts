/** What is done to the servers, when, and for how long: all of it follows from the seed. */
import { spawnSync } from "node:child_process";
import type { Rng } from "../../src/lib/rng.ts";
import { namespacesMissing } from "../../test/support/test-network.ts";
import { clockLibrary } from "./clocks.ts";
import type { Recorder } from "./recorder.ts";
import type { Servers } from "./servers.ts";

/** Names as `--faults` takes them. */
export const faultNames = ["kill", "pause", "partition", "disk", "clock"] as const;
export type FaultName = (typeof faultNames)[number];

const quietMs = { least: 800, more: 2_500 };
const killedMs = { least: 0, more: 3_000 };
const pausedMs = { least: 200, more: 5_000 };
const cutMs = { least: 1_000, more: 7_000 };
const fullMs = { least: 1_000, more: 3_000 };
const wrongMs = { least: 2_000, more: 6_000 };
/** How far a clock jumps, either way. */
const jumpSeconds = { least: 1, more: 86_400 };

/** Why a fault cannot be done here, or undefined. */
export function faultMissing(name: FaultName, serverCount: number): string | undefined {
  switch (name) {
    case "kill":
    case "pause":
      return undefined;
    case "partition":
      if (serverCount < 2) return "one server has nobody to be cut off from";
      return namespacesMissing();
    case "disk":
      if (process.getuid?.() !== 0) return "small disks need root";
      return spawnSync("mount", ["-V"]).status === 0 ? undefined : "small disks need `mount`";
    case "clock":
      return clockLibrary() === undefined ? "clocks that jump need libfaketime" : undefined;
    default:
      return name satisfies never;
  }
}

export interface FaultParts {
  readonly servers: Servers;
  readonly recorder: Recorder;
  readonly rng: Rng;
  readonly names: readonly FaultName[];
  /** Says what is being done. */
  readonly say: (line: string) => void;
}

/** Faults one after the other until `untilMs` (as `performance.now()`); everything is undone at the end. */
export async function disturb(parts: FaultParts, isOver: () => boolean): Promise<void> {
  const { rng, names } = parts;
  for (;;) {
    await pause(draw(rng, quietMs));
    if (isOver()) return;
    const name = names[rng.below(names.length)];
    // Drawn in any case, so that one kind of fault more or less does not change the rest.
    const candidates = await chooseVictims(parts);
    if (name === undefined) continue;
    const victims = candidates.slice(0, victimsMax(name, parts.servers.count));
    const startUs = Math.floor(parts.recorder.nowUs());
    parts.say(`${name} of ${victims.join(" and ")}`);
    await doFault(parts, name, victims);
    parts.recorder.fault({ name, servers: victims, startUs, endUs: Math.ceil(parts.recorder.nowUs()) });
  }
}

/** Often the leader, since that hurts most; now and then as many as no quorum survives, or all. */
async function chooseVictims({ servers, rng }: FaultParts): Promise<readonly number[]> {
  const wantsLeader = rng.chance(1, 2);
  const wantsMany = rng.chance(1, 5);
  const start = rng.below(servers.count);
  const count = wantsMany ? 1 + rng.below(servers.count) : 1;
  const leader = wantsLeader ? await servers.leader() : undefined;
  const order = servers.numbers().map((_, at) => 1 + ((start + at) % servers.count));
  const rest = order.filter((one) => one !== leader);
  return (leader === undefined ? rest : [leader, ...rest]).slice(0, count);
}

/** All of them together would not be cut off from anybody; one full disk is enough. */
function victimsMax(name: FaultName, serverCount: number): number {
  if (name === "disk") return 1;
  return name === "partition" ? serverCount - 1 : serverCount;
}

async function doFault(parts: FaultParts, name: FaultName, victims: readonly number[]): Promise<void> {
  const { servers, rng } = parts;
  switch (name) {
    case "kill": {
      const ms = draw(rng, killedMs);
      await Promise.all(victims.map((one) => servers.kill(one)));
      await pause(ms);
      for (const one of victims) servers.start(one);
      return;
    }
    case "pause":
      for (const one of victims) servers.signal(one, "SIGSTOP");
      await pause(draw(rng, pausedMs));
      for (const one of victims) servers.signal(one, "SIGCONT");
      return;
    case "partition": {
      const others = servers.numbers().filter((one) => !victims.includes(one));
      servers.network.cut(victims, others);
      await pause(draw(rng, cutMs));
      servers.network.heal();
      return;
    }
    case "disk": {
      const [victim = 1] = victims;
      servers.fill(victim);
      await pause(draw(rng, fullMs));
      servers.unfill(victim);
      // It has ended, or refuses to go on: a disk that failed is not trusted until the next start.
      await servers.kill(victim);
      servers.start(victim);
      return;
    }
    case "clock":
      // Each its own way: all together would be no fault.
      for (const one of victims) servers.moveClock(one, draw(rng, jumpSeconds) * (rng.chance(1, 2) ? 1 : -1));
      await pause(draw(rng, wrongMs));
      for (const one of victims) servers.moveClock(one, 0);
      return;
    default:
      return name satisfies never;
  }
}

function draw(rng: Rng, range: { readonly least: number; readonly more: number }): number {
  return range.least + rng.below(range.more);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
